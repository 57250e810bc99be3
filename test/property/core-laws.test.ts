// The laws of the core, on random worlds: where batches end changes nothing, a replay equals the run, and a cut (split, quarantine,
// lift) equals the run of the same log with the cut in force from the first offset, limits binding. Failures print the seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Decision } from '../../src/spec/decision.ts'
import { type Identifier, parseIdentifier } from '../../src/spec/identifier.ts'
import type { LogRecord } from '../../src/spec/log-record.ts'
import type { Condition } from '../../src/spec/segment.ts'
import { referenceAnswers } from '../support/reference.ts'
import {
  countLimited,
  cutOf,
  cutSeedArbitrary,
  drawState,
  eventRecords,
  openingRecords,
  runWorld,
  SEGMENTS,
  T0,
  tightKinds,
  worldEventArbitrary,
} from '../support/world.ts'

/** More worlds with PROPERTY_RUNS=1000; the mutants make do with fewer. */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 150)
const worldArbitrary = fc.array(worldEventArbitrary, { minLength: 8, maxLength: 40 })
const mostArbitrary = fc.integer({ min: 1, max: 3 })

/** The last instant of a world, and a tick there: two runs are compared at one log time. */
function lastTime(records: readonly LogRecord[]): number {
  return records.at(-1)!.receivedAt
}

test('where batches end changes nothing: sizes 1, 7 and 1000 give one state and one list of changes', async () => {
  await fc.assert(
    fc.asyncProperty(worldArbitrary, mostArbitrary, fc.integer({ min: 1, max: 12 }), async (world, most, cached) => {
      const drawn: unknown[] = []
      for (const [batchRecordsMax, cacheEntriesMax] of [
        [1, 1],
        [7, cached],
        [1000, 50_000],
      ] as const) {
        const options = { batchRecordsMax, cacheEntriesMax, kindOf: tightKinds(most) }
        // Segments are in place first: when a backfill tells its members is a job's affair, not the stream's.
        const { pipeline, log, state } = await runWorld(openingRecords(), options)
        await log.append(eventRecords(world))
        await pipeline.drain()
        const changes = await state.changes({ offset: -1, ordinal: 0 }, 10_000)
        const verdicts = await state.verdicts(0, openingRecords().length + world.length)
        drawn.push({ state: await drawState(state), changes, verdicts })
      }
      assert.deepEqual(drawn[1], drawn[0])
      assert.deepEqual(drawn[2], drawn[0])
    }),
    { numRuns: RUNS },
  )
})

test('a run that is stopped and reopened at every record equals the run in one go', async () => {
  await fc.assert(
    fc.asyncProperty(worldArbitrary, mostArbitrary, async (world, most) => {
      const records = [...openingRecords(), ...eventRecords(world)]
      const whole = await runWorld(records, { kindOf: tightKinds(most) })
      const { state, log } = await runWorld([], { kindOf: tightKinds(most) })
      const { Pipeline } = await import('../../src/pipeline.ts')
      const { logBackfill } = await import('../../src/pipeline/log-backfill.ts')
      for (const record of records) {
        await log.append([record])
        const pipeline = await Pipeline.open({
          log,
          state,
          backfill: logBackfill(log, state),
          kindOf: tightKinds(most),
        })
        await pipeline.drain()
      }
      assert.deepEqual(await drawState(state), await drawState(whole.state))
      assert.deepEqual(await state.verdicts(0, records.length), await whole.state.verdicts(0, records.length))
    }),
    { numRuns: Math.ceil(RUNS / 3) },
  )
})

test('memberships equal the reference evaluation at every prefix of the log, at its log time', async () => {
  await fc.assert(
    fc.asyncProperty(worldArbitrary, mostArbitrary, async (world, most) => {
      const opening = openingRecords()
      const { pipeline, state, log } = await runWorld(opening, { kindOf: tightKinds(most) })
      for (const record of eventRecords(world)) {
        await log.append([record])
        await pipeline.drain()
        for (const { who, expected, actual } of await referenceAnswers({ pipeline, state, log }, new Map(SEGMENTS))) {
          assert.deepEqual(actual, expected, who)
        }
      }
    }),
    { numRuns: Math.ceil(RUNS / 3) },
  )
})

