// The feed of refusals on disk, in `rejected.db`: written by the door before it answers, read by the API. Its own file, so
// that a flood of bad events takes neither the log's lock nor its bytes.
import { join } from 'node:path'
import type { RejectedFeed, Rejection, StoredRejection } from '../../log/port.ts'
import { encodeRejection, excess, REJECTIONS_MAX } from '../rejections.ts'
import { type Database, openDatabase } from './database.ts'

// AUTOINCREMENT: an id that was shown must never name another refusal.
const MIGRATIONS = ['CREATE TABLE rejections (id INTEGER PRIMARY KEY AUTOINCREMENT, rejection TEXT NOT NULL) STRICT']
const SQL = {
  insert: 'INSERT INTO rejections (rejection) VALUES (?)',
  // Rows come and go at the two ends alone, so the ids are without gaps and need not be counted one by one.
  count: `SELECT coalesce((SELECT max(id) FROM rejections) - (SELECT min(id) FROM rejections) + 1, 0) AS count`,
  trim: 'DELETE FROM rejections WHERE id < (SELECT min(id) FROM rejections) + ?',
  list: 'SELECT id, rejection FROM rejections WHERE id < ? ORDER BY id DESC LIMIT ?',
} as const

export interface SqliteRejectedFeedOptions {
  /** `writer`: the door. `reader`: any other process. */
  role: 'writer' | 'reader'
  /** Bound of the feed; the oldest refusals go first. */
  rejectionsMax?: number
  /** Upper bound of the file; an append beyond it fails as on a full disk. */
  bytesMax?: number
  /** How long a reader waits for the writer to create the file. */
  waitMsMax?: number
}

export function openSqliteRejectedFeed(dataDir: string, options: SqliteRejectedFeedOptions): RejectedFeed {
  const { bytesMax, waitMsMax } = options
  const database = openDatabase(join(dataDir, 'rejected.db'), {
    migrations: MIGRATIONS,
    readOnly: options.role === 'reader',
    ...(bytesMax === undefined ? {} : { bytesMax }),
    ...(waitMsMax === undefined ? {} : { waitMsMax }),
  })
  return new SqliteRejectedFeed(database, options.rejectionsMax ?? REJECTIONS_MAX)
}

class SqliteRejectedFeed implements RejectedFeed {
  readonly #db: Database
  readonly #rejectionsMax: number

  constructor(db: Database, rejectionsMax: number) {
    this.#db = db
    this.#rejectionsMax = rejectionsMax
  }

  async append(rejections: readonly Rejection[]): Promise<void> {
    if (rejections.length === 0) return
    const lines = rejections.map(encodeRejection)
    this.#db.transaction(() => {
      const insert = this.#db.prepare(SQL.insert)
      for (const line of lines) insert.run(line)
      const gone = excess(this.#count(), this.#rejectionsMax)
      if (gone > 0) this.#db.prepare(SQL.trim).run(gone)
    })
  }

  async list(options: { limit: number; before?: number }): Promise<StoredRejection[]> {
    const before = options.before ?? Number.MAX_SAFE_INTEGER
    const rows = this.#db.prepare(SQL.list).all(before, Math.max(0, options.limit))
    return rows.map((row) => ({ ...(JSON.parse(String(row['rejection'])) as Rejection), id: Number(row['id']) }))
  }

  async count(): Promise<number> {
    return this.#count()
  }

  async close(): Promise<void> {
    this.#db.close()
  }

  #count(): number {
    return Number(this.#db.prepare(SQL.count).get()?.['count'])
  }
}
