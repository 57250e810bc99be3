// The delivery ledger in SQLite (ledger.db). Delivery's process writes; the API's process calls `retry` and reads. Commits
// are not fsync'd one by one (synchronous = NORMAL): place and rows are one transaction, so a power cut rolls the ledger
// back to an earlier true state, from which the same rows are planned again under the same ids. Nothing is lost by it.
import type {
  DeliveryLedger,
  DeliveryQuery,
  LedgerRow,
  MemberSync,
  RetryQuery,
  StreamPlace,
} from '../../activate/port.ts'
import type { Delivery, DeliveryStatus } from '../../spec/delivery.ts'
import { membershipKey } from '../ledger-rules.ts'
import { type Database, openDatabase } from './database.ts'

const MIGRATIONS = [
  `CREATE TABLE deliveries (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     destination TEXT NOT NULL,
     subscription TEXT NOT NULL,
     offset INTEGER NOT NULL,
     ordinal INTEGER NOT NULL,
     subject TEXT NOT NULL,
     profile_id TEXT,
     status TEXT NOT NULL,
     attempts INTEGER NOT NULL,
     next_attempt_at INTEGER,
     created_at INTEGER NOT NULL,
     updated_at INTEGER NOT NULL,
     response_status INTEGER,
     error_code TEXT,
     error_message TEXT,
     response_body TEXT,
     membership_key TEXT
   ) STRICT;
   CREATE INDEX deliveries_due ON deliveries (destination, next_attempt_at, number) WHERE next_attempt_at IS NOT NULL;
   CREATE INDEX deliveries_open_memberships ON deliveries (destination, membership_key, number)
     WHERE membership_key IS NOT NULL AND next_attempt_at IS NOT NULL;
   CREATE INDEX deliveries_destination ON deliveries (destination, number);
   CREATE INDEX deliveries_status ON deliveries (status, number);
   CREATE TABLE places (destination TEXT PRIMARY KEY, offset INTEGER NOT NULL, ordinal INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE member_syncs (
     destination TEXT NOT NULL, segment TEXT NOT NULL, below_offset INTEGER NOT NULL, below_ordinal INTEGER NOT NULL,
     cursor INTEGER NOT NULL, done INTEGER NOT NULL, PRIMARY KEY (destination, segment)
   ) STRICT, WITHOUT ROWID;
   -- Counted as rows change, because counting millions of rows for every scrape of the metrics is not free.
   CREATE TABLE counters (destination TEXT NOT NULL, status TEXT NOT NULL, count INTEGER NOT NULL,
     PRIMARY KEY (destination, status)) STRICT, WITHOUT ROWID;
   CREATE TRIGGER deliveries_inserted AFTER INSERT ON deliveries BEGIN
     INSERT INTO counters VALUES (new.destination, new.status, 1) ON CONFLICT DO UPDATE SET count = count + 1;
   END;
   CREATE TRIGGER deliveries_updated AFTER UPDATE OF status ON deliveries WHEN old.status <> new.status BEGIN
     UPDATE counters SET count = count - 1 WHERE destination = old.destination AND status = old.status;
     INSERT INTO counters VALUES (new.destination, new.status, 1) ON CONFLICT DO UPDATE SET count = count + 1;
   END`,
]

const INSERT = `INSERT INTO deliveries (id, destination, subscription, offset, ordinal, subject, profile_id, status, attempts,
    next_attempt_at, created_at, updated_at, response_status, error_code, error_message, response_body, membership_key)
  VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO NOTHING`

const SETTLE = `UPDATE deliveries SET status = ?, attempts = ?, next_attempt_at = ?, updated_at = ?, response_status = ?,
    error_code = ?, error_message = ?, response_body = ? WHERE id = ?`

const DUE = `SELECT * FROM deliveries AS row
  WHERE destination = ?1 AND next_attempt_at IS NOT NULL AND next_attempt_at <= ?2 AND (membership_key IS NULL OR NOT EXISTS (
    SELECT 1 FROM deliveries AS earlier WHERE earlier.destination = ?1 AND earlier.membership_key = row.membership_key
      AND earlier.next_attempt_at IS NOT NULL AND earlier.membership_key IS NOT NULL AND earlier.number < row.number))
  ORDER BY next_attempt_at, number LIMIT ?3`

