// The contract of the state store: what every implementation of src/pipeline/state-store.ts promises. Rows written are rows
// read, one commit is all or nothing, and only the writer whose `expected` is the stored position may commit.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ProfileRow, SetRow, StateStore } from '../../src/pipeline/state-store.ts'
import type { Verdict } from '../../src/spec/verdict.ts'
import { describeCatalogue, describeChanged, describeOutbox } from './state-store-outbox.ts'
import {
  commitTo,
  identifierRow,
  LARGEST,
  profileRow,
  type Run,
  type StateStoreHarness,
  setRow,
} from './state-store-rows.ts'

interface Skip {
  reason: string
  tests: readonly string[]
}

export function describeStateStore(
  name: string,
  make: () => Promise<StateStoreHarness>,
  options: { skip: readonly Skip[] },
): void {
  const run: Run = (title, body) => {
    const skip = options.skip.find((entry) => entry.tests.includes(title))
    test(title, { skip: skip?.reason ?? false }, async () => {
      const harness = await make()
      try {
        await body(harness)
      } finally {
        await harness.dispose()
      }
    })
  }
  describe(`state store: ${name}`, () => {
    describeRows(run)
    describeHostileText(run)
    describeCommit(run)
    describeMemberships(run)
    describeTimers(run)
    describeOutbox(run)
    describeChanged(run)
    describeCatalogue(run)
  })
}

