// The shim: speaks as much of ClickHouse's HTTP protocol as `@clickhouse/client` uses, so that the application knows only
// that client and a URL, and a ClickHouse server is a change of URL. One statement a request; parameters, settings and
// compression as the protocol has them; failures as ClickHouse words them, so the client raises its typed error. It must
// never listen on anything but the loopback address nor run a statement without the right password.
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Engine, EngineResult } from './engine.ts'
import { checkParameter, checkSetting, checkStatement, EngineError, parseInsert } from './statement.ts'

export interface ShimOptions {
  engine: Engine
  user: string
  password: string
  /** 0 takes a free port. */
  port: number
}

export interface Shim {
  port: number
  close(): Promise<void>
}

const BODY_BYTES_MAX = 256 * 1024 ** 2
/** Long lists of sets travel as parameters in the address; Node's 16 KiB would refuse them. */
const HEADER_BYTES_MAX = 1024 ** 2
const VERSION = '26.7'

/** Parameters of the protocol that are no settings of the engine. */
const PROTOCOL_PARAMETERS = new Set([
  'query',
  'query_id',
  'database',
  'default_format',
  'session_id',
  'session_timeout',
  'session_check',
  'role',
  'user',
  'password',
  'compress',
  'decompress',
  'wait_end_of_query',
  'buffer_size',
  'enable_http_compression',
  'http_zlib_compression_level',
  'send_progress_in_http_headers',
  'http_headers_progress_interval_ms',
  'http_response_buffer_size',
])

interface ShimRequest {
  sql: string
  /** Rows of an insert; null when the body was the statement. */
  data: Buffer | null
  format: string
  settings: Map<string, string>
  params: Map<string, string>
  queryId: string
  gzip: boolean
}

/** Resolves once it listens on 127.0.0.1. */
export async function startShim(options: ShimOptions): Promise<Shim> {
  const expected = digest(`${options.user}:${options.password}`)
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, keepAliveTimeout: 30_000 }, (request, response) => {
    answer(options.engine, expected, request, response).catch((cause: unknown) =>
      fail(response, EngineError.from(cause)),
    )
  })
  // A block is sent at once or not at all; a client that stalls must not hold its buffer for ever.
  server.requestTimeout = 120_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  return { port: portOf(server), close: () => closeServer(server) }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the shim does not listen on TCP')
  return address.port
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}

async function answer(engine: Engine, expected: Buffer, request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (url.pathname === '/ping') {
    request.resume()
    response.writeHead(200, { 'content-type': 'text/plain' }).end('Ok.\n')
    return
  }
  if (!isAuthorized(request, expected)) {
    request.resume()
    throw new EngineError(516, 'AUTHENTICATION_FAILED', 'Authentication failed: the user or the password is wrong')
  }
  if (url.pathname !== '/') throw new EngineError(404, 'NOT_FOUND', 'There is no handle for this address')
  const shimRequest = await readRequest(request, url)
  checkStatement(shimRequest.sql)
  send(response, shimRequest, await run(engine, shimRequest))
}

