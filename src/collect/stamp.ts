// Makes a canonical event of what a source sent, or says why it cannot: one verdict per event, so that a bad event never
// fails its neighbours. Pure. Whatever is not a canonical field (writeKey, _metadata, channel, …) ends here, and nothing
// foreign is ever written to an object by a computed key: spreads keep `__proto__` plain data.
import { randomUUID } from 'node:crypto'
import type { ErrorCode } from '../spec/errors.ts'
import { CALL_TYPES, type CallType, type CanonicalEvent, isJsonObject, type JsonObject } from '../spec/event.ts'
import type { SourceKind } from '../spec/source.ts'
import { clampInstant, formatInstant, isCanonical, parseInstant } from './instant.ts'

/** What the request around an event says. */
export interface StampContext {
  sourceKind: SourceKind
  /** Milliseconds since 1970, and the same as text. */
  receivedAt: number
  receivedAtText: string
  /** The call, where the path gives it; it wins over the event's `type`. */
  type: CallType | null
  /** The batch's `sentAt`, `context` and `integrations`, where it has them. */
  sentAt: number | null
  context: JsonObject | null
  integrations: JsonObject | null
  /** Address and user agent of the connection. */
  ip: string | null
  userAgent: string | null
  messageIdLengthMax: number
}

export interface Fault {
  rejected: ErrorCode
  /** JSON pointer to the fault within the event. */
  pointer: string
  detail?: string
}
export type Stamped = { ok: CanonicalEvent } | Fault

const ID_LENGTH_MAX = 500
/** History keeps event names in a dictionary column, and segments name them. */
const EVENT_NAME_LENGTH_MAX = 300
const UNREADABLE_TIME_LENGTH_MAX = 100
const CALL_TYPE_SET: ReadonlySet<unknown> = new Set(CALL_TYPES)

/** The canonical event, stamped. `raw` must be of bounded depth and size; its parts are taken over, not copied. */
export function stamp(raw: unknown, at: StampContext): Stamped {
  if (!isJsonObject(raw)) return { rejected: 'invalid_event', pointer: '' }
  const type = at.type ?? raw['type']
  if (!isCallType(type)) return { rejected: 'invalid_type', pointer: '/type' }
  const ids = readIds(raw, type, at.messageIdLengthMax)
  if ('rejected' in ids) return ids
  const parts = readParts(raw, type, at)
  if ('rejected' in parts) return parts
  const event: CanonicalEvent = { type, ...readTimes(raw, at), ...ids, ...parts }
  const fault = type === 'track' ? readEventName(raw, event) : null
  if (fault !== null) return fault
  if (type === 'page' || type === 'screen') {
    const name = textOf(raw['name'])
    if (name !== null) event.name = name
    const category = textOf(raw['category'])
    if (category !== null) event.category = category
  }
  return { ok: event }
}

function isCallType(value: unknown): value is CallType {
  return CALL_TYPE_SET.has(value)
}

type Ids = Pick<CanonicalEvent, 'messageId' | 'userId' | 'anonymousId' | 'groupId' | 'previousId'>

function readIds(raw: JsonObject, type: CallType, messageIdLengthMax: number): Ids | Fault {
  const messageId = readMessageId(raw['messageId'])
  if (messageId.length > messageIdLengthMax) return { rejected: 'invalid_message_id', pointer: '/messageId' }
  const ids: Ids = { messageId }
  for (const field of ['userId', 'anonymousId'] as const) {
    const id = readId(raw[field], field)
    if (typeof id === 'string') ids[field] = id
    else if (id !== null) return id
  }
  if (ids.userId === undefined && ids.anonymousId === undefined) return { rejected: 'missing_identity', pointer: '' }
  if (type === 'group') {
    const id = readId(raw['groupId'], 'groupId')
    if (id === null) return { rejected: 'missing_group_id', pointer: '/groupId' }
    if (typeof id !== 'string') return id
    ids.groupId = id
  }
  if (type === 'alias') {
    const id = readId(raw['previousId'], 'previousId')
    // userId equal to previousId is legal: browsers send that after alias('new') of a known user.
    if (id === null) return { rejected: 'missing_previous_id', pointer: '/previousId' }
    if (ids.userId === undefined) return { rejected: 'missing_previous_id', pointer: '/userId' }
    if (typeof id !== 'string') return id
    ids.previousId = id
  }
  return ids
}

/** An id as text; null where there is none. SDKs send numbers, null and the empty string. */
function readId(value: unknown, field: string): string | null | Fault {
  if (value === undefined || value === null) return null
  const pointer = `/${field}`
  if (typeof value === 'number') {
    // Above 2^53 JSON.parse has already rounded, so two people would share an id.
    if (Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)) return String(value)
    return { rejected: 'invalid_event', pointer, detail: `${field} is a number beyond 2^53; send it as a string.` }
  }
  if (typeof value !== 'string') {
    return { rejected: 'invalid_event', pointer, detail: `${field} is neither a string nor a number.` }
  }
  const id = cleanId(value)
  if (id.length > ID_LENGTH_MAX) {
    return { rejected: 'invalid_event', pointer, detail: `${field} is longer than ${ID_LENGTH_MAX} characters.` }
  }
  return id === '' ? null : id
}

const SPACE = '[\\s\\u0085\\u180e\\u200b-\\u200d\\u2060]'
const EDGES = new RegExp(`^${SPACE}+|${SPACE}+$`, 'g')
// Printable ASCII without spaces needs no cleaning, and that is what nearly every id is.
const PLAIN = /^[\x21-\x7e]*$/

