// Random commits, to the state store in memory and to the one in SQLite: every question has the same answer in both.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ProfileRow, SetRow, StateStore } from '../../src/pipeline/state-store.ts'
import { VERDICT_CODES } from '../../src/spec/verdict.ts'
import { MemoryStateStore } from '../../src/store/memory/state.ts'
import { openSqliteState } from '../../src/store/sqlite/state.ts'
import { commitTo, identifierRow, profileRow, setRow } from '../contract/state-store-rows.ts'

// Few numbers, so that most commits meet rows of former ones.
const id = fc.integer({ min: 1, max: 8 })
const time = fc.integer({ min: 0, max: 30 })
const state = fc.uint8Array({ maxLength: 6 })
const list = <T>(of: fc.Arbitrary<T>) => fc.array(of, { maxLength: 5 })

const identifiers = list(
  fc.record({ id, firstAt: time, profile: id, suppressed: fc.boolean() }).map((row) => identifierRow(row.id, row)),
)
const refused: fc.Arbitrary<SetRow['refused']> = list(
  fc.record({ identifier: id, reason: fc.constantFrom('limit', 'cannot_link', 'trust') }),
)
const sets = list(
  fc
    .record({ id, owner: id, refused, state })
    .map((row) => setRow(row.id, { ...row, identifiers: [row.id, (row.id % 4) + 10] })),
)
const memberships: fc.Arbitrary<ProfileRow['memberships']> = fc.uniqueArray(
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 1 })),
  { selector: ([segment]) => segment, maxLength: 3 },
)
const profiles = list(
  fc.record({
    id,
    // Mostly as it was, so that the steady state is reached too.
    alive: fc.integer({ max: 4, min: 0 }).map((number) => number > 0),
    suppressed: fc.integer({ max: 4, min: 0 }).map((number) => number === 0),
    nextTimer: fc.option(time),
    memberships: fc.oneof(fc.constant<ProfileRow['memberships']>([]), memberships),
    state,
    changedBefore: fc.option(fc.integer({ min: 1, max: 3 })),
  }),
)
const commit = fc.record({
  ...{ identifiers, sets, profiles, isStale: fc.integer({ min: 0, max: 9 }).map((number) => number === 0) },
  verdicts: list(fc.record({ code: fc.constantFrom(...VERDICT_CODES), set: id, profile: id, gap: fc.boolean() })),
  changes: fc.integer({ min: 0, max: 3 }),
  moves: list(fc.record({ set: id, profile: id, offset: time })),
  dedupe: list(fc.record({ hour: fc.integer({ min: 0, max: 6 }), hashes: state })),
  dedupeFrom: fc.integer({ min: 0, max: 4 }),
  kinds: list(fc.string({ unit: 'binary' })),
})
type RandomCommit = typeof commit extends fc.Arbitrary<infer T> ? T : never

async function apply(store: StateStore, random: RandomCommit): Promise<string> {
  const expected = await store.position()
  const number = expected.commit + 1
  let offset = expected.next
  const verdicts = random.verdicts.map(({ gap, ...rest }) => {
    offset += gap ? 3 : 1
    return { offset: offset - 1, ...rest }
  })
  const position = { next: offset, logTime: expected.logTime + 2, commit: number, ordinal: random.changes }
  const changes = Array.from({ length: random.changes }, (_, index) => ({
    ...{ offset: number, ordinal: index + 1, kind: 'segment_exited' as const, segment: 's', profileId: 'p' },
    ...{ identifiers: [{ kind: 'k', value: `${index}` }], at: offset },
  }))
  const rows = random.profiles.map(({ changedBefore, ...row }) =>
    profileRow(row.id, { ...row, changedIn: changedBefore === null ? number : Math.max(0, number - changedBefore) }),
  )
  const moves = random.moves.map((move, index) => ({ commit: number, ordinal: index, ...move }))
  const { isStale, profiles: _, ...lists } = random
  const from = isStale ? { ...expected, commit: expected.commit - 1 } : expected
  try {
    await commitTo(store, { ...lists, expected: from, position, profiles: rows, verdicts, changes, moves })
    return 'done'
  } catch (error) {
    return String(error)
  }
}

/** Everything the port can be asked. */
async function answers(store: StateStore): Promise<unknown[]> {
  const ids = Array.from({ length: 14 }, (_, index) => 14 - index)
  const numbers = [0, 1, 2, 3, 7, 15, 29]
  const each = <T>(ask: (number: number) => Promise<T>) => Promise.all(numbers.map(ask))
  return [
    await Promise.all([store.position(), store.counts(), store.catalogue(), store.nextTimer(), store.dedupeBlobs()]),
    await store.identifiersByValue(ids.map((number) => identifierRow(number))),
    await Promise.all([store.identifiersById(ids), store.sets(ids), store.profiles(ids)]),
    await each((number) => store.identifierByBirthId(`birth-${number}`)),
    await store.setsByKey(ids.map((number) => setRow(number).key)),
    await each((number) => store.setsCarrying([number, 11])),
    await each((number) => store.profilesAfter(number, 3)),
    await each((number) => store.profilesDue(number, 2)),
    await each((number) => store.members(number % 4, { after: number, limit: 3 })),
    await each((number) => store.profilesChanged(number, number + 5, 3)),
    await each((number) => store.verdicts(number, number * 3)),
    await each((number) => store.changes({ offset: number, ordinal: 1 }, 4, number * 2)),
    await each((number) => store.moves({ commit: number, ordinal: 1 }, 4)),
  ]
}

test('random commits give equal answers in both stores', async (context) => {
  const seed = Date.now() & 0x7fffffff
  context.diagnostic(`seed ${seed}`)
  const property = fc.asyncProperty(fc.array(commit, { minLength: 1, maxLength: 12 }), async (commits) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'onefold-state-'))
    const [memory, sqlite] = [new MemoryStateStore(), openSqliteState(dataDir, { role: 'writer' })]
    try {
      for (const random of commits) {
        assert.equal(await apply(sqlite, random), await apply(memory, random))
        assert.deepEqual(await answers(sqlite), await answers(memory))
      }
    } finally {
      await sqlite.close()
      await rm(dataDir, { recursive: true })
    }
  })
  await fc.assert(property, { seed, numRuns: 40 })
})
