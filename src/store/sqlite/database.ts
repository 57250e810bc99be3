// The shared opener of every SQLite file: pragmas, migrations by `user_version`, transactions, prepared statements kept by
// their text, and the translation of engine faults into operational errors. It knows no table and no domain word, and a
// reader opened here never creates, migrates or writes a file that belongs to another process.
import { existsSync, mkdirSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { OnefoldError } from '../../spec/errors.ts'

export interface OpenOptions {
  /** SQL scripts, oldest first; `user_version` counts those already applied. Never edit one that was released. */
  migrations: readonly string[]
  /** For another process's file: waits until its owner has created and migrated it, then only reads. */
  readOnly?: boolean
  /** FULL (default): fsync before a commit returns. NORMAL: a commit may be lost by a power cut, never by a killed process. */
  synchronous?: 'FULL' | 'NORMAL'
  /** Upper bound of the main file, in whole pages; a write beyond it fails as a full disk does. */
  bytesMax?: number
  /** Overwrites deleted content with zeros. */
  secureDelete?: boolean
  /** Page cache of this connection. */
  cacheBytes?: number
  /** How long to wait for the owner of a file, or for another opener of a shared one. */
  waitMsMax?: number
}

const BUSY_TIMEOUT_MS = 5000
const WAIT_MS_MAX = 10_000
const WAIT_STEP_MS = 20
const CACHE_BYTES = 8 * 1024 * 1024
/** After a checkpoint the write-ahead log is cut back to this, so that one burst does not keep its disk for ever. */
const WAL_BYTES_KEPT = 64 * 1024 * 1024

// Primary result codes (https://sqlite.org/rescode.html) that mean "the storage cannot do it now" rather than a wrong statement.
const BUSY = 5
const CANTOPEN = 14
const STORAGE_CODES = new Set([BUSY, 6 /* LOCKED */, 7 /* NOMEM */, 8 /* READONLY */, 10 /* IOERR */, 11 /* CORRUPT */])
for (const code of [13 /* FULL */, CANTOPEN, 15 /* PROTOCOL */, 22 /* NOLFS */, 26 /* NOTADB */])
  STORAGE_CODES.add(code)

/** The primary result code of an error that node:sqlite threw; null for any other error. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null
  return error.errcode & 0xff
}

/** `storage_unavailable` for a full, failing, locked or damaged file; every other error as it is. */
export function storageError(error: unknown, path: string): unknown {
  const code = sqliteCode(error)
  if (code === null || !STORAGE_CODES.has(code)) return error
  const detail = `${basename(path)}: ${(error as Error).message}`
  return new OnefoldError('storage_unavailable', { detail, cause: error })
}

export class Database {
  readonly path: string
  readonly readOnly: boolean
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #inTransaction = false

  constructor(path: string, db: DatabaseSync, readOnly: boolean) {
    this.path = path
    this.readOnly = readOnly
    this.#db = db
  }

  /** The prepared statement of this text, made once. For constant texts only: values are bound, and the cache never shrinks. */
  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  exec(sql: string): void {
    this.#db.exec(sql)
  }

  /**
   * Runs `body` in one write transaction: durable when this returns, without trace when it throws. The lock is taken at the
   * start (IMMEDIATE), because a read that becomes a write fails at once where it could have waited.
   */
  transaction<T>(body: () => T): T {
    if (this.readOnly) throw new Error(`${basename(this.path)} is open for reading only`)
    return this.#within('BEGIN IMMEDIATE', body)
  }

  /** Runs `body` so that all its reads see the file at one instant. */
  snapshot<T>(body: () => T): T {
    return this.#within('BEGIN', body)
  }

  /**
   * Moves the write-ahead log into the main file and empties it; false while a reader holds it back. It never waits for one:
   * the busy timeout would stop the caller's thread for seconds.
   */
  checkpoint(): boolean {
    try {
      this.exec('PRAGMA busy_timeout = 0')
      return this.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] === 0
    } catch (error) {
      throw storageError(error, this.path)
    } finally {
      this.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    }
  }

  close(): void {
    this.#statements.clear()
    if (this.#db.isOpen) this.#db.close()
  }

  #within<T>(begin: string, body: () => T): T {
    if (this.#inTransaction) throw new Error(`${basename(this.path)}: transactions do not nest`)
    this.#inTransaction = true
    try {
      // Still open only if an earlier rollback failed with the disk; nothing can be written before that one is gone.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      this.#db.exec(begin)
      const result = body()
      if (result instanceof Promise) throw new Error('a transaction body must not be async')
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      this.#rollback()
      throw storageError(error, this.path)
    } finally {
      this.#inTransaction = false
    }
  }

  #rollback(): void {
    // A full or failing disk has often rolled back by itself, and a second ROLLBACK would hide the first error.
    if (!this.#db.isTransaction) return
    try {
      this.#db.exec('ROLLBACK')
    } catch {
      // The caller hears of the first error; the next transaction tries this again before it begins.
    }
  }
}

/** Opens `path`, creating and migrating it unless `readOnly`. Throws OnefoldError `storage_unavailable`, or Error for a file of a newer version. */
export function openDatabase(path: string, options: OpenOptions): Database {
  const full = resolve(path)
  if (!options.readOnly) mkdirSync(dirname(full), { recursive: true })
  const deadline = performance.now() + (options.waitMsMax ?? WAIT_MS_MAX)
  for (;;) {
    const attempt = options.readOnly ? tryOpenReader(full, options) : tryOpenWriter(full, options)
    if (attempt instanceof Database) return attempt
    if (performance.now() >= deadline) throw attempt
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_STEP_MS)
  }
}

