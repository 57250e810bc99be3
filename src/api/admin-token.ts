// The admin token at the start: the configured one, or one made on the first start, of which only the hash is kept.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashToken } from './tokens.ts'

/** Hashes of the tokens that are valid. `announce` is told a token that was just made. */
export function adminHashes(configured: string, dataDir: string, announce: (token: string) => void): string[] {
  if (configured !== '') return [hashToken(configured)]
  const path = join(dataDir, 'admin-token.sha256')
  if (existsSync(path)) return [readFileSync(path, 'utf8').trim()]
  const token = randomBytes(24).toString('base64url')
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  writeFileSync(path, `${hashToken(token)}\n`, { mode: 0o600 })
  announce(token)
  return [hashToken(token)]
}
