// One verdict per event of a parsed request: records for the log and rejections for the feed. Pure but for the ids that
// stamp makes. It must never let a bad event change what becomes of its neighbours, nor let one request make more of
// itself in the log than a request may be.
import type { Rejection } from '../log/port.ts'
import { ERRORS, type ErrorCode, OnefoldError } from '../spec/errors.ts'
import { type CallType, type CanonicalEvent, isJsonObject, type JsonObject } from '../spec/event.ts'
import type { EventRecord } from '../spec/log-record.ts'
import type { Source } from '../spec/source.ts'
import { formatInstant, parseInstant } from './instant.ts'
import { excerpt, isDeeper, isLarger, jsonBytes } from './measure.ts'
import { type Fault, type StampContext, stamp } from './stamp.ts'

export interface DoorLimits {
  /** Largest event, in bytes of JSON. */
  eventBytesMax: number
  /** Largest request, in bytes after inflating. */
  requestBytesMax: number
  batchEventsMax: number
  /** Objects and arrays within each other. */
  depthMax: number
  messageIdLengthMax: number
}

export interface Request {
  source: Source
  /** The parsed body. */
  body: unknown
  /** Its length as text. */
  bytes: number
  /** The call that the path names; null for a batch. */
  type: CallType | null
  receivedAt: number
  ip: string | null
  userAgent: string | null
}

export interface Intake {
  records: EventRecord[]
  rejections: (Rejection & { code: ErrorCode })[]
}

type IsSuppressed = (event: CanonicalEvent) => boolean

/** Throws OnefoldError where the request as a whole is refused. */
export function takeIn(request: Request, limits: DoorLimits, isSuppressed: IsSuppressed | undefined): Intake {
  const { body, source, receivedAt } = request
  if (!isJsonObject(body)) throw new OnefoldError('invalid_body')
  const batch = request.type === null ? readBatch(body, request.bytes, limits) : null
  const sentMs = batch === null ? null : parseInstant(body['sentAt'])
  const at: StampContext = {
    sourceKind: source.kind,
    receivedAt,
    receivedAtText: formatInstant(receivedAt),
    type: request.type,
    sentAt: sentMs === null ? null : { ms: sentMs, text: formatInstant(sentMs) },
    context: batch?.context ?? null,
    integrations: batch?.integrations ?? null,
    ip: request.ip,
    userAgent: request.userAgent,
    messageIdLengthMax: limits.messageIdLengthMax,
  }
  const intake: Intake = { records: [], rejections: [] }
  const sized = request.bytes > limits.eventBytesMax
  const take = (raw: unknown, sharedBytes: number) => {
    const verdict = judge(raw, at, limits, sized || sharedBytes > 0 ? limits.eventBytesMax - sharedBytes : null)
    if ('rejected' in verdict) {
      intake.rejections.push(rejection(request, verdict, raw))
    } else if (isSuppressed?.(verdict.ok) === true) {
      // Nothing of a suppressed person is stored, so the feed says only that it happened.
      intake.rejections.push(rejection(request, { rejected: 'suppressed', pointer: '' }, undefined))
    } else {
      intake.records.push({ type: 'event', receivedAt, source: source.slug, event: verdict.ok })
    }
  }
  if (batch === null) {
    take(body, 0)
    return intake
  }
  for (const raw of batch.items.slice(0, limits.batchEventsMax)) take(raw, batch.sharedBytes)
  const excess = batch.items.length - limits.batchEventsMax
  if (excess > 0) {
    // One entry for all of them: a request must not be able to flush the feed.
    const detail = `${excess} events beyond the first ${limits.batchEventsMax} were refused.`
    const fault: Fault = { rejected: 'batch_too_long', pointer: `/batch/${limits.batchEventsMax}`, detail }
    intake.rejections.push(rejection(request, fault, undefined))
  }
  return intake
}

function judge(raw: unknown, at: StampContext, limits: DoorLimits, bytesMax: number | null) {
  if (isDeeper(raw, limits.depthMax)) return { rejected: 'event_too_deep', pointer: '' } satisfies Fault
  if (bytesMax !== null && isLarger(raw, bytesMax)) return { rejected: 'event_too_large', pointer: '' } satisfies Fault
  return stamp(raw, at)
}

interface Batch {
  items: unknown[]
  context: JsonObject | null
  integrations: JsonObject | null
  /** What context and integrations add to every event. */
  sharedBytes: number
}

function readBatch(body: JsonObject, bytes: number, limits: DoorLimits): Batch {
  const items = body['batch']
  if (!Array.isArray(items)) {
    throw new OnefoldError('invalid_body', { pointer: '/batch', detail: 'The body has no array named batch.' })
  }
  if (items.length === 0) throw new OnefoldError('empty_batch', { pointer: '/batch' })
  const context = sharedPart(body, 'context', limits)
  const integrations = sharedPart(body, 'integrations', limits)
  const sharedBytes =
    (context === null ? 0 : jsonBytes(context)) + (integrations === null ? 0 : jsonBytes(integrations))
  // Copied into every event, a large context would turn a small request into gigabytes of log.
  if (bytes + sharedBytes * Math.min(items.length, limits.batchEventsMax) > limits.requestBytesMax) {
    const detail = 'The batch is larger than the limit once its context and integrations are merged into every event.'
    throw new OnefoldError('request_too_large', { detail })
  }
  return { items, context, integrations, sharedBytes }
}

function sharedPart(body: JsonObject, field: 'context' | 'integrations', limits: DoorLimits): JsonObject | null {
  const value = body[field]
  if (!isJsonObject(value)) return null
  if (isDeeper(value, limits.depthMax)) throw new OnefoldError('event_too_deep', { pointer: `/${field}` })
  return value
}

function rejection(request: Request, fault: Fault, raw: unknown): Intake['rejections'][number] {
  const messageId = isJsonObject(raw) ? raw['messageId'] : undefined
  return {
    receivedAt: request.receivedAt,
    source: request.source.slug,
    code: fault.rejected,
    message: fault.detail ?? ERRORS[fault.rejected].message,
    ...(fault.pointer === '' ? {} : { pointer: fault.pointer }),
    ...(typeof messageId === 'string' ? { messageId: messageId.slice(0, 100).toWellFormed() } : {}),
    body: raw === undefined ? '' : excerpt(raw),
  }
}
