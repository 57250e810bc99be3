// The laws of the fold: states under merge are a commutative monoid, the fold of all facts is the merge of the folds of any partition of
// them, and the binary form gives back what was encoded. Failures print the seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeState, encodeState } from '../../src/profile/codec.ts'
import { type Fact, foldFact, mergeAll, mergeStates } from '../../src/profile/fold.ts'
import { emptyState, type ProfileState } from '../../src/profile/state.ts'

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 150) * 3
const KEEP = [0, 1, 2, 3, 5]
const keepOf = (clause: number) => KEEP[clause] ?? 0

/** Few instants, so that ties are common; offsets are unique, as in the log. */
const factArbitrary = fc.record({
  at: fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(-62_135_596_800_000, 8_640_000_000_000_000 / 10)),
  source: fc.constantFrom('web', 'crm', '@hand'),
  isEvent: fc.boolean(),
  traits: fc.array(
    fc.tuple(fc.constantFrom('plan', 'city', '__proto__', 'naïve \u0000 key'), fc.jsonValue({ maxDepth: 2 })),
    { maxLength: 3 },
  ),
  clauses: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
  consent: fc.option(
    fc.record({
      identifiers: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 2 }),
      purpose: fc.constantFrom('ads', 'mail'),
      answer: fc.boolean(),
    }),
  ),
})

const factsArbitrary = fc.array(factArbitrary, { maxLength: 25 }).map((drawn) =>
  drawn.map(
    ({ consent, clauses, traits, ...fact }, offset): Fact => ({
      ...fact,
      offset,
      // A JSON object has each key once.
      traits: [...new Map(traits as Fact['traits'])],
      clauses: clauses.map((id) => ({ id, keep: keepOf(id) })),
      consent:
        consent === null ? null : { identifiers: consent.identifiers, answers: [[consent.purpose, consent.answer]] },
    }),
  ),
)

function foldOf(facts: readonly Fact[]): ProfileState {
  const state = emptyState()
  for (const fact of facts) foldFact(state, fact)
  return state
}

function merged(...states: ProfileState[]): ProfileState {
  return mergeAll(states, keepOf)
}

/** Equal whatever the order in which keys came. */
function draw(state: ProfileState): unknown {
  const sorted = <K, V>(map: Map<K, V>) => [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  return {
    ...state,
    traits: sorted(state.traits).map(([name, registers]) => [name, sorted(registers)]),
    clauses: sorted(state.clauses),
    consent: sorted(state.consent).map(([identifier, answers]) => [identifier, sorted(answers)]),
  }
}

test('the fold of all facts is the merge of the folds of any partition, in any order', () => {
  fc.assert(
    fc.property(
      factsArbitrary,
      fc.array(fc.nat(3), { minLength: 25, maxLength: 25 }),
      fc.boolean(),
      (facts, parts, reverse) => {
        const folds = [0, 1, 2, 3].map((part) => foldOf(facts.filter((_, index) => parts[index] === part)))
        assert.deepEqual(draw(merged(...(reverse ? folds.reverse() : folds))), draw(foldOf(facts)))
      },
    ),
    { numRuns: RUNS },
  )
})

test('merging has an identity, commutes and associates, and leaves its right side as it was', () => {
  fc.assert(
    fc.property(factsArbitrary, factsArbitrary, factsArbitrary, (x, y, z) => {
      // Three disjoint stretches of one log.
      const shift = (facts: Fact[], by: number) => facts.map((fact) => ({ ...fact, offset: fact.offset + by }))
      const [a, b, c] = [foldOf(x), foldOf(shift(y, 100)), foldOf(shift(z, 200))]
      assert.deepEqual(draw(merged(a, emptyState())), draw(a))
      assert.deepEqual(draw(merged(emptyState(), a)), draw(a))
      assert.deepEqual(draw(merged(a, b)), draw(merged(b, a)))
      assert.deepEqual(draw(merged(merged(a, b), c)), draw(merged(a, merged(b, c))))
      const before = draw(b)
      mergeStates(a, b, keepOf)
      foldFact(a, {
        at: 5,
        offset: 999,
        source: 'web',
        isEvent: true,
        traits: [['plan', 1]],
        clauses: [{ id: 4, keep: 5 }],
        consent: null,
      })
      assert.deepEqual(draw(b), before)
    }),
    { numRuns: RUNS },
  )
})

test('a state comes back from its binary form as it was', () => {
  fc.assert(
    fc.property(factsArbitrary, (facts) => {
      const state = foldOf(facts)
      assert.deepEqual(draw(decodeState(encodeState(state))), draw(state))
    }),
    { numRuns: RUNS },
  )
})
