// Decisions by hand at random, over the same few identifiers as the random worlds, and whether or not they make sense where they stand:
// the log holds what was decided.
import fc from 'fast-check'
import type { Decision } from '../../src/spec/decision.ts'
import type { Identifier } from '../../src/spec/identifier.ts'
import type { LogRecord } from '../../src/spec/log-record.ts'

const by = { reason: 'because', author: 'a tester' }
const identifierArbitrary: fc.Arbitrary<Identifier> = fc.oneof(
  fc.integer({ min: 1, max: 6 }).map((n) => ({ kind: 'user_id', value: `u${n}` })),
  fc.integer({ min: 1, max: 4 }).map((n) => ({ kind: 'email', value: `e${n}@x.com` })),
  fc.integer({ min: 1, max: 6 }).map((n) => ({ kind: 'anonymous_id', value: `a${n}` })),
)
const identifiersArbitrary = fc.array(identifierArbitrary, { minLength: 1, maxLength: 3 })

export const decisionArbitrary: fc.Arbitrary<Decision> = fc.oneof(
  fc
    .record({ a: identifiersArbitrary, b: identifiersArbitrary })
    .map(({ a, b }): Decision => ({ decision: 'split', a, b, ...by })),
  identifiersArbitrary.map((identifiers): Decision => ({ decision: 'quarantine', identifiers, ...by })),
  fc
    .tuple(identifierArbitrary, identifierArbitrary)
    .map((identifiers): Decision => ({ decision: 'merge', identifiers, lifts: [], ...by })),
  fc.nat(40).map((offset): Decision => ({ decision: 'lift', offsets: [offset], ...by })),
  identifiersArbitrary.map((identifiers): Decision => ({ decision: 'suppress', identifiers, ...by })),
  identifiersArbitrary.map((identifiers): Decision => ({ decision: 'unsuppress', identifiers, ...by })),
  fc
    .record({ identifiers: identifiersArbitrary, marketing: fc.boolean() })
    .map(
      ({ identifiers, marketing }): Decision => ({ decision: 'consent', identifiers, purposes: { marketing }, ...by }),
    ),
)

/** Each decision behind the event of its place. */
export function interleave(events: readonly LogRecord[], decisions: readonly [place: number, Decision][]): LogRecord[] {
  return events.flatMap((record, index): LogRecord[] => [
    record,
    ...decisions.flatMap(([place, decision]): LogRecord[] =>
      place % events.length === index ? [{ type: 'decision', receivedAt: record.receivedAt, decision }] : [],
    ),
  ])
}
