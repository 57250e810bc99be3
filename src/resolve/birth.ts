// Birth ids: an identifier's public id, from its first place in the log. A profile's id is that of its oldest identifier, so that a
// merge keeps the older id, a split gives the other part its former id back, and any id ever shown resolves for ever.
import { hash } from 'node:crypto'

/**
 * 26 lower-case characters of base 32. Keyed, so that ids tell nothing of the order in which people came. `key` is hexadecimal text.
 * One hash over key and place, cut to half: HMAC would guard against lengthening a message, which nobody here can send, and making
 * its key object took 12 % of the pipeline's time.
 */
export function birthId(key: string, offset: number, ordinal: number): string {
  return base32(hash('sha256', `${key}.${offset}.${ordinal}`, 'buffer').subarray(0, 16))
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

function base32(bytes: Uint8Array): string {
  let text = ''
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(buffer >> bits) & 31]
    }
  }
  return bits === 0 ? text : text + ALPHABET[(buffer << (5 - bits)) & 31]
}
