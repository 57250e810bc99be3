// The log on disk: `log.db` holds one row, a compressed block, per group commit, and `cursors.db` the places of its readers.
// The door is the only writer and every other process reads; an append returns after the fsync and never before it.
import { join } from 'node:path'
import type { StatementSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import type { EventLog, LoggedRecord, ReadOptions } from '../../log/port.ts'
import { OnefoldError } from '../../spec/errors.ts'
import type { LogRecord } from '../../spec/log-record.ts'
import {
  type Block,
  checkCursor,
  collect,
  cutBlocks,
  decodeLine,
  isDecision,
  pruneLines,
  redactLines,
  sortedOffsets,
} from '../log-blocks.ts'
import { decodeBody, encodeBody } from './block-codec.ts'
import { type Database, openDatabase } from './database.ts'
import { lockWriter, type WriterLock } from './writer-lock.ts'

const LOG_MIGRATIONS = [
  `CREATE TABLE blocks (
     first_offset INTEGER PRIMARY KEY,
     count INTEGER NOT NULL,
     received_first INTEGER NOT NULL,
     received_last INTEGER NOT NULL,
     has_decisions INTEGER NOT NULL,
     revision INTEGER NOT NULL DEFAULT 0, -- counts rewrites: a reader's decoded copy of another revision is stale
     codec INTEGER NOT NULL,
     bytes INTEGER NOT NULL,              -- of the decoded body
     body BLOB NOT NULL
   ) STRICT;
   CREATE INDEX blocks_with_decisions ON blocks (first_offset) WHERE has_decisions = 1;
   CREATE TABLE retention (one INTEGER PRIMARY KEY CHECK (one = 1), tail INTEGER NOT NULL) STRICT;
   INSERT INTO retention VALUES (1, 0);`,
]
const CURSOR_MIGRATIONS = ['CREATE TABLE cursors (name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT, WITHOUT ROWID']

/** Retention works in steps of this size and lets the door in between them; erased pages are written twice, so steps are costly. */
const RETAIN_STEP_BYTES = 2 * 1024 * 1024
const CHECKPOINT_ATTEMPTS_MAX = 100
const CHECKPOINT_RETRY_MS = 50

const COLUMNS = 'first_offset, count, has_decisions, revision, codec, bytes, body'
const SQL = {
  insert: `INSERT INTO blocks (first_offset, count, received_first, received_last, has_decisions, codec, bytes, body)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  rewrite: 'UPDATE blocks SET codec = ?, bytes = ?, body = ?, revision = revision + 1 WHERE first_offset = ?',
  head: 'SELECT first_offset + count AS next, received_last FROM blocks ORDER BY first_offset DESC LIMIT 1',
  from: `SELECT ${COLUMNS} FROM blocks
         WHERE first_offset >= coalesce((SELECT max(first_offset) FROM blocks WHERE first_offset <= ?1), 0)
           AND first_offset < ?2 ORDER BY first_offset`,
  at: `SELECT ${COLUMNS} FROM blocks WHERE first_offset <= ? ORDER BY first_offset DESC LIMIT 1`,
  decisions: `SELECT ${COLUMNS} FROM blocks INDEXED BY blocks_with_decisions
              WHERE has_decisions = 1 AND first_offset + count > ?1 AND first_offset < ?2 ORDER BY first_offset`,
  tail: 'SELECT tail FROM retention',
  setTail: 'UPDATE retention SET tail = ?',
  old: `SELECT first_offset, count, length(body) AS stored FROM blocks
        WHERE first_offset >= ?1 AND first_offset < (SELECT max(first_offset) FROM blocks)
          AND received_last < ?2 AND first_offset + count <= ?3 ORDER BY first_offset`,
  remove: 'DELETE FROM blocks WHERE first_offset >= ? AND first_offset < ? AND has_decisions = 0',
  cursor: 'SELECT next FROM cursors WHERE name = ?',
  firstCursor: 'SELECT min(next) AS next FROM cursors',
  saveCursor: 'INSERT INTO cursors VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET next = excluded.next',
} as const

interface Row {
  first_offset: number
  count: number
  has_decisions: number
  revision: number
  codec: number
  bytes: number
  body: Uint8Array
}

export interface SqliteLogOptions {
  /** `writer`: the one process that appends, redacts and retains. `reader`: any other; it may still save cursors. */
  role: 'writer' | 'reader'
  /** Upper bound of `log.db`; an append beyond it fails as on a full disk. */
  bytesMax?: number
  /** How long a reader waits for the writer to create the file. */
  waitMsMax?: number
}

/** Opens the log of a data folder. A second writer is refused at once. */
export function openSqliteLog(dataDir: string, options: SqliteLogOptions): EventLog {
  const writer = options.role === 'writer'
  const refusal = `The log in ${dataDir} already has a writer: another onefold runs in this data folder.`
  const lock = writer ? lockWriter(join(dataDir, 'log.lock'), refusal) : null
  const opened: Database[] = []
  try {
    const wait = options.waitMsMax === undefined ? {} : { waitMsMax: options.waitMsMax }
    const limit = options.bytesMax === undefined ? {} : { bytesMax: options.bytesMax }
    // secure_delete: what redaction and retention take out must be gone from the file; appends never delete and pay nothing.
    const log = { migrations: LOG_MIGRATIONS, readOnly: !writer, secureDelete: writer, ...limit, ...wait }
    opened.push(openDatabase(join(dataDir, 'log.db'), log))
    // NORMAL is enough: after a power cut a cursor may stand where it stood before, and readers bear reading twice.
    const cursors = { migrations: CURSOR_MIGRATIONS, synchronous: 'NORMAL', ...wait } as const
    opened.push(openDatabase(join(dataDir, 'cursors.db'), cursors))
    return new SqliteLog(opened[0]!, opened[1]!, lock)
  } catch (error) {
    for (const database of opened) database.close()
    lock?.release()
    throw error
  }
}

class SqliteLog implements EventLog {
  readonly #db: Database
  readonly #cursors: Database
  readonly #lock: WriterLock | null
  /** The writer's alone: readers ask the file, because others move it. */
  #head: { next: number; receivedAt: number } | null
  #decoded: { first: number; revision: number; lines: string[] } | null = null

  constructor(db: Database, cursors: Database, lock: WriterLock | null) {
    this.#db = db
    this.#cursors = cursors
    this.#lock = lock
    this.#head = lock ? this.#queryHead() : null
  }

  async append(records: readonly LogRecord[]): Promise<number> {
    const head = this.#writerHead()
    const blocks = cutBlocks(records, head)
    const last = blocks.at(-1)
    if (!last) return head.next
    // Compressed before the transaction: the writer lock is held for the write and the fsync alone.
    const rows = blocks.map((block) => insertValues(block))
    this.#db.transaction(() => {
      const insert = this.#db.prepare(SQL.insert)
      for (const values of rows) insert.run(...values)
    })
    this.#head = { next: last.first + last.lines.length, receivedAt: last.receivedLast }
    return head.next
  }

  async read(options: ReadOptions): Promise<LoggedRecord[]> {
    const records: LoggedRecord[] = []
    if (options.recordsMax <= 0) return records
    const below = options.below ?? Number.MAX_SAFE_INTEGER
    for (const row of rowsOf(this.#db.prepare(SQL.from), options.from, below)) {
      if (collect(row.first_offset, this.#lines(row), options, records)) break
    }
    return records
  }

  async decisions(range: { from?: number; below?: number } = {}): Promise<LoggedRecord[]> {
    const { from = 0, below = Number.MAX_SAFE_INTEGER } = range
    const records: LoggedRecord[] = []
    for (const row of rowsOf(this.#db.prepare(SQL.decisions), from, below)) {
      for (const [i, line] of decodeBody(row).entries()) {
        const offset = row.first_offset + i
        if (offset < from || offset >= below || !isDecision(line)) continue
        records.push(decodeLine(offset, line)!)
      }
    }
    return records
  }

  async get(offsets: readonly number[]): Promise<LoggedRecord[]> {
    const records: LoggedRecord[] = []
    for (const [row, wanted] of this.#blocksOf(offsets)) {
      const lines = this.#lines(row)
      for (const offset of wanted) {
        const record = decodeLine(offset, lines[offset - row.first_offset])
        if (record) records.push(record)
      }
    }
    return records
  }

  async head(): Promise<{ next: number; receivedAt: number }> {
    return this.#head ? { ...this.#head } : this.#queryHead()
  }

  async tail(): Promise<number> {
    return Number(this.#db.prepare(SQL.tail).get()?.['tail'])
  }

  async redact(offsets: readonly number[]): Promise<number> {
    this.#writerHead()
    this.#decoded = null
    const changed = this.#db.transaction(() => {
      let changes = 0
      for (const [row, wanted] of this.#blocksOf(offsets)) {
        const lines = decodeBody(row)
        const inBlock = redactLines(row.first_offset, lines, wanted)
        if (inBlock > 0) this.#rewrite(row.first_offset, lines)
        changes += inBlock
      }
      return changes
    })
    await this.#emptyWal()
    return changed
  }

  async retain(receivedBefore: number): Promise<number> {
    this.#writerHead()
    this.#decoded = null
    const first = this.#cursors.prepare(SQL.firstCursor).get()?.['next']
    const passed = typeof first === 'number' ? first : Number.MAX_SAFE_INTEGER
    while (this.#db.transaction(() => this.#retainStep(receivedBefore, passed))) await setImmediate()
    return this.tail()
  }

  async cursor(name: string): Promise<number | null> {
    const row = this.#cursors.prepare(SQL.cursor).get(name)
    return row ? Number(row['next']) : null
  }

  async saveCursor(name: string, next: number): Promise<void> {
    checkCursor(next)
    this.#cursors.transaction(() => this.#cursors.prepare(SQL.saveCursor).run(name, next))
  }

  async close(): Promise<void> {
    this.#db.close()
    this.#cursors.close()
    this.#lock?.release()
  }

  #writerHead(): { next: number; receivedAt: number } {
    if (!this.#head) throw new Error('this log is open as a reader; only the door writes it')
    return this.#head
  }

  #queryHead(): { next: number; receivedAt: number } {
    const row = this.#db.prepare(SQL.head).get()
    return { next: Number(row?.['next'] ?? 0), receivedAt: Number(row?.['received_last'] ?? 0) }
  }

  // Readers page through a block in slices; without the copy each slice would decompress the whole block again.
  #lines(row: Row): string[] {
    const { first_offset: first, revision } = row
    if (this.#decoded?.first !== first || this.#decoded.revision !== revision) {
      this.#decoded = { first, revision, lines: decodeBody(row) }
    }
    return this.#decoded.lines
  }

  // Each block that holds some of the offsets, with those.
  *#blocksOf(offsets: readonly number[]): Generator<[Row, number[]]> {
    const at = this.#db.prepare(SQL.at)
    let row: Row | undefined
    let wanted: number[] = []
    for (const offset of sortedOffsets(offsets)) {
      if (row && offset < row.first_offset + row.count) {
        wanted.push(offset)
        continue
      }
      if (row && wanted.length > 0) yield [row, wanted]
      row = at.get(offset) as unknown as Row | undefined
      wanted = row && offset < row.first_offset + row.count ? [offset] : []
    }
    if (row && wanted.length > 0) yield [row, wanted]
  }

  #rewrite(first: number, lines: readonly string[]): void {
    const { codec, bytes, body } = encodeBody(lines)
    this.#db.prepare(SQL.rewrite).run(codec, bytes, body, first)
  }

  // Removes one step's worth of blocks from the tail on; false when nothing was left to remove.
  #retainStep(receivedBefore: number, passed: number): boolean {
    const tail = Number(this.#db.prepare(SQL.tail).get()?.['tail'])
    let end = tail
    let stored = 0
    for (const row of this.#db.prepare(SQL.old).iterate(tail, receivedBefore, passed)) {
      end = Number(row['first_offset']) + Number(row['count'])
      stored += Number(row['stored'])
      if (stored >= RETAIN_STEP_BYTES) break
    }
    if (end === tail) return false
    this.#db.prepare(SQL.remove).run(tail, end)
    const mixed = this.#db.prepare(SQL.decisions).all(tail, end) as unknown as Row[]
    for (const row of mixed) this.#rewrite(row.first_offset, pruneLines(decodeBody(row)))
    this.#db.prepare(SQL.setTail).run(end)
    return true
  }

  // The erased payload stands in the write-ahead log until that is emptied, which a reader in mid-read can delay.
  async #emptyWal(): Promise<void> {
    for (let attempt = 0; attempt < CHECKPOINT_ATTEMPTS_MAX; attempt += 1) {
      if (this.#db.checkpoint()) return
      await new Promise((done) => setTimeout(done, CHECKPOINT_RETRY_MS))
    }
    const detail = 'The payload is redacted, but a reader keeps its bytes in the write-ahead log; redact again.'
    throw new OnefoldError('storage_unavailable', { detail })
  }
}

function rowsOf(statement: StatementSync, from: number, below: number): Iterable<Row> {
  return statement.iterate(from, below) as unknown as Iterable<Row>
}

function insertValues(block: Block) {
  const { codec, bytes, body } = encodeBody(block.lines)
  const { first, lines, receivedFirst, receivedLast } = block
  return [first, lines.length, receivedFirst, receivedLast, Number(lines.some(isDecision)), codec, bytes, body] as const
}
