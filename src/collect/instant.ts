// Reads and prints instants for the stamp: what SDKs of many languages call a time, to milliseconds since 1970 and back
// to RFC 3339 in UTC. It must never guess: text that is no ISO 8601 date is no instant (Date.parse alone would read
// "foo 1" as the year 2001, and a time without zone as this machine's local time).

/** 0001-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: what four-digit years can say. */
export const INSTANT_MIN = -62_135_596_800_000
export const INSTANT_MAX = 253_402_300_799_999

// Smaller magnitudes are seconds, larger ones milliseconds: 1e11 is the year 5138 in seconds and 1973 in milliseconds.
const EPOCH_SECONDS_MAX = 1e11

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?\s*(?:([Zz])|([+-])(\d{2}):?(\d{2})?)?)?$/

/** Milliseconds since 1970, or null. Text without a zone is UTC; fractions are cut to milliseconds; numbers are epoch times. */
export function parseInstant(value: unknown): number | null {
  if (typeof value === 'string') return isCanonical(value) ? orNull(Date.parse(value)) : parseIso(value.trim())
  if (typeof value !== 'number' || !Number.isFinite(value)) return null
  const ms = Math.abs(value) < EPOCH_SECONDS_MAX ? value * 1000 : value
  return clampInstant(Math.floor(ms))
}

/** `2026-11-23T12:00:00.000Z`, of an instant within INSTANT_MIN and INSTANT_MAX. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString()
}

/** Whether the text already has the form that `formatInstant` prints, which nearly every SDK sends. */
export function isCanonical(text: string): boolean {
  return text.length === 24 && text[4] === '-' && text[10] === 'T' && text[19] === '.' && text[23] === 'Z'
}

export function clampInstant(ms: number): number {
  return Math.min(Math.max(ms, INSTANT_MIN), INSTANT_MAX)
}

function orNull(ms: number): number | null {
  return Number.isNaN(ms) ? null : clampInstant(ms)
}

function parseIso(text: string): number | null {
  const match = ISO.exec(text)
  if (match === null) return null
  const part = (index: number) => Number(match[index] ?? 0)
  const [year, month, day] = [part(1), part(2), part(3)]
  const [hours, minutes, seconds] = [part(4), part(5), part(6)]
  // 24:00 and the leap second 23:59:60 are legal ISO 8601.
  if (month < 1 || month > 12 || day < 1 || day > 31 || hours > 24 || minutes > 59 || seconds > 60) return null
  const millis = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'))
  const date = new Date(0)
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hours, minutes, seconds, millis)
  const offsetMinutes = (match[9] === '-' ? -1 : 1) * (part(10) * 60 + part(11))
  return orNull(date.getTime() - offsetMinutes * 60_000)
}
