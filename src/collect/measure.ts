// Measures what came in before anything copies or prints it: how deep and how large a JSON value is. Every walk here is
// bounded by a depth given by the caller, so that hostile nesting can exhaust neither the stack nor JSON.stringify.
import type { JsonValue } from '../spec/event.ts'

/** Whether the value nests more than `depthMax` objects or arrays. Recursion stops at `depthMax`. */
export function isDeeper(value: unknown, depthMax: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depthMax === 0) return true
  if (Array.isArray(value)) {
    for (const item of value) if (isDeeper(item, depthMax - 1)) return true
    return false
  }
  // for-in, not Object.values: no array is made per object, and JSON.parse gives no inherited keys.
  for (const key in value) if (isDeeper((value as Record<string, unknown>)[key], depthMax - 1)) return true
  return false
}

/** Whether the JSON text of a value (of bounded depth) is longer than `bytesMax`, in UTF-8. */
export function isLarger(value: unknown, bytesMax: number): boolean {
  // The bound costs a walk without copying; only values within a factor of six of the limit are printed to be measured.
  return largest(value) > bytesMax && jsonBytes(value) > bytesMax
}

/** Length of the value's JSON text in UTF-8. The value must be of bounded depth. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}

// An upper bound of the JSON text: a UTF-16 unit prints as at most six bytes (\u0000), a number as at most 25.
function largest(value: unknown): number {
  if (typeof value === 'string') return value.length * 6 + 2
  if (typeof value !== 'object' || value === null) return 25
  let bytes = 2
  if (Array.isArray(value)) {
    for (const item of value) bytes += largest(item) + 1
    return bytes
  }
  for (const key in value) bytes += key.length * 6 + 4 + largest((value as Record<string, unknown>)[key])
  return bytes
}

const EXCERPT_DEPTH_MAX = 16
const EXCERPT_CHARS_MAX = 8192

/** What the rejected feed keeps of a value of any depth: its JSON, pruned, cut, and without the write key. */
export function excerpt(value: unknown): string {
  return excerptText(JSON.stringify(prune(value as JsonValue, EXCERPT_DEPTH_MAX)))
}

/** What the rejected feed keeps of text that could not be read as JSON. */
export function excerptText(text: string): string {
  const cut = text.slice(0, EXCERPT_CHARS_MAX).toWellFormed()
  return cut.replace(/("writeKey"\s*:\s*")[^"]*/g, '$1…')
}

function prune(value: JsonValue, depthMax: number): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  if (depthMax === 0) return '…'
  if (Array.isArray(value)) return value.map((item) => prune(item, depthMax - 1))
  // fromEntries defines its properties, so a key named __proto__ stays data.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, prune(item, depthMax - 1)]))
}
