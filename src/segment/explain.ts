// The explanation of a membership: the definition's tree with the answer of each node and the value that was seen, for `why`.
// Every answer comes from the streaming evaluator itself, so that an explanation cannot disagree with the membership.
import type { JsonValue } from '../spec/event.ts'
import {
  type Condition,
  type ConditionVisitor,
  durationMs,
  type EventCondition,
  visitCondition,
} from '../spec/segment.ts'
import { type Clause, clauseOf } from './clause.ts'
import { describeCondition } from './describe.ts'
import { compileSteps, pathParts } from './path.ts'
import { compileSegment } from './streaming.ts'
import type { StreamingSubject } from './subject.ts'

export interface Explanation {
  /** The condition in English. */
  condition: string
  holds: boolean
  /** What a trait, consent or identifier condition saw; null for missing. */
  seen?: JsonValue
  /** How many events counted: exact below `countedUpTo`, from there on at least that many. */
  count?: number
  countedUpTo?: number
  /** When the newest of them happened (RFC 3339). */
  latest?: string
  /** When time alone may change this answer (RFC 3339). */
  mayChangeAt?: string
  parts?: Explanation[]
}

interface Question {
  segments: ReadonlyMap<string, Condition>
  subject: StreamingSubject
  now: number
  clauseId: (clause: Clause) => number
}

/** `clauseId` as it was given to `compileSegment`. */
export function explainMembership(
  definition: Condition,
  segments: ReadonlyMap<string, Condition>,
  subject: StreamingSubject,
  now: number,
  clauseId: (clause: Clause) => number,
): Explanation {
  return explain(definition, { segments, subject, now, clauseId })
}

function explain(condition: Condition, question: Question): Explanation {
  const { segments, subject, now, clauseId } = question
  const compiled = compileSegment(condition, segments, clauseId)
  const explanation: Explanation = {
    condition: describeCondition(condition),
    holds: compiled.evaluate(subject, now),
    ...explainDetail(condition, question),
  }
  const change = compiled.nextChange(subject, now)
  if (change !== null) explanation.mayChangeAt = formatInstant(change)
  return explanation
}

function explainDetail(condition: Condition, question: Question): Partial<Explanation> {
  const { segments, subject } = question
  const visitor: ConditionVisitor<Partial<Explanation>> = {
    all: ({ all }) => ({ parts: all.map((child) => explain(child, question)) }),
    any: ({ any }) => ({ parts: any.map((child) => explain(child, question)) }),
    not: ({ not }) => ({ parts: [explain(not, question)] }),
    trait: ({ trait }) => {
      const [name = '', ...rest] = pathParts(trait)
      return { seen: compileSteps(rest)(subject.traits.get(name)) ?? null }
    },
    event: (node) => explainEvent(node, question),
    segment: ({ segment }) => {
      const definition = segments.get(segment)
      if (definition === undefined) return {}
      // Inside its own definition a segment is unknown: a circle ends, with the answer the evaluators give.
      const others = new Map([...segments].filter(([slug]) => slug !== segment))
      return { parts: [explain(definition, { ...question, segments: others })] }
    },
    identifier: ({ identifier }) => ({ seen: subject.identifierKinds.has(identifier) }),
    consent: ({ consent }) => ({ seen: subject.consent.get(consent) ?? null }),
  }
  return visitCondition(condition, visitor)
}

function explainEvent(node: EventCondition, { subject, now, clauseId }: Question): Partial<Explanation> {
  const clause = clauseOf(node)
  const kept = subject.timestamps(clauseId(clause))
  const from = typeof node.within === 'string' ? now - durationMs(node.within) : Number.NEGATIVE_INFINITY
  const inside = kept.filter((timestamp) => timestamp > from)
  const latest = inside[0]
  return {
    count: inside.length,
    countedUpTo: clause.keep,
    ...(latest === undefined ? {} : { latest: formatInstant(latest) }),
  }
}

/** Beyond the range of dates (a window of many millennia) there is nothing useful to say but the end of it. */
function formatInstant(instant: number): string {
  return new Date(Math.min(instant, 8.64e15)).toISOString()
}
