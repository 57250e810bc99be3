// Destinations in SQLite (destinations.db). The API's process writes, delivery reads. Settings and subscriptions hold
// secrets (passwords, headers), so the whole definition is stored sealed: no secret is ever on disk in clear.
import type { DestinationStore, StoredDestination, StreamPlace } from '../../activate/port.ts'
import type { Destination, DestinationInput } from '../../spec/destination.ts'
import { OnefoldError } from '../../spec/errors.ts'
import type { SecretBox } from '../../util/secret-box.ts'
import { openDatabase } from './database.ts'

const MIGRATIONS = [
  `CREATE TABLE destinations (
     slug TEXT PRIMARY KEY,
     enabled INTEGER NOT NULL,
     definition BLOB NOT NULL,
     starts_offset INTEGER,
     starts_ordinal INTEGER,
     created_at INTEGER NOT NULL,
     updated_at INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID`,
]

export interface SqliteDestinationOptions {
  secretBox: SecretBox
  /** For delivery, which must never write this file. */
  readOnly?: boolean
}

export function openSqliteDestinationStore(
  path: string,
  { secretBox, readOnly = false }: SqliteDestinationOptions,
): DestinationStore & { close(): Promise<void> } {
  const db = openDatabase(path, { migrations: MIGRATIONS, readOnly })
  // `data_version` tells of other connections' commits; our own are counted here.
  let ownChanges = 0
  return {
    async list() {
      return db
        .prepare('SELECT * FROM destinations ORDER BY slug')
        .all()
        .map((row) => readRow(row, secretBox))
    },
    async get(slug) {
      const row = db.prepare('SELECT * FROM destinations WHERE slug = ?').get(slug)
      return row === undefined ? null : readRow(row, secretBox)
    },
    async put(destination: Destination, head?: StreamPlace) {
      const { slug, createdAt, updatedAt, ...input } = destination
      const sealed = secretBox.seal(JSON.stringify(onlyInput(input)), slug)
      db.transaction(() => {
        // One statement decides, under the write lock, whether the row starts anew.
        db.prepare(
          `INSERT INTO destinations (slug, enabled, definition, starts_offset, starts_ordinal, created_at, updated_at)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
           ON CONFLICT (slug) DO UPDATE SET
             starts_offset = CASE WHEN ?2 AND NOT enabled THEN ?4 ELSE starts_offset END,
             starts_ordinal = CASE WHEN ?2 AND NOT enabled THEN ?5 ELSE starts_ordinal END,
             enabled = ?2, definition = ?3, updated_at = ?7`,
        ).run(slug, Number(input.enabled), sealed, head?.offset ?? null, head?.ordinal ?? null, createdAt, updatedAt)
      })
      ownChanges++
    },
    async remove(slug) {
      ownChanges++
      return db.transaction(() => db.prepare('DELETE FROM destinations WHERE slug = ?').run(slug).changes > 0)
    },
    async revision() {
      const row = db.prepare('PRAGMA data_version').get()
      return Number(row?.['data_version']) + ownChanges
    },
    async close() {
      db.close()
    },
  }
}

// A caller may hand back what `get` gave it; the place must not become part of the definition.
function onlyInput(input: DestinationInput): DestinationInput {
  const { type, name, settings, enabled, segments, subscriptions } = input
  return { type, ...(name === undefined ? {} : { name }), settings, enabled, segments, subscriptions }
}

function readRow(row: Record<string, unknown>, secretBox: SecretBox): StoredDestination {
  const slug = String(row['slug'])
  const input = JSON.parse(unseal(slug, row['definition'] as Uint8Array, secretBox)) as DestinationInput
  const offset = row['starts_offset']
  return {
    ...input,
    slug,
    createdAt: Number(row['created_at']),
    updatedAt: Number(row['updated_at']),
    startsAt: offset === null ? null : { offset: Number(offset), ordinal: Number(row['starts_ordinal']) },
  }
}

function unseal(slug: string, sealed: Uint8Array, secretBox: SecretBox): string {
  try {
    return secretBox.open(sealed, slug)
  } catch (cause) {
    const detail = `The settings of destination ${slug} cannot be decrypted: the secret key is not the one they were sealed with.`
    throw new OnefoldError('storage_unavailable', { detail, cause })
  }
}
