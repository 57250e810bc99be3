// Why a profile is in a segment or not: reads the profile as the streaming evaluator sees it and lets the language explain.
import type { ProfileRow, StateReader } from '../pipeline/state-store.ts'
import { decodeState, presentConsent, presentTraits } from '../profile/read.ts'
import { clauseHash } from '../segment/clause.ts'
import { type Explanation, explainMembership } from '../segment/explain.ts'
import type { StreamingSubject } from '../segment/subject.ts'
import type { JsonValue } from '../spec/event.ts'
import type { Condition } from '../spec/segment.ts'

/** At the log time of the last commit: the moment at which the present memberships hold. */
export async function whyMember(state: StateReader, definition: Condition, row: ProfileRow): Promise<Explanation> {
  const [{ segments, clauses }, { logTime }, identifiers] = await Promise.all([
    state.catalogue(),
    state.position(),
    state.identifiersById(row.identifiers),
  ])
  const ids = new Map(clauses.map((clause) => [clause.hash, clause.id]))
  const definitions = new Map(segments.map((segment) => [segment.slug, segment.definition]))
  const subject = subjectOf(row, new Set(identifiers.map((identifier) => identifier.kind)))
  // A clause that no state holds has no timestamps, whatever its number.
  return explainMembership(definition, definitions, subject, logTime, (clause) => ids.get(clauseHash(clause)) ?? -1)
}

function subjectOf(row: ProfileRow, identifierKinds: Set<string>): StreamingSubject {
  const folded = decodeState(row.state)
  const traits = new Map<string, JsonValue>([...presentTraits(folded)].map(([name, { value }]) => [name, value]))
  return {
    traits,
    identifierKinds,
    consent: presentConsent(folded, row.identifiers),
    timestamps: (clause) => folded.clauses.get(clause) ?? [],
  }
}
