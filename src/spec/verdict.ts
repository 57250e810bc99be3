// The verdict: what became of the record at one offset. Everything downstream reads verdicts, never the raw log, so that
// nothing duplicate, rejected or suppressed can leave.

/** `none` stands for records that are no event (decisions, ticks, redacted). */
export const VERDICT_CODES = ['none', 'accepted', 'duplicate', 'no_identifier', 'suppressed'] as const
export type VerdictCode = (typeof VERDICT_CODES)[number]

export interface Verdict {
  offset: number
  code: VerdictCode
  /** Number of the identifier set the event is filed under; 0 where it is not filed. */
  set: number
  /** Number of the profile that owned the set when the event was processed; 0 for none. */
  profile: number
}
