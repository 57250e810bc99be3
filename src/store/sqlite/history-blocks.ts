// The history writer's memory in SQLite (history.db): one row of blocks, two of mirrors. The history writer alone opens it.
// Commits are fsync'd, because a block must be known before its rows are sent: otherwise a crash between the two would cut
// the same events differently, and the engine could not tell that it has them already.
import type { Block, HistoryBlocks, MirrorPlace } from '../../history/port.ts'
import { type Database, openDatabase } from './database.ts'

const MIGRATIONS = [
  `CREATE TABLE block (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     number INTEGER NOT NULL,
     from_offset INTEGER NOT NULL,
     next_offset INTEGER NOT NULL,
     open INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE mirrors (mirror TEXT PRIMARY KEY, commit_number INTEGER NOT NULL, ordinal INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
]

const BEGIN = `INSERT INTO block VALUES (1, ?, ?, ?, 1) ON CONFLICT (one) DO UPDATE SET
  number = excluded.number, from_offset = excluded.from_offset, next_offset = excluded.next_offset, open = 1`

const SAVE_MIRROR = `INSERT INTO mirrors VALUES (?, ?, ?) ON CONFLICT (mirror) DO UPDATE SET
  commit_number = excluded.commit_number, ordinal = excluded.ordinal`

export interface SqliteHistoryBlocksOptions {
  path: string
  /**
   * The first number ever given. Milliseconds since 1970 will do: blocks are cut less often than that, so a memory that was
   * lost and begun again gives no number twice, and the engine never mistakes a new block for an old one.
   */
  firstNumber: number
}

export class SqliteHistoryBlocks implements HistoryBlocks {
  readonly #db: Database
  readonly #firstNumber: number

  constructor(options: SqliteHistoryBlocksOptions) {
    this.#db = openDatabase(options.path, { migrations: MIGRATIONS })
    this.#firstNumber = options.firstNumber
  }

  async open(): Promise<Block | null> {
    const row = this.#row()
    return row?.open ? row.block : null
  }

  async next(): Promise<number | null> {
    return this.#row()?.block.next ?? null
  }

  async begin(from: number, next: number): Promise<Block> {
    return this.#db.transaction(() => {
      const last = this.#row()
      if (last?.open) throw new Error(`block ${last.block.number} is still open`)
      // A writer that outlived its parent may come here with an old place in hand, after its successor has gone on.
      if (last !== null && from < last.block.next) throw new Error(`offset ${from} is in block ${last.block.number}`)
      const block = { number: last === null ? this.#firstNumber : last.block.number + 1, from, next }
      this.#db.prepare(BEGIN).run(block.number, from, next)
      return block
    })
  }

  async done(number: number): Promise<void> {
    this.#db.transaction(() => this.#db.prepare('UPDATE block SET open = 0 WHERE number = ?').run(number))
  }

  async mirrored(mirror: 'profiles' | 'moves'): Promise<MirrorPlace> {
    const row = this.#db.prepare('SELECT commit_number, ordinal FROM mirrors WHERE mirror = ?').get(mirror)
    return { commit: Number(row?.['commit_number'] ?? 0), ordinal: Number(row?.['ordinal'] ?? 0) }
  }

  async saveMirrored(mirror: 'profiles' | 'moves', place: MirrorPlace): Promise<void> {
    this.#db.transaction(() => this.#db.prepare(SAVE_MIRROR).run(mirror, place.commit, place.ordinal))
  }

  async close(): Promise<void> {
    this.#db.close()
  }

  #row(): { block: Block; open: boolean } | null {
    const row = this.#db.prepare('SELECT number, from_offset, next_offset, open FROM block').get()
    if (row === undefined) return null
    const block = {
      number: Number(row['number']),
      from: Number(row['from_offset']),
      next: Number(row['next_offset']),
    }
    return { block, open: row['open'] === 1 }
  }
}
