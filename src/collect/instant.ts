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

/**
 * `2026-11-23T12:00:00.000Z`, of a whole millisecond within INSTANT_MIN and INSTANT_MAX. Events that come together are of
 * few days, so days are kept from call to call: Date.toISOString alone took a twelfth of the door's time.
 */
export function formatInstant(ms: number): string {
  const day = Math.floor(ms / DAY_MS)
  const slot = day & DAYS_MASK
  if (DAYS[slot] !== day) {
    DAYS[slot] = day
    DAY_TEXTS[slot] = new Date(day * DAY_MS).toISOString().slice(0, 11)
  }
  const ofDay = ms - day * DAY_MS
  const [hours, minutes] = [Math.floor(ofDay / 3_600_000), Math.floor(ofDay / 60_000) % 60]
  const [seconds, millis] = [Math.floor(ofDay / 1000) % 60, ofDay % 1000]
  return `${DAY_TEXTS[slot]}${TWO_DIGITS[hours]}:${TWO_DIGITS[minutes]}:${TWO_DIGITS[seconds]}.${THREE_DIGITS[millis]}Z`
}

const DAY_MS = 86_400_000
const TWO_DIGITS = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'))
const THREE_DIGITS = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'))
const DAYS_MASK = 127
const DAYS: number[] = new Array(DAYS_MASK + 1).fill(Number.NaN)
const DAY_TEXTS: string[] = new Array(DAYS_MASK + 1).fill('')

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