// Returns the error while waiting may help, and throws where it cannot.
function tryOpenWriter(path: string, options: OpenOptions): Database | Error {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: false, open: false })
  try {
    db.open()
    db.exec('PRAGMA journal_mode = WAL')
    db.exec(`PRAGMA synchronous = ${options.synchronous === 'NORMAL' ? 'NORMAL' : 'FULL'}`)
    db.exec(`PRAGMA journal_size_limit = ${WAL_BYTES_KEPT}`)
    if (options.secureDelete) db.exec('PRAGMA secure_delete = ON')
    configure(db, options)
    const database = new Database(path, db, false)
    migrate(database, options.migrations)
    if (options.bytesMax !== undefined) limitPages(db, options.bytesMax)
    return database
  } catch (error) {
    if (db.isOpen) db.close()
    // Two processes that create a shared file at once meet in the switch to WAL, where the busy timeout does not apply.
    if (sqliteCode(error) === BUSY) return storageError(error, path) as Error
    throw storageError(error, path)
  }
}

/**
 * A reader needs the right to write the `-shm` file beside the log, so it is opened read-write with `query_only` on;
 * `mode=rw` keeps SQLite from creating what is not there.
 */
function tryOpenReader(path: string, options: OpenOptions): Database | Error {
  const missing = new OnefoldError('storage_unavailable', {
    detail: `${path} is not there yet: its owner has not created it, or the data folder is another one`,
  })
  if (!existsSync(path)) return missing
  const url = pathToFileURL(path)
  url.searchParams.set('mode', 'rw')
  const db = new DatabaseSync(url, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: false, open: false })
  try {
    db.open()
    db.exec('PRAGMA query_only = ON')
    configure(db, options)
    const database = new Database(path, db, true)
    if (userVersion(database, options.migrations) === options.migrations.length) return database
    db.close()
    return missing
  } catch (error) {
    if (db.isOpen) db.close()
    const code = sqliteCode(error)
    if (code === BUSY || code === CANTOPEN) return storageError(error, path) as Error
    throw storageError(error, path)
  }
}

function configure(db: DatabaseSync, options: OpenOptions): void {
  db.exec(`PRAGMA cache_size = -${Math.ceil((options.cacheBytes ?? CACHE_BYTES) / 1024)}`)
  db.exec('PRAGMA temp_store = MEMORY')
  db.exec('PRAGMA trusted_schema = OFF')
}

function userVersion(database: Database, migrations: readonly string[]): number {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version <= migrations.length) return version
  const known = migrations.length
  throw new Error(`${database.path} was written by a newer version (schema ${version}, this one knows ${known})`)
}

function migrate(database: Database, migrations: readonly string[]): void {
  if (userVersion(database, migrations) === migrations.length) return
  database.transaction(() => {
    // Read again under the lock: another opener of a shared file may have migrated it in between.
    for (const script of migrations.slice(userVersion(database, migrations))) database.exec(script)
    database.exec(`PRAGMA user_version = ${migrations.length}`)
  })
}

function limitPages(db: DatabaseSync, bytesMax: number): void {
  const pageSize = Number(db.prepare('PRAGMA page_size').get()?.['page_size'])
  db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(bytesMax / pageSize))}`)
}