const SAVE_PLACE = `INSERT INTO places VALUES (?, ?, ?)
  ON CONFLICT (destination) DO UPDATE SET offset = excluded.offset, ordinal = excluded.ordinal`

const SAVE_SYNC = `INSERT INTO member_syncs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (destination, segment) DO UPDATE SET
  below_offset = excluded.below_offset, below_ordinal = excluded.below_ordinal,
  cursor = excluded.cursor, done = excluded.done`

const FORGET_ROWS = `UPDATE deliveries SET status = 'refused', error_code = 'destination_removed', next_attempt_at = NULL,
  updated_at = ? WHERE destination = ? AND next_attempt_at IS NOT NULL`

// Ids come as one JSON array, so that the statement is the same text however many are asked for.
const RETRY = `UPDATE deliveries SET status = 'pending', attempts = 0, next_attempt_at = :now, updated_at = :now`
const RETRIED = `status IN ('failed', 'refused', 'dead')`

/** Only the conditions that are asked for: `x IS NULL OR …` would keep the planner from every index. The texts are few and constant. */
function where(conditions: readonly (string | false)[]): string {
  const asked = conditions.filter((condition) => condition !== false)
  return asked.length === 0 ? '' : `WHERE ${asked.join(' AND ')}`
}

function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter((entry) => entry[1] !== undefined)) as never
}

export function openSqliteLedger(path: string): DeliveryLedger {
  return new SqliteLedger(openDatabase(path, { migrations: MIGRATIONS, synchronous: 'NORMAL' }))
}

