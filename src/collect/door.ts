// The door: the one HTTP server of Onefold. It serves what SDKs call, collection and the documents SDKs start with, and
// hands everything else to the API. It must keep its event loop free: nothing here reads the log or a store.
import type { Socket } from 'node:net'
import cors, { type FastifyCorsOptions } from '@fastify/cors'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import type { RejectedFeed } from '../log/port.ts'
import { ERRORS, OnefoldError } from '../spec/errors.ts'
import { CALL_TYPES, type CallType, type CanonicalEvent } from '../spec/event.ts'
import { readBody } from './body.ts'
import type { Clock } from './clock.ts'
import { answerError, type CollectDeps, collect, identify } from './collect.ts'
import type { DoorCounters } from './counters.ts'
import { rudderSourceConfig, safeHost, segmentSettings } from './documents.ts'
import { forward, problem } from './forward.ts'
import type { GroupCommit } from './group-commit.ts'
import type { DoorLimits } from './intake.ts'
import { Rejections } from './rejections.ts'
import type { SourceDirectory } from './sources.ts'

export interface DoorDeps {
  commit: GroupCommit
  rejected: RejectedFeed
  clock: Clock
  sources: SourceDirectory
  limits: DoorLimits
  /** Addresses or CIDRs whose X-Forwarded-* headers are believed. */
  trustedProxies: readonly string[]
  /** Unix socket of the API; null where this process tree has none. */
  apiSocket: string | null
  counters: DoorCounters
  logger: FastifyBaseLogger
  isSuppressed?: (event: CanonicalEvent) => boolean
}

/** The limits that are no settings. */
export const DOOR_LIMITS = { batchEventsMax: 2500, depthMax: 64, messageIdLengthMax: 100 } as const

const REQUEST_MS_MAX = 120_000
const SWEEP_MS = 50
// Identifiers stand in the paths of the API; node:http bounds a request's head at 16 KB.
const PATH_PART_LENGTH_MAX = 16_384

const ALLOWED_HEADERS = [
  ...['Authorization', 'Content-Type', 'X-Retry-Count', 'AnonymousId', 'SentAt', 'Rsa-Recovered', 'Rsa-Retry-Attempt'],
  ...['Rsa-Since-Last-Attempt', 'Rsa-Since-First-Attempt', 'Rsa-Retry-Reason'],
]

/** The server, ready to listen. The caller has applied the log's decisions to `sources`. */
export async function buildDoor(deps: DoorDeps): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    loggerInstance: deps.logger,
    // A line per request would cost more than the request.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger,
    trustProxy: deps.trustedProxies.length === 0 ? false : [...deps.trustedProxies],
    requestTimeout: REQUEST_MS_MAX,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PATH_PART_LENGTH_MAX, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    frameworkErrors: (_error, _request, reply) => problemReply(reply, 'invalid_request'),
  })
  app.setErrorHandler((error, request, reply) => {
    request.log.error({ err: error }, 'request failed')
    return problemReply(reply, 'internal')
  })
  await app.register((scope) => sdkRoutes(scope, deps))
  await app.register(async (scope) => apiRoutes(scope, deps))
  closePromptly(app)
  return app
}

/**
 * Closing waits for requests, and must not wait for connections that carry none: those that fall idle only after it began,
 * and those that never said a word, which browsers open in advance and node:http takes for busy for a minute.
 */
function closePromptly(app: FastifyInstance): void {
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  app.addHook('preClose', async () => {
    const sweep = setInterval(() => {
      app.server.closeIdleConnections()
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    }, SWEEP_MS)
    app.server.once('close', () => clearInterval(sweep))
  })
}

async function sdkRoutes(scope: FastifyInstance, deps: DoorDeps): Promise<void> {
  const paths = new Set<string>()
  await scope.register(cors, { delegator: corsFor(paths) })
  scope.addHook('onRequest', (request, _reply, done) => {
    // Bodies are JSON whatever the Content-Type says, and what it says may be no media type at all, which is no reason
    // to lose an event: the framework would answer 415.
    if (request.raw.headers['content-type'] !== undefined) request.raw.headers['content-type'] = 'application/json'
    done()
  })
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, payload, done) => readBody(payload, deps.limits.requestBytesMax, done))
  scope.setErrorHandler(answerFailure)
  collectionRoutes(scope, deps, paths)
  documentRoutes(scope, deps, paths)
}

/** Failures that are not the sender's fault; the SDK keeps the events and comes again. */
function answerFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (!request.raw.complete) {
    // The sender went away in mid-sentence; nobody hears the answer.
    request.log.debug({ err: error }, 'a request broke off')
    return answerError(reply, 'invalid_body', ERRORS.invalid_body.message)
  }
  const known = error instanceof OnefoldError ? error : new OnefoldError('internal', { cause: error })
  request.log.error({ err: known, cause: known.cause }, 'a collection request failed')
  return answerError(reply, known.code, known.message)
}

