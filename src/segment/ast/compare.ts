// The comparison of a trait or a property: one or more operators, which all hold. What the three evaluators could not treat
// alike is refused here, above all patterns that RE2 in one language takes and in the other does not.
import { RE2JS } from 're2js'
import { COMPARE_OPERATORS, type Compare, type CompareOperator } from '../../spec/segment.ts'
import { readDuration, readInstant } from './event.ts'
import { type Fields, readList, readNumber, readText } from './fields.ts'
import { below, nameType, type Place, refuse } from './place.ts'

type Operand<O extends CompareOperator> = Exclude<Compare[O], undefined>

const TEXT_LENGTH_MAX = 1000
const LIST_MAX = 1000

/** Instructions of a compiled pattern. Beyond this the engine's RE2 may refuse what this one takes (its limit is in bytes). */
const PATTERN_SIZE_MAX = 2000
/** Each Unicode class is one instruction here and over a thousand in the engine, which refuses 500 of them (measured). */
const UNICODE_PATTERN_SIZE_MAX = 200

const OPERANDS: { [O in CompareOperator]: (input: unknown, place: Place) => Operand<O> } = {
  eq: readScalar,
  ne: readScalar,
  in: readScalars,
  notIn: readScalars,
  contains: readOperandText,
  startsWith: readOperandText,
  endsWith: readOperandText,
  matches: readPattern,
  gt: readOrdered,
  gte: readOrdered,
  lt: readOrdered,
  lte: readOrdered,
  exists: (input, place) =>
    typeof input === 'boolean' ? input : refuse(place, `true or false is needed here, not ${nameType(input)}.`),
  before: readInstant,
  after: readInstant,
  withinLast: readDuration,
}

export function readCompare(fields: Fields, place: Place): Compare {
  const entries = COMPARE_OPERATORS.filter((operator) => fields.get(operator) !== undefined).map((operator) => [
    operator,
    OPERANDS[operator](fields.get(operator), below(place, operator)),
  ])
  if (entries.length === 0) refuse(place, `A comparison is missing: one of ${COMPARE_OPERATORS.join(', ')}.`)
  return Object.fromEntries(entries) as Compare
}

function readScalar(input: unknown, place: Place): Operand<'eq'> {
  if (input === null || typeof input === 'boolean') return input
  if (typeof input === 'number') return readNumber(input, place)
  if (typeof input === 'string') return readOperandText(input, place)
  return refuse(place, `A string, number, boolean or null is needed here, not ${nameType(input)}.`)
}

function readScalars(input: unknown, place: Place): Operand<'in'> {
  return readList(input, LIST_MAX, place).map((item, index) => readScalar(item, below(place, index)))
}

function readOrdered(input: unknown, place: Place): number | string {
  if (typeof input === 'number') return readNumber(input, place)
  if (typeof input === 'string') return readOperandText(input, place)
  return refuse(place, `A number or a string is needed here, not ${nameType(input)}.`)
}

function readOperandText(input: unknown, place: Place): string {
  return readText(input, TEXT_LENGTH_MAX, place)
}

function readPattern(input: unknown, place: Place): string {
  const pattern = readOperandText(input, place)
  let size: number
  try {
    size = RE2JS.compile(pattern).programSize()
  } catch (cause) {
    return refuse(place, `The pattern is not valid RE2: ${cause instanceof Error ? cause.message : 'unknown'}.`, cause)
  }
  const most = /\\p|\\P/.test(pattern) ? UNICODE_PATTERN_SIZE_MAX : PATTERN_SIZE_MAX
  return size <= most ? pattern : refuse(place, `The pattern is too large: ${size} steps where ${most} are allowed.`)
}
