// The log record: the three things the log holds, and nothing else may change the core's answer.
import type { Decision } from './decision.ts'
import type { CanonicalEvent } from './event.ts'

export interface EventRecord {
  type: 'event'
  /** Milliseconds since 1970, stamped by the door; never smaller than any before it. */
  receivedAt: number
  source: string
  event: CanonicalEvent
}
export interface DecisionRecord {
  type: 'decision'
  receivedAt: number
  decision: Decision
}
/** Time passed and a timer was due. */
export interface TickRecord {
  type: 'tick'
  receivedAt: number
}
/** What `redact` leaves: the offset and its time, without payload. */
export interface RedactedRecord {
  type: 'redacted'
  receivedAt: number
}
export type LogRecord = EventRecord | DecisionRecord | TickRecord | RedactedRecord
