// The promise that a file has one writer: an exclusive transaction held open on a small file beside it. The kernel drops the
// lock with the process, however it ends, so that no stale pid can bar a restart and no second writer can slip in.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sqliteCode, storageError } from './database.ts'

const BUSY = 5

export interface WriterLock {
  release(): void
}

/** Takes the lock at `path`, or throws at once with `refusal`. Nothing but SQLite may open this file: closing it would drop the lock. */
export function lockWriter(path: string, refusal: string): WriterLock {
  mkdirSync(dirname(path), { recursive: true })
  const db = new DatabaseSync(path, { timeout: 0 })
  try {
    // No journal file: nothing is ever written, and the lock must be had on a full disk too.
    db.exec('PRAGMA journal_mode = MEMORY')
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    if (sqliteCode(error) === BUSY) throw new Error(refusal, { cause: error })
    throw storageError(error, path)
  }
  return {
    release() {
      if (db.isOpen) db.close()
    },
  }
}
