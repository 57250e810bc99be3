// The API server: Fastify around the route table. Requests arrive over a Unix socket, forwarded by the door. It authenticates
// before it routes, validates, calls one handler, and turns whatever is thrown into a problem document; it decides nothing.
import { randomUUID } from 'node:crypto'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import { OnefoldError } from '../spec/errors.ts'
import { readBody } from './body.ts'
import type { ApiDeps } from './deps.ts'
import { asOnefoldError, PROBLEM_TYPE, problemOf } from './problem.ts'
import { asProfileError } from './profile-api/errors.ts'
import { foldReference } from './reference-url.ts'
import type { Access, Answer, Route } from './route.ts'
import { buildRoutes } from './routes.ts'
import { basicUsers, bearerToken } from './tokens.ts'

const BODY_BYTES_MAX = 1_048_576
const PARAM_LENGTH_MAX = 2048
const PROFILE_API_PREFIX = '/v1/spaces'

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
}

export async function buildApi(deps: ApiDeps): Promise<FastifyInstance> {
  const app: FastifyInstance = fastify({
    ...(deps.logger === undefined ? { logger: false } : { loggerInstance: deps.logger }),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    genReqId: () => randomUUID(),
    rewriteUrl: (request) => foldReference(request.url ?? '/'),
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX, ignoreTrailingSlash: true },
    // Addresses that cannot be decoded never reach a hook; they must not reveal more than others do.
    frameworkErrors: (error, request, reply) => {
      const refused = refusal('admin', request, deps)
      return sendError(refused ?? error, request, reply)
    },
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) => readBody(body))
  app.addHook('onRequest', async (request, reply) => {
    reply.header('request-id', request.id)
    reply.header('cache-control', 'no-store')
    const refused = refusal(accessOf(request), request, deps)
    if (refused !== null) throw refused
  })
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply))
  app.setNotFoundHandler((request, reply) => sendError(new OnefoldError('not_found'), request, reply))
  for (const route of buildRoutes(deps)) register(app, route)
  await app.ready()
  return app
}

function register(app: FastifyInstance, route: Route): void {
  app.route({
    method: route.method,
    url: route.path,
    config: { access: route.access },
    handler: async (request, reply) => {
      const { params, query, body, originalUrl: url } = request
      return send(reply, await route.run({ params, query, body, url }))
    },
  })
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.status)
  for (const [name, value] of Object.entries(answer.headers ?? {})) reply.header(name, value)
  if (answer.contentType !== undefined) return reply.type(answer.contentType).send(answer.body)
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(answer.body))
}

/**
 * The router decodes a path before it matches, so what was routed decides, never the raw text: `/%61pi/v1` is `/api/v1`.
 * What was routed nowhere is judged by its decoded path, so that strangers cannot tell which addresses exist.
 */
function accessOf(request: FastifyRequest): Access {
  const { access } = request.routeOptions.config
  if (access !== undefined) return access
  if (!request.is404) return 'admin'
  const path = decodedPath(request.url)
  if (path === '/api' || path.startsWith('/api/')) return 'admin'
  return path.startsWith(`${PROFILE_API_PREFIX}/`) ? 'profile' : 'open'
}

function decodedPath(url: string): string {
  const path = url.split('?')[0] ?? '/'
  try {
    return decodeURIComponent(path)
  } catch {
    return '/api'
  }
}

function refusal(access: Access, request: FastifyRequest, deps: ApiDeps): OnefoldError | null {
  const header = request.headers.authorization
  const { tokens } = deps
  if (access === 'open') return null
  if (access === 'profile') {
    const known = basicUsers(header).some((user) => tokens.isAdmin(user) || tokens.isProfile(user))
    return known
      ? null
      : new OnefoldError('unauthorized', { detail: 'Send a token as the user name of Basic authentication.' })
  }
  const token = bearerToken(header)
  if (token !== null && tokens.isAdmin(token)) return null
  if (token !== null && tokens.isProfile(token)) return new OnefoldError('forbidden')
  return new OnefoldError('unauthorized', { detail: 'Send `Authorization: Bearer <admin token>`.' })
}

function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = asOnefoldError(thrown)
  if (error.status >= 500) request.log.error({ err: thrown, url: request.url }, 'request failed')
  reply.code(error.status).header('request-id', request.id)
  if (decodedPath(request.url).startsWith(`${PROFILE_API_PREFIX}/`)) {
    const { status, body } = asProfileError(error)
    if (status === 401) reply.header('www-authenticate', 'Basic realm="onefold"')
    return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body))
  }
  if (error.code === 'unauthorized') reply.header('www-authenticate', 'Bearer')
  // Bytes, because to a string the framework adds a charset that this media type does not have.
  return reply.type(PROBLEM_TYPE).send(Buffer.from(JSON.stringify(problemOf(error))))
}
