// A JSON value in SQL: how the printer asks what type it has and tests it as that type. Every answer is 0 or 1, never NULL, so
// that NOT negates. A value of another type answers 0 without being converted.
import { pathParts } from '../path.ts'
import type { Params } from './params.ts'

type Test = (expression: string) => string

export interface SqlValue {
  /** It is a string, and the test of that string holds. */
  text(test: Test): string
  /** It is a number, and the test of it as Float64 holds. */
  number(test: Test): string
  isBoolean(value: boolean): string
  /** It is a list, and the test of its items (an array of JSON texts) holds. */
  list(test: Test): string
  exists(): string
}

/** The value at a path in a column that holds JSON as text: exact for every value and path. */
export function valueInText(column: string, path: string, params: Params): SqlValue {
  const place = [column, ...pathParts(path).map((part) => params.text(part))].join(', ')
  const type = `JSONType(${place})`
  return {
    text: (test) => `(${type} = 'String' AND ${test(`JSONExtractString(${place})`)})`,
    number: (test) => `(${type} IN ('Int64', 'UInt64', 'Double') AND ${test(`JSONExtractFloat(${place})`)})`,
    isBoolean: (value) => `(${type} = 'Bool' AND JSONExtractBool(${place}) = ${value})`,
    list: (test) => `(${type} = 'Array' AND ${test(`JSONExtractArrayRaw(${place})`)})`,
    exists: () => `(${type} != 'Null')`,
  }
}

/** Keys that may stand in SQL text between backquotes, and that no dot makes ambiguous. */
const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/

/**
 * A property of an event. A plain top-level key is read from the JSON column, 25 times as fast, for scalars: there the column
 * and the text say the same. The column cannot tell `{"a.b":1}` from `{"a":{"b":1}}`, drops `{}` and retypes lists, so the
 * text answers for paths, lists and existence.
 */
export function eventProperty(path: string, params: Params): SqlValue {
  const exact = () => valueInText('properties_text', path, params)
  if (!PLAIN_KEY.test(path)) return exact()
  const as = (type: string) => `properties.\`${path}\`.:${type}`
  const isText = `isNotNull(${as('String')})`
  const number = `coalesce(${as('Float64')}, toFloat64(${as('Int64')}), toFloat64(${as('UInt64')}))`
  return {
    text: (test) => `(${isText} AND ${test(`ifNull(${as('String')}, '')`)})`,
    number: (test) => `ifNull(${test(number)}, 0)`,
    isBoolean: (value) => `ifNull(${as('Bool')} = ${value}, 0)`,
    // `if` reads the text only of the rows that need it.
    list: (test) => `if(${isText}, 0, ${exact().list(test)})`,
    exists: () => `if(${isText}, 1, ${exact().exists()})`,
  }
}

/** A number that is always there. */
export function plainNumber(expression: string): SqlValue {
  const never = () => '0'
  return { text: never, number: (test) => `(${test(expression)})`, isBoolean: never, list: never, exists: () => '1' }
}
