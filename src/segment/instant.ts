// Instants in values: what text the streaming evaluator and the SQL printer take for a point in time. A value is an instant
// when it is an RFC 3339 date-time with its offset, or a full date, read as midnight UTC; any other text is just text.

/** Groups: year, month, day, hour, minute, second, fraction, sign of the offset, its hours and minutes. RE2 reads it too. */
export const INSTANT_PATTERN =
  '^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.]([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2})))?$'
const INSTANT = new RegExp(INSTANT_PATTERN)

/** Milliseconds since 1970, digits beyond milliseconds dropped; null where the text is no instant, such as 30 February. */
export function parseInstant(text: string): number | null {
  const match = INSTANT.exec(text)
  if (match === null) return null
  const [, year, month, day, hour = 0, minute = 0, second = 0, fraction = '', sign, offsetHour = 0, offsetMinute = 0] =
    match
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return null
  // `Date.UTC` would read the years 0 to 99 as 1900 to 1999.
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  // A day that the month lacks lands in another month.
  if (date.getUTCMonth() !== Number(month) - 1) return null
  const time = ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000
  return date.getTime() + time + Number(fraction.slice(0, 3).padEnd(3, '0')) - (sign === '-' ? -offset : offset)
}
