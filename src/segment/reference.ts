// The reference evaluator: what the segment language means, written to be read. It looks at every event of the profile, each
// time, and is the judge of the streaming and the SQL evaluator; therefore it shares no code with them (test/tidy forbids the
// import) and reads only the vocabulary. It is never used where speed matters.
import { RE2JS } from 're2js'
import { isJsonObject, type JsonValue } from '../spec/event.ts'
import {
  COMPARE_OPERATORS,
  type Compare,
  type CompareOperator,
  type Condition,
  type ConditionKinds,
  durationMs,
  type PropertyCondition,
  visitCondition,
  visitProperty,
  type Within,
} from '../spec/segment.ts'
import type { ReferenceSubject, SubjectEvent } from './subject.ts'

/** Whether the profile satisfies the condition at `now` (log time, ms). `segments` gives definitions by slug. */
export function evaluateReference(
  condition: Condition,
  subject: ReferenceSubject,
  now: number,
  segments: ReadonlyMap<string, Condition>,
): boolean {
  const evaluate = (child: Condition) => evaluateReference(child, subject, now, segments)
  return visitCondition<boolean>(condition, {
    all: ({ all }) => all.every(evaluate),
    any: ({ any }) => any.some(evaluate),
    not: ({ not }) => !evaluate(not),
    trait: (node) => satisfies(traitAt(subject, node.trait), node, now),
    event: (node) => satisfies(matchingEvents(node, subject.events, now).length, node.count ?? { gte: 1 }, now),
    identifier: ({ identifier }) => subject.identifierKinds.has(identifier),
    consent: ({ consent }) => subject.consent.get(consent) === true,
    segment: ({ segment }) => {
      const definition = segments.get(segment)
      if (definition === undefined) return false
      // Inside its own definition a segment is unknown, so that a circle of references has no members and ends.
      const others = new Map([...segments].filter(([slug]) => slug !== segment))
      return evaluateReference(definition, subject, now, others)
    },
  })
}

function matchingEvents(node: ConditionKinds['event'], events: readonly SubjectEvent[], now: number): SubjectEvent[] {
  const names = typeof node.event === 'string' ? [node.event] : node.event
  return events.filter(
    (event) =>
      names.includes(event.name) &&
      isWithin(event.timestamp, node.within, now) &&
      (node.where === undefined || propertiesSatisfy(node.where, event)),
  )
}

/** Rolling: (now - W, now]. Fixed: [from, to). */
function isWithin(timestamp: number, within: Within | undefined, now: number): boolean {
  if (within === undefined) return true
  if (typeof within === 'string') return timestamp > now - durationMs(within) && timestamp <= now
  return timestamp >= Date.parse(within.from) && timestamp < Date.parse(within.to)
}

/** Inside `where`, `withinLast` looks back from the event's own timestamp. */
function propertiesSatisfy(where: PropertyCondition, event: SubjectEvent): boolean {
  return visitProperty<boolean>(where, {
    all: ({ all }) => all.every((child) => propertiesSatisfy(child, event)),
    any: ({ any }) => any.some((child) => propertiesSatisfy(child, event)),
    not: ({ not }) => !propertiesSatisfy(not, event),
    property: (node) => satisfies(valueAt(event.properties, node.property.split('.')), node, event.timestamp),
  })
}

function traitAt(subject: ReferenceSubject, path: string): JsonValue {
  const [name = '', ...rest] = path.split('.')
  return valueAt(subject.traits.get(name) ?? null, rest)
}

/** Missing is null. Only objects have members. */
function valueAt(value: JsonValue, path: readonly string[]): JsonValue {
  const [key, ...rest] = path
  if (key === undefined) return value
  if (!isJsonObject(value)) return null
  const member = Object.entries(value).find(([name]) => name === key)
  return member === undefined ? null : valueAt(member[1], rest)
}

