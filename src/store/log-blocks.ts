// What every store of the log shares: a record as one line of JSON, the cut of a group commit into blocks, and what erasure
// and retention do to the lines of a block. Pure text in, pure text out, so that stores cannot differ in what they keep.
import type { LoggedRecord, ReadOptions } from '../log/port.ts'
import { OnefoldError } from '../spec/errors.ts'
import type { LogRecord } from '../spec/log-record.ts'

/** Consecutive records, one line each; an empty line is a record that retention has removed. */
export interface Block {
  first: number
  lines: string[]
  receivedFirst: number
  receivedLast: number
}

/** A reader decodes whole blocks, so one append of a million records must not become one block. */
export const BLOCK_RECORDS_MAX = 1000
export const BLOCK_CHARS_MAX = 4 * 1024 * 1024
const REMOVED = ''
const DECISION_PREFIX = '{"type":"decision"'

/**
 * The record as one line. JSON.stringify escapes line breaks, NUL and lone surrogates, so any JSON value comes back as it was.
 * Throws on an unknown type and on a time that is no whole number: both would be bugs of the door.
 */
export function encodeRecord(record: LogRecord): string {
  const { receivedAt } = record
  if (!Number.isSafeInteger(receivedAt) || receivedAt < 0) throw new Error(`receivedAt is no time: ${receivedAt}`)
  switch (record.type) {
    case 'event':
      return JSON.stringify({ type: 'event', receivedAt, source: record.source, event: record.event })
    case 'decision':
      return JSON.stringify({ type: 'decision', receivedAt, decision: record.decision })
    case 'tick':
      return JSON.stringify({ type: 'tick', receivedAt })
    case 'redacted':
      return JSON.stringify({ type: 'redacted', receivedAt })
    default:
      throw new Error(`unknown record type: ${JSON.stringify((record satisfies never as LogRecord).type)}`)
  }
}

/** The blocks of one append. Throws where log time would run backwards. */
export function cutBlocks(records: readonly LogRecord[], head: { next: number; receivedAt: number }): Block[] {
  const blocks: Block[] = []
  let block: Block | undefined
  let chars = 0
  let { next, receivedAt } = head
  for (const record of records) {
    if (record.receivedAt < receivedAt) throw new Error(`receivedAt ${record.receivedAt} is before ${receivedAt}`)
    receivedAt = record.receivedAt
    const line = encodeRecord(record)
    if (!block || block.lines.length >= BLOCK_RECORDS_MAX || chars + line.length > BLOCK_CHARS_MAX) {
      block = { first: next, lines: [], receivedFirst: receivedAt, receivedLast: receivedAt }
      blocks.push(block)
      chars = 0
    }
    block.lines.push(line)
    block.receivedLast = receivedAt
    chars += line.length
    next += 1
  }
  return blocks
}

export const isDecision = (line: string) => line.startsWith(DECISION_PREFIX)

/** Appends to `into` the records of a block that `options` asks for; true once it holds all it may. */
export function collect(first: number, lines: readonly string[], options: ReadOptions, into: LoggedRecord[]): boolean {
  const end = Math.min(lines.length, (options.below ?? Number.POSITIVE_INFINITY) - first)
  for (let i = Math.max(0, options.from - first); i < end && into.length < options.recordsMax; i += 1) {
    const record = decodeLine(first + i, lines[i])
    if (record) into.push(record)
  }
  return into.length >= options.recordsMax
}

/** The record of a line; null where retention has removed it or the block never had it. */
export function decodeLine(offset: number, line: string | undefined): LoggedRecord | null {
  if (line === undefined || line === REMOVED) return null
  return { offset, record: JSON.parse(line) as LogRecord }
}

/**
 * Takes the payload out of the events at `offsets` (all within this block). Returns how many lines changed; throws
 * `invalid_request` for a decision or a tick, because a log without them would replay to another answer.
 */
export function redactLines(first: number, lines: string[], offsets: readonly number[]): number {
  let changed = 0
  for (const offset of offsets) {
    const record = decodeLine(offset, lines[offset - first])?.record
    if (!record || record.type === 'redacted') continue
    if (record.type !== 'event') {
      const detail = `The record at offset ${offset} is a ${record.type}; only events can be redacted.`
      throw new OnefoldError('invalid_request', { detail })
    }
    lines[offset - first] = encodeRecord({ type: 'redacted', receivedAt: record.receivedAt })
    changed += 1
  }
  return changed
}

/** What retention leaves of a block: its decisions. */
export function pruneLines(lines: readonly string[]): string[] {
  return lines.map((line) => (isDecision(line) ? line : REMOVED))
}

/** Distinct offsets in rising order, without those that no log can hold. */
export function sortedOffsets(offsets: readonly number[]): number[] {
  return [...new Set(offsets)].filter((offset) => Number.isSafeInteger(offset) && offset >= 0).sort((a, b) => a - b)
}

/** Throws unless a cursor can be there. */
export function checkCursor(next: number): void {
  if (!Number.isSafeInteger(next) || next < 0) throw new Error(`a cursor is an offset, not ${next}`)
}
