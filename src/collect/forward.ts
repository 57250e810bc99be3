// Hands what is no collection request to the API over its Unix socket, streaming both ways. Plain node:http, because
// @fastify/reply-from asks again up to ten times where the answer is 503 (such as /readyz), and refuses paths that hold
// `../`, which an identifier may. It must never add a way in: what the proxy headers say is what the door itself saw.
import {
  Agent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { pipeline } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ERRORS, type ErrorCode } from '../spec/errors.ts'

// RFC 9110, 7.6.1, and Expect, which the door's own server has answered.
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect'],
  ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded'],
])

// Kept alive but never reused: reusing a connection races with its closing by the other side, and a Unix socket costs
// little; told to close, the API would cut off a request that it has answered early, and the answer with it.
const agent = new Agent({ keepAlive: true, maxFreeSockets: 0 })

/** Answers the request with the API's answer; 503 as a problem document while the socket is away. */
export function forward(request: FastifyRequest, reply: FastifyReply, socketPath: string): void {
  reply.hijack()
  const upstream = httpRequest({
    socketPath,
    agent,
    method: request.method,
    path: request.raw.url ?? '/',
    headers: forwardedHeaders(request),
  })
  upstream.on('response', (answer) => {
    reply.raw.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders, answer.headers))
    // Headers alone may be all for long (server-sent events), so they do not wait for the first byte.
    reply.raw.flushHeaders()
    pipeline(answer, reply.raw, () => upstream.destroy())
  })
  upstream.on('error', (error) => {
    // Without a stack: it says nothing more, and a starting tree is asked often.
    const { code } = error as NodeJS.ErrnoException
    request.log.warn({ code, url: request.url }, 'the API did not answer')
    unavailable(reply.raw)
  })
  reply.raw.on('close', () => upstream.destroy())
  request.raw.on('error', () => upstream.destroy())
  upstream.on('close', () => {
    // What nobody reads any more must still be read, or the client never gets to its next request.
    request.raw.unpipe(upstream)
    request.raw.resume()
  })
  // Not pipeline, which destroys the request, and with it the answer, where the API answers early.
  request.raw.pipe(upstream)
}

/** An RFC 9457 problem document, as the API writes them. */
export function problem(code: ErrorCode): string {
  const { status, message } = ERRORS[code]
  return JSON.stringify({
    type: `urn:onefold:error:${code}`,
    title: message,
    status,
    code,
    retryable: ERRORS[code].retryable,
  })
}

function unavailable(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '1' })
  response.end(problem('api_unavailable'))
}

function forwardedHeaders(request: FastifyRequest): IncomingHttpHeaders {
  const incoming = request.raw.headers
  const dropped = namedByConnection(incoming)
  const headers = Object.fromEntries(
    Object.entries(incoming).filter(([name]) => !HOP_BY_HOP.has(name) && !dropped.has(name)),
  )
  // Said explicitly, because node:http would send a DELETE's body without any framing otherwise.
  if (incoming['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked'
  headers['x-forwarded-for'] = request.ip
  headers['x-forwarded-host'] = request.host
  headers['x-forwarded-proto'] = request.protocol
  return headers
}

/** Flat name, value pairs, as they came: a list keeps several Set-Cookie apart. */
function endToEnd(rawHeaders: readonly string[], headers: IncomingHttpHeaders): string[] {
  const dropped = namedByConnection(headers)
  const kept: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const lower = name.toLowerCase()
    if (!HOP_BY_HOP.has(lower) && !dropped.has(lower)) kept.push(name, rawHeaders[index + 1] ?? '')
  }
  return kept
}

function namedByConnection(headers: IncomingMessage['headers']): ReadonlySet<string> {
  const names = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  return new Set(names.filter((name) => name !== ''))
}
