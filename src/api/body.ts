// The body of a request to the API: JSON whatever the Content-Type says, because a client that forgets the header means JSON
// too. Refuses what would hurt later stages: nesting that recursion cannot follow, and the one key that reaches a prototype.
import { OnefoldError } from '../spec/errors.ts'

/** Deeper than any definition or mapping a person writes, and far from the stack's end. */
const DEPTH_MAX = 100

/** Undefined for an empty body. Throws OnefoldError `invalid_json` or `invalid_request`. */
export function readBody(bytes: Buffer): unknown {
  const text = bytes.toString('utf8').trim()
  if (text === '') return undefined
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (cause) {
    throw new OnefoldError('invalid_json', { cause })
  }
  refuseHostile(body)
  return body
}

function refuseHostile(body: unknown): void {
  // A list of our own instead of recursion: the point is to survive what is too deep to recurse into.
  const open: { value: unknown; depth: number }[] = [{ value: body, depth: 0 }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next
    if (typeof value !== 'object' || value === null) continue
    if (depth >= DEPTH_MAX) {
      throw new OnefoldError('invalid_request', { detail: `The body is nested more than ${DEPTH_MAX} deep.` })
    }
    if (Object.hasOwn(value, '__proto__')) {
      throw new OnefoldError('invalid_request', { detail: 'The name __proto__ is not allowed in a body.' })
    }
    for (const child of Object.values(value)) open.push({ value: child, depth: depth + 1 })
  }
}
