// Whether two values are the same JSON, whatever the order of their keys: so that putting what is there already decides nothing.
import { isDeepStrictEqual } from 'node:util'

export function sameJson(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)))
}
