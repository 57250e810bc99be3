// Readers of the fields of a node: each checks one shape and returns the value with its type, or refuses with its place.
// They never trust a prototype: a key counts only if it is the object's own.
import { below, didYouMean, nameType, type Place, refuse } from './place.ts'

export type Fields = ReadonlyMap<string, unknown>

export function readObject(input: unknown, place: Place): Fields {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return refuse(place, `An object is needed here, not ${nameType(input)}.`)
  }
  return new Map(Object.entries(input))
}

/** Refuses keys that the node does not know. */
export function refuseOthers(fields: Fields, known: readonly string[], place: Place): void {
  for (const key of fields.keys()) {
    if (known.includes(key)) continue
    refuse(below(place, key), `\`${key.slice(0, 100)}\` is not known here.${didYouMean(key, known)}`)
  }
}

export function readList(input: unknown, most: number, place: Place): unknown[] {
  if (!Array.isArray(input)) return refuse(place, `A list is needed here, not ${nameType(input)}.`)
  if (input.length === 0) return refuse(place, 'The list is empty; it needs at least one item.')
  if (input.length > most) return refuse(place, `The list has ${input.length} items; at most ${most} are allowed.`)
  return input
}

export function readText(input: unknown, most: number, place: Place): string {
  if (typeof input !== 'string') return refuse(place, `A string is needed here, not ${nameType(input)}.`)
  if (input.length > most) return refuse(place, `The text is ${input.length} long; at most ${most} is allowed.`)
  if (!input.isWellFormed()) return refuse(place, 'The text holds half of a surrogate pair, which is no character.')
  return input
}

export function readName(input: unknown, most: number, place: Place): string {
  const text = readText(input, most, place)
  return text === '' ? refuse(place, 'The name is empty.') : text
}

export function readNumber(input: unknown, place: Place): number {
  if (typeof input !== 'number') return refuse(place, `A number is needed here, not ${nameType(input)}.`)
  return Number.isFinite(input) ? input : refuse(place, 'The number is not finite.')
}

/** A path such as `address.city`. History replaces lone surrogates in keys by U+FFFD, so no path may name that character. */
export function readPath(input: unknown, place: Place): string {
  const path = readName(input, 300, place)
  if (path.split('.').includes(''))
    return refuse(place, 'A part of the path is empty; parts are separated by single dots.')
  return path.includes('\ufffd') ? refuse(place, 'A path cannot hold the replacement character U+FFFD.') : path
}
