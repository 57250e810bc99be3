// Where a Unix socket of a folder lives. Addresses of Unix sockets are short (104 bytes on macOS, 108 on Linux), folders may not be.
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

const ADDRESS_BYTES_MAX = 100

/** `<folder>/<name>.sock`; for a long folder a path that depends on it alone, in this user's own folder for temporary files. */
export function socketPath(folder: string, name: string): string {
  const plain = join(folder, `${name}.sock`)
  if (Buffer.byteLength(plain) <= ADDRESS_BYTES_MAX) return plain
  const own = join(tmpdir(), `onefold-${userInfo().uid}`)
  mkdirSync(own, { recursive: true, mode: 0o700 })
  return join(own, `${createHash('sha256').update(folder).digest('hex').slice(0, 16)}-${name}.sock`)
}
