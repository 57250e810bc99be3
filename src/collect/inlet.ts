// Both ends of the inlet: how decisions and ticks of other processes reach the log that the door alone writes. HTTP over
// a Unix socket that only this user can open, which is all its protection: it must never listen on a network address.
import { chmod, rm } from 'node:fs/promises'
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { Inlet } from '../log/inlet.ts'
import { type Decision, decisionSchema } from '../spec/decision.ts'
import { ERRORS, type ErrorCode, OnefoldError } from '../spec/errors.ts'
import type { LogRecord } from '../spec/log-record.ts'
import { readBody } from './body.ts'
import type { Clock } from './clock.ts'
import type { GroupCommit } from './group-commit.ts'

/** A quarantine may name ten thousand identifiers. */
const BODY_BYTES_MAX = 16 * 1024 * 1024

const decideSchema = z.strictObject({ decisions: z.array(decisionSchema).min(1).max(1000) })
const errorSchema = z.object({ code: z.string(), message: z.string(), pointer: z.string().optional() })
const offsetsSchema = z.object({ offsets: z.array(z.int()) })

export interface InletDeps {
  socketPath: string
  commit: GroupCommit
  clock: Clock
  /** What the door keeps of decisions; told once they are on disk. */
  directories: readonly { apply(decision: Decision): void }[]
  logger: Pick<Logger, 'error'>
}

export interface InletServer {
  close(): Promise<void>
}

/** Listens until closed. Throws where another process answers on the socket, or its path is too long for one. */
export async function serveInlet(deps: InletDeps): Promise<InletServer> {
  const server = createServer((request, response) => {
    answer(deps, request, response).catch((error: unknown) => deps.logger.error({ err: error }, 'inlet request failed'))
  })
  await removeStale(deps.socketPath)
  await listen(server, deps.socketPath)
  await chmod(deps.socketPath, 0o600)
  return {
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)))
        server.closeIdleConnections()
      }),
  }
}

/** The client's end, for the API and the pipeline. */
export function connectInlet(socketPath: string): Inlet {
  return {
    async decide(decisions) {
      const { offsets } = offsetsSchema.parse(await call(socketPath, '/decide', { decisions }))
      return offsets
    },
    async tick() {
      await call(socketPath, '/tick', {})
    },
  }
}

async function answer(deps: InletDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const body = await readWhole(request)
    if (request.method !== 'POST') throw new OnefoldError('not_found')
    if (request.url === '/decide') return send(response, 200, { offsets: await decide(deps, body) })
    if (request.url === '/tick') {
      await deps.commit.append([{ type: 'tick', receivedAt: deps.clock.now() }], 0)
      return send(response, 200, {})
    }
    throw new OnefoldError('not_found')
  } catch (cause) {
    const error = cause instanceof OnefoldError ? cause : new OnefoldError('internal', { cause })
    if (error.status >= 500) deps.logger.error({ err: error, cause: error.cause }, 'the inlet could not log')
    const pointer = error.pointer === undefined ? {} : { pointer: error.pointer }
    send(response, error.status, { code: error.code, message: error.message, ...pointer })
  }
}

async function decide(deps: InletDeps, body: string): Promise<number[]> {
  const decisions = readDecisions(body)
  const receivedAt = deps.clock.now()
  const records: LogRecord[] = decisions.map((decision) => ({ type: 'decision', receivedAt, decision }))
  const first = await deps.commit.append(records, body.length)
  // Only now: a source that a crash takes back must not have let anybody in.
  for (const decision of decisions) for (const directory of deps.directories) directory.apply(decision)
  return decisions.map((_decision, index) => first + index)
}

function readDecisions(body: string): Decision[] {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch (cause) {
    throw new OnefoldError('invalid_json', { cause })
  }
  const read = decideSchema.safeParse(json)
  if (read.success) return read.data.decisions
  const issue = read.error.issues[0]
  const pointer = (issue?.path ?? []).map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
  throw new OnefoldError('invalid_request', { detail: issue?.message ?? 'not a decision', pointer: pointer.join('') })
}

function readWhole(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    readBody(request, BODY_BYTES_MAX, (error, body) => {
      if (error !== null || body === undefined) reject(error ?? new Error('no body'))
      else if (!body.whole) reject(new OnefoldError('request_too_large'))
      else resolve(body.bytes.toString('utf8'))
    })
  })
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

async function call(socketPath: string, path: string, body: object): Promise<unknown> {
  const { status, body: answered } = await post(socketPath, path, JSON.stringify(body)).catch((cause: unknown) => {
    throw new OnefoldError('storage_unavailable', { detail: 'The door does not answer now; try again.', cause })
  })
  const json: unknown = JSON.parse(answered)
  if (status === 200) return json
  const { code, message, pointer } = errorSchema.parse(json)
  throw new OnefoldError(isErrorCode(code) ? code : 'internal', {
    detail: message,
    ...(pointer === undefined ? {} : { pointer }),
  })
}

function post(socketPath: string, path: string, body: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    // A connection per call: a decision must not be lost, or logged twice, to a kept connection that is just closing.
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const request = httpRequest({ socketPath, path, method: 'POST', agent: false, headers })
    request.on('error', reject)
    request.on('response', (response) => {
      text(response).then((answered) => resolve({ status: response.statusCode ?? 0, body: answered }), reject)
    })
    request.end(body)
  })
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

/** A crash leaves the file behind; a living door answers on it, and must not be robbed of it. */
async function removeStale(socketPath: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(socketPath)
    probe.on('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
  })
  if (alive) throw new Error(`another process already serves ${socketPath}`)
  await rm(socketPath, { force: true })
}

function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
