// The contract of history: what every engine behind src/history/port.ts does, the memory included. Evaluation of segments has
// a suite of its own (the property test that reference, streaming and SQL agree).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type {
  HistoryEventRow,
  HistoryProfileRow,
  HistoryQueries,
  HistorySink,
  SegmentContext,
} from '../../src/history/port.ts'
import { clauseOf } from '../../src/segment/clause.ts'
import type { JsonObject } from '../../src/spec/event.ts'

export type HistoryUnderTest = HistorySink & HistoryQueries & { close(): Promise<void> }

const T0 = Date.UTC(2026, 0, 31, 12)

export function eventRow(offset: number, more: Partial<HistoryEventRow> = {}): HistoryEventRow {
  return {
    offset,
    source: 'website',
    messageId: `message-${offset}`,
    type: 'track',
    event: 'Page Viewed',
    timestamp: T0 + offset,
    receivedAt: T0 + offset,
    set: 1,
    profile: 1,
    payload: JSON.stringify({ messageId: `message-${offset}` }),
    properties: { path: '/dermatology' },
    ...more,
  }
}

export function profileRow(profile: number, more: Partial<HistoryProfileRow> = {}): HistoryProfileRow {
  return {
    profile,
    version: 1,
    alive: true,
    id: `profile-${profile}`,
    traits: {},
    identifiers: [['user_id', `u${profile}`]],
    consent: {},
    segments: [],
    firstSeen: T0,
    lastSeen: T0,
    ...more,
  }
}

/** Refused by every engine: nested beyond what its JSON column takes. */
export function nested(depth: number): JsonObject {
  return JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`) as JsonObject
}

/** `make` gives an empty, prepared history. */
export function describeHistory(name: string, make: () => Promise<HistoryUnderTest>): void {
  describe(`history: ${name}`, () => {
    const withHistory = (body: (history: HistoryUnderTest) => Promise<void>) => async () => {
      const history = await make()
      try {
        await body(history)
      } finally {
        await history.close()
      }
    }
    blocks(withHistory)
    hostileRows(withHistory)
    timelines(withHistory)
    searches(withHistory)
    evaluations(withHistory)
  })
}

type WithHistory = (body: (history: HistoryUnderTest) => Promise<void>) => () => Promise<void>

async function offsets(history: HistoryUnderTest, sets = [1]): Promise<number[]> {
  const events = await history.timeline({ sets, limit: 100_000 })
  return events.map(({ offset }) => offset).sort((a, b) => a - b)
}

function blocks(withHistory: WithHistory): void {
  it(
    'prepares twice, and pings',
    withHistory(async (history) => {
      await history.prepare()
      await history.ping()
    }),
  )
  it(
    'stores a block once however often it is sent, and equal rows of another block again',
    withHistory(async (history) => {
      const rows = [eventRow(1), eventRow(2)]
      await history.insertEvents(1, rows)
      await history.insertEvents(1, rows)
      assert.deepEqual(await offsets(history), [1, 2])
      await history.insertEvents(2, [eventRow(3)])
      await history.insertEvents(1, rows)
      assert.deepEqual(await offsets(history), [1, 2, 3])
    }),
  )
  it(
    'takes an empty block',
    withHistory(async (history) => {
      assert.deepEqual(await history.insertEvents(1, []), [])
      await history.insertProfiles([])
      await history.insertMoves([])
    }),
  )
  it(
    'finds the rows that are refused and stores all others, also when the block is sent again',
    withHistory(async (history) => {
      const rows = Array.from({ length: 33 }, (_, i) =>
        eventRow(i, [3, 4, 32].includes(i) ? { properties: nested(1200) } : {}),
      )
      const good = rows.map(({ offset }) => offset).filter((offset) => ![3, 4, 32].includes(offset))
      for (let time = 0; time < 2; time++) {
        const refused = await history.insertEvents(7, rows)
        assert.deepEqual(
          refused.map(({ offset }) => offset),
          [3, 4, 32],
        )
        assert.ok(refused.every(({ error }) => error.length > 0 && error.length <= 300))
        assert.deepEqual(await offsets(history), good)
      }
    }),
  )
}

const HOSTILE: [string, string][] = [
  ['a path twice', '{"a.b":1,"a":{"b":2}}'],
  ['prototype keys', '{"__proto__":{"x":1},"constructor":1,"toString":null}'],
  ['NUL', '{"\\u0000":"a\\u0000b"}'],
  ['lone surrogates', '{"\\ud800":"\\udfff","ok":["\\ud83d"]}'],
  ['numbers beyond 2^53', '{"a":9007199254740993,"b":18446744073709551616,"c":1e20,"d":-1e400,"e":1e308,"f":5e-324}'],
  ['numbers as text', '{"a":"1e400","b":"9007199254740993"}'],
  ['dates as text', '{"a":"2020-01-01","b":"2020-01-01T00:00:00Z"}'],
  ['empty names', '{"":1,".":2,"a.":3,".a":4,"a..b":5}'],
  ['mixed arrays', '{"a":[1,"x",null,{"b":[[]]},[true]],"b":[],"c":{}}'],
  ['text that looks like SQL', '{"a\'b`c\\"":"\'); DROP TABLE events; --"}'],
]

