// The describer: a condition in plain English, for people who ask why somebody is in a segment. It says what the evaluators do
// and decides nothing.
import {
  COMPARE_OPERATORS,
  type Compare,
  type CompareOperator,
  type Condition,
  type ConditionVisitor,
  type CountCompare,
  type EventCondition,
  type PropertyCondition,
  type PropertyVisitor,
  visitCondition,
  visitProperty,
  type Within,
} from '../spec/segment.ts'

/** `viewed … at least twice in the last 30 days`: one clause of a sentence, without its full stop. */
export function describeCondition(condition: Condition): string {
  return visitCondition(condition, CONDITIONS)
}

const CONDITIONS: ConditionVisitor<string> = {
  all: ({ all }) => joinPhrases(all.map(describeInside), 'and'),
  any: ({ any }) => joinPhrases(any.map(describeInside), 'or'),
  not: ({ not }) => `not (${describeCondition(not)})`,
  trait: (node) => `the trait ${quote(node.trait)} ${describeCompare(node)}`,
  event: describeEvent,
  segment: ({ segment }) => `is in the segment ${quote(segment)}`,
  identifier: ({ identifier }) => `has an identifier of the kind ${quote(identifier)}`,
  consent: ({ consent }) => `has consented to ${quote(consent)}`,
}

const PROPERTIES: PropertyVisitor<string> = {
  all: ({ all }) => joinPhrases(all.map(describePropertyInside), 'and'),
  any: ({ any }) => joinPhrases(any.map(describePropertyInside), 'or'),
  not: ({ not }) => `not (${visitProperty(not, PROPERTIES)})`,
  property: (node) => `${quote(node.property)} ${describeCompare(node)}`,
}

type Operand<O extends CompareOperator> = Exclude<Compare[O], undefined>

const OPERATORS: { [O in CompareOperator]: (operand: Operand<O>) => string } = {
  eq: (operand) => `is ${quote(operand)}`,
  ne: (operand) => `is not ${quote(operand)}`,
  in: (operands) => `is ${joinPhrases(operands.map(quote), 'or')}`,
  notIn: (operands) => `is not ${joinPhrases(operands.map(quote), 'or')}`,
  contains: (operand) => `contains ${quote(operand)}`,
  startsWith: (operand) => `starts with ${quote(operand)}`,
  endsWith: (operand) => `ends with ${quote(operand)}`,
  matches: (operand) => `matches the pattern ${quote(operand)}`,
  gt: (operand) => `is above ${quote(operand)}`,
  gte: (operand) => `is at least ${quote(operand)}`,
  lt: (operand) => `is below ${quote(operand)}`,
  lte: (operand) => `is at most ${quote(operand)}`,
  exists: (operand) => (operand ? 'is present' : 'is missing'),
  before: (operand) => `is before ${operand}`,
  after: (operand) => `is after ${operand}`,
  withinLast: (operand) => `is within the last ${describeDuration(operand)}`,
}

function describeCompare(compare: Compare): string {
  const phrases = COMPARE_OPERATORS.flatMap((operator) => {
    const operand = compare[operator]
    return operand === undefined ? [] : [(OPERATORS[operator] as (operand: unknown) => string)(operand)]
  })
  return joinPhrases(phrases, 'and')
}

function describeEvent(node: EventCondition): string {
  const names = joinPhrases((typeof node.event === 'string' ? [node.event] : node.event).map(quote), 'or')
  const where = node.where === undefined ? '' : ` where ${visitProperty(node.where, PROPERTIES)}`
  return `did ${names}${where} ${describeCount(node.count ?? { gte: 1 })}${describeWithin(node.within)}`
}

function describeCount(count: CountCompare): string {
  const times = (count: number) => (count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`)
  const some = (counts: readonly number[]) => joinPhrases(counts.map(times), 'or')
  const phrases = [
    count.eq !== undefined && `exactly ${times(count.eq)}`,
    count.ne !== undefined && `not exactly ${times(count.ne)}`,
    count.in !== undefined && `exactly ${some(count.in)}`,
    count.notIn !== undefined && `not exactly ${some(count.notIn)}`,
    count.gt !== undefined && `more than ${times(count.gt)}`,
    count.gte !== undefined && `at least ${times(count.gte)}`,
    count.lt !== undefined && `fewer than ${times(count.lt)}`,
    count.lte !== undefined && `at most ${times(count.lte)}`,
  ].filter((phrase) => phrase !== false)
  return joinPhrases(phrases, 'and')
}

function describeWithin(within: Within | undefined): string {
  if (within === undefined) return ''
  if (typeof within === 'string') return ` in the last ${describeDuration(within)}`
  return ` from ${within.from} until before ${within.to}`
}

const UNITS: Record<string, string> = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' }

function describeDuration(duration: string): string {
  const count = Number(duration.slice(0, -1))
  const unit = UNITS[duration.slice(-1)] ?? ''
  return count === 1 ? unit : `${count} ${unit}s`
}

function describeInside(condition: Condition): string {
  const phrase = describeCondition(condition)
  return 'all' in condition || 'any' in condition ? `(${phrase})` : phrase
}

function describePropertyInside(condition: PropertyCondition): string {
  const phrase = visitProperty(condition, PROPERTIES)
  return 'all' in condition || 'any' in condition ? `(${phrase})` : phrase
}

function joinPhrases(phrases: readonly string[], word: 'and' | 'or'): string {
  if (phrases.length < 2) return phrases[0] ?? ''
  return `${phrases.slice(0, -1).join(', ')} ${word} ${phrases.at(-1)}`
}

/** Text in quotes, so that a name cannot be taken for a word of the sentence. */
function quote(value: string | number | boolean | null): string {
  return JSON.stringify(value)
}
