// History on ClickHouse, embedded or a server: both ports of src/history/port.ts over `@clickhouse/client` and a URL.
// Inserts are durable before they resolve and carry a token, so that a block sent twice is stored once. Every value that
// came from outside travels as a bound parameter or as a row, never as SQL text.
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import type {
  ClauseTimestamps,
  HistoryEventRow,
  HistoryQueries,
  HistorySink,
  SegmentContext,
} from '../../history/port.ts'
import type { Condition } from '../../spec/segment.ts'
import { insertBisecting } from './blocks.ts'
import { unavailable } from './faults.ts'
import { insertLines } from './insert.ts'
import { EVENT_COLUMNS, eventLine, MOVE_COLUMNS, moveLine, PROFILE_COLUMNS, profileLine, searchForm } from './rows.ts'
import { MIGRATIONS, MIGRATIONS_TABLE } from './schema.ts'
import { clauseTimestampsStatement, evaluateStatement, type Statement } from './segments.ts'

const REQUEST_MS_MAX = 90_000
const CONNECTIONS_MAX = 8
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]'])

export type History = HistorySink & HistoryQueries & { close(): Promise<void> }

/** `url` holds user, password and, as its path, the database. Connects on first use. */
export function openHistory(url: string): History {
  const client = connect(url)
  return { ...sinkOn(client), ...queriesOn(client), close: () => client.close() }
}

function connect(url: string): ClickHouseClient {
  // Between two processes of one machine compression costs more of the shared cores than it saves.
  const compress = !LOOPBACK.has(new URL(url).hostname)
  return createClient({
    url,
    request_timeout: REQUEST_MS_MAX,
    max_open_connections: CONNECTIONS_MAX,
    compression: { request: compress, response: compress },
    use_multipart_params_auto: true,
    // Offsets, set and profile numbers stay below 2^53; as numbers they need no parsing.
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    // A failure is thrown once, as an operational error; the client would print it, statement included.
    log: { level: ClickHouseLogLevel.OFF },
  })
}

function sinkOn(client: ClickHouseClient): HistorySink {
  return {
    async prepare() {
      await attempt(() => migrate(client))
    },
    async insertEvents(blockNumber, rows) {
      return attempt(() => insertBisecting(blockNumber, rows, (token, part) => insertEvents(client, token, part)))
    },
    async insertProfiles(rows) {
      await attempt(() => insertLines(client, 'profiles', PROFILE_COLUMNS, rows.map(profileLine), {}))
    },
    async insertMoves(rows) {
      await attempt(() => insertLines(client, 'overrides', MOVE_COLUMNS, rows.map(moveLine), {}))
    },
  }
}

function insertEvents(client: ClickHouseClient, token: string, rows: readonly HistoryEventRow[]): Promise<void> {
  return insertLines(client, 'events', EVENT_COLUMNS, rows.map(eventLine), { insert_deduplication_token: token })
}

function queriesOn(client: ClickHouseClient): HistoryQueries {
  const rows = <T>(statement: Statement): Promise<T[]> =>
    attempt(async () => {
      const result = await client.query({
        query: statement.sql,
        query_params: statement.params,
        format: 'JSONEachRow',
      })
      return result.json<T>()
    })
  return {
    timeline: (query) => (query.sets.length === 0 ? Promise.resolve([]) : rows(timelineStatement(query))),
    async evaluate(definition: Condition, context: SegmentContext, sample: number) {
      const found = await rows<{ size: number; profiles: number[] }>(evaluateStatement(definition, context, sample))
      return found[0] ?? { size: 0, profiles: [] }
    },
    async clauseTimestamps(query) {
      if (query.clauses.length === 0) return []
      return rows<ClauseTimestamps>(clauseTimestampsStatement(query))
    },
    async search(text, limit) {
      const found = await rows<{ profile: number }>(searchStatement(text, limit))
      return found.map(({ profile }) => profile)
    },
    async ping() {
      const answer = await client.ping({ select: true })
      if (!answer.success) throw unavailable(answer.error)
    },
  }
}

function timelineStatement(query: Parameters<HistoryQueries['timeline']>[0]): Statement {
  const { sets, before, limit } = query
  const older = before === undefined ? '' : 'AND (timestamp, offset) < ({timestamp:Int64}, {offset:UInt64})'
  return {
    sql: `SELECT offset, timestamp, payload FROM events WHERE set_id IN {sets:Array(UInt64)} ${older}
      ORDER BY timestamp DESC, offset DESC LIMIT {limit:UInt32}`,
    params: { sets: [...sets], limit, ...before },
  }
}

function searchStatement(text: string, limit: number): Statement {
  return {
    sql: `SELECT profile FROM profiles FINAL WHERE alive = 1 AND position(search_text, {text:String}) > 0
      ORDER BY profile LIMIT {limit:UInt32}`,
    params: { text: searchForm(text), limit },
  }
}

/** Runs the migrations that the engine does not remember. Throws Error when a newer version has been here. */
async function migrate(client: ClickHouseClient): Promise<void> {
  await client.command({ query: MIGRATIONS_TABLE })
  const result = await client.query({
    query: 'SELECT max(version) AS version FROM onefold_migrations',
    format: 'JSONEachRow',
  })
  const applied = (await result.json<{ version: number }>())[0]?.version ?? 0
  const newest = MIGRATIONS.at(-1)!.version
  if (applied > newest) throw new Error(`history was written by a newer version (${applied}, this one knows ${newest})`)
  for (const { version, statements } of MIGRATIONS) {
    if (version <= applied) continue
    for (const query of statements) await client.command({ query })
    await insertLines(client, 'onefold_migrations', ['version'], [`[${version}]\n`], {})
  }
}

/** Every failure that reaches a caller of history is `history_unavailable`: what rows can cause was dealt with before. */
async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw unavailable(cause)
  }
}
