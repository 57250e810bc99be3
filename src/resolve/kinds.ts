// The kinds of identifier: rank, limit, normaliser, blocked values. Pure. These are the defaults; a kind first seen in a server
// source's externalIds registers itself with the rank and the limit of an external id.
import { parsePhoneNumberFromString } from 'libphonenumber-js/min'
import type { Identifier } from '../spec/identifier.ts'
import type { Kind, KindClass } from '../spec/kind.ts'

const WEEK_MS = 604_800_000

/** Longer values name nobody: they are junk, and would be stored for ever. */
export const IDENTIFIER_LENGTH_MAX = 500

const RANK = { user: 0, email: 1, phone: 2, external: 3, device: 4, cookie: 5, anonymous: 6 }

function kind(name: string, priority: number, most: number, spanMs: number | null, kindClass: KindClass): Kind {
  return { name, class: kindClass, priority, limit: { most, spanMs } }
}

const DEVICE_KINDS = ['android.id', 'ios.id', 'android.idfa', 'ios.idfa', 'android.push_token', 'ios.push_token']

const DEFAULT_KINDS: ReadonlyMap<string, Kind> = new Map(
  [
    kind('user_id', RANK.user, 1, null, 'known'),
    kind('email', RANK.email, 5, null, 'known'),
    kind('phone', RANK.phone, 5, null, 'known'),
    ...DEVICE_KINDS.map((name) => kind(name, RANK.device, 5, WEEK_MS, 'device')),
    kind('ga_client_id', RANK.cookie, 5, WEEK_MS, 'device'),
    kind('anonymous_id', RANK.anonymous, 5, WEEK_MS, 'device'),
  ].map((entry) => [entry.name, entry]),
)

/** The kind of that name. Names beyond the defaults are external ids: they name a person, 5 for ever. */
export function kindOf(name: string): Kind {
  return DEFAULT_KINDS.get(name) ?? kind(name, RANK.external, 5, null, 'known')
}

export function isDefaultKind(name: string): boolean {
  return DEFAULT_KINDS.has(name)
}

/** Highest rank first: by kind, then kind name, then value. A total order, so that "the lowest" is never a matter of chance. */
export function compareRank(a: Identifier, b: Identifier): number {
  const byKind = kindOf(a.kind).priority - kindOf(b.kind).priority
  if (byKind !== 0) return byKind
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0
}

const BLOCKED = new Set(['', 'null', 'undefined', 'anonymous', 'unknown', 'none', 'n/a', '-1'])
const ONLY_ZEROS = /^[0-]*$/
const ONE_CHARACTER = /^(.)\1*$/su

/** Whether the value may identify nobody: placeholders that many people share. */
export function isBlocked(identifier: Identifier): boolean {
  const { kind: name, value } = identifier
  if (BLOCKED.has(value.toLowerCase()) || ONLY_ZEROS.test(value)) return true
  if (name === 'phone') return ONE_CHARACTER.test(value.replace(/^\+/, ''))
  return DEVICE_KINDS.includes(name) && ONE_CHARACTER.test(value.replaceAll('-', ''))
}

/**
 * The identifier with its value in the one form in which it is compared; null where the value can name nobody. Lone
 * surrogates become U+FFFD, because stores and JSON of other systems cannot carry them.
 */
export function normaliseIdentifier(identifier: Identifier, region?: string): Identifier | null {
  const text = identifier.value.toWellFormed().trim()
  if (text === '' || text.length > IDENTIFIER_LENGTH_MAX) return null
  if (identifier.kind === 'email') return { kind: 'email', value: text.toLowerCase() }
  if (identifier.kind === 'phone') return normalisePhone(text, region)
  return { kind: identifier.kind, value: text }
}

/** E.164 where the number can be read; else its digits, so that one local number in two spellings is still one. */
function normalisePhone(text: string, region: string | undefined): Identifier | null {
  const parsed = parsePhoneNumberFromString(text, region as Parameters<typeof parsePhoneNumberFromString>[1])
  if (parsed?.isPossible()) return { kind: 'phone', value: parsed.number }
  const digits = text.replace(/\D/g, '')
  return digits.length >= 5 ? { kind: 'phone', value: digits } : null
}
