// `{event, where?, within?, count?}`: how many events of these names, with these properties, in this window. Without `count`
// at least one is meant.
import {
  COUNT_OPERATORS,
  type ConditionKinds,
  type CountCompare,
  durationMs,
  durationSchema,
  type EventCondition,
  instantSchema,
  type Within,
} from '../../spec/segment.ts'
import { CLAUSE_TIMESTAMPS_MAX, timestampsNeeded } from '../clause.ts'
import { type Fields, readList, readName, readNumber, readObject, readText, refuseOthers } from './fields.ts'
import type { NodeRule } from './node.ts'
import { below, type Place, refuse } from './place.ts'

const EVENT_NAMES_MAX = 100
const EVENT_NAME_LENGTH_MAX = 300
/** Aggregates of the language that this version does not evaluate yet: named, so that the refusal can say so. */
const LATER = ['sum', 'avg', 'min', 'max', 'unique', 'sequence']

export const eventNode: NodeRule<ConditionKinds['event']> = {
  keys: ['event', 'where', 'within', 'count'],
  read(fields, place, children) {
    const node: EventCondition = { event: readEventNames(fields.get('event'), below(place, 'event')) }
    if (fields.get('where') !== undefined) node.where = children.property(fields.get('where'), below(place, 'where'))
    if (fields.get('within') !== undefined) node.within = readWithin(fields.get('within'), below(place, 'within'))
    if (fields.get('count') !== undefined) node.count = readCount(fields.get('count'), below(place, 'count'))
    return node
  },
}

/** Says of a key that is part of the language but not of this version that it is to come. */
export function refuseLater(fields: Fields, place: Place): void {
  const key = LATER.find((name) => fields.has(name))
  if (key !== undefined)
    refuse(below(place, key), `\`${key}\` is not supported in this version; events can be counted.`)
}

function readEventNames(input: unknown, place: Place): string | string[] {
  if (!Array.isArray(input)) return readName(input, EVENT_NAME_LENGTH_MAX, place)
  const names = readList(input, EVENT_NAMES_MAX, place)
  return names.map((name, index) => readName(name, EVENT_NAME_LENGTH_MAX, below(place, index)))
}

export function readDuration(input: unknown, place: Place): string {
  const text = readText(input, 1000, place)
  if (!durationSchema.safeParse(text).success) {
    refuse(place, `\`${text.slice(0, 100)}\` is no duration: a whole number and one of s m h d w, such as \`30d\`.`)
  }
  return durationMs(text) > 0 ? text : refuse(place, 'The duration is zero.')
}

export function readInstant(input: unknown, place: Place): string {
  const text = readText(input, 100, place)
  if (!instantSchema.safeParse(text).success || Number.isNaN(Date.parse(text))) {
    refuse(place, `\`${text}\` is no instant: RFC 3339 with an offset, such as \`2026-01-31T09:00:00Z\`, or a date.`)
  }
  return text
}

function readWithin(input: unknown, place: Place): Within {
  if (typeof input === 'string') return readDuration(input, place)
  const fields = readObject(input, place)
  refuseOthers(fields, ['from', 'to'], place)
  const from = readInstant(fields.get('from'), below(place, 'from'))
  const to = readInstant(fields.get('to'), below(place, 'to'))
  if (Date.parse(from) >= Date.parse(to)) refuse(place, 'The window is empty: `from` must lie before `to`.')
  return { from, to }
}

function readCount(input: unknown, place: Place): CountCompare {
  const fields = readObject(input, place)
  refuseOthers(fields, COUNT_OPERATORS, place)
  const count: CountCompare = {}
  for (const operator of COUNT_OPERATORS) {
    const operand = fields.get(operator)
    if (operand === undefined) continue
    const at = below(place, operator)
    if (operator === 'in' || operator === 'notIn') {
      count[operator] = readList(operand, 1000, at).map((item, index) => readNumber(item, below(at, index)))
    } else {
      count[operator] = readNumber(operand, at)
    }
  }
  if (Object.keys(count).length === 0) refuse(place, `A count needs an operator: ${COUNT_OPERATORS.join(', ')}.`)
  if (timestampsNeeded(count) > CLAUSE_TIMESTAMPS_MAX) {
    refuse(place, `Counts up to ${CLAUSE_TIMESTAMPS_MAX - 1} can be compared with; this one is larger.`)
  }
  return count
}
