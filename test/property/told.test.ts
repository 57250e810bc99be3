// What destinations are told adds up: whoever takes in every identifier that a change says has entered, and lets go of every one that
// it says has exited, holds exactly the identifiers of the present members, whatever was merged, split, quarantined, suppressed, removed
// or backfilled meanwhile. Failures print the seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StateReader } from '../../src/pipeline/state-store.ts'
import type { Decision } from '../../src/spec/decision.ts'
import { formatIdentifier } from '../../src/spec/identifier.ts'
import { decisionArbitrary, interleave } from '../support/decisions.ts'
import {
  drawState,
  eventRecords,
  openingRecords,
  runWorld,
  SEGMENTS,
  tightKinds,
  worldEventArbitrary,
} from '../support/world.ts'

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 150)

/** By segment, what a destination holds that did as it was told. */
async function heldByDestination(state: StateReader): Promise<Map<string, Set<string>>> {
  const held = new Map<string, Set<string>>()
  for (const { kind, segment, identifiers } of await state.changes({ offset: -1, ordinal: 0 }, 100_000)) {
    const own = held.get(segment) ?? new Set()
    held.set(segment, own)
    for (const identifier of identifiers) {
      if (kind === 'segment_exited') own.delete(formatIdentifier(identifier))
      else own.add(formatIdentifier(identifier))
    }
  }
  return held
}

async function heldByMembers(state: StateReader): Promise<Map<string, Set<string>>> {
  const held = new Map<string, Set<string>>()
  const { profiles } = (await drawState(state)) as { profiles: { identifiers: string[]; memberships: string[] }[] }
  for (const { identifiers, memberships } of profiles) {
    for (const slug of memberships) {
      const own = held.get(slug) ?? new Set()
      held.set(slug, own)
      for (const identifier of identifiers) own.add(identifier)
    }
  }
  return held
}

/** Segments come and go as well. */
const segmentDecisionArbitrary: fc.Arbitrary<Decision> = fc.oneof(
  fc.constantFrom(...SEGMENTS).map(([slug]): Decision => ({ decision: 'segment_removed', slug })),
  fc.tuple(fc.constantFrom(...SEGMENTS), fc.constantFrom(...SEGMENTS)).map(
    // No references here: one might come to refer to itself.
    ([[slug], [other, definition]]): Decision => ({
      decision: 'segment',
      slug,
      name: slug,
      definition: other === 'loved' ? { identifier: 'email' } : definition,
    }),
  ),
)

test('destinations that do as they are told hold the identifiers of the present members', async () => {
  let held = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(worldEventArbitrary, { minLength: 8, maxLength: 40 }),
      fc.array(
        fc.tuple(
          fc.nat(40),
          fc.oneof({ weight: 3, arbitrary: decisionArbitrary }, { weight: 2, arbitrary: segmentDecisionArbitrary }),
        ),
        { maxLength: 8 },
      ),
      fc.integer({ min: 1, max: 3 }),
      async (world, decisions, most) => {
        const options = { kindOf: tightKinds(most), batchRecordsMax: 4, backfillRowsMax: 2, cacheEntriesMax: 2 }
        const { state } = await runWorld([...openingRecords(), ...interleave(eventRecords(world), decisions)], options)
        const [told, members] = [await heldByDestination(state), await heldByMembers(state)]
        for (const [slug] of SEGMENTS) {
          const expected = [...(members.get(slug) ?? [])].sort()
          assert.deepEqual([...(told.get(slug) ?? [])].sort(), expected, slug)
          held += expected.length
        }
      },
    ),
    { numRuns: RUNS * 2 },
  )
  assert.ok(held > 0)
  console.log(`# ${held} identifiers held at the end of ${RUNS * 2} worlds`)
})
