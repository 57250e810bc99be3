// A random world for the evaluators' property test: a log of events of many profiles, each profile owning a few sets, some of
// which were moved from another profile on the way. Times lie on a grid of seconds over two minutes, so that windows end
// exactly on events.
import fc from 'fast-check'
import type { JsonObject, JsonValue } from '../../../src/spec/event.ts'

export const BASE = Date.UTC(2026, 0, 1)
export const LOG_SECONDS = 120
export const EVENT_NAMES = ['Page Viewed', 'Booked', "Rob'); DROP", 'Ünïcode 😀']

/** Keys on purpose: dotted ones, those of prototypes, those that SQL would have to quote, and the engine's own subcolumns. */
export const KEYS = ['a', 'b', 'c', 'a.b', '__proto__', 'k`x', "k'x", 'é', 'null', 'size0', 'String', '']

// biome-ignore format: one table
export const TEXTS = [
  '', 'a', 'A', 'ab', 'abc', 'b', '1', '0', 'true', 'null', '/dermatology/x', '/dermatology', 'é', 'e\u0301', '😀', '\uffff', '😀z',
  'a\nb', 'x\0y', '\0', "it's", 'a\\b', '\ud800', 'a\udc00b', '\ufffd', '%', '{p0:String}', 'derm\tx', 'ſ',
]
/** Texts that are instants, on the grid of the log or elsewhere, and such as only look like one. */
// biome-ignore format: one table
export const INSTANTS = [
  ...Array.from({ length: 13 }, (_, index) => new Date(BASE + index * 10_000).toISOString()),
  '2026-01-01', '2026-01-01T00:01:00Z', '2026-01-01T00:00:30.999999Z', '2026-01-01T01:00:45+01:00', '2025-12-31T23:01:10-01:00',
  '2026-02-30', '2026-01-01T24:00:00Z', '2026-01-01T00:00:60Z', '0004-02-29', '1900-02-29', '9999-12-31T23:59:59Z', '2026-01-01T00:02:30Z',
  '2026-01-01 00:01:00Z', '2026-01-01T00:01:00', '2026-01-01T00:01Z', '2026-01-01T00:01:00+24:00', '2300-06-01', '1066-10-14T00:00:00Z',
]
// biome-ignore format: one table
export const NUMBERS = [
  0, -0, 1, 2, -1, 1.5, 0.1, 0.1 + 0.2, 0.3, 100, 1e20, 1e21, 1e-7, 2 ** 53, 2 ** 53 + 2, 2 ** 63, -(2 ** 63), 2 ** 64, -1e25, 5e-324,
  1.7976931348623157e308,
]

export interface WorldEvent {
  offset: number
  set: number
  /** Profile that owned the set then. */
  filedUnder: number
  name: string
  timestamp: number
  receivedAt: number
  properties: JsonObject
}

export interface WorldProfile {
  id: number
  alive: boolean
  sets: number[]
  traits: JsonObject
  identifiers: [string, string][]
  consent: Record<string, boolean>
}

/** Rows of the set below `offset` are read as of `profile`. */
export interface WorldMove {
  set: number
  profile: number
  offset: number
  commit: number
  ordinal: number
}

export interface World {
  profiles: WorldProfile[]
  events: WorldEvent[]
  moves: WorldMove[]
}

const values: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    { weight: 6, arbitrary: fc.constantFrom(...TEXTS) },
    { weight: 4, arbitrary: fc.constantFrom(...INSTANTS) },
    { weight: 6, arbitrary: fc.constantFrom(...NUMBERS) },
    { weight: 1, arbitrary: fc.boolean() },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 3, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
    { weight: 4, arbitrary: tie('object') },
  ),
  object: fc
    .array(fc.tuple(fc.constantFrom('b', 'b', ...KEYS), tie('value')), { maxLength: 4 })
    .map((entries) => Object.fromEntries(entries)),
})).value

/** Most hold `a`, which most definitions ask about. */
const objects: fc.Arbitrary<JsonObject> = fc
  .tuple(
    fc.option(values, { freq: 4 }),
    fc.array(fc.tuple(fc.constantFrom('b', 'a.b', ...KEYS), values), { maxLength: 3 }),
  )
  .map(([a, entries]) => Object.fromEntries(a === null ? entries : [...entries, ['a', a]]))

const profile = fc.record({
  alive: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  traits: objects,
  identifiers: fc.subarray<[string, string]>([
    ['email', 'x@y.z'],
    ['user_id', '1'],
    ["x'y", 'q'],
  ]),
  consent: fc.dictionary(fc.constantFrom('marketing', 'ads', 'toString'), fc.boolean(), { maxKeys: 2 }),
  sets: fc.array(
    fc.record({
      /** Places in the log (0 to 1) before which another profile held the set, ascending. */
      moved: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 2 }),
      events: fc.array(
        fc.record({
          place: fc.double({ min: 0, max: 1, noNaN: true }),
          name: fc.constantFrom('Page Viewed', ...EVENT_NAMES),
          late: fc.constantFrom(0, 0, 0, 1, 999, 1000, 5000, 30_000, 86_400_000),
          properties: objects,
        }),
        { maxLength: 6 },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  ),
})

/** `count` profiles, the same for the same seed. */
export function makeWorld(count: number, seed: number): World {
  const drawn = fc.sample(profile, { numRuns: count, seed })
  const sets = drawn.flatMap((one, index) => one.sets.map((set) => ({ ...set, holder: index + 1 })))
  const placed = sets.flatMap((set, index) => set.events.map((event) => ({ ...event, set: index + 1 })))
  placed.sort((a, b) => a.place - b.place)
  const offsetAt = (place: number) => placed.findIndex((event) => event.place >= place) + 1 || placed.length + 1
  const moves: WorldMove[] = sets.flatMap((set, index) => {
    const offsets = [...new Set(set.moved.map(offsetAt))].sort((a, b) => a - b)
    return offsets.map((offset, turn) => {
      const profile = turn === offsets.length - 1 ? set.holder : stranger(index, turn + 1, count)
      return { set: index + 1, profile, offset, commit: offset, ordinal: index }
    })
  })
  const events = placed.map((event, index): WorldEvent => {
    const offset = index + 1
    // Before a set's first move a stranger held it, then each move's profile.
    const own = moves.filter((move) => move.set === event.set)
    const last = own.filter((move) => move.offset <= offset).at(-1)
    const before = own.length === 0 ? sets[event.set - 1]!.holder : stranger(event.set - 1, 0, count)
    const receivedAt = BASE + Math.floor(event.place * LOG_SECONDS) * 1000
    return {
      offset,
      set: event.set,
      filedUnder: last?.profile ?? before,
      name: event.name,
      timestamp: receivedAt - event.late,
      receivedAt,
      properties: event.properties,
    }
  })
  const profiles = drawn.map((one, index) => ({
    ...one,
    id: index + 1,
    sets: sets.flatMap((set, number) => (set.holder === index + 1 ? [number + 1] : [])),
  }))
  return { profiles, events, moves }
}

function stranger(set: number, turn: number, count: number): number {
  return ((set * 7 + turn * 3) % count) + 1
}
