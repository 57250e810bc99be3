// Rows of history as ClickHouse reads them: one line of JSON each. What a legal event may hold and the engine's JSON column
// would refuse is rewritten here, for the properties alone: `payload` keeps the event as it came.
import type { HistoryEventRow, HistoryMoveRow, HistoryProfileRow } from '../../history/port.ts'
import { jsonText } from '../../segment/json-text.ts'
import type { JsonObject, JsonValue } from '../../spec/event.ts'

// JSON.stringify writes lone surrogates as these escapes, and whole numbers up to 1e21 digit by digit. Both patterns also
// match harmless text, which then merely takes the slower way.
const MAY_NEED_CLEANING = /\\ud[89a-f]|[0-9]{16}/

/** `jsonText(value)`, without the cost of its replacer where plain JSON.stringify writes the same (nearly always). */
export function propertiesText(value: JsonObject): string {
  const text = JSON.stringify(value)
  return MAY_NEED_CLEANING.test(text) ? jsonText(value) : text
}

/** 2026-01-31 23:59:59.123: unlike a number, it is read the same at every precision. */
function dateTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 23).replace('T', ' ')
}

export const EVENT_COLUMNS = [
  'offset',
  'source',
  'message_id',
  'type',
  'event',
  'timestamp',
  'received_at',
  'set_id',
  'profile',
  'payload',
  'properties',
  'properties_text',
] as const

/** A line of JSONCompactEachRow in the order of EVENT_COLUMNS. */
export function eventLine(row: HistoryEventRow): string {
  const properties = propertiesText(row.properties)
  const before = JSON.stringify([
    row.offset,
    row.source.toWellFormed(),
    row.messageId.toWellFormed(),
    row.type,
    row.event.toWellFormed(),
    row.timestamp,
    dateTime(row.receivedAt),
    row.set,
    row.profile,
    row.payload.toWellFormed(),
  ])
  return `${before.slice(0, -1)},${properties},${JSON.stringify(properties)}]\n`
}

export const PROFILE_COLUMNS = [
  'profile',
  'version',
  'alive',
  'id',
  'traits',
  'identifiers',
  'consent',
  'segments',
  'first_seen',
  'last_seen',
  'search_text',
] as const

export function profileLine(row: HistoryProfileRow): string {
  const columns = [
    row.profile,
    row.version,
    row.alive ? 1 : 0,
    row.id,
    propertiesText(row.traits),
    row.identifiers.map(([kind, value]) => ({ kind: kind.toWellFormed(), value: value.toWellFormed() })),
    Object.fromEntries(Object.entries(row.consent).map(([purpose, answer]) => [purpose.toWellFormed(), answer])),
    row.segments,
    row.firstSeen,
    row.lastSeen,
    searchText(row),
  ]
  return `${JSON.stringify(columns)}\n`
}

export const MOVE_COLUMNS = ['set_id', 'profile', 'offset', 'commit', 'ordinal'] as const

export function moveLine(row: HistoryMoveRow): string {
  return `${JSON.stringify([row.set, row.profile, row.offset, row.commit, row.ordinal])}\n`
}

/** Identifiers and trait values in lower case, a line each: what a search looks through. */
export function searchText(row: HistoryProfileRow): string {
  const words = row.identifiers.map(([, value]) => value)
  collectText(row.traits, words)
  return words.map(searchForm).join('\n')
}

/** The form in which texts are compared in a search. */
export function searchForm(text: string): string {
  return text.toWellFormed().toLowerCase()
}

function collectText(value: JsonValue, into: string[]): void {
  if (typeof value === 'string' || typeof value === 'number') into.push(String(value))
  else if (Array.isArray(value)) for (const inner of value) collectText(inner, into)
  else if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) collectText(inner, into)
}
