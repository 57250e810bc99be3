// Every comparison with every value: a world in which profile i holds the i-th value, as a trait and in an event, and the
// definitions that compare each value with each operand. What random trees meet once in a thousand runs is met here for sure.
import type { JsonValue } from '../../../src/spec/event.ts'
import type { Compare, Condition } from '../../../src/spec/segment.ts'
import { PATTERNS } from './definitions.ts'
import { BASE, INSTANTS, NUMBERS, TEXTS, type World } from './worlds.ts'

/** When every event happened, and what time it is. */
export const COMPARED_AT = BASE + 60_000

// biome-ignore format: one table
const VALUES: (JsonValue | undefined)[] = [
  undefined, null, true, false, {}, { a: 'a' }, [], ['a'], [1, 'a', null], [['a']], ['ab'], [{ a: 'a' }], ['\ud800'], ['1', 1],
  ...TEXTS, ...NUMBERS, ...INSTANTS, new Date(COMPARED_AT - 1).toISOString(), new Date(COMPARED_AT + 1).toISOString(),
]

export function makeComparisonWorld(): World {
  const holders = VALUES.map((value, index) => {
    const other = VALUES[(index + 7) % VALUES.length]
    // The key with the dot holds another value than the path of the same text.
    const entries = [
      ['a', value],
      ['b.a', other],
      ['b', { a: value }],
    ].filter(([, held]) => held !== undefined)
    const held = JSON.parse(JSON.stringify(Object.fromEntries(entries)))
    return { id: index + 1, held }
  })
  return {
    profiles: holders.map(({ id, held }) => ({
      id,
      alive: true,
      sets: [id],
      traits: held,
      identifiers: [],
      consent: {},
    })),
    events: holders.map(({ id, held }) => ({
      offset: id,
      set: id,
      filedUnder: id,
      name: 'Compared',
      timestamp: COMPARED_AT,
      receivedAt: COMPARED_AT,
      properties: held,
    })),
    moves: [],
  }
}

function compares(): Compare[] {
  const texts = TEXTS.filter((text) => text.isWellFormed())
  const scalars = [...texts, ...NUMBERS, true, false, null]
  const some = ['', 'a', 'ab', 'é', '😀', '\uffff', '\ufffd', 'a\nb', '\0', "it's", '1', '2026-01-01']
  const limits = [
    '2026-01-01',
    '2026-01-01T00:01:00Z',
    '2026-03-01T00:00:00Z',
    '1900-03-01',
    '0004-02-29',
    '2300-06-01',
    '1066-10-14',
    '2026-01-01T01:00:00+01:00',
  ]
  return [
    ...scalars.map((eq) => ({ eq })),
    ...scalars.filter((_, index) => index % 3 === 0).map((ne) => ({ ne })),
    ...[['a', 1, true], [null], ['a', 'ab', null], [1, 1.5, 1e20], [false, 'true']].flatMap((list) => [
      { in: list },
      { notIn: list },
    ]),
    ...some.flatMap((text) => [
      { contains: text },
      { startsWith: text },
      { endsWith: text },
      { gt: text },
      { lte: text },
    ]),
    ...[0, 1, 0.3, 1e20, -1, 2 ** 63].flatMap((number) => [
      { gt: number },
      { gte: number },
      { lt: number },
      { lte: number },
    ]),
    ...PATTERNS.map((matches) => ({ matches })),
    ...limits.flatMap((limit) => [{ before: limit }, { after: limit }]),
    ...['1s', '10s', '30s', '60s', '1d'].map((withinLast) => ({ withinLast })),
    { exists: true },
    { exists: false },
    { gte: 'a', contains: 'b', ne: 'abc' },
  ]
}

/** As a property both where the engine reads its JSON column (`a`) and where it reads text (`b.a`). */
export function comparisonDefinitions(): Condition[] {
  const ownMembers = ['constructor', 'a.length', 'b.__proto__'].map((path) => ({ trait: path, exists: true }))
  const inEvents = ownMembers.map(({ trait, exists }) => ({ event: 'Compared', where: { property: trait, exists } }))
  const definitions = compares().flatMap((compare, index): Condition[] => [
    { event: 'Compared', where: { property: 'a', ...compare } },
    { trait: 'b.a', ...compare },
    ...(index % 4 === 0 ? [{ event: 'Compared', where: { property: 'b.a', ...compare } }] : []),
  ])
  return [...definitions, ...ownMembers, ...inEvents]
}
