// Comparisons in SQL. Each operator prints the same rule as the language says it: types are JSON's, missing satisfies nothing
// but `ne`, `notIn` and `exists: false`, and strings are compared as bytes, which is what the engine does.
import { COMPARE_OPERATORS, type Compare, type CompareOperator, durationMs } from '../../spec/segment.ts'
import { INSTANT_PATTERN } from '../instant.ts'
import type { Params } from './params.ts'
import type { SqlValue } from './value.ts'

type Operand<O extends CompareOperator> = Exclude<Compare[O], undefined>

/** What operators print with: `now` prints an expression (ms). */
interface Printing {
  value: SqlValue
  params: Params
  now: () => string
}

const OPERATORS: { [O in CompareOperator]: (operand: Operand<O>, printing: Printing) => string } = {
  eq: (operand, printing) => among([operand], printing),
  ne: (operand, printing) => `NOT ${among([operand], printing)}`,
  in: among,
  notIn: (operands, printing) => `NOT ${among(operands, printing)}`,
  contains: (operand, { value, params }) => {
    const text = params.text(operand)
    const item = `JSONType(x) = 'String' AND JSONExtractString(x) = ${text}`
    return `(${value.text((it) => `position(${it}, ${text}) > 0`)} OR ${value.list((it) => `arrayExists(x -> ${item}, ${it})`)})`
  },
  startsWith: (operand, { value, params }) => value.text((it) => `startsWith(${it}, ${params.text(operand)})`),
  endsWith: (operand, { value, params }) => value.text((it) => `endsWith(${it}, ${params.text(operand)})`),
  // The engine lets a dot match a line break unless told otherwise; RE2 itself does not.
  matches: (operand, { value, params }) => value.text((it) => `match(${it}, ${params.text(`(?-s)${operand}`)})`),
  gt: (operand, printing) => ordered('>', operand, printing),
  gte: (operand, printing) => ordered('>=', operand, printing),
  lt: (operand, printing) => ordered('<', operand, printing),
  lte: (operand, printing) => ordered('<=', operand, printing),
  exists: (operand, { value }) => (operand ? value.exists() : `NOT ${value.exists()}`),
  before: (operand, printing) => instant(`t < ${printing.params.whole(Date.parse(operand))}`, printing),
  after: (operand, printing) => instant(`t > ${printing.params.whole(Date.parse(operand))}`, printing),
  withinLast: (operand, printing) => {
    const span = printing.params.whole(durationMs(operand))
    const now = printing.now()
    return instant(`t > ${now} - ${span} AND t <= ${now}`, printing)
  },
}

/** All operators of the node, joined. */
export function printCompare(compare: Compare, value: SqlValue, params: Params, now: () => string): string {
  const printing = { value, params, now }
  const printed = COMPARE_OPERATORS.flatMap((operator) => {
    const operand = compare[operator]
    return operand === undefined ? [] : [printOperator(operator, operand, printing)]
  })
  return printed.length === 1 ? printed[0]! : `(${printed.join(' AND ')})`
}

function printOperator<O extends CompareOperator>(operator: O, operand: unknown, printing: Printing): string {
  return OPERATORS[operator](operand as Operand<O>, printing)
}

/** null among the operands equals nothing, so it prints nothing. */
function among(operands: readonly Operand<'eq'>[], { value, params }: Printing): string {
  const texts = operands.filter((operand) => typeof operand === 'string')
  const numbers = operands.filter((operand) => typeof operand === 'number')
  const booleans = new Set(operands.filter((operand) => typeof operand === 'boolean'))
  const printed = [
    texts.length === 1 && value.text((it) => `${it} = ${params.text(texts[0]!)}`),
    texts.length > 1 && value.text((it) => `${it} IN ${params.texts(texts)}`),
    numbers.length === 1 && value.number((it) => `${it} = ${params.number(numbers[0]!)}`),
    numbers.length > 1 && value.number((it) => `has(${params.numbers(numbers)}, ${it})`),
    booleans.has(true) && value.isBoolean(true),
    booleans.has(false) && value.isBoolean(false),
  ].filter((sql) => sql !== false)
  if (printed.length === 0) return '0'
  return printed.length === 1 ? printed[0]! : `(${printed.join(' OR ')})`
}

function ordered(sign: '>' | '>=' | '<' | '<=', operand: number | string, { value, params }: Printing): string {
  if (typeof operand === 'number') return value.number((it) => `${it} ${sign} ${params.number(operand)}`)
  return value.text((it) => `${it} ${sign} ${params.text(operand)}`)
}

/** Name of the function that `instantsFunction` defines: text -> array of its instant (ms), empty where it is none. */
const INSTANTS = 'instants_of'

function instant(test: string, { value }: Printing): string {
  return value.text((it) => `arrayExists(t -> ${test}, ${INSTANTS}(${it}))`)
}

/** Whether printed SQL needs the function in its WITH clause. */
export function usesInstants(sql: string): boolean {
  return sql.includes(`${INSTANTS}(`)
}

/**
 * `WITH` definition of the function that reads an instant as src/segment/instant.ts does. The engine's dates span 400 years
 * from 1900 on, which is one cycle of the calendar: other years are read as their like in it, and moved by whole cycles.
 */
export function instantsFunction(params: Params): string {
  const day = `concat(toString(1900 + (toInt32OrZero(g[1]) + 100) % 400), '-', g[2], '-', g[3])`
  const cycles = `(intDiv(toInt32OrZero(g[1]) + 100, 400) - 5)`
  const time = '((toInt64OrZero(g[4]) * 60 + toInt64OrZero(g[5])) * 60 + toInt64OrZero(g[6])) * 1000'
  const fraction = `toInt64OrZero(rightPad(substring(g[7], 1, 3), 3, '0'))`
  const offset = `(toInt64OrZero(g[9]) * 60 + toInt64OrZero(g[10])) * if(g[8] = '-', -60000, 60000)`
  return `(text) -> arrayMap(
    g -> (toInt64(toInt32(assumeNotNull(toDate32OrNull(${day})))) + 146097 * ${cycles}) * 86400000
      + ${time} + ${fraction} - ${offset},
    arrayFilter(
      g -> notEmpty(g) AND ifNull(toString(toDate32OrNull(${day})), '') = ${day}
        AND g[4] <= '23' AND g[5] <= '59' AND g[6] <= '59' AND g[9] <= '23' AND g[10] <= '59',
      [extractGroups(text, ${params.text(INSTANT_PATTERN)})]
    )
  ) AS ${INSTANTS}`
}