test('a segment defined late is backfilled to what it had been, defined first', async () => {
  await fc.assert(
    fc.asyncProperty(worldArbitrary, fc.integer({ min: 0, max: 39 }), mostArbitrary, async (world, place, most) => {
      const events = eventRecords(world)
      const cut = Math.min(place, events.length)
      const definitions = openingRecords()
        .slice(3)
        .map((record) => ({ ...record, receivedAt: events[cut - 1]?.receivedAt ?? T0 }))
      const tick: LogRecord = { type: 'tick', receivedAt: lastTime(events) }
      const early = await runWorld([...openingRecords(), ...events, tick], { kindOf: tightKinds(most) })
      const late = await runWorld(
        [...openingRecords([]), ...events.slice(0, cut), ...definitions, ...events.slice(cut), tick],
        { kindOf: tightKinds(most), batchRecordsMax: 2, backfillRowsMax: 2 },
      )
      assert.deepEqual(withoutIds(await drawState(late.state)), withoutIds(await drawState(early.state)))
    }),
    { numRuns: RUNS },
  )
})

test('segments redefined, removed and defined again, while others refer to them, end as if defined so first', async () => {
  await fc.assert(
    fc.asyncProperty(
      worldArbitrary,
      fc.array(fc.tuple(fc.nat(4), fc.constantFrom('other' as const, 'kept' as const, 'removed' as const)), {
        minLength: 1,
        maxLength: 8,
      }),
      mostArbitrary,
      async (world, steps, most) => {
        const kindOf = tightKinds(most)
        const events = eventRecords(world)
        const tick: LogRecord = { type: 'tick', receivedAt: lastTime(events) }
        const records: LogRecord[] = [...openingRecords()]
        const decide = (decision: Decision, receivedAt: number) =>
          records.push({ type: 'decision', receivedAt, decision })
        const define = (index: number, definition: Condition, at: number) => {
          const slug = SEGMENTS[index]![0]
          decide({ decision: 'segment', slug, name: slug, definition }, at)
        }
        events.forEach((record, index) => {
          records.push(record)
          // Among the last events, when there is enough below them that folds are under way at the next decision.
          const [segment, what] = steps[events.length - 1 - index] ?? [0, null]
          if (what === 'other')
            define(segment, { event: 'Email Opened', count: { gte: 1 + segment } }, record.receivedAt)
          // The same clauses in other words: their folds go on.
          if (what === 'kept') define(segment, { all: [SEGMENTS[segment]![1]] }, record.receivedAt)
          if (what === 'removed')
            decide({ decision: 'segment_removed', slug: SEGMENTS[segment]![0] }, record.receivedAt)
        })
        SEGMENTS.forEach(([, definition], index) => {
          define(index, definition, lastTime(events))
        })
        const changed = await runWorld([...records, tick], { kindOf, batchRecordsMax: 3, backfillRowsMax: 2 })
        const first = await runWorld([...openingRecords(), ...events, tick], { kindOf })
        assert.deepEqual(withoutIds(await drawState(changed.state)), withoutIds(await drawState(first.state)))
      },
    ),
    { numRuns: RUNS },
  )
})

test('a segment redefined while its clauses are folded counts no event twice', async () => {
  const counted: Condition = { event: ['Order Completed', 'Page Viewed', 'Email Opened'], count: { gte: 3 } }
  // One clause in four wordings, each of which begins the job anew.
  const wordings: Condition[] = [counted, { all: [counted] }, { any: [counted] }, { not: { not: counted } }]
  const definitions = (used: Condition[], at: number): LogRecord[] =>
    used.map((definition) => ({
      type: 'decision',
      receivedAt: at,
      decision: { decision: 'segment', slug: 'late', name: 'late', definition },
    }))
  await fc.assert(
    fc.asyncProperty(worldArbitrary, mostArbitrary, async (world, most) => {
      const kindOf = tightKinds(most)
      const events = eventRecords(world)
      const tick: LogRecord = { type: 'tick', receivedAt: lastTime(events) }
      const opening = openingRecords([])
      const first = await runWorld([...opening, ...definitions(wordings, T0), ...events, tick], { kindOf })
      const late = [...opening, ...events, ...definitions(wordings, lastTime(events)), tick]
      const redefined = await runWorld(late, { kindOf, backfillRowsMax: 1 })
      assert.deepEqual(withoutIds(await drawState(redefined.state)), withoutIds(await drawState(first.state)))
    }),
    { numRuns: RUNS },
  )
})

