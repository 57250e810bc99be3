// Tokens: who may ask. Only SHA-256 hashes are kept and compared, in constant time; a token itself is never stored or logged.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { TokenCheck } from './deps.ts'

/** Hash of a token as kept. Blanks around it cannot travel in a header, so they do not count. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token.trim(), 'utf8').digest('hex')
}

/** `hashes` are those of `hashToken`. */
export function tokenCheck(hashes: { admin: readonly string[]; profile: readonly string[] }): TokenCheck {
  const admin = hashes.admin.map((hash) => Buffer.from(hash, 'hex'))
  const profile = hashes.profile.map((hash) => Buffer.from(hash, 'hex'))
  return {
    isAdmin: (token) => matches(token, admin),
    isProfile: (token) => matches(token, profile),
  }
}

function matches(token: string, known: readonly Buffer[]): boolean {
  if (token.trim() === '') return false
  // Header bytes arrive as Latin-1 text; a client that sent UTF-8 is believed as well as one that did not.
  const readings = [token, Buffer.from(token, 'latin1').toString('utf8')]
  let found = false
  for (const reading of readings) {
    const hash = Buffer.from(hashToken(reading), 'hex')
    for (const candidate of known) {
      if (candidate.length === hash.length && timingSafeEqual(candidate, hash)) found = true
    }
  }
  return found
}

/** The token of `Authorization: Bearer <token>`; null where there is none. */
export function bearerToken(header: string | undefined): string | null {
  const match = /^bearer[ \t]+(.+)$/i.exec(header ?? '')
  return match?.[1] ?? null
}

/** What may be meant as the user name of a Basic header: the token may hold colons itself. */
export function basicUsers(header: string | undefined): string[] {
  const match = /^basic[ \t]+([A-Za-z0-9+/=_-]+)$/i.exec(header ?? '')
  if (match?.[1] === undefined) return []
  const text = Buffer.from(match[1], 'base64').toString('utf8')
  const ends = [text.indexOf(':'), text.lastIndexOf(':'), text.length].filter((end) => end > 0)
  return [...new Set(ends.map((end) => text.slice(0, end)))]
}