function describeRows(run: Run): void {
  run('an empty store is at its beginning', async ({ store }) => {
    assert.deepEqual(await store.position(), { next: 0, logTime: 0, commit: 0, ordinal: 0 })
    const { nextIdentifier, nextSet, genesis } = await store.catalogue()
    assert.deepEqual({ nextIdentifier, nextSet, genesis }, { nextIdentifier: 1, nextSet: 1, genesis: null })
    assert.deepEqual(await store.counts(), { profiles: 0, identifiers: 0, sets: 0 })
    assert.equal(await store.nextTimer(), null)
  })

  run('rows come back as they were written, the greatest integers included', async ({ store }) => {
    const identifier = identifierRow(7, { firstAt: -2_208_988_800_000, profile: LARGEST - 1, suppressed: true })
    const refused: SetRow['refused'] = [{ identifier: 8, reason: 'cannot_link' }]
    const set = setRow(LARGEST - 1, { identifiers: [9, 3, 2 ** 40], firstOffset: LARGEST, owner: 0, refused })
    const memberships: ProfileRow['memberships'] = [[2, LARGEST]]
    const profile = profileRow(7, {
      identifiers: [7, 2 ** 33],
      sets: [],
      memberships,
      nextTimer: LARGEST,
      changedIn: 3,
    })
    await commitTo(store, { identifiers: [identifier], sets: [set], profiles: [profile] })
    assert.deepEqual(await store.identifiersById([7]), [identifier])
    assert.deepEqual(await store.identifiersByValue([identifier]), [identifier])
    assert.deepEqual(await store.identifierByBirthId('birth-7'), identifier)
    assert.equal(await store.identifierByBirthId('birth-8'), null)
    assert.deepEqual(await store.sets([LARGEST - 1]), [set])
    assert.deepEqual(await store.setsByKey([set.key]), [set])
    assert.deepEqual(await store.profiles([7]), [profile])
    const { nextIdentifier, nextSet } = await store.catalogue()
    assert.deepEqual({ nextIdentifier, nextSet }, { nextIdentifier: 8, nextSet: LARGEST })
  })

  run('look-ups answer each row once, in number order, and leave out what is not there', async ({ store }) => {
    const ids = Array.from({ length: 600 }, (_, index) => index + 1)
    const rows = { identifiers: ids.map((id) => identifierRow(id)), sets: ids.map((id) => setRow(id)) }
    await commitTo(store, { ...rows, profiles: ids.map((id) => profileRow(id)) })
    const asked = [...ids.toReversed(), 5, 5, 9999]
    for (const found of [await store.sets(asked), await store.profiles(asked), await store.identifiersById(asked)])
      assert.deepEqual(
        found.map((row: { id: number }) => row.id),
        ids,
      )
    const keys = asked.map((id) => setRow(id).key)
    assert.deepEqual((await store.setsByKey(keys)).length, 600)
    const values = asked.map((id) => identifierRow(id))
    assert.deepEqual((await store.identifiersByValue(values)).length, 600)
    assert.deepEqual(await store.profiles([]), [])
    assert.deepEqual(await store.counts(), { profiles: 600, identifiers: 600, sets: 600 })
  })

  run('a later row replaces the former', async ({ store }) => {
    await commitTo(store, { identifiers: [identifierRow(1)], sets: [setRow(1)], profiles: [profileRow(1)] })
    const identifier = identifierRow(1, { profile: 0, firstAt: 5, suppressed: true })
    const set = setRow(1, { owner: 0, refused: [{ identifier: 1, reason: 'limit' }], state: new Uint8Array(5000) })
    const profile = profileRow(1, {
      alive: false,
      identifiers: [],
      sets: [],
      suppressed: true,
      state: new Uint8Array(0),
    })
    await commitTo(store, { identifiers: [identifier], sets: [set], profiles: [profile] })
    assert.deepEqual(await store.identifiersById([1]), [identifier])
    assert.deepEqual(await store.sets([1]), [set])
    assert.deepEqual(await store.profiles([1]), [profile])
    assert.deepEqual(await store.counts(), { profiles: 0, identifiers: 1, sets: 1 })
    await commitTo(store, { profiles: [profileRow(1)] })
    assert.equal((await store.counts()).profiles, 1)
  })

  run("callers' mutations reach no stored row", async ({ store }) => {
    const [set, profile] = [setRow(1, { refused: [{ identifier: 1, reason: 'limit' }] }), profileRow(1)]
    await commitTo(store, { sets: [set], profiles: [profile] })
    const spoil = (rows: { set: SetRow; profile: ProfileRow }) => {
      rows.set.state.fill(99)
      rows.set.identifiers.push(5)
      rows.set.refused[0]!.identifier = 6
      rows.profile.state.fill(99)
      rows.profile.sets.push(5)
      rows.profile.memberships.push([1, 1])
    }
    spoil({ set, profile })
    spoil({ set: (await store.sets([1]))[0]!, profile: (await store.profiles([1]))[0]! })
    assert.deepEqual(await store.sets([1]), [setRow(1, { refused: [{ identifier: 1, reason: 'limit' }] })])
    assert.deepEqual(await store.profiles([1]), [profileRow(1)])
  })

  run('sets are found by the identifiers they carry, and walked in number order', async ({ store }) => {
    const sets = [
      setRow(1, { identifiers: [1, 2] }),
      setRow(2, { identifiers: [2, 3] }),
      setRow(3, { identifiers: [4] }),
    ]
    await commitTo(store, { sets })
    assert.deepEqual(await store.setsCarrying([2]), sets.slice(0, 2))
    assert.deepEqual(await store.setsCarrying([4, 3, 1]), sets)
    assert.deepEqual(await store.setsCarrying([9]), [])
    const profiles = [profileRow(1), profileRow(2, { alive: false }), profileRow(3)]
    await commitTo(store, { profiles })
    assert.deepEqual(await store.profilesAfter(0, 2), [profiles[0], profiles[2]])
    assert.deepEqual(await store.profilesAfter(1, 2), [profiles[2]])
  })
}

