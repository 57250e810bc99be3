// The port of the ordered log. The door is its only writer; every other process reads. Offsets start at 0, have no gaps,
// and are never used again.
import type { LogRecord } from '../spec/log-record.ts'

export interface LoggedRecord {
  offset: number
  record: LogRecord
}

export interface ReadOptions {
  /** First offset to return. */
  from: number
  /** At most this many records. */
  recordsMax: number
  /** Return no offset at or above this one. */
  below?: number
}

export interface EventLog {
  /**
   * Appends the records in order as one group commit and resolves once they are on disk (fsync). All or nothing: throws
   * OnefoldError `storage_unavailable` and leaves nothing behind when the disk is full or failing.
   * Returns the offset of the first record. The caller stamps `receivedAt`, which must not decrease.
   */
  append(records: readonly LogRecord[]): Promise<number>
  /** Records in offset order, from `from` or from the first one retention has kept. Empty at the end of the log. */
  read(options: ReadOptions): Promise<LoggedRecord[]>
  /** Every decision with an offset in [from, below), in order, without reading the events between them. */
  decisions(range?: { from?: number; below?: number }): Promise<LoggedRecord[]>
  /** The records at these offsets, in any order; offsets that retention has removed are left out. */
  get(offsets: readonly number[]): Promise<LoggedRecord[]>
  /** The next offset to be given, and the `receivedAt` of the last record (0 for an empty log). */
  head(): Promise<{ next: number; receivedAt: number }>
  /** The first offset that retention has not reached: from here on everything is stored, below it decisions alone. */
  tail(): Promise<number>
  /** Removes the payload of these records for ever; the offsets stay and read as `redacted`. Returns how many changed. */
  redact(offsets: readonly number[]): Promise<number>
  /** Removes whole blocks of events older than `receivedBefore` that every named cursor has passed; decisions stay. Returns the new tail. */
  retain(receivedBefore: number): Promise<number>
  /** A reader's saved place: the next offset it will read; null before the first save. */
  cursor(name: string): Promise<number | null>
  saveCursor(name: string, next: number): Promise<void>
  close(): Promise<void>
}

/** One refusal at the door. `body` is what came, cut to a stored maximum. */
export interface Rejection {
  receivedAt: number
  source: string | null
  code: string
  message: string
  /** JSON pointer to the fault within the event, where there is one. */
  pointer?: string
  messageId?: string
  body: string
}

export interface StoredRejection extends Rejection {
  id: number
}

/** The feed of what the door refused: durable before the answer, bounded by count (oldest go first). The history writer adds the few rows that its engine refuses. */
export interface RejectedFeed {
  append(rejections: readonly Rejection[]): Promise<void>
  /** Newest first, ids below `before`. */
  list(options: { limit: number; before?: number }): Promise<StoredRejection[]>
  count(): Promise<number>
  close(): Promise<void>
}