function collectionRoutes(scope: FastifyInstance, deps: DoorDeps, paths: Set<string>): void {
  const context: CollectDeps = {
    ...deps,
    isSuppressed: deps.isSuppressed,
    rejections: new Rejections(deps.rejected),
  }
  const post = (path: string, type: CallType | null) => {
    paths.add(path)
    scope.post(path, (request, reply) => collect(context, type, request, reply))
  }
  for (const type of CALL_TYPES) {
    post(`/v1/${type}`, type)
    post(`/v1/${type[0]}`, type)
  }
  for (const path of ['/v1/b', '/v1/batch', '/v1/import']) post(path, null)
  // What SDKs say about themselves; a failure here makes them say it again.
  for (const path of ['/v1/m', '/rsaMetrics']) {
    paths.add(path)
    scope.post(path, (_request, reply) => reply.send({ success: true }))
  }
}

function documentRoutes(scope: FastifyInstance, deps: DoorDeps, paths: Set<string>): void {
  paths.add('/v1/projects/:writeKey/settings')
  scope.get('/v1/projects/:writeKey/settings', (request, reply) => {
    const { writeKey } = request.params as { writeKey: string }
    const source = deps.sources.byWriteKey(writeKey)
    // With 404 a browser says so in its console; anything it could start with would send events elsewhere.
    if (source === undefined || !source.enabled) return notFound(reply)
    return document(reply, segmentSettings(source, originOf(request)))
  })
  paths.add('/sourceConfig')
  scope.get('/sourceConfig', (request, reply) => {
    const { source } = identify(deps.sources, request, undefined)
    // A disabled source has its document: `enabled: false` stops the SDK.
    return source === null ? notFound(reply) : document(reply, rudderSourceConfig(source))
  })
  // A probe for ad blockers, without a key.
  scope.head('/sourceConfig', (_request, reply) => reply.code(200).send())
}

function document(reply: FastifyReply, body: object): FastifyReply {
  // Short: a page load fetches it again, and a source may be disabled or moved.
  return reply.header('cache-control', 'public, max-age=60').send(body)
}

function notFound(reply: FastifyReply): FastifyReply {
  return answerError(reply, 'not_found', 'No source has this write key.')
}

function originOf(request: FastifyRequest) {
  const { localAddress = '127.0.0.1', localPort = 80 } = request.socket
  return { host: safeHost(request.host, localAddress, localPort), secure: request.protocol === 'https' }
}

/**
 * Any origin may send events and read the answer, errors included: without these headers an SDK takes a 400 for a broken
 * network and retries. Only for SDK paths: the plugin would answer the preflight of every path of this port, and so let
 * any web page send an administrator's browser to the admin API.
 */
function corsFor(paths: ReadonlySet<string>) {
  return (request: FastifyRequest, callback: (error: Error | null, options?: FastifyCorsOptions) => void) => {
    const asked = request.headers['access-control-request-headers']
    callback(null, {
      origin: request.routeOptions.url !== '*' || isSdkPath(paths, request.url),
      credentials: true,
      methods: ['GET', 'HEAD', 'POST', 'OPTIONS'],
      // `*` would not cover Authorization (Fetch standard), and users add headers of their own.
      allowedHeaders: asked === undefined ? ALLOWED_HEADERS : [...ALLOWED_HEADERS, asked],
      exposedHeaders: ['Retry-After', 'X-RateLimit-Reset', 'Date'],
      maxAge: 7200,
      strictPreflight: false,
    })
  }
}

function isSdkPath(paths: ReadonlySet<string>, url: string): boolean {
  const path = (url.split('?', 1)[0] ?? '').replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
  return paths.has(path) || /^\/v1\/projects\/[^/]+\/settings$/.test(path)
}

function apiRoutes(scope: FastifyInstance, deps: DoorDeps): void {
  const { apiSocket, counters } = deps
  scope.addHook('onRequest', async (request, reply) => {
    // Before the body is touched: it streams through.
    if (apiSocket === null) return problemReply(reply, 'not_found')
    counters.forwarded += 1
    forward(request, reply, apiSocket)
    return reply
  })
  scope.route({
    // OPTIONS belongs to the SDK paths; the API's pages are of one origin with it.
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/*',
    handler: (_request, reply) => problemReply(reply, 'not_found'),
  })
}

function problemReply(reply: FastifyReply, code: Parameters<typeof problem>[0]): FastifyReply {
  return reply.code(ERRORS[code].status).header('content-type', 'application/problem+json').send(problem(code))
}
