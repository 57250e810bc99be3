// What every store of the rejected feed shares: a refusal as one line of JSON, the cut of its body, and how much goes when
// the feed is full. The bodies are what strangers sent, so nothing here reads them.
import type { Rejection } from '../log/port.ts'

export const REJECTIONS_MAX = 100_000
export const REJECTION_BODY_BYTES_MAX = 64 * 1024

/** JSON text, because NUL and lone surrogates do not survive a TEXT column and JSON.stringify escapes both. */
export function encodeRejection(rejection: Rejection): string {
  const { receivedAt, source, code, message, pointer, messageId } = rejection
  const body = cutText(rejection.body, REJECTION_BODY_BYTES_MAX)
  return JSON.stringify({ receivedAt, source, code, message, pointer, messageId, body })
}

/** The longest beginning of `text` that takes at most `bytesMax` bytes of UTF-8; never half of a surrogate pair. */
export function cutText(text: string, bytesMax: number): string {
  // No code unit takes more than three bytes, so most texts need no second look.
  if (text.length * 3 <= bytesMax) return text
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytesMax))
  return text.slice(0, read)
}

/** How many of `count` rows must go: none up to the bound, then one in a hundred at once, so that not every append deletes. */
export function excess(count: number, rejectionsMax: number): number {
  return count <= rejectionsMax ? 0 : count - rejectionsMax + Math.floor(rejectionsMax / 100)
}
