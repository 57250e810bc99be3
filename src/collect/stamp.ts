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
  sentAt: Time | null
  context: JsonObject | null
  integrations: JsonObject | null
  /** Address and user agent of the connection. */
  ip: string | null
  userAgent: string | null
  messageIdLengthMax: number
}

/** An instant in milliseconds, and as text. */
export interface Time {
  ms: number
  text: string
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
  // One literal with every required field, filled in place: this runs for every event there is, and objects that grow by
  // spreads took a third of its time.
  const event: CanonicalEvent = {
    type,
    messageId: readMessageId(raw['messageId']),
    timestamp: at.receivedAtText,
    originalTimestamp: at.receivedAtText,
    sentAt: at.receivedAtText,
    receivedAt: at.receivedAtText,
    context: NONE,
    integrations: NONE,
  }
  if (event.messageId.length > at.messageIdLengthMax) return { rejected: 'invalid_message_id', pointer: '/messageId' }
  const fault = setIds(event, raw) ?? setNames(event, raw) ?? setParts(event, raw, at)
  if (fault !== null) return fault
  setTimes(event, raw, at)
  return { ok: event }
}

const NONE: JsonObject = {}

function isCallType(value: unknown): value is CallType {
  return CALL_TYPE_SET.has(value)
}

function setIds(event: CanonicalEvent, raw: JsonObject): Fault | null {
  const userId = readId(raw['userId'], 'userId')
  if (typeof userId === 'string') event.userId = userId
  else if (userId !== null) return userId
  const anonymousId = readId(raw['anonymousId'], 'anonymousId')
  if (typeof anonymousId === 'string') event.anonymousId = anonymousId
  else if (anonymousId !== null) return anonymousId
  if (userId === null && anonymousId === null) return { rejected: 'missing_identity', pointer: '' }
  if (event.type === 'group') {
    const groupId = readId(raw['groupId'], 'groupId')
    if (groupId === null) return { rejected: 'missing_group_id', pointer: '/groupId' }
    if (typeof groupId !== 'string') return groupId
    event.groupId = groupId
  }
  if (event.type === 'alias') {
    const previousId = readId(raw['previousId'], 'previousId')
    // userId equal to previousId is legal: browsers send that after alias('new') of a known user.
    if (previousId === null) return { rejected: 'missing_previous_id', pointer: '/previousId' }
    if (userId === null) return { rejected: 'missing_previous_id', pointer: '/userId' }
    if (typeof previousId !== 'string') return previousId
    event.previousId = previousId
  }
  return null
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

/**
 * Segment's correction of clock skew, timestamp = receivedAt - (sentAt - happened); without `sentAt` it changes nothing.
 * `timestamp` is what the caller said; RudderStack's SDKs add the time of the call as `originalTimestamp`, which must not
 * win over a date that an import gives. Never later than receivedAt, so that no event lies in log time's future.
 */
function setTimes(event: CanonicalEvent, raw: JsonObject, at: StampContext): void {
  const stated = readTime(raw['timestamp'])
  const called = readTime(raw['originalTimestamp'])
  const happened = stated?.ms ?? called?.ms
  const sentMs = parseInstant(raw['sentAt'])
  const sent = sentMs === null ? at.sentAt : { ms: sentMs, text: formatInstant(sentMs) }
  const corrected = happened == null ? at.receivedAt : at.receivedAt - ((sent?.ms ?? at.receivedAt) - happened)
  event.timestamp = formatInstant(clampInstant(Math.min(corrected, at.receivedAt)))
  event.originalTimestamp = (called ?? stated)?.text ?? at.receivedAtText
  event.sentAt = sent?.text ?? at.receivedAtText
}

/** As RFC 3339, or, with no instant, as it came where it is no time; null where nothing came. */
function readTime(value: unknown): { ms: number | null; text: string } | null {
  if (value === undefined || value === null) return null
  const ms = parseInstant(value)
  if (ms !== null) return { ms, text: typeof value === 'string' && isCanonical(value) ? value : formatInstant(ms) }
  if (typeof value !== 'string' || value === '') return null
  return { ms, text: value.slice(0, UNREADABLE_TIME_LENGTH_MAX).toWellFormed() }
}

function setParts(event: CanonicalEvent, raw: JsonObject, at: StampContext): Fault | null {
  const context = readObject(raw['context'])
  if (context === undefined) return notAnObject('context')
  const integrations = readObject(raw['integrations'])
  if (integrations === undefined) return notAnObject('integrations')
  const properties = readObject(raw['properties'])
  if (properties === undefined) return notAnObject('properties')
  const traits = readObject(raw['traits'])
  if (traits === undefined) return notAnObject('traits')
  event.context = readContext(context, at)
  event.integrations = merge(at.integrations, integrations) ?? {}
  if (properties !== null) event.properties = properties
  // RudderStack's browser SDK puts an identify's traits into context.traits alone.
  const ofContext = event.type === 'identify' ? event.context['traits'] : undefined
  const all = merge(isJsonObject(ofContext) ? ofContext : null, traits)
  if (all !== null) event.traits = all
  return null
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
  // The batch's context is shared by its events and must not be written to; the event's own may be.
  const context = at.context === null ? (own ?? {}) : { ...at.context, ...own }
  if (at.sourceKind === 'server' && context['direct'] !== true) return context
  if (context['ip'] === undefined && at.ip !== null) context['ip'] = at.ip
  if (context['userAgent'] === undefined && at.userAgent !== null) context['userAgent'] = at.userAgent
  return context
}

function setNames(event: CanonicalEvent, raw: JsonObject): Fault | null {
  if (event.type === 'track') return setEventName(event, raw['event'])
  if (event.type === 'page' || event.type === 'screen') {
    const name = textOf(raw['name'])
    if (name !== null) event.name = name
    const category = textOf(raw['category'])
    if (category !== null) event.category = category
  }
  return null
}

function setEventName(event: CanonicalEvent, value: unknown): Fault | null {
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
