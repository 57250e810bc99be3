// JSON text as the analytics engine can read it without loss. Everything that SQL evaluates as JSON text (event properties,
// traits) is written by this function and no other: the engine's parser reads a whole document as missing when it meets a
// lone surrogate or an integer beyond 64 bits, and one such value must not hide its neighbours.
import { isJsonObject, type JsonValue } from '../spec/event.ts'

/** `JSON.stringify` with lone surrogates replaced by U+FFFD and large whole numbers written with an exponent. */
export function jsonText(value: JsonValue): string {
  return JSON.stringify(value, (_key, inner: JsonValue) => {
    if (typeof inner === 'string') return inner.toWellFormed()
    // A double beyond 2^53 is written 1e20: the same double again, but read as a float by every parser.
    if (typeof inner === 'number' && Number.isInteger(inner) && !Number.isSafeInteger(inner)) return rawNumber(inner)
    if (isJsonObject(inner) && Object.keys(inner).some((key) => !key.isWellFormed())) return wellFormedKeys(inner)
    return inner
  })
}

function wellFormedKeys(object: { [key: string]: JsonValue }): { [key: string]: JsonValue } {
  return Object.fromEntries(Object.entries(object).map(([key, inner]) => [key.toWellFormed(), inner]))
}

interface RawJson {
  rawJSON(text: string): unknown
}

function rawNumber(value: number): unknown {
  return (JSON as unknown as RawJson).rawJSON(value.toExponential())
}
