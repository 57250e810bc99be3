// Random definitions for the evaluators' property test. Operands, paths and windows come from the same small pools as the
// worlds they are asked about, so that borders are hit and comparisons succeed often.
import fc from 'fast-check'
import type {
  Compare,
  Condition,
  CountCompare,
  EventCondition,
  PropertyCondition,
  Within,
} from '../../../src/spec/segment.ts'
import { BASE, EVENT_NAMES, KEYS, NUMBERS, TEXTS } from './worlds.ts'

const text = fc.constantFrom(...TEXTS.filter((value) => value.isWellFormed()), '2026-01-01')
const scalar = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 4, arbitrary: fc.constantFrom(...NUMBERS) },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constant(null) },
)
const ordered = fc.oneof(text, fc.constantFrom(...NUMBERS))
const span = fc.constantFrom('1s', '2s', '5s', '10s', '20s', '30s', '60s', '1m', '2m', '1d')
const instant = fc
  .tuple(fc.integer({ min: -5, max: 125 }), fc.constantFrom('', '', '', '', '.001', '.999'))
  .map(([seconds, fraction]) => new Date(BASE + seconds * 1000).toISOString().replace('.000', fraction))
// biome-ignore format: one table
export const PATTERNS = [
  'a', '^a', 'a$', '^a.b$', '(?s)^a.b$', '(?i)DERM', '^$', '', '[[:alpha:]]+', '\\d{2,}', '^.$', '(a|ab)(c|bcd)?', '\\bb',
  '😀', '\\pL', '[^a-z]', '(?m)^b', 'x*', '^/[^/]+/x$', '[é-ë]', 'abc|abd|a\\n', '\\x00', '\\.', 'a|b|', "'",
]
const pattern = fc.constantFrom(...PATTERNS)

const scalars = fc.array(scalar, { minLength: 1, maxLength: 4 })
/** By how much there is to get wrong. */
const OPERANDS: [operator: keyof Compare, operand: fc.Arbitrary<unknown>, weight: number][] = [
  ['eq', scalar, 2],
  ['ne', scalar, 2],
  ['in', scalars, 1],
  ['notIn', scalars, 1],
  ['contains', text, 2],
  ['startsWith', text, 1],
  ['endsWith', text, 1],
  ['matches', pattern, 2],
  ['gt', ordered, 1],
  ['gte', ordered, 1],
  ['lt', ordered, 1],
  ['lte', ordered, 1],
  ['exists', fc.boolean(), 2],
  ['before', instant, 1],
  ['after', instant, 1],
  ['withinLast', span, 3],
]
const compare: fc.Arbitrary<Compare> = fc.oneof(
  ...OPERANDS.map(([operator, operand, weight]) => ({
    weight,
    arbitrary: fc.record({ [operator]: operand }) as unknown as fc.Arbitrary<Compare>,
  })),
)
/** Sometimes two operators at once. */
const compares = fc.oneof(
  { weight: 5, arbitrary: compare },
  { weight: 1, arbitrary: fc.tuple(compare, compare).map(([a, b]) => ({ ...a, ...b })) },
)

const path = fc.oneof(
  { weight: 6, arbitrary: fc.constant('a') },
  { weight: 2, arbitrary: fc.constantFrom('b', 'a.b') },
  { weight: 1, arbitrary: fc.constantFrom(...KEYS.filter((key) => !key.includes('.') && key !== '')) },
  { weight: 1, arbitrary: fc.constantFrom('a.b.c', 'a.__proto__', 'b.a', 'c.é', 'constructor', 'length', 'a.0') },
)

const { where } = fc.letrec<{ where: PropertyCondition }>((tie) => ({
  where: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 5, arbitrary: fc.tuple(path, compares).map(([property, operators]) => ({ property, ...operators })) },
    { weight: 1, arbitrary: fc.record({ all: fc.array(tie('where'), { minLength: 1, maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ any: fc.array(tie('where'), { minLength: 1, maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ not: tie('where') }) },
  ),
}))

const within: fc.Arbitrary<Within> = fc.oneof(
  { weight: 2, arbitrary: span },
  {
    weight: 1,
    arbitrary: fc
      .tuple(instant, instant)
      .filter(([a, b]) => Date.parse(a) !== Date.parse(b))
      .map(([a, b]) => (Date.parse(a) < Date.parse(b) ? { from: a, to: b } : { from: b, to: a })),
  },
)

const operand = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(1.5, -1) },
)
const count: fc.Arbitrary<CountCompare> = fc.oneof(
  ...(['eq', 'ne', 'gt', 'gte', 'lt', 'lte'] as const).map(
    (operator) => fc.record({ [operator]: operand }) as unknown as fc.Arbitrary<CountCompare>,
  ),
  fc.record({ in: fc.array(operand, { minLength: 1, maxLength: 3 }) }),
  fc.record({ notIn: fc.array(operand, { minLength: 1, maxLength: 3 }) }),
  fc.record({ gte: operand, lte: operand }),
)

const eventNames = fc.constantFrom(...EVENT_NAMES, 'Nothing')
const names = fc.oneof(
  { weight: 3, arbitrary: eventNames },
  { weight: 1, arbitrary: fc.array(eventNames, { minLength: 1, maxLength: 3 }) },
)
/** Mostly with windows, which are what time changes; most of them on all events of the name, so that counts grow. */
const event: fc.Arbitrary<EventCondition> = fc
  .tuple(
    names,
    fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: where }),
    fc.option(within, { freq: 4 }),
    fc.option(count, { freq: 3 }),
  )
  .map(([name, where, within, count]) => ({
    event: name,
    ...(where === null ? {} : { where }),
    ...(within === null ? {} : { within }),
    ...(count === null ? {} : { count }),
  }))

/** Bare windows: nothing hides what happens at their ends. */
const bareWindow: fc.Arbitrary<EventCondition> = fc
  .tuple(eventNames, fc.integer({ min: 0, max: 120 }), fc.integer({ min: 1, max: 30 }), fc.boolean(), count)
  .map(([event, from, length, isRolling, count]) => {
    const at = (seconds: number) => new Date(BASE + seconds * 1000).toISOString()
    return { event, within: isRolling ? `${length}s` : { from: at(from), to: at(from + length) }, count }
  })

export const SEGMENTS = new Map<string, Condition>([
  ['viewers', { event: 'Page Viewed', within: '10s' }],
  ['quiet-viewers', { all: [{ segment: 'viewers' }, { not: { event: 'Booked', within: '60s' } }] }],
  ['fond', { any: [{ trait: 'a', exists: true }, { segment: 'quiet-viewers' }] }],
])

export const definitions: fc.Arbitrary<Condition> = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 6, arbitrary: event },
    { weight: 6, arbitrary: bareWindow },
    { weight: 3, arbitrary: fc.tuple(path, compares).map(([trait, operators]) => ({ trait, ...operators })) },
    { weight: 1, arbitrary: fc.constantFrom('email', 'user_id', "x'y").map((identifier) => ({ identifier })) },
    { weight: 1, arbitrary: fc.constantFrom('marketing', 'ads').map((consent) => ({ consent })) },
    { weight: 1, arbitrary: fc.constantFrom(...SEGMENTS.keys()).map((segment) => ({ segment })) },
    { weight: 2, arbitrary: fc.record({ all: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ any: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ not: tie('condition') }) },
  ),
})).condition

/** Where in the log a prefix ends (0 to 1), and how long after its newest record it is asked about (ms). */
export const place = fc.oneof(
  { weight: 1, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
)
export const later = fc.constantFrom(0, 0, 0, 1000, 1000, 5000, 30_000, 1, 29_999, 86_400_000)
