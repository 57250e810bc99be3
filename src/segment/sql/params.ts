// Bound parameters of a query. Whatever a person wrote reaches the engine through these and never as SQL text.
import { jsonText } from '../json-text.ts'

export class Params {
  readonly values: Record<string, unknown> = {}
  readonly #byContent = new Map<string, string>()

  text(value: string): string {
    return this.#bind('String', value)
  }

  texts(values: readonly string[]): string {
    return this.#bind('Array(String)', values)
  }

  /** A whole number within 2^53. */
  whole(value: number): string {
    return this.#bind('Int64', value === 0 ? 0 : value)
  }

  /** A number. If not whole, it is read by the JSON parser, as the values it is compared with are: bit for bit the same. */
  number(value: number): string {
    if (Number.isSafeInteger(value)) return this.whole(value)
    return `JSONExtractFloat(${this.text(jsonText(value))})`
  }

  /** An array of Float64. */
  numbers(values: readonly number[]): string {
    return `arrayMap(x -> JSONExtractFloat(x), ${this.texts(values.map(jsonText))})`
  }

  /** Equal values share a parameter, so that equal expressions are equal text and are computed once. */
  #bind(type: string, value: unknown): string {
    const content = `${type} ${JSON.stringify(value)}`
    let name = this.#byContent.get(content)
    if (name === undefined) {
      name = `p${this.#byContent.size}`
      this.#byContent.set(content, name)
      this.values[name] = value
    }
    return `{${name}:${type}}`
  }
}