/** Public ids and the order of facts come from offsets, and these two logs give the events other ones. */
function withoutIds(drawn: unknown): unknown {
  const kept = JSON.parse(JSON.stringify(drawn, (key, value) => (key === 'id' || key === 'offset' ? undefined : value)))
  // A segment's place in the list is that of its first definition.
  kept.sizes.sort((a: string[], b: string[]) => (a[0]! < b[0]! ? -1 : 1))
  return kept
}

test('a cut equals the run of the same log with the cut in force from the first offset, limits binding', async () => {
  let cuts = 0
  let bound = 0
  await fc.assert(
    fc.asyncProperty(
      worldArbitrary,
      mostArbitrary,
      fc.array(cutSeedArbitrary, { minLength: 1, maxLength: 3 }),
      async (world, most, seeds) => {
        const kindOf = tightKinds(most)
        const events = eventRecords(world)
        const end = lastTime(events)
        const tick = (receivedAt: number): LogRecord => ({ type: 'tick', receivedAt })
        // Each cut stands after the events in one log and before them in the other; a tick holds its place in either.
        const decisions: Decision[] = []
        const opening = openingRecords()
        const ran = await runWorld([...opening, ...seeds.map(() => tick(T0)), ...events], { kindOf })
        for (const seed of seeds) {
          const decision = await cutOf(ran, seed)
          if (decision === null) continue
          decisions.push(decision)
          await ran.log.append([{ type: 'decision', receivedAt: end, decision }])
          await ran.pipeline.drain()
        }
        const early = seeds.map((_, index): LogRecord => {
          const decision = decisions[index]
          return decision === undefined ? tick(T0) : { type: 'decision', receivedAt: T0, decision }
        })
        const first = await runWorld([...opening, ...early, ...events, ...decisions.map(() => tick(end))], { kindOf })
        cuts += decisions.length
        if ((await countLimited(first.state)) > 0) bound += 1
        assert.deepEqual(await drawState(ran.state), await drawState(first.state))
      },
    ),
    { numRuns: RUNS * 2 },
  )
  assert.ok(cuts > RUNS, `only ${cuts} cuts were made`)
  assert.ok(bound > RUNS, `limits bound in only ${bound} of ${RUNS * 2} worlds`)
  console.log(`# ${cuts} cuts; limits bound in ${bound} of ${RUNS * 2} worlds`)
})

test('a merge by hand that is taken back, or split again, leaves no trace', async () => {
  let merges = 0
  await fc.assert(
    fc.asyncProperty(
      worldArbitrary,
      worldArbitrary,
      mostArbitrary,
      fc.nat(20),
      fc.nat(20),
      async (world, later, most, x, y) => {
        const kindOf = tightKinds(most)
        const events = eventRecords(world)
        const after = eventRecords(later, lastTime(events))
        const end = lastTime(after)
        const ran = await runWorld([...openingRecords(), ...events], { kindOf })
        const drawn = (await drawState(ran.state)) as { profiles: { identifiers: string[] }[] }
        const [a, b] = [drawn.profiles[x % drawn.profiles.length], drawn.profiles[y % drawn.profiles.length]]
        if (a === undefined || b === undefined || a === b) return
        merges += 1
        const identifiers: [Identifier, Identifier] = [
          parseIdentifier(a.identifiers[0]!)!,
          parseIdentifier(b.identifiers[0]!)!,
        ]
        const by = { reason: '', author: '' }
        const merge: LogRecord = {
          type: 'decision',
          receivedAt: lastTime(events),
          decision: { decision: 'merge', identifiers, lifts: [], ...by },
        }
        const offset = openingRecords().length + events.length
        const lift: LogRecord = {
          type: 'decision',
          receivedAt: end,
          decision: { decision: 'lift', offsets: [offset], ...by },
        }
        const tick = (receivedAt: number): LogRecord => ({ type: 'tick', receivedAt })
        await ran.log.append([merge, ...after, lift])
        await ran.pipeline.drain()
        const never = await runWorld([...openingRecords(), ...events, tick(lastTime(events)), ...after, tick(end)], {
          kindOf,
        })
        assert.deepEqual(await drawState(ran.state), await drawState(never.state))
      },
    ),
    { numRuns: RUNS },
  )
  console.log(`# ${merges} merges taken back`)
})