function hostileRows(withHistory: WithHistory): void {
  it(
    'stores every legal event, with its neighbours',
    withHistory(async (history) => {
      const rows = HOSTILE.map(([, properties], offset) => {
        const payload = JSON.stringify({ properties: JSON.parse(properties) as JsonObject })
        return eventRow(offset, {
          properties: JSON.parse(properties) as JsonObject,
          payload,
          event: properties,
          messageId: properties,
        })
      })
      assert.deepEqual(await history.insertEvents(1, rows), [])
      const stored = await history.timeline({ sets: [1], limit: 100 })
      assert.deepEqual(
        stored.map(({ payload }) => payload).reverse(),
        rows.map(({ payload }) => payload),
      )
    }),
  )
  it(
    'keeps one property that differs in type from event to event',
    withHistory(async (history) => {
      const values = [1, 'x', null, true, 1.5, [1], ['x'], { b: 1 }, [{ b: 1 }], {}, []]
      const rows = values.map((a, offset) => eventRow(offset, { properties: { a } }))
      assert.deepEqual(await history.insertEvents(1, rows), [])
      assert.equal((await offsets(history)).length, values.length)
    }),
  )
  it(
    'takes timestamps of 1900 and 2100, and a block received over more than 100 months, in order',
    withHistory(async (history) => {
      const rows = Array.from({ length: 200 }, (_, month) =>
        eventRow(month, { timestamp: Date.UTC(1900 + month, 0, 1), receivedAt: Date.UTC(2000, month % 120, 15) }),
      )
      assert.deepEqual(await history.insertEvents(1, rows), [])
      await history.insertEvents(1, rows)
      const stored = await history.timeline({ sets: [1], limit: 1000 })
      assert.deepEqual(
        stored.map(({ timestamp }) => timestamp),
        rows.map(({ timestamp }) => timestamp).reverse(),
      )
    }),
  )
}

function timelines(withHistory: WithHistory): void {
  it(
    'gives the events of the sets asked for, newest first by timestamp, then offset',
    withHistory(async (history) => {
      await history.insertEvents(1, [
        eventRow(1, { set: 1, timestamp: 50 }),
        eventRow(2, { set: 2, timestamp: 70 }),
        eventRow(3, { set: 3, timestamp: 60 }),
        eventRow(4, { set: 1, timestamp: 50 }),
      ])
      const events = await history.timeline({ sets: [1, 2], limit: 10 })
      assert.deepEqual(
        events.map(({ offset }) => offset),
        [2, 4, 1],
      )
      assert.deepEqual(events[0], { offset: 2, timestamp: 70, payload: eventRow(2).payload })
      assert.deepEqual(await history.timeline({ sets: [], limit: 10 }), [])
      assert.deepEqual(await history.timeline({ sets: [99], limit: 10 }), [])
    }),
  )
  it(
    'pages without gap or repeat through equal timestamps, with many sets',
    withHistory(async (history) => {
      const rows = Array.from({ length: 500 }, (_, i) => eventRow(i, { set: (i % 40) + 1, timestamp: T0 + (i % 7) }))
      await history.insertEvents(1, rows)
      const sets = Array.from({ length: 5000 }, (_, i) => i + 1)
      const paged: number[] = []
      let before: { timestamp: number; offset: number } | undefined
      for (;;) {
        const page = await history.timeline({ sets, limit: 64, ...(before && { before }) })
        if (page.length === 0) break
        paged.push(...page.map(({ offset }) => offset))
        before = page.at(-1)!
      }
      const expected = rows.toSorted((a, b) => b.timestamp - a.timestamp || b.offset - a.offset)
      assert.deepEqual(
        paged,
        expected.map(({ offset }) => offset),
      )
    }),
  )
}

