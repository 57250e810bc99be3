// The part of the state store's contract that other processes read with a cursor, and the catalogue.
import assert from 'node:assert/strict'
import type { BackfillRow, HandDecisionRow, StateStore } from '../../src/pipeline/state-store.ts'
import type { Change } from '../../src/spec/change.ts'
import type { Segment } from '../../src/spec/segment.ts'
import type { Source } from '../../src/spec/source.ts'
import type { Verdict } from '../../src/spec/verdict.ts'
import { commitTo, LARGEST, profileRow, type Run } from './state-store-rows.ts'

export function describeOutbox(run: Run): void {
  run('verdicts are read by range, across the commits that wrote them', async ({ store }) => {
    const codes = ['none', 'accepted', 'duplicate', 'no_identifier', 'suppressed'] as const
    const verdict = (offset: number): Verdict => ({
      offset,
      code: codes[offset % 5]!,
      set: offset * 2,
      profile: offset,
    })
    const range = (from: number, below: number) => Array.from({ length: below - from }, (_, i) => verdict(from + i))
    for (const [from, below] of [
      [0, 3],
      [3, 4],
      [4, 10],
      [15, 20],
    ] as const)
      await commitTo(store, { verdicts: range(from, below) })
    const large = { ...verdict(20), set: LARGEST, profile: LARGEST - 1 }
    await commitTo(store, { verdicts: [large] })
    assert.deepEqual(await store.verdicts(0, 10), range(0, 10))
    assert.deepEqual(await store.verdicts(2, 8), range(2, 8))
    assert.deepEqual(await store.verdicts(5, 6), range(5, 6))
    assert.deepEqual(await store.verdicts(8, 17), [...range(8, 10), ...range(15, 17)])
    assert.deepEqual(await store.verdicts(12, 100), [...range(15, 20), large])
    assert.deepEqual([...(await store.verdicts(21, 100)), ...(await store.verdicts(5, 5))], [])
  })

  run('changes and moves are read after a place, in order', async ({ store }) => {
    const change = (offset: number, ordinal: number): Change => {
      const identifiers = [{ kind: 'email', value: `a\0${offset}` }]
      return { offset, ordinal, kind: 'segment_entered', segment: 's', profileId: 'p', identifiers, at: offset }
    }
    const changes = [change(1, 1), change(1, 2), change(2, 1), change(LARGEST - 1, 1)]
    await commitTo(store, { changes: changes.slice(0, 2) })
    await commitTo(store, { changes: changes.slice(2) })
    assert.deepEqual(await store.changes({ offset: -1, ordinal: 0 }, 10), changes.slice(0, 3).concat(changes.slice(3)))
    assert.deepEqual(await store.changes({ offset: 1, ordinal: 1 }, 1), [changes[1]])
    assert.deepEqual(await store.changes({ offset: 1, ordinal: 2 }, 10, 3), [changes[2]])
    assert.deepEqual(await store.changes({ offset: 1, ordinal: 0 }, 10, 1), [])
    const move = (commit: number, ordinal: number) => ({ commit, ordinal, set: commit, profile: 0, offset: ordinal })
    const moves = [move(3, 1), move(3, 2), move(4, 1)]
    await commitTo(store, { moves: moves.slice(0, 2) })
    await commitTo(store, { moves: moves.slice(2) })
    assert.deepEqual(await store.moves({ commit: 0, ordinal: 0 }, 10), moves)
    assert.deepEqual(await store.moves({ commit: 3, ordinal: 1 }, 1), [moves[1]])
    assert.deepEqual(await store.moves({ commit: 4, ordinal: 1 }, 10), [])
  })

  run('de-duplication hashes are kept until their hour is dropped', async ({ store }) => {
    const blob = (hour: number, ...bytes: number[]) => ({ hour, hashes: Uint8Array.from(bytes) })
    await commitTo(store, { dedupe: [blob(10, 1), blob(11, 2)] })
    await commitTo(store, { dedupe: [blob(10, 3)] })
    assert.deepEqual(await store.dedupeBlobs(), [blob(10, 1), blob(10, 3), blob(11, 2)])
    await commitTo(store, { dedupe: [blob(12, 4), blob(9, 5)], dedupeFrom: 11 })
    assert.deepEqual(await store.dedupeBlobs(), [blob(11, 2), blob(12, 4)])
  })
}