function describeHostileText(run: Run): void {
  run('identifier values are kept apart to the last byte', async ({ store }) => {
    const texts = [
      'a',
      'a\0',
      'a\0b',
      '\0',
      "'; DROP TABLE identifiers; --",
      'A',
      'é',
      'e\u0301',
      '\ufffd',
      '\ufeffa',
      '%',
    ]
    const values = [
      ...texts,
      '\u{10ffff}',
      'x'.repeat(500),
      'x'.repeat(100_000),
      '__proto__',
      'constructor',
      '1',
      '1.0',
    ]
    const kinds = ['email', '__proto__', 'a:b', "k'\0"]
    const pairs = kinds.flatMap((kind) => values.map((value) => ({ kind, value })))
    const rows = pairs.map((pair, index) => identifierRow(index + 1, pair))
    await commitTo(store, { identifiers: rows })
    assert.deepEqual(await store.identifiersByValue(pairs), rows)
    for (const row of rows) assert.deepEqual(await store.identifiersByValue([row]), [row])
    assert.deepEqual(await store.identifiersByValue([{ kind: 'a', value: 'b:a' }]), [])
  })

  run('ill-formed text is refused, never stored under another name', async ({ store }) => {
    await commitTo(store, { identifiers: [identifierRow(1, { value: '\ufffd' })] })
    assert.deepEqual(await store.identifiersByValue([{ kind: 'user_id', value: '\ud800' }]), [])
    for (const pair of [{ value: '\udfff' }, { kind: 'x\ud800' }])
      await assert.rejects(commitTo(store, { identifiers: [identifierRow(2, pair)] }), /well-formed/)
    assert.equal((await store.position()).commit, 1)
    assert.equal((await store.counts()).identifiers, 1)
  })
}

function describeCommit(run: Run): void {
  run('a commit moves the position, and only from where it expects to', async ({ store }) => {
    const position = { next: 10, logTime: 1_700_000_000_000, commit: 1, ordinal: 3 }
    await commitTo(store, { position })
    assert.deepEqual(await store.position(), position)
    for (const expected of [
      { ...position, next: 9 },
      { ...position, commit: 0 },
    ]) {
      const next = { ...position, next: 11, commit: 2 }
      const late = commitTo(store, { expected, position: next, profiles: [profileRow(1)], kinds: ['late'] })
      await assert.rejects(late, { name: 'OnefoldError', code: 'conflict' })
    }
    assert.deepEqual(await store.position(), position)
    assert.deepEqual(await store.profiles([1]), [])
    assert.deepEqual((await store.catalogue()).kinds, [])
  })

  run('a position never goes back, and no number is used for two commits', async ({ store }) => {
    await commitTo(store, { position: { next: 10, logTime: 5, commit: 1, ordinal: 0 } })
    await assert.rejects(commitTo(store, { position: { next: 10, logTime: 5, commit: 1, ordinal: 0 } }))
    await assert.rejects(commitTo(store, { position: { next: 9, logTime: 5, commit: 2, ordinal: 0 } }))
    assert.equal((await store.position()).next, 10)
  })

  run('everything is still there after the store was closed and opened again', async ({ store: first, reopen }) => {
    const rows = { identifiers: [identifierRow(1)], sets: [setRow(1)] }
    const profile = profileRow(1, { memberships: [[4, 9]], nextTimer: 77 })
    const verdict: Verdict = { offset: 0, code: 'accepted', set: 1, profile: 1 }
    await commitTo(first, { ...rows, profiles: [profile], verdicts: [verdict], kinds: ['crm_id'] })
    const store = await reopen()
    assert.equal((await store.position()).commit, 1)
    assert.deepEqual(await store.profiles([1]), [profile])
    assert.deepEqual(await store.setsCarrying([1]), rows.sets)
    assert.deepEqual(await store.members(4, { after: 0, limit: 5 }), [{ profile: 1, since: 9 }])
    assert.deepEqual(await store.verdicts(0, 1), [verdict])
    assert.equal(await store.nextTimer(), 77)
    const { kinds, nextIdentifier, nextSet } = await store.catalogue()
    assert.deepEqual({ kinds, nextIdentifier, nextSet }, { kinds: ['crm_id'], nextIdentifier: 2, nextSet: 2 })
    await commitTo(store, { profiles: [profileRow(2)] })
    assert.equal((await store.counts()).profiles, 2)
  })
}