type Operand<O extends CompareOperator> = Exclude<Compare[O], undefined>
type Rules = { [O in CompareOperator]: (value: JsonValue, operand: Operand<O>, now: number) => boolean }

const RULES: Rules = {
  eq: isEqual,
  ne: (value, operand) => !isEqual(value, operand),
  in: (value, operands) => operands.some((operand) => isEqual(value, operand)),
  notIn: (value, operands) => !operands.some((operand) => isEqual(value, operand)),
  contains: (value, operand) =>
    Array.isArray(value)
      ? value.some((item) => isEqual(item, operand))
      : isText(value) && bytes(value).includes(operand),
  startsWith: (value, operand) => isText(value) && firstBytes(value, bytes(operand).length).equals(bytes(operand)),
  endsWith: (value, operand) => isText(value) && lastBytes(value, bytes(operand).length).equals(bytes(operand)),
  matches: (value, operand) => isText(value) && RE2JS.compile(operand).matcher(value.toWellFormed()).find(),
  gt: (value, operand) => (order(value, operand) ?? 0) > 0,
  gte: (value, operand) => (order(value, operand) ?? -1) >= 0,
  lt: (value, operand) => (order(value, operand) ?? 0) < 0,
  lte: (value, operand) => (order(value, operand) ?? 1) <= 0,
  exists: (value, operand) => operand === (value !== null),
  before: (value, operand) => (instantOf(value) ?? Number.POSITIVE_INFINITY) < Date.parse(operand),
  after: (value, operand) => (instantOf(value) ?? Number.NEGATIVE_INFINITY) > Date.parse(operand),
  withinLast: (value, operand, now) => {
    const instant = instantOf(value)
    return instant !== null && now - durationMs(operand) < instant && instant <= now
  },
}

/** All operators of the comparison hold. */
function satisfies(value: JsonValue, compare: Compare, now: number): boolean {
  return COMPARE_OPERATORS.filter((operator) => compare[operator] !== undefined).every((operator) => {
    const rule = RULES[operator] as (value: JsonValue, operand: unknown, now: number) => boolean
    return rule(value, compare[operator], now)
  })
}

/** Same JSON type and same value; null is missing and equals nothing, lists and objects equal nothing. */
function isEqual(value: JsonValue, operand: JsonValue): boolean {
  if (value === null || operand === null || typeof value !== typeof operand) return false
  if (isText(value) && isText(operand)) return bytes(value).equals(bytes(operand))
  return typeof value !== 'object' && value === operand
}

/** Below, at or above 0; null where the two cannot be ordered. Strings by their UTF-8 bytes. */
function order(value: JsonValue, operand: number | string): number | null {
  if (typeof value === 'number' && typeof operand === 'number') return value < operand ? -1 : Number(value > operand)
  if (isText(value) && isText(operand)) return Buffer.compare(bytes(value), bytes(operand))
  return null
}

function isText(value: JsonValue): value is string {
  return typeof value === 'string'
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

function firstBytes(text: string, count: number): Buffer {
  return bytes(text).subarray(0, count)
}

function lastBytes(text: string, count: number): Buffer {
  return bytes(text).subarray(Math.max(0, bytes(text).length - count))
}

const DATE = /^\d{4}-\d\d-\d\d$/
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/** RFC 3339 date-time with its offset, or a full date as midnight UTC; null for all else, such as 30 February. */
function instantOf(value: JsonValue): number | null {
  if (!isText(value)) return null
  if (DATE.test(value)) return isRealDay(value) ? Date.parse(value) : null
  if (!DATE_TIME.test(value) || !isRealDay(value) || value.slice(11, 13) === '24') return null
  // Digits beyond milliseconds are dropped before parsing, so that nothing depends on how an engine rounds them.
  const instant = Date.parse(value.replace(/(\.\d{1,3})\d*/, '$1'))
  return Number.isNaN(instant) ? null : instant
}

function isRealDay(text: string): boolean {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number]
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  return days !== undefined && day >= 1 && day <= days
}
