// Why a profile is in a segment or not: every part of the definition with its answer now, and the facts that decided it. The
// streaming evaluator judges each part, so that the explanation cannot differ from the membership it explains.
import type { Catalogue, ProfileRow } from '../pipeline/state-store.ts'
import { decodeState, presentConsent, presentTraits } from '../profile/read.ts'
import { clauseHash, clauseOf } from '../segment/clause.ts'
import { compileSegment } from '../segment/streaming.ts'
import type { StreamingSubject } from '../segment/subject.ts'
import type { JsonValue } from '../spec/event.ts'
import { type Condition, type ConditionVisitor, type EventCondition, visitCondition } from '../spec/segment.ts'
import type { ApiDeps } from './deps.ts'
import { instantOf } from './profiles.ts'
import type { Why } from './schemas.ts'

/** A few of the timestamps that count; the rest would only repeat the point. */
const TIMESTAMPS_SHOWN_MAX = 10

interface Judge {
  subject: StreamingSubject
  clauses: ReadonlyMap<string, number>
  segments: ReadonlyMap<string, Condition>
  now: number
  describe: (definition: Condition) => string
}

export async function explainMembership(
  deps: Pick<ApiDeps, 'state' | 'segments'>,
  definition: Condition,
  row: ProfileRow,
): Promise<Why> {
  const [catalogue, { logTime }] = await Promise.all([deps.state.catalogue(), deps.state.position()])
  const identifiers = await deps.state.identifiersById(row.identifiers)
  const judge: Judge = {
    subject: subjectOf(row, new Set(identifiers.map((identifier) => identifier.kind))),
    clauses: clauseIds(catalogue),
    segments: new Map(catalogue.segments.map((segment) => [segment.slug, segment.definition])),
    now: logTime,
    describe: deps.segments.describe,
  }
  return explain(definition, judge, new Set())
}

function clauseIds(catalogue: Catalogue): Map<string, number> {
  return new Map(catalogue.clauses.map((clause) => [clause.hash, clause.id]))
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

/** `inside`: slugs of the references being explained, so that a circle ends. */
function explain(node: Condition, judge: Judge, inside: ReadonlySet<string>): Why {
  const { segments, clauses, subject, now } = judge
  const compiled = compileSegment(node, segments, (clause) => clauses.get(clauseHash(clause)) ?? -1)
  const why: Why = { says: judge.describe(node), holds: compiled.evaluate(subject, now) }
  const detail = visitCondition(node, details(judge, inside))
  return { ...why, ...detail }
}

type Detail = Pick<Why, 'facts' | 'parts'>

function details(judge: Judge, inside: ReadonlySet<string>): ConditionVisitor<Detail> {
  const { subject, segments } = judge
  const parts = (nodes: readonly Condition[]) => ({ parts: nodes.map((node) => explain(node, judge, inside)) })
  return {
    all: (node) => parts(node.all),
    any: (node) => parts(node.any),
    not: (node) => parts([node.not]),
    trait: ({ trait }) => {
      const name = subject.traits.has(trait) ? trait : (trait.split('.')[0] ?? trait)
      return { facts: { trait: name, value: subject.traits.get(name) ?? null } }
    },
    event: (node) => ({ facts: countedEvents(node, judge) }),
    segment: ({ segment }) => {
      const definition = segments.get(segment)
      if (definition === undefined || inside.has(segment)) return {}
      return { parts: [explain(definition, judge, new Set([...inside, segment]))] }
    },
    identifier: () => ({ facts: { kinds: [...subject.identifierKinds].sort() } }),
    consent: ({ consent }) => ({ facts: { answer: subject.consent.get(consent) ?? null } }),
  }
}

function countedEvents(node: EventCondition, { clauses, subject }: Judge): Record<string, unknown> {
  const id = clauses.get(clauseHash(clauseOf(node)))
  const timestamps = id === undefined ? [] : subject.timestamps(id)
  return { latest: timestamps.slice(0, TIMESTAMPS_SHOWN_MAX).map(instantOf) }
}
