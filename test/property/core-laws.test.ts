// The laws of the core, on random worlds: where batches end changes nothing, a replay equals the run, and a cut (split, quarantine,
// lift) equals the run of the same log with the cut in force from the first offset, limits binding. Failures print the seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readResolved } from '../../src/pipeline/resolved-stream.ts'
import { decodeState, presentConsent, presentTraits } from '../../src/profile/read.ts'
import { evaluateReference } from '../../src/segment/reference.ts'
import type { SubjectEvent } from '../../src/segment/subject.ts'
import type { Decision } from '../../src/spec/decision.ts'
import { eventName, eventProperties } from '../../src/spec/event.ts'
import { formatIdentifier, type Identifier, parseIdentifier } from '../../src/spec/identifier.ts'
import type { LogRecord } from '../../src/spec/log-record.ts'
import {
  countLimited,
  drawState,
  eventRecords,
  openingRecords,
  type Ran,
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
      const records = [...openingRecords(), ...eventRecords(world)]
      const drawn: unknown[] = []
      for (const [batchRecordsMax, cacheEntriesMax] of [
        [1, 1],
        [7, cached],
        [1000, 50_000],
      ] as const) {
        const { state } = await runWorld(records, { batchRecordsMax, cacheEntriesMax, kindOf: tightKinds(most) })
        const changes = await state.changes({ offset: -1, ordinal: 0 }, 10_000)
        const verdicts = await state.verdicts(0, records.length)
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

/** What the reference says of every living profile, from its own events, at the log time reached. */
async function expectReference({ state, log, pipeline }: Ran): Promise<void> {
  const catalogue = await state.catalogue()
  const ids = Array.from({ length: catalogue.nextIdentifier - 1 }, (_, index) => index + 1)
  const identifiers = new Map((await state.identifiersById(ids)).map((row) => [row.id, row]))
  const { events } = await readResolved(log, state, 0, 100_000)
  const bySet = new Map<number, SubjectEvent[]>()
  for (const { record, verdict } of events) {
    const name = eventName(record.event)
    if (name === null || verdict.set === 0) continue
    const own = bySet.get(verdict.set) ?? []
    own.push({ name, timestamp: Date.parse(record.event.timestamp), properties: eventProperties(record.event) })
    bySet.set(verdict.set, own)
  }
  const definitions = new Map(SEGMENTS)
  for (const profile of await state.profiles(ids)) {
    if (!profile.alive) continue
    const decoded = decodeState(profile.state)
    const subject = {
      events: profile.sets.flatMap((set) => bySet.get(set) ?? []),
      traits: new Map([...presentTraits(decoded)].map(([name, { value }]) => [name, value])),
      identifierKinds: new Set(profile.identifiers.map((id) => identifiers.get(id)!.kind)),
      consent: presentConsent(decoded, profile.identifiers),
    }
    const { logTime } = pipeline.position
    const expected = catalogue.segments.filter(({ slug }) =>
      evaluateReference(definitions.get(slug)!, subject, logTime, definitions),
    )
    assert.deepEqual(
      profile.memberships.map(([segment]) => segment).sort(),
      expected.map(({ id }) => id).sort(),
      `profile ${profile.identifiers.map((id) => formatIdentifier(identifiers.get(id)!)).join(' ')}`,
    )
  }
}

test('memberships equal the reference evaluation at every prefix of the log, at its log time', async () => {
  await fc.assert(
    fc.asyncProperty(worldArbitrary, mostArbitrary, async (world, most) => {
      const opening = openingRecords()
      const { pipeline, state, log } = await runWorld(opening, { kindOf: tightKinds(most) })
      for (const record of eventRecords(world)) {
        await log.append([record])
        await pipeline.drain()
        await expectReference({ pipeline, state, log })
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
        { kindOf: tightKinds(most) },
      )
      assert.deepEqual(withoutIds(await drawState(late.state)), withoutIds(await drawState(early.state)))
    }),
    { numRuns: RUNS },
  )
})

/** Public ids and the order of facts come from offsets, and these two logs give the events other ones. */
function withoutIds(drawn: unknown): unknown {
  return JSON.parse(JSON.stringify(drawn, (key, value) => (key === 'id' || key === 'offset' ? undefined : value)))
}

/** A cut of what came of the world: one side of a profile split off, or some identifiers quarantined. */
async function cutOf(
  ran: Ran,
  seed: { kind: 'split' | 'quarantine'; profile: number; mask: number },
): Promise<Decision | null> {
  const drawn = (await drawState(ran.state)) as { profiles: { identifiers: string[] }[] }
  const large = drawn.profiles.filter(({ identifiers }) => identifiers.length > 1)
  const profile = large[seed.profile % Math.max(1, large.length)]
  if (profile === undefined) return null
  const parse = (text: string): Identifier => parseIdentifier(text)!
  const a = profile.identifiers.filter((_, index) => (seed.mask >> index) & 1).map(parse)
  const b = profile.identifiers.filter((_, index) => !((seed.mask >> index) & 1)).map(parse)
  if (a.length === 0 || b.length === 0) return null
  const by = { reason: '', author: '' }
  if (seed.kind === 'split') return { decision: 'split', a, b, ...by }
  return { decision: 'quarantine', identifiers: a.slice(0, 2), ...by }
}

const cutSeedArbitrary = fc.record({
  kind: fc.constantFrom('split' as const, 'quarantine' as const),
  profile: fc.nat(20),
  mask: fc.integer({ min: 1, max: 254 }),
})

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
