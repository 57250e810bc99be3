// The embedded analytics engine: chDB opened on one data folder, behind lanes. A lane is one chDB session; chDB runs the
// statements of one session one after another and those of several in parallel, so each lane has a queue of its own and
// holds one native call at a time (libuv has four threads; three lanes leave one for compression). Inserts have their own
// lane, so a slow question never holds up history. Must run on the main thread of a process of its own: in worker threads
// chDB crashed. It must never let settings or parameters of one statement leak into the next of the same session.
import { totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Session } from 'chdb'
import { EngineError, quoted } from './statement.ts'

export interface EngineResult {
  bytes: Uint8Array
  rowsRead: number
  bytesRead: number
  rowsWritten: number
  bytesWritten: number
  elapsedSeconds: number
}

export interface EngineQuery {
  sql: string
  format: string
  settings: ReadonlyMap<string, string>
  /** Values as ClickHouse's HTTP protocol carries them (escaped text). */
  params: ReadonlyMap<string, string>
}

export interface EngineInsert {
  table: string
  columns: string[]
  format: 'JSONEachRow' | 'JSONCompactEachRow'
  settings: ReadonlyMap<string, string>
  data: Buffer
}

export interface Engine {
  /** Throws EngineError with ClickHouse's code and text. */
  query(query: EngineQuery): Promise<EngineResult>
  insert(insert: EngineInsert): Promise<EngineResult>
  /** Waits for statements that run, then lets go of the folder. */
  close(): Promise<void>
}

const QUERY_LANES = 2
const QUEUE_MAX = 500
const OPEN_RETRY_MS = 250
const GIBIBYTE = 1024 ** 3

/** A lane's session, what it was last told by SET, and the end of its queue. */
interface Lane {
  session: Session
  /** Null: not known, because the statement that set it failed. */
  settings: Map<string, string | null>
  params: Set<string>
  waiting: number
  tail: Promise<unknown>
}

/**
 * Opens the folder; while a predecessor that is still dying holds its lock, tries again for `openMsMax` milliseconds.
 * Throws what chDB said last.
 */
export async function openEngine(folder: string, options: { openMsMax?: number } = {}): Promise<Engine> {
  const openMsMax = options.openMsMax ?? 15_000
  const args = engineArguments(totalmem())
  let first: Session
  for (let waited = 0; ; waited += OPEN_RETRY_MS) {
    try {
      first = new Session(folder, { connectionArgs: args })
      break
    } catch (cause) {
      if (waited >= openMsMax) throw cause
      await sleep(OPEN_RETRY_MS)
    }
  }
  const sessions = [first]
  while (sessions.length < QUERY_LANES + 1) sessions.push(new Session(folder, { connectionArgs: args }))
  const defaults = await settingsOf(first)
  return engineOn(sessions.map(newLane), defaults)
}

function newLane(session: Session): Lane {
  return { session, settings: new Map(), params: new Set(), waiting: 0, tail: Promise.resolve() }
}

/** Modest by design: the engine shares two cores with the door. Caches default to gigabytes, so each is named. */
function engineArguments(memoryBytes: number): string[] {
  const server = Math.floor(Math.min(8 * GIBIBYTE, Math.max(GIBIBYTE, memoryBytes * 0.4)))
  const settings: Record<string, number> = {
    max_server_memory_usage: server,
    max_memory_usage: Math.floor(server / 2),
    max_threads: 2,
    max_insert_threads: 1,
    max_execution_time: 60,
    // Parameters travel within the text here, and a person may have very many sets.
    max_query_size: 64 * 1024 ** 2,
    background_pool_size: 1,
    max_thread_pool_size: 200,
    mark_cache_size: 64 * 1024 ** 2,
    primary_index_cache_size: 64 * 1024 ** 2,
    index_mark_cache_size: 16 * 1024 ** 2,
    allow_introspection_functions: 0,
    allow_python_table_function: 0,
  }
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
}

/** Every setting by name with its value at the start: what a statement may set, and what it is set back to. */
async function settingsOf(session: Session): Promise<ReadonlyMap<string, string>> {
  const result = await session.queryAsync('SELECT name, value FROM system.settings', { format: 'JSONCompactEachRow' })
  const lines = result
    .text()
    .split('\n')
    .filter((line) => line !== '')
  return new Map(lines.map((line) => JSON.parse(line) as [string, string]))
}

