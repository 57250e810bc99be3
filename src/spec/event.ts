// The event: one fact as a source sent it, checked and stamped by the door. This is the shape the log keeps and every
// later stage reads. It holds JSON values only, and it is never changed after the door has stamped it.

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }
export type JsonObject = { [key: string]: JsonValue }

export const CALL_TYPES = ['track', 'identify', 'page', 'screen', 'group', 'alias'] as const
export type CallType = (typeof CALL_TYPES)[number]

/** A canonical event. Times are RFC 3339 strings in UTC with milliseconds. */
export interface CanonicalEvent {
  type: CallType
  messageId: string
  /** When it happened: corrected for clock skew, and never later than `receivedAt`. */
  timestamp: string
  originalTimestamp: string
  sentAt: string
  receivedAt: string
  userId?: string
  anonymousId?: string
  /** track only: the event's name. */
  event?: string
  /** page and screen. */
  name?: string
  category?: string
  /** group only. */
  groupId?: string
  /** alias only. */
  previousId?: string
  properties?: JsonObject
  traits?: JsonObject
  context: JsonObject
  integrations: JsonObject
}

/** The name that segments and history know an event by; null for calls that are no event (identify, group, alias). */
export function eventName(event: CanonicalEvent): string | null {
  if (event.type === 'track') return event.event ?? null
  if (event.type === 'page') return 'Page Viewed'
  if (event.type === 'screen') return 'Screen Viewed'
  return null
}

/**
 * The properties that segments and history see. Page and screen calls read `properties` over `context.page`, plus `name`
 * and `category` where the properties lack them, because SDKs differ in where they put these.
 */
export function eventProperties(event: CanonicalEvent): JsonObject {
  if (event.type !== 'page' && event.type !== 'screen') return event.properties ?? {}
  const page = event.context['page']
  const named: JsonObject = {}
  if (event.name !== undefined) named['name'] = event.name
  if (event.category !== undefined) named['category'] = event.category
  return { ...(isJsonObject(page) ? page : {}), ...named, ...(event.properties ?? {}) }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
