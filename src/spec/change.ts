// The change: one transition that destinations are told. Its id is (offset, ordinal), given in the transaction that made it.
import type { Identifier } from './identifier.ts'

export const CHANGE_KINDS = ['segment_entered', 'segment_exited', 'segment_identifiers'] as const
export type ChangeKind = (typeof CHANGE_KINDS)[number]

export interface Change {
  /**
   * Offset of the record that caused it; for a timer or a backfill that of the last record before. `ordinal` (from 1) orders changes
   * at one offset.
   */
  offset: number
  ordinal: number
  kind: ChangeKind
  segment: string
  /** Public profile id at that time. */
  profileId: string
  /** All identifiers of the profile; for `segment_identifiers` the new ones alone. */
  identifiers: Identifier[]
  /** Log time, milliseconds. */
  at: number
}
