// Authenticated encryption of small texts at rest: AES-256-GCM under a key that is configured or kept in a file of its own.
// It never logs what it seals, and a text sealed for one label does not open under another.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const NONCE_BYTES = 12
const TAG_BYTES = 16
const VERSION = 1

export interface SecretBox {
  seal(text: string, label: string): Uint8Array
  /** Throws when the key, the label or the bytes are not those of `seal`. */
  open(sealed: Uint8Array, label: string): string
}

/** `secret` is any text; the key is derived from it (HKDF, RFC 5869). */
export function createSecretBox(secret: string): SecretBox {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'onefold secrets at rest', 32))
  return {
    seal(text, label) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(label))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([Uint8Array.of(VERSION), nonce, cipher.getAuthTag(), body])
    },
    open(sealed, label) {
      if (sealed[0] !== VERSION) throw new Error('sealed by another version')
      const nonce = sealed.subarray(1, 1 + NONCE_BYTES)
      const tag = sealed.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(label)).setAuthTag(tag)
      const body = sealed.subarray(1 + NONCE_BYTES + TAG_BYTES)
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
    },
  }
}

/** Reads the secret kept at `path`, making it (mode 0600) on first use. Safe when several processes start at once. */
export function loadOrMakeSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error
  }
  mkdirSync(dirname(path), { recursive: true })
  // Written whole under another name and then linked, so that no reader ever sees half a key and the first maker wins.
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  writeFileSync(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(draft, path)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(draft, { force: true })
  }
  return readFileSync(path, 'utf8').trim()
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