export function describeChanged(run: Run): void {
  const changedOf =
    (store: StateStore) =>
    async (after: number, upTo: number, limit = 100) =>
      (await store.profilesChanged(after, upTo, limit)).map((row) => [row.changedIn, row.id])

  run('changed profiles come in commit order, each where it changed last', async ({ store }) => {
    const changed = changedOf(store)
    const put = (changedIn: number, ...ids: number[]) =>
      commitTo(store, { profiles: ids.map((id) => profileRow(id, { changedIn })) })
    await put(1, 5, 1, 3)
    await put(2, 3)
    await put(1, 1) // The row is written, its snapshot did not change.
    await put(4, 2, 5)
    assert.deepEqual(await changed(0, 4), [
      [1, 1],
      [2, 3],
      [4, 2],
      [4, 5],
    ])
    assert.deepEqual(await changed(1, 3), [[2, 3]])
    assert.deepEqual(await changed(4, 9), [])
  })

  run('a page of changed profiles never ends inside a commit', async ({ store }) => {
    const changed = changedOf(store)
    await commitTo(store, { profiles: [1, 2, 3].map((id) => profileRow(id, { changedIn: 1 })) })
    await commitTo(store, { profiles: [4, 5].map((id) => profileRow(id, { changedIn: 2 })) })
    assert.deepEqual(await changed(0, 2, 1), [
      [1, 1],
      [1, 2],
      [1, 3],
    ])
    assert.deepEqual(await changed(0, 2, 3), [
      [1, 1],
      [1, 2],
      [1, 3],
    ])
    assert.equal((await changed(0, 2, 4)).length, 5)
    assert.deepEqual(await changed(1, 2, 1), [
      [2, 4],
      [2, 5],
    ])
  })
}

export function describeCatalogue(run: Run): void {
  const source: Source = { slug: 'web', name: 'Web', kind: 'browser', writeKey: 'k', enabled: true }
  const status = { status: 'active' as const, activationOffset: 3, size: 2 }
  const segment: Segment = { id: 2, slug: 's', name: '\ud800"\0', definition: { identifier: 'email' }, ...status }
  const decision: HandDecisionRow = {
    ...{
      offset: 9,
      kind: 'split',
      a: ['user_id:\0'],
      b: ['email:b'],
      reason: 'r\ud800',
      author: '',
      at: 1,
      lifted: false,
    },
  }
  const backfill: BackfillRow = {
    ...{ segment: 2, below: 9, phase: 'fold', cursor: 0, done: 0, total: 5, startedAt: 1 },
  }

  run('the catalogue comes back as it was written', async ({ store }) => {
    const genesis = { birthKey: '00ff', dedupeHours: 24, dedupeIdsMax: 1000 }
    const clause = { id: 1, hash: 'h', definition: '{}', fromOffset: 3, foldedTo: 7 }
    const lists = { sources: [source], segments: [segment], clauses: [clause], handDecisions: [decision] }
    await commitTo(store, { ...lists, backfills: [backfill], kinds: ['z', 'a', '\ud800'], genesis })
    await commitTo(store, { kinds: ['a'] })
    const { nextIdentifier: _, nextSet: __, ...found } = await store.catalogue()
    assert.deepEqual(found, { ...lists, genesis, backfills: [backfill], kinds: ['z', 'a', '\ud800'] })
  })

  run('catalogue rows are replaced and removed', async ({ store }) => {
    const other = { ...source, slug: 'app', region: 'CZ' }
    const segments = [{ ...segment, id: 10 }, segment]
    await commitTo(store, { sources: [source, other], segments, handDecisions: [decision], backfills: [backfill] })
    assert.deepEqual((await store.catalogue()).segments, [segment, { ...segment, id: 10 }])
    const renamed = { ...source, name: 'New' }
    const rest = { handDecisions: [{ ...decision, lifted: true }], backfillsDone: [2], segmentsRemoved: [2] }
    await commitTo(store, { sources: [renamed], sourcesRemoved: ['app', 'none'], ...rest })
    const found = await store.catalogue()
    assert.deepEqual(found.sources, [renamed])
    assert.deepEqual(found.segments, [{ ...segment, id: 10 }])
    assert.deepEqual(found.handDecisions, [{ ...decision, lifted: true }])
    assert.deepEqual(found.backfills, [])
    await commitTo(store, { segments: [{ ...segment, id: 11 }], segmentsRemoved: [10] })
    assert.deepEqual((await store.catalogue()).segments, [{ ...segment, id: 11 }])
  })
}