class SqliteLedger implements DeliveryLedger {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async plan(destination: string, rows: readonly Delivery[], place: StreamPlace): Promise<void> {
    this.#db.transaction(() => {
      this.#insert(rows)
      this.#db.prepare(SAVE_PLACE).run(destination, place.offset, place.ordinal)
    })
  }

  async place(destination: string): Promise<StreamPlace | null> {
    const row = this.#db.prepare('SELECT offset, ordinal FROM places WHERE destination = ?').get(destination)
    return row === undefined ? null : { offset: Number(row['offset']), ordinal: Number(row['ordinal']) }
  }

  async setPlace(destination: string, place: StreamPlace): Promise<void> {
    await this.plan(destination, [], place)
  }

  async planMembers(sync: MemberSync, rows: readonly Delivery[]): Promise<void> {
    const { destination, segment, below, cursor, done } = sync
    this.#db.transaction(() => {
      this.#insert(rows)
      this.#db.prepare(SAVE_SYNC).run(destination, segment, below.offset, below.ordinal, cursor, Number(done))
    })
  }

  async syncs(destination: string): Promise<MemberSync[]> {
    const rows = this.#db.prepare('SELECT * FROM member_syncs WHERE destination = ? ORDER BY segment').all(destination)
    return rows.map((row) => ({
      destination,
      segment: String(row['segment']),
      below: { offset: Number(row['below_offset']), ordinal: Number(row['below_ordinal']) },
      cursor: Number(row['cursor']),
      done: row['done'] === 1,
    }))
  }

  async removeSync(destination: string, segment: string): Promise<void> {
    this.#db.transaction(() => {
      this.#db.prepare('DELETE FROM member_syncs WHERE destination = ? AND segment = ?').run(destination, segment)
    })
  }

  async due(destination: string, now: number, limit: number): Promise<LedgerRow[]> {
    return this.#db.prepare(DUE).all(destination, now, limit).map(readRow)
  }

  async nextDue(destination: string): Promise<number | null> {
    const row = this.#db
      .prepare(
        'SELECT min(next_attempt_at) AS at FROM deliveries WHERE destination = ? AND next_attempt_at IS NOT NULL',
      )
      .get(destination)
    return nullable(row?.['at'], Number)
  }

  async settle(rows: readonly Delivery[]): Promise<void> {
    if (rows.length === 0) return
    const statement = this.#db.prepare(SETTLE)
    this.#db.transaction(() => {
      for (const row of rows) {
        statement.run(
          row.status,
          row.attempts,
          row.nextAttemptAt,
          row.updatedAt,
          row.responseStatus,
          row.errorCode,
          row.errorMessage,
          row.responseBody,
          row.id,
        )
      }
    })
  }

  async forget(destination: string, now: number): Promise<void> {
    this.#db.transaction(() => {
      this.#db.prepare('DELETE FROM places WHERE destination = ?').run(destination)
      this.#db.prepare('DELETE FROM member_syncs WHERE destination = ?').run(destination)
      this.#db.prepare(FORGET_ROWS).run(now, destination)
    })
  }

  async destinations(): Promise<string[]> {
    const rows = this.#db.prepare('SELECT destination FROM places ORDER BY destination').all()
    return rows.map((row) => String(row['destination']))
  }

  async list({ destination, status, limit, before }: DeliveryQuery): Promise<LedgerRow[]> {
    const conditions = where([
      destination !== undefined && 'destination = :destination',
      status !== undefined && 'status = :status',
      before !== undefined && 'number < :before',
    ])
    const statement = this.#db.prepare(`SELECT * FROM deliveries ${conditions} ORDER BY number DESC LIMIT :limit`)
    return statement.all(given({ destination, status, before, limit })).map(readRow)
  }

  async get(id: string): Promise<LedgerRow | null> {
    const row = this.#db.prepare('SELECT * FROM deliveries WHERE id = ?').get(id)
    return row === undefined ? null : readRow(row)
  }

  async counts(): Promise<{ destination: string; status: DeliveryStatus; count: number }[]> {
    const rows = this.#db.prepare('SELECT * FROM counters WHERE count > 0 ORDER BY destination, status').all()
    return rows.map((row) => ({
      destination: String(row['destination']),
      status: row['status'] as DeliveryStatus,
      count: Number(row['count']),
    }))
  }

  async retry({ ids, destination, status, cause, from, to }: RetryQuery, now: number): Promise<number> {
    const conditions = where([
      status === undefined ? RETRIED : 'status = :status',
      ids !== undefined && 'id IN (SELECT value FROM json_each(:ids))',
      destination !== undefined && 'destination = :destination',
      cause !== undefined && 'error_code = :cause',
      from !== undefined && 'created_at >= :from',
      to !== undefined && 'created_at < :to',
    ])
    const values = given({ now, ids: ids && JSON.stringify(ids), destination, status, cause, from, to })
    const statement = this.#db.prepare(`${RETRY} ${conditions}`)
    return this.#db.transaction(() => Number(statement.run(values).changes))
  }

  async close(): Promise<void> {
    this.#db.close()
  }

  #insert(rows: readonly Delivery[]): void {
    const statement = this.#db.prepare(INSERT)
    for (const row of rows) {
      statement.run(
        row.id,
        row.destination,
        row.subscription,
        row.offset,
        row.ordinal,
        row.subject,
        row.profileId,
        row.status,
        row.attempts,
        row.nextAttemptAt,
        row.createdAt,
        row.updatedAt,
        row.responseStatus,
        row.errorCode,
        row.errorMessage,
        row.responseBody,
        membershipKey(row),
      )
    }
  }
}

function readRow(row: Record<string, unknown>): LedgerRow {
  return {
    number: Number(row['number']),
    id: String(row['id']),
    destination: String(row['destination']),
    subscription: String(row['subscription']),
    offset: Number(row['offset']),
    ordinal: Number(row['ordinal']),
    subject: String(row['subject']),
    profileId: nullable(row['profile_id'], String),
    status: row['status'] as DeliveryStatus,
    attempts: Number(row['attempts']),
    nextAttemptAt: nullable(row['next_attempt_at'], Number),
    createdAt: Number(row['created_at']),
    updatedAt: Number(row['updated_at']),
    responseStatus: nullable(row['response_status'], Number),
    errorCode: nullable(row['error_code'], String),
    errorMessage: nullable(row['error_message'], String),
    responseBody: nullable(row['response_body'], String),
  }
}

function nullable<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null || value === undefined ? null : read(value)
}