function searches(withHistory: WithHistory): void {
  it(
    'finds living profiles by part of an identifier or trait, case ignored',
    withHistory(async (history) => {
      await history.insertProfiles([
        profileRow(1, {
          identifiers: [['email', 'Jane@X.com']],
          traits: { name: 'Jäne DOE', address: { lines: ["O'Neil"] } },
        }),
        profileRow(2, { traits: { name: 'jäne' } }),
        profileRow(3, { traits: { name: 'Jäne' }, alive: false }),
      ])
      assert.deepEqual(await history.search('jÄNE', 10), [1, 2])
      assert.deepEqual(await history.search('jäne', 1), [1])
      assert.deepEqual(await history.search("o'neil", 10), [1])
      assert.deepEqual(await history.search('jane@x', 10), [1])
      assert.deepEqual(await history.search("%'\\\0{x:String}", 10), [])
    }),
  )
  it(
    'reads a profile as its row of greatest version says, whatever order they came in',
    withHistory(async (history) => {
      await history.insertProfiles([profileRow(1, { version: 5, traits: { plan: 'gold' } })])
      await history.insertProfiles([profileRow(1, { version: 4, traits: { plan: 'silver' } })])
      assert.deepEqual(await history.search('gold', 10), [1])
      assert.deepEqual(await history.search('silver', 10), [])
      await history.insertProfiles([profileRow(1, { version: 6, traits: { plan: 'gold' }, alive: false })])
      assert.deepEqual(await history.search('gold', 10), [])
    }),
  )
}

function evaluations(withHistory: WithHistory): void {
  const context = (more: Partial<SegmentContext> = {}): SegmentContext => ({
    segments: new Map(),
    offset: 1000,
    now: T0 + 1000,
    ...more,
  })
  const viewed = (count: number) => ({ event: 'Page Viewed', count: { gte: count } })

  it(
    'counts the living profiles that satisfy a condition, and samples the lowest numbers',
    withHistory(async (history) => {
      await history.insertProfiles(
        [1, 2, 3, 4].map((n) => profileRow(n, { traits: { plan: n % 2 ? 'gold' : 'tin' }, alive: n !== 4 })),
      )
      const gold = { trait: 'plan', eq: 'gold' }
      assert.deepEqual(await history.evaluate(gold, context(), 10), { size: 2, profiles: [1, 3] })
      assert.deepEqual(await history.evaluate(gold, context(), 1), { size: 2, profiles: [1] })
      assert.deepEqual(await history.evaluate({ not: gold }, context(), 0), { size: 1, profiles: [] })
      const dermatology = { event: 'Page Viewed', where: { property: 'path', startsWith: '/derma' }, within: '30d' }
      await history.insertEvents(1, [eventRow(1, { set: 2, profile: 2 })])
      assert.deepEqual(await history.evaluate(dermatology, context(), 10), { size: 1, profiles: [2] })
      assert.deepEqual(await history.evaluate(dermatology, context({ offset: 1 }), 10), { size: 0, profiles: [] })
    }),
  )
  it(
    'reads events below a move as of the profile it names, and those above as of their own',
    withHistory(async (history) => {
      await history.insertProfiles([1, 2, 3].map((n) => profileRow(n)))
      await history.insertEvents(1, [
        eventRow(10, { profile: 1 }),
        eventRow(20, { profile: 1 }),
        eventRow(30, { profile: 2 }),
      ])
      assert.deepEqual(await history.evaluate(viewed(2), context(), 10), { size: 1, profiles: [1] })
      await history.insertMoves([{ set: 1, profile: 2, offset: 25, commit: 5, ordinal: 1 }])
      assert.deepEqual(await history.evaluate(viewed(3), context(), 10), { size: 1, profiles: [2] })
      const later = { set: 1, profile: 3, offset: 30, commit: 5, ordinal: 2 }
      await history.insertMoves([later])
      await history.insertMoves([later, { set: 1, profile: 2, offset: 25, commit: 5, ordinal: 1 }])
      assert.deepEqual(await history.evaluate(viewed(2), context(), 10), { size: 1, profiles: [3] })
      assert.deepEqual(await history.evaluate(viewed(1), context(), 10), { size: 2, profiles: [2, 3] })
    }),
  )
  it(
    'gives the kept timestamps of clauses, set by set',
    withHistory(async (history) => {
      await history.insertEvents(
        1,
        Array.from({ length: 12 }, (_, i) => eventRow(i, { set: (i % 3) + 1, event: i < 6 ? 'A' : 'B' })),
      )
      const clauses = [clauseOf({ event: 'A' }), clauseOf({ event: ['B', 'C'], count: { gte: 5 } })]
      const query = { clauses, below: 11, afterSet: 1, setsMax: 10 }
      assert.deepEqual(await history.clauseTimestamps(query), [
        { set: 2, clause: 0, timestamps: [T0 + 4, T0 + 1] },
        { set: 2, clause: 1, timestamps: [T0 + 10, T0 + 7] },
        { set: 3, clause: 0, timestamps: [T0 + 5, T0 + 2] },
        { set: 3, clause: 1, timestamps: [T0 + 8] },
      ])
      assert.deepEqual(
        (await history.clauseTimestamps({ ...query, setsMax: 1 })).map(({ set }) => set),
        [2, 2],
      )
      assert.deepEqual(await history.clauseTimestamps({ ...query, clauses: [] }), [])
    }),
  )
}
