// Paths into traits and properties. A dot always separates: `a.b` is the member b of the object a, and a key that itself
// holds a dot is reached by no path. Arrays are values, never steps.
import { isJsonObject, type JsonObject, type JsonValue } from '../spec/event.ts'

export function pathParts(path: string): string[] {
  return path.split('.')
}

/** The value at the path; undefined where there is none. Only own members count, whatever the key is called. */
export function compilePath(path: string): (root: JsonObject) => JsonValue | undefined {
  const [first = '', ...rest] = pathParts(path)
  if (rest.length === 0) return (root) => (Object.hasOwn(root, first) ? root[first] : undefined)
  const below = compileSteps(rest)
  return (root) => (Object.hasOwn(root, first) ? below(root[first]) : undefined)
}

/** The same from a value on, for what is kept by name in a Map. */
export function compileSteps(parts: readonly string[]): (from: JsonValue | undefined) => JsonValue | undefined {
  return (from) => {
    let value = from
    for (const part of parts) {
      if (!isJsonObject(value) || !Object.hasOwn(value, part)) return undefined
      value = value[part]
    }
    return value
  }
}