/** Digests have one length, and comparing them takes one time, whatever came. */
function isAuthorized(request: IncomingMessage, expected: Buffer): boolean {
  const match = /^Basic ([A-Za-z0-9+/=]+)$/.exec(request.headers.authorization ?? '')
  const given = match === null ? '' : Buffer.from(match[1]!, 'base64').toString('utf8')
  return timingSafeEqual(digest(given), expected)
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

async function readRequest(request: IncomingMessage, url: URL): Promise<ShimRequest> {
  const body = await readBody(request)
  const parameters = [...url.searchParams]
  const contentType = request.headers['content-type'] ?? ''
  const isForm = contentType.startsWith('multipart/form-data')
  if (isForm) {
    // The client moves long parameters, and the statement with them, into a form.
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
    for (const [name, value] of form) if (typeof value === 'string') parameters.push([name, value])
  }
  const query = parameters.find(([name]) => name === 'query')?.[1]
  const value = (name: string) => parameters.find((parameter) => parameter[0] === name)?.[1]
  const { settings, params } = sortParameters(parameters)
  return {
    sql: query ?? body.toString('utf8'),
    data: query === undefined || isForm ? null : body,
    format: value('default_format') ?? 'TabSeparated',
    settings,
    params,
    queryId: value('query_id') ?? '',
    gzip: value('enable_http_compression') === '1' && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')),
  }
}

function sortParameters(parameters: [string, string][]): {
  settings: Map<string, string>
  params: Map<string, string>
} {
  const settings = new Map<string, string>()
  const params = new Map<string, string>()
  for (const [name, value] of parameters) {
    if (name.startsWith('param_')) {
      const bare = name.slice('param_'.length)
      checkParameter(bare)
      params.set(bare, value)
    } else if (!PROTOCOL_PARAMETERS.has(name)) {
      checkSetting(name)
      settings.set(name, value)
    } else if (name === 'database' && value !== 'default' && value !== '') {
      throw new EngineError(81, 'UNKNOWN_DATABASE', 'The embedded engine has the database `default` alone')
    }
  }
  return { settings, params }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) throw new EngineError(307, 'TOO_MANY_BYTES', `The body exceeds ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks)
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding === 'identity') return body
  if (encoding !== 'gzip') throw new EngineError(48, 'NOT_IMPLEMENTED', 'Bodies may be plain or gzip')
  try {
    return await promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)(body, {
      maxOutputLength: BODY_BYTES_MAX,
    })
  } catch (cause) {
    throw new EngineError(354, 'ZLIB_INFLATE_FAILED', 'The body cannot be inflated', { cause })
  }
}

async function run(engine: Engine, request: ShimRequest): Promise<EngineResult> {
  const { sql, data, format, settings, params } = request
  if (data === null || data.length === 0) return engine.query({ sql, format, settings, params })
  const insert = parseInsert(sql)
  if (insert === null)
    throw new EngineError(48, 'NOT_IMPLEMENTED', 'Rows may be sent as JSONEachRow or JSONCompactEachRow')
  return engine.insert({ ...insert, settings, data })
}

function send(response: ServerResponse, request: ShimRequest, result: EngineResult): void {
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8')
  response.setHeader('X-ClickHouse-Server-Display-Name', 'onefold')
  if (request.queryId !== '') response.setHeader('X-ClickHouse-Query-Id', encodeURIComponent(request.queryId))
  response.setHeader(
    'X-ClickHouse-Summary',
    JSON.stringify({
      read_rows: String(result.rowsRead),
      read_bytes: String(result.bytesRead),
      written_rows: String(result.rowsWritten),
      written_bytes: String(result.bytesWritten),
      total_rows_to_read: '0',
      result_rows: '0',
      result_bytes: String(result.bytes.length),
      elapsed_ns: String(Math.round(result.elapsedSeconds * 1e9)),
    }),
  )
  if (!request.gzip) {
    response.setHeader('Content-Length', result.bytes.length)
    response.end(result.bytes)
    return
  }
  gzip(result.bytes, { level: 1 }, (cause, compressed) => {
    if (cause !== null) return fail(response, EngineError.from(cause))
    response.setHeader('Content-Encoding', 'gzip')
    response.end(compressed)
  })
}

/** ClickHouse's own choice of status for the codes that matter; every other failure of a statement is 500. */
const STATUS = new Map([
  [516, 401],
  [497, 403],
  [60, 404],
  [81, 404],
  [404, 404],
  [62, 400],
  [115, 400],
  [117, 400],
  [26, 400],
  [27, 400],
  [456, 400],
  [307, 413],
  [48, 501],
  [202, 503],
  [210, 503],
])

function fail(response: ServerResponse, error: EngineError): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(STATUS.get(error.code) ?? 500, {
    'content-type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Exception-Code': String(error.code),
    // The rest of a body that was refused halfway is never read: the connection cannot be used again.
    connection: 'close',
  })
  response.end(`${error.message} (version ${VERSION})\n`)
}