function describeMemberships(run: Run): void {
  const membersOf =
    (store: StateStore) =>
    (segment: number, after = 0, limit = 100) =>
      store.members(segment, { after, limit })

  run('members follow the memberships of the profile rows', async ({ store }) => {
    const members = membersOf(store)
    const belongs = (id: number, memberships: ProfileRow['memberships']) => profileRow(id, { memberships })
    const first = [belongs(3, [[1, 30]]), belongs(1, [[1, 10]]), belongs(2, [[2, 20]])]
    await commitTo(store, { profiles: first })
    assert.deepEqual(await members(1), [
      { profile: 1, since: 10 },
      { profile: 3, since: 30 },
    ])
    // One leaves and enters another, one enters again later, one stays.
    const second = [belongs(1, [[2, 40]]), belongs(3, [[1, 50]]), belongs(2, [[2, 20]])]
    await commitTo(store, { profiles: second })
    assert.deepEqual(await members(1), [{ profile: 3, since: 50 }])
    assert.deepEqual(await members(2), [
      { profile: 1, since: 40 },
      { profile: 2, since: 20 },
    ])
    await commitTo(store, { profiles: [belongs(3, []), profileRow(2, { alive: false })] })
    assert.deepEqual(await members(1), [])
    assert.deepEqual(await members(2), [{ profile: 1, since: 40 }])
  })

  run('members are cut into pages by profile number', async ({ store }) => {
    const members = membersOf(store)
    const ids = Array.from({ length: 25 }, (_, index) => index * 3 + 1)
    await commitTo(store, { profiles: ids.map((id) => profileRow(id, { memberships: [[1, id]] })) })
    const page = await members(1, 4, 10)
    assert.deepEqual(
      page.map((row) => row.profile),
      ids.slice(2, 12),
    )
    assert.deepEqual(await members(1, 73), [])
  })
}

function describeTimers(run: Run): void {
  const dueOf =
    (store: StateStore) =>
    async (until: number, limit = 100) =>
      (await store.profilesDue(until, limit)).map((row) => row.id)

  run('due profiles come earliest first, up to the limit', async ({ store }) => {
    const due = dueOf(store)
    const timers: [number, number | null][] = [
      [1, 50],
      [2, 20],
      [3, null],
      [4, 90],
      [5, 20],
    ]
    const profiles = timers.map(([id, nextTimer]) => profileRow(id, { nextTimer }))
    await commitTo(store, { profiles: [...profiles, profileRow(6, { nextTimer: 1, alive: false })] })
    assert.equal(await store.nextTimer(), 20)
    assert.deepEqual(await due(19), [])
    assert.deepEqual(await due(20), [2, 5])
    assert.deepEqual(await due(90), [2, 5, 1, 4])
    assert.deepEqual(await due(90, 3), [2, 5, 1])
    assert.deepEqual(await due(90, 1), [2])
    assert.deepEqual(await store.profilesDue(50, 0), [])
  })

  run('timers move later, earlier and away', async ({ store }) => {
    const due = dueOf(store)
    const ids = Array.from({ length: 200 }, (_, index) => index + 1)
    const put = (timer: (id: number) => number | null, alive = true) =>
      commitTo(store, { profiles: ids.map((id) => profileRow(id, { nextTimer: timer(id), alive })) })
    await put((id) => id)
    await put((id) => 1000 - id)
    assert.equal(await store.nextTimer(), 800)
    assert.deepEqual(await due(802, 2), [200, 199])
    await put((id) => (id % 2 === 0 ? null : 5000 + id))
    assert.equal(await store.nextTimer(), 5001)
    assert.deepEqual(await due(5004), [1, 3])
    await put((id) => 10 + (id % 3))
    assert.deepEqual(await due(10, 2), [3, 6])
    await put((id) => id, false)
    assert.equal(await store.nextTimer(), null)
    assert.deepEqual(await due(LARGEST), [])
    await put((id) => id)
    assert.deepEqual(await due(3), [1, 2, 3])
  })
}
