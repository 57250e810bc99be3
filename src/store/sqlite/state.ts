// The state store in SQLite (state.db): sets, profiles, memberships, timers, and the outbox that everything downstream reads.
// The pipeline process alone opens it for writing; others open it as readers and see whole commits only. It must never
// answer from anything but the file: what it kept in memory could differ from what a crash left.
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Commit, DedupeBlob, ProfileRow, SetRow, StateReader, StateStore } from '../../pipeline/state-store.ts'
import { openDatabase } from './database.ts'
import { writeCommit } from './state-commit.ts'
import { SqliteStateReader } from './state-reader.ts'
import {
  arrays,
  ascending,
  PROFILE_COLUMNS,
  type ProfileTuple,
  profileRow,
  SET_COLUMNS,
  type SetTuple,
  selectIn,
  setRow,
} from './state-rows.ts'
import { PAGE_BYTES, STATE_MIGRATIONS } from './state-schema.ts'
import { dueProfiles, earliestTimer } from './state-timers.ts'

const WRITER_CACHE_BYTES = 64 * 1024 * 1024
/**
 * Pages that are not in the write-ahead log are read in place: loads of rows at random cost 23 ms of CPU instead of 30. For
 * the writer alone: a disk that fails under a mapped page kills the process, which for the pipeline is a restart.
 */
const WRITER_MAPPED_BYTES = 1024 * 1024 * 1024
const READER_CACHE_BYTES = 16 * 1024 * 1024
/** On a busy machine the pipeline's process takes long to start, and a reader that gave up would only be started again. */
const READER_WAIT_MS_MAX = 60_000
/** Larger logs cost no less in all (measured with 16, 64 and 256 MiB: 34, 29, 30 ms a commit), and the pause grows with them. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024

/** Opens state.db in `dataDir`. A writer creates it; a reader waits (up to a minute) until the writer has. */
export function openSqliteState(dataDir: string, options: { role: 'writer' }): StateStore
export function openSqliteState(dataDir: string, options: { role: 'reader' }): StateReader
export function openSqliteState(dataDir: string, options: { role: 'writer' | 'reader' }): StateReader {
  const path = join(dataDir, 'state.db')
  if (options.role === 'reader') {
    const migrations = STATE_MIGRATIONS
    const limits = { cacheBytes: READER_CACHE_BYTES, waitMsMax: READER_WAIT_MS_MAX }
    return new SqliteStateReader(openDatabase(path, { migrations, readOnly: true, ...limits }))
  }
  mkdirSync(dataDir, { recursive: true })
  setPageSize(path)
  const database = openDatabase(path, { migrations: STATE_MIGRATIONS, cacheBytes: WRITER_CACHE_BYTES })
  database.exec(`PRAGMA mmap_size = ${WRITER_MAPPED_BYTES}`)
  database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_BYTES / PAGE_BYTES}`)
  return new SqliteStateStore(database)
}

/** Before the shared opener, whose switch to WAL writes the first page and so settles the page size for good. */
function setPageSize(path: string): void {
  if (existsSync(path) && statSync(path).size > 0) return
  const database = new DatabaseSync(path, { timeout: 5000 })
  database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL`)
  database.close()
}

class SqliteStateStore extends SqliteStateReader implements StateStore {
  async setsByKey(keys: readonly string[]): Promise<SetRow[]> {
    const sql = `SELECT ${SET_COLUMNS} FROM sets WHERE key IN`
    const rows = this.database.snapshot(() => selectIn<SetTuple>(this.database, sql, [...new Set(keys)]))
    return rows.map(setRow).sort((a, b) => a.id - b.id)
  }

  async setsCarrying(identifiers: readonly number[]): Promise<SetRow[]> {
    return this.database.snapshot(() => {
      const sql = 'SELECT set_id FROM set_identifiers WHERE identifier IN'
      const ids = selectIn<[number]>(this.database, sql, ascending(identifiers)).map(([id]) => id)
      return this.setRows(ids)
    })
  }

  async profilesAfter(after: number, limit: number): Promise<ProfileRow[]> {
    const sql = `SELECT ${PROFILE_COLUMNS} FROM profiles WHERE id > ? AND flags & 1 ORDER BY id LIMIT ?`
    const rows = this.database.snapshot(() => arrays(this.database, sql).all(after, limit))
    return (rows as unknown as ProfileTuple[]).map(profileRow)
  }

  async profilesDue(until: number, limit: number): Promise<ProfileRow[]> {
    return this.database.snapshot(() => {
      const ids = dueProfiles(this.database, until, limit)
      const rows = new Map(this.profileRows(ids).map((row) => [row.id, row]))
      return ids.map((id) => rows.get(id)!)
    })
  }

  async nextTimer(): Promise<number | null> {
    return this.database.snapshot(() => earliestTimer(this.database))
  }

  async dedupeBlobs(): Promise<DedupeBlob[]> {
    const sql = 'SELECT hour, hashes FROM dedupe ORDER BY hour, commit_number, ordinal'
    const rows = this.database.snapshot(() => arrays(this.database, sql).all()) as unknown as [number, Uint8Array][]
    return rows.map(([hour, hashes]) => ({ hour, hashes }))
  }

  async commit(commit: Commit): Promise<void> {
    this.database.transaction(() => writeCommit(this.database, commit))
  }
}
