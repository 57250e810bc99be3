// Comparisons, compiled: operators become closures once, when a segment is compiled, and run for every event and profile.
// Types are JSON's and are never coerced; a value that is missing or of another type satisfies nothing but `ne`, `notIn` and
// `exists: false`. It must not throw on any JSON value.
import { RE2JS } from 're2js'
import type { JsonValue } from '../spec/event.ts'
import {
  COMPARE_OPERATORS,
  type Compare,
  type CompareOperator,
  type CountCompare,
  durationMs,
} from '../spec/segment.ts'
import { parseInstant } from './instant.ts'

/** `now` is read by `withinLast` alone. */
export type ValueTest = (value: JsonValue | undefined, now: number) => boolean
type Operand<O extends CompareOperator> = Exclude<Compare[O], undefined>

const OPERATORS: { [O in CompareOperator]: (operand: Operand<O>) => ValueTest } = {
  eq: equals,
  ne: (operand) => negated(equals(operand)),
  in: among,
  notIn: (operand) => negated(among(operand)),
  contains: (operand) => {
    const text = operand.toWellFormed()
    return (value) => {
      if (typeof value === 'string') return value.toWellFormed().includes(text)
      return Array.isArray(value) && value.some((item) => typeof item === 'string' && item.toWellFormed() === text)
    }
  },
  startsWith: (operand) => onText((text) => text.startsWith(operand)),
  endsWith: (operand) => onText((text) => text.endsWith(operand)),
  matches: (operand) => {
    const pattern = RE2JS.compile(operand)
    return onText((text) => pattern.test(text))
  },
  gt: (operand) => ordered(operand, (order) => order > 0),
  gte: (operand) => ordered(operand, (order) => order >= 0),
  lt: (operand) => ordered(operand, (order) => order < 0),
  lte: (operand) => ordered(operand, (order) => order <= 0),
  exists: (operand) => (value) => (value !== undefined && value !== null) === operand,
  before: (operand) => {
    const limit = Date.parse(operand)
    return onInstant((instant) => instant < limit)
  },
  after: (operand) => {
    const limit = Date.parse(operand)
    return onInstant((instant) => instant > limit)
  },
  withinLast: (operand) => {
    const span = durationMs(operand)
    return onInstant((instant, now) => instant > now - span && instant <= now)
  },
}

/** All operators of the node at once. */
export function compileCompare(compare: Compare): ValueTest {
  const tests = COMPARE_OPERATORS.flatMap((operator) => {
    const operand = compare[operator]
    return operand === undefined ? [] : [compileOperator(operator, operand)]
  })
  const [first, second] = tests
  if (first !== undefined && second === undefined) return first
  return (value, now) => tests.every((test) => test(value, now))
}

function compileOperator<O extends CompareOperator>(operator: O, operand: unknown): ValueTest {
  return OPERATORS[operator](operand as Operand<O>)
}

/** Counts are numbers that are never missing, so they need neither types nor `now`. */
export function compileCount(compare: CountCompare): (count: number) => boolean {
  const test = compileCompare(compare)
  return (count) => test(count, 0)
}

function negated(test: ValueTest): ValueTest {
  return (value, now) => !test(value, now)
}

function equals(operand: Operand<'eq'>): ValueTest {
  return among([operand])
}

/** null is the absence of a value: nothing equals it, not even another null. */
function among(operands: readonly Operand<'eq'>[]): ValueTest {
  const set = new Set<JsonValue>(operands.map(wellFormed).filter((operand) => operand !== null))
  return (value) => value !== undefined && set.has(wellFormed(value))
}

/** Lone surrogates have no UTF-8; all evaluators see U+FFFD in their place. */
function wellFormed<T extends JsonValue>(value: T): T | string {
  return typeof value === 'string' ? value.toWellFormed() : value
}

function onText(test: (text: string) => boolean): ValueTest {
  return (value) => typeof value === 'string' && test(value.toWellFormed())
}

function onInstant(test: (instant: number, now: number) => boolean): ValueTest {
  return (value, now) => {
    const instant = typeof value === 'string' ? parseInstant(value) : null
    return instant !== null && test(instant, now)
  }
}

function ordered(operand: number | string, holds: (order: number) => boolean): ValueTest {
  if (typeof operand === 'number') return (value) => typeof value === 'number' && holds(value - operand)
  return onText((text) => holds(compareUtf8(text, operand)))
}

/** Order of the UTF-8 bytes, without encoding: UTF-16 differs from it only in where surrogates sort. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index)
    const y = b.charCodeAt(index)
    if (x !== y) return utf8Rank(x) - utf8Rank(y)
  }
  return a.length - b.length
}

function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
