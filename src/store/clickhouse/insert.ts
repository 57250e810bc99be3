// One insert of prepared lines: a single request, answered once the engine has made it durable.
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { ClickHouseClient, ClickHouseSettings } from '@clickhouse/client'
import { INSERT_SETTINGS } from './schema.ts'

/**
 * Inserts lines of JSONCompactEachRow, each with its line end. `table` and `columns` are our own words. The client's `insert`
 * would encode every row once more, so the lines go as the raw body of `exec`.
 */
export async function insertLines(
  client: ClickHouseClient,
  table: string,
  columns: readonly string[],
  lines: readonly string[],
  settings: ClickHouseSettings,
): Promise<void> {
  if (lines.length === 0) return
  const { stream } = await client.exec({
    query: `INSERT INTO ${table} (${columns.join(', ')}) FORMAT JSONCompactEachRow`,
    values: Readable.from([Buffer.from(lines.join(''))], { objectMode: false }),
    clickhouse_settings: { ...INSERT_SETTINGS, ...settings },
  })
  // Drained, or the connection would not go back to the pool.
  await text(stream)
}