/**
 * Unicode spaces at the edges go, with the invisible ones that String.trim keeps; so do control characters and lone
 * surrogates, which stores and engines keep in different ways, so that one person would become two.
 */
function cleanId(text: string): string {
  if (PLAIN.test(text)) return text
  return text
    .toWellFormed()
    .replace(/[\u0000-\u0008\u000e-\u001f\u007f]/g, '')
    .replace(EDGES, '')
}

function readMessageId(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : value
  const id = typeof text === 'string' ? cleanId(text) : ''
  return id === '' ? randomUUID() : id
}

type Times = Pick<CanonicalEvent, 'timestamp' | 'originalTimestamp' | 'sentAt' | 'receivedAt'>

/**
 * Segment's correction of clock skew, timestamp = receivedAt - (sentAt - happened); without `sentAt` it changes nothing.
 * `timestamp` is what the caller said; RudderStack's SDKs add the time of the call as `originalTimestamp`, which must not
 * win over a date that an import gives. Never later than receivedAt, so that no event lies in log time's future.
 */
function readTimes(raw: JsonObject, at: StampContext): Times {
  const stated = raw['timestamp']
  const called = raw['originalTimestamp']
  const happened = parseInstant(stated) ?? parseInstant(called)
  const sent = parseInstant(raw['sentAt']) ?? at.sentAt
  const corrected = happened === null ? at.receivedAt : at.receivedAt - ((sent ?? at.receivedAt) - happened)
  return {
    timestamp: formatInstant(clampInstant(Math.min(corrected, at.receivedAt))),
    originalTimestamp: timeText(called) ?? timeText(stated) ?? at.receivedAtText,
    sentAt: sent === null ? at.receivedAtText : formatInstant(sent),
    receivedAt: at.receivedAtText,
  }
}

/** As RFC 3339, or as it came where it is no time; null where nothing came. */
function timeText(value: unknown): string | null {
  const instant = parseInstant(value)
  if (instant !== null) return typeof value === 'string' && isCanonical(value) ? value : formatInstant(instant)
  if (typeof value !== 'string' || value === '') return null
  return value.slice(0, UNREADABLE_TIME_LENGTH_MAX).toWellFormed()
}

type Parts = Pick<CanonicalEvent, 'context' | 'integrations'> & { properties?: JsonObject; traits?: JsonObject }

function readParts(raw: JsonObject, type: CallType, at: StampContext): Parts | Fault {
  const context = readObject(raw['context'])
  if (context === undefined) return notAnObject('context')
  const integrations = readObject(raw['integrations'])
  if (integrations === undefined) return notAnObject('integrations')
  const properties = readObject(raw['properties'])
  if (properties === undefined) return notAnObject('properties')
  const traits = readObject(raw['traits'])
  if (traits === undefined) return notAnObject('traits')
  const parts: Parts = { context: readContext(context, at), integrations: merge(at.integrations, integrations) ?? {} }
  if (properties !== null) parts.properties = properties
  // RudderStack's browser SDK puts an identify's traits into context.traits alone.
  const ofContext = type === 'identify' ? parts.context['traits'] : undefined
  const all = merge(isJsonObject(ofContext) ? ofContext : null, traits)
  if (all !== null) parts.traits = all
  return parts
}

/** null where there is none; undefined where something else than an object is. PHP prints an empty object as `[]`. */
function readObject(value: unknown): JsonObject | null | undefined {
  if (value === undefined || value === null) return null
  if (isJsonObject(value)) return value
  return Array.isArray(value) && value.length === 0 ? null : undefined
}

function notAnObject(field: string): Fault {
  return { rejected: 'invalid_event', pointer: `/${field}`, detail: `${field} is not an object.` }
}

function merge(below: JsonObject | null, above: JsonObject | null): JsonObject | null {
  if (below === null || above === null) return above ?? below
  return { ...below, ...above }
}

/**
 * The address and user agent of the connection are the person's only where the person's own device sent the event. A
 * given value is never overwritten, null included: that is how a page asks not to have its visitors' addresses kept.
 */
function readContext(own: JsonObject | null, at: StampContext): JsonObject {
  const context = merge(at.context, own) ?? {}
  if (at.sourceKind === 'server' && context['direct'] !== true) return context
  const fillsIp = context['ip'] === undefined && at.ip !== null
  const fillsUserAgent = context['userAgent'] === undefined && at.userAgent !== null
  if (!fillsIp && !fillsUserAgent) return context
  return {
    ...context,
    ...(fillsIp ? { ip: at.ip } : {}),
    ...(fillsUserAgent ? { userAgent: at.userAgent } : {}),
  }
}

function readEventName(raw: JsonObject, event: CanonicalEvent): Fault | null {
  const value = raw['event']
  if (value === undefined || value === null) return { rejected: 'missing_event_name', pointer: '/event' }
  const name = textOf(value)
  if (name === null) return { rejected: 'invalid_event', pointer: '/event', detail: 'event is not a string.' }
  if (name.trim() === '') return { rejected: 'missing_event_name', pointer: '/event' }
  if (name.length > EVENT_NAME_LENGTH_MAX) {
    const detail = `event is longer than ${EVENT_NAME_LENGTH_MAX} characters.`
    return { rejected: 'invalid_event', pointer: '/event', detail }
  }
  event.event = name
  return null
}

/** Text, well-formed; null of everything that is neither a string nor a number. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value.toWellFormed()
  return typeof value === 'number' ? String(value) : null
}
