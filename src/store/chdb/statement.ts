// What the shim lets through to the embedded engine, and the text forms of ClickHouse's HTTP protocol. The SQL is our own;
// this is the second fence: a fault in a printer must not become a way to the machine's files or to the network.

/** A failure in ClickHouse's words: `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`. */
export class EngineError extends Error {
  override name = 'EngineError'
  readonly code: number

  constructor(code: number, type: string, text: string, options: { cause?: unknown } = {}) {
    super(`Code: ${code}. DB::Exception: ${text} (${type})`, options)
    this.code = code
  }

  /** Keeps an EngineError; reads the code out of what chDB threw. */
  static from(cause: unknown): EngineError {
    if (cause instanceof EngineError) return cause
    const message = cause instanceof Error ? cause.message : String(cause)
    const code = /^Code: (\d+)\./.exec(message)?.[1]
    if (code === undefined) return new EngineError(1001, 'STD_EXCEPTION', message, { cause })
    const error = new EngineError(Number(code), 'ERROR', '', { cause })
    error.message = message
    return error
  }
}

const ALLOWED = new Set(
  'select with insert create alter drop show describe desc exists explain optimize truncate'.split(' '),
)

// Functions that read or write outside the data folder. The engine's only user has every right and cannot take one away
// from itself, and `readonly` would refuse our own tables.
const OUTSIDE =
  /\b(file|filecluster|url|urlcluster|s3|s3cluster|s3queue|gcs|oss|cosn|azureblobstorage\w*|hdfs\w*|remote|remotesecure|cluster|clusterallreplicas|executable|executablepool|python|mysql|postgresql|sqlite|mongodb|redis|odbc|jdbc|hive|iceberg\w*|deltalake\w*|hudi\w*|paimon\w*|ytsaurus|arrowflight|dictionary|kafka|nats|rabbitmq|input)\s*\(/i
const OUTSIDE_CLAUSE = /\b(into\s+outfile|from\s+infile|engine\s*=?\s*(?!\w*mergetree\b|memory\b|null\b)\w+)/i

/** Throws EngineError for more than one statement, for statements of other kinds, and for ways out of the data folder. */
export function checkStatement(sql: string): void {
  const bare = sql.replace(/'(?:[^'\\]|\\[\s\S]|'')*'|`(?:[^`\\]|\\[\s\S])*`|"(?:[^"\\]|\\[\s\S])*"/g, "''")
  const verb = /^\s*\(?\s*([a-z]+)/i.exec(bare)?.[1]?.toLowerCase()
  if (verb === undefined || !ALLOWED.has(verb)) refuse(`statements that begin with ${verb ?? 'no word'}`)
  if (/;\s*\S/.test(bare)) refuse('several statements in one')
  if (/--|\/\*|#/.test(bare)) refuse('comments')
  const outside = OUTSIDE.exec(bare)?.[0] ?? OUTSIDE_CLAUSE.exec(bare)?.[0]
  if (outside !== undefined) refuse(`${outside.trim()}, which reaches outside the data folder`)
}

/** Settings that would lock a session or widen what it may do. */
const SETTINGS_REFUSED = /^(readonly|allow_ddl|allow_introspection_functions|allow_python_table_function|profile)$/

export function checkSetting(name: string): void {
  if (!/^[a-z][a-z0-9_]*$/.test(name) || SETTINGS_REFUSED.test(name)) refuse(`the setting ${JSON.stringify(name)}`)
}

export function checkParameter(name: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) refuse(`the parameter ${JSON.stringify(name)}`)
}

function refuse(what: string): never {
  throw new EngineError(497, 'ACCESS_DENIED', `The embedded engine does not take ${what}`)
}

/** A SQL string literal. NUL is written as an escape, because the text passes through C strings. */
export function quoted(text: string): string {
  const escaped = text.replace(/\\/g, '\\\\').replace(/'/g, "\\'").replace(/\0/g, '\\0')
  return `'${escaped}'`
}

export interface InsertStatement {
  table: string
  columns: string[]
  format: 'JSONEachRow' | 'JSONCompactEachRow'
}

/** Reads `INSERT INTO t (a, b) FORMAT JSONEachRow`; null for an insert of another form. */
export function parseInsert(sql: string): InsertStatement | null {
  const match =
    /^\s*INSERT\s+INTO\s+(?:TABLE\s+)?([\w.`"]+)\s*(?:\(([^()]*)\))?\s*FORMAT\s+(JSONEachRow|JSONCompactEachRow)\s*;?\s*$/i.exec(
      sql,
    )
  if (match === null) return null
  const bare = (name: string) => name.trim().replace(/^[`"]|[`"]$/g, '')
  return {
    table: match[1]!.split('.').map(bare).join('.'),
    columns: (match[2] ?? '')
      .split(',')
      .map(bare)
      .filter((name) => name !== ''),
    format: match[3]!.toLowerCase() === 'jsoneachrow' ? 'JSONEachRow' : 'JSONCompactEachRow',
  }
}