function engineOn(lanes: Lane[], defaults: ReadonlyMap<string, string>): Engine {
  const [writing, ...reading] = lanes as [Lane, ...Lane[]]
  let closed = false

  function enqueue<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    if (closed) throw new EngineError(210, 'NETWORK_ERROR', 'the engine is closing')
    if (lane.waiting >= QUEUE_MAX)
      throw new EngineError(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', `more than ${QUEUE_MAX} statements wait`)
    lane.waiting++
    const done = lane.tail.then(work).catch((cause: unknown) => {
      throw EngineError.from(cause)
    })
    lane.tail = done.catch(() => undefined).finally(() => lane.waiting--)
    return done
  }

  return {
    async query(query) {
      checkSettings(query.settings, defaults)
      const lane = /^\s*insert\b/i.test(query.sql) ? writing : reading.reduce((a, b) => (b.waiting < a.waiting ? b : a))
      return enqueue(lane, () => runQuery(lane, query, defaults))
    },
    async insert(insert) {
      checkSettings(insert.settings, defaults)
      return enqueue(writing, () => runInsert(writing, insert))
    },
    async close() {
      closed = true
      await Promise.all(lanes.map((lane) => lane.tail))
      for (const lane of lanes) lane.session.close()
    },
  }
}

function checkSettings(settings: ReadonlyMap<string, string>, defaults: ReadonlyMap<string, string>): void {
  for (const name of settings.keys()) {
    if (!defaults.has(name)) throw new EngineError(115, 'UNKNOWN_SETTING', `Unknown setting '${name}'`)
  }
}

async function runQuery(lane: Lane, query: EngineQuery, defaults: ReadonlyMap<string, string>): Promise<EngineResult> {
  // A session keeps its parameters; without this check a forgotten one would silently take an older statement's value.
  for (const name of lane.params) {
    if (!query.params.has(name) && new RegExp(`\\{\\s*${name}\\s*:`).test(query.sql))
      throw new EngineError(456, 'UNKNOWN_QUERY_PARAMETER', `Substitution \`${name}\` is not set`)
  }
  // chDB's own parameter binding is process-wide and must not run twice at once; SET param_x is kept by the session.
  const settings = settingsToChange(lane, query.settings, defaults)
  const preamble = [
    ...[...settings].map(([name, value]) => `SET ${name} = ${quoted(value)}`),
    ...[...query.params].map(([name, value]) => `SET param_${name} = ${quoted(value)}`),
  ]
  for (const name of query.params.keys()) lane.params.add(name)
  // Unknown until all of it has run: the engine may refuse the value of a setting, or never have come to it.
  for (const name of settings.keys()) lane.settings.set(name, null)
  const result = await lane.session.queryAsync([...preamble, query.sql].join('; '), { format: query.format })
  for (const [name, value] of settings) lane.settings.set(name, value)
  return {
    bytes: result.bytes(),
    rowsRead: result.rowsRead,
    bytesRead: result.bytesRead,
    rowsWritten: 0,
    bytesWritten: 0,
    elapsedSeconds: result.elapsed,
  }
}

/** What takes the session from what it was last told to what this statement asks. */
function settingsToChange(
  lane: Lane,
  wanted: ReadonlyMap<string, string>,
  defaults: ReadonlyMap<string, string>,
): Map<string, string> {
  const changes = new Map<string, string>()
  for (const name of new Set([...lane.settings.keys(), ...wanted.keys()])) {
    const value = wanted.get(name) ?? defaults.get(name)!
    if (lane.settings.get(name) !== value) changes.set(name, value)
  }
  return changes
}

async function runInsert(lane: Lane, insert: EngineInsert): Promise<EngineResult> {
  const summary = await lane.session.insert({
    table: insert.table,
    ...(insert.columns.length > 0 && { columns: insert.columns }),
    format: insert.format,
    settings: Object.fromEntries(insert.settings),
    values: insert.data,
  })
  return {
    bytes: new Uint8Array(0),
    rowsRead: summary.rowsWritten,
    bytesRead: insert.data.length,
    rowsWritten: summary.rowsWritten,
    bytesWritten: summary.bytesWritten,
    elapsedSeconds: summary.elapsed,
  }
}
