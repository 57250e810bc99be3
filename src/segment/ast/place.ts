// The place of a node in the input, and how a fault there is refused. Every refusal names the place by a JSON pointer, because
// a definition is written by people and by programs, and both must find the fault at once.
import { OnefoldError } from '../../spec/errors.ts'

export interface Place {
  /** RFC 6901. */
  pointer: string
  /** Conditions around this one. */
  depth: number
}

export function below(place: Place, ...keys: (string | number)[]): Place {
  const suffix = keys.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  return { pointer: place.pointer + suffix, depth: place.depth }
}

export function refuse(place: Place, detail: string, cause?: unknown): never {
  throw new OnefoldError('invalid_request', { pointer: place.pointer, detail, cause })
}

/** What a value is, for messages. */
export function nameType(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** The nearest of the known words, if it is near enough to have been meant. */
export function didYouMean(word: string, known: readonly string[]): string {
  const ranked = known
    .map((candidate) => ({
      candidate,
      distance: editDistance(word.slice(0, 40).toLowerCase(), candidate.toLowerCase()),
    }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  const near = best !== undefined && best.distance <= Math.max(1, Math.floor(word.length / 3))
  return near ? ` Did you mean \`${best.candidate}\`?` : ''
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j - 1]! + (letter === b[j - 1] ? 0 : 1), row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
