// One collection request, from bytes to answer: inflate, parse, key, verdicts, commit, answer. It must never answer 200
// before the log and the rejected feed have both been synced, and never lets a request fail because one of its events is bad.
import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ERRORS, type ErrorCode, OnefoldError } from '../spec/errors.ts'
import { type CallType, type CanonicalEvent, isJsonObject } from '../spec/event.ts'
import { type Authenticated, authenticate } from './authenticate.ts'
import { type Body, inflate, isEncoded } from './body.ts'
import type { Clock } from './clock.ts'
import { countRejected, type DoorCounters } from './counters.ts'
import type { GroupCommit } from './group-commit.ts'
import { type DoorLimits, type Intake, takeIn } from './intake.ts'
import { excerpt, excerptText } from './measure.ts'
import type { Rejections } from './rejections.ts'
import type { SourceDirectory } from './sources.ts'

export interface CollectDeps {
  commit: GroupCommit
  rejections: Rejections
  clock: Clock
  sources: SourceDirectory
  limits: DoorLimits
  counters: DoorCounters
  /** Whether the pipeline has told the door that this person is suppressed. */
  isSuppressed: ((event: CanonicalEvent) => boolean) | undefined
}

const JSON_TYPE = 'application/json; charset=utf-8'
const SUCCESS = '{"success":true}'
// A header may be as long as 16 KB, and it is copied into every event of a batch.
const USER_AGENT_LENGTH_MAX = 512

/** Answers the request; `type` is the call that the path names, null for a batch. Throws only what is no fault of the client. */
export async function collect(
  deps: CollectDeps,
  type: CallType | null,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  deps.counters.requests += 1
  const body = request.body as Body | undefined
  let bytes: Buffer | null = null
  let parsed: unknown
  try {
    bytes = await readBytes(body, request.headers['content-encoding'], deps.limits.requestBytesMax)
    parsed = parseJson(bytes)
  } catch (error) {
    if (!(error instanceof OnefoldError)) throw error
    // Without a readable body the key can only be in the header or the query.
    const { source } = identify(deps.sources, request, undefined)
    return refuse(deps, reply, error, source?.slug ?? null, () => beginning(bytes ?? body?.bytes))
  }
  const who = identify(deps.sources, request, isJsonObject(parsed) ? parsed['writeKey'] : undefined)
  if (who.code !== null) return refuseSender(deps, reply, who, parsed)
  let intake: Intake
  try {
    // Stamped and queued without a pause in between: log order must be the order of stamps.
    intake = takeIn(
      {
        source: who.source,
        body: parsed,
        bytes: bytes.length,
        type,
        receivedAt: deps.clock.now(),
        ip: ipOf(request),
        userAgent: request.headers['user-agent']?.slice(0, USER_AGENT_LENGTH_MAX) ?? null,
      },
      deps.limits,
      deps.isSuppressed,
    )
  } catch (error) {
    if (!(error instanceof OnefoldError)) throw error
    return refuse(deps, reply, error, who.source.slug, () => excerpt(parsed))
  }
  await store(deps, intake, bytes.length)
  const only = intake.rejections[0]
  if (type === null || only === undefined) return reply.header('content-type', JSON_TYPE).send(SUCCESS)
  return answerError(reply, only.code, only.message, only.pointer)
}

/** `{"success":false,"code","message"}`: python's SDK retries an error without code and message ten times. */
export function answerError(reply: FastifyReply, code: ErrorCode, message: string, pointer?: string): FastifyReply {
  const body = { success: false, code, message, ...(pointer === undefined ? {} : { pointer }) }
  return reply.code(ERRORS[code].status).header('content-type', JSON_TYPE).send(JSON.stringify(body))
}

/** The source by every way a request may show its key. */
export function identify(sources: SourceDirectory, request: FastifyRequest, bodyKey: unknown): Authenticated {
  const query = request.query as { writeKey?: unknown }
  return authenticate(sources, { authorization: request.headers.authorization, body: bodyKey, query: query.writeKey })
}

async function readBytes(body: Body | undefined, encoding: string | undefined, bytesMax: number): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0)
  if (!body.whole) throw new OnefoldError('request_too_large')
  return isEncoded(encoding) ? await inflate(body.bytes, encoding, bytesMax) : body.bytes
}

function parseJson(bytes: Buffer): unknown {
  const text = bytes.toString('utf8')
  try {
    // A byte order mark is legal UTF-8 and no legal JSON; some Windows clients send one.
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
  } catch (cause) {
    throw new OnefoldError('invalid_json', { cause })
  }
}

/** For the feed; where the body could not be inflated, these are the bytes as they came. */
function beginning(bytes: Buffer | undefined): string {
  return bytes === undefined ? '' : excerptText(bytes.toString('utf8', 0, 16_384))
}

function ipOf(request: FastifyRequest): string | null {
  const ip = request.ip
  // Behind a trusted proxy the header may say anything; an IPv4 address may come in IPv6's clothes.
  const plain = ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip
  return isIP(plain) === 0 ? null : plain
}

async function store(deps: CollectDeps, intake: Intake, bytes: number): Promise<void> {
  const { records, rejections } = intake
  if (rejections.length === 0) {
    await deps.commit.append(records, bytes)
  } else {
    const logged = records.length === 0 ? null : deps.commit.append(records, bytes)
    // allSettled: the one that fails must not leave the other's failure unhandled.
    for (const outcome of await Promise.allSettled([logged, deps.rejections.file(rejections)])) {
      if (outcome.status === 'rejected') throw outcome.reason
    }
  }
  deps.counters.accepted += records.length
  for (const rejection of rejections) countRejected(deps.counters, rejection.code)
}

async function refuse(
  deps: CollectDeps,
  reply: FastifyReply,
  error: OnefoldError,
  source: string | null,
  excerptOf: () => string,
): Promise<FastifyReply> {
  const { code, message, pointer } = error
  countRejected(deps.counters, code)
  // Noise of strangers is counted, not kept.
  if (source !== null) {
    const place = pointer === undefined ? {} : { pointer }
    await deps.rejections.file([{ receivedAt: deps.clock.now(), source, code, message, ...place, body: excerptOf() }])
  }
  return answerError(reply, code, message, pointer)
}

async function refuseSender(
  deps: CollectDeps,
  reply: FastifyReply,
  who: Exclude<Authenticated, { code: null }>,
  parsed: unknown,
): Promise<FastifyReply> {
  const error = new OnefoldError(who.code)
  if (who.source !== null) return refuse(deps, reply, error, who.source.slug, () => excerpt(parsed))
  countRejected(deps.counters, who.code)
  // A mistyped key is the commonest mistake there is, so the feed says that one was shown, and how it begins.
  const shown =
    who.unknownKey === null ? '' : ` It begins with ${JSON.stringify(who.unknownKey.slice(0, 4).toWellFormed())}.`
  await deps.rejections.fileStranger({
    receivedAt: deps.clock.now(),
    code: who.code,
    message: error.message + shown,
  })
  return answerError(reply, who.code, error.message)
}
