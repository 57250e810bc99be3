// The streaming evaluator: segments and clauses compiled to closures, for the pipeline. It reads only what the fold keeps (a
// few timestamps per clause) and tells the next instant at which time alone may change an answer, so that nobody is visited
// without need. Pure: `now` is log time and is always handed in. No timestamp it is shown may lie after `now`.
import type { JsonObject } from '../spec/event.ts'
import {
  type Condition,
  type ConditionKinds,
  durationMs,
  type PropertyCondition,
  type PropertyVisitor,
  visitCondition,
  visitProperty,
} from '../spec/segment.ts'
import { type Clause, clauseOf } from './clause.ts'
import { compileCompare, compileCount } from './compare.ts'
import { parseInstant } from './instant.ts'
import { compilePath, compileSteps, pathParts } from './path.ts'
import type { StreamingSubject } from './subject.ts'

export interface CompiledSegment {
  /** Ids of the clauses it reads, each once. */
  clauses: number[]
  /** Top-level names of the traits it reads. */
  traits: Set<string>
  usesIdentifiers: boolean
  usesConsent: boolean
  /** Whether time alone may change the answer for anybody. */
  timeDependent: boolean
  evaluate(subject: StreamingSubject, now: number): boolean
  /** The earliest instant above `now` (ms) at which time alone may change the answer; null for never. May be early, never late. */
  nextChange(subject: StreamingSubject, now: number): number | null
}

interface CompiledNode {
  evaluate(subject: StreamingSubject, now: number): boolean
  /** Absent where time alone changes nothing. */
  nextChange?: ((subject: StreamingSubject, now: number) => number | null) | undefined
}

/** What compilation gathers, and the slugs it is inside of: a reference that leads back to itself has no members. */
interface Compilation {
  segments: ReadonlyMap<string, Condition>
  clauseId: (clause: Clause) => number
  inside: ReadonlySet<string>
  clauses: Set<number>
  traits: Set<string>
  usesIdentifiers: boolean
  usesConsent: boolean
}

/** References to segments are expanded in place. One that names no segment has no members. */
export function compileSegment(
  definition: Condition,
  segments: ReadonlyMap<string, Condition>,
  clauseId: (clause: Clause) => number,
): CompiledSegment {
  const compilation: Compilation = {
    segments,
    clauseId,
    inside: new Set(),
    clauses: new Set(),
    traits: new Set(),
    usesIdentifiers: false,
    usesConsent: false,
  }
  const node = compileNode(definition, compilation)
  return {
    clauses: [...compilation.clauses],
    traits: compilation.traits,
    usesIdentifiers: compilation.usesIdentifiers,
    usesConsent: compilation.usesConsent,
    timeDependent: node.nextChange !== undefined,
    evaluate: node.evaluate,
    nextChange: node.nextChange ?? (() => null),
  }
}

function compileNode(condition: Condition, compilation: Compilation): CompiledNode {
  return visitCondition<CompiledNode>(condition, {
    all: ({ all }) => {
      const nodes = all.map((child) => compileNode(child, compilation))
      const evaluate = (subject: StreamingSubject, now: number) => nodes.every((node) => node.evaluate(subject, now))
      return { evaluate, nextChange: earliestOf(nodes) }
    },
    any: ({ any }) => {
      const nodes = any.map((child) => compileNode(child, compilation))
      const evaluate = (subject: StreamingSubject, now: number) => nodes.some((node) => node.evaluate(subject, now))
      return { evaluate, nextChange: earliestOf(nodes) }
    },
    not: ({ not }) => {
      const node = compileNode(not, compilation)
      return { evaluate: (subject, now) => !node.evaluate(subject, now), nextChange: node.nextChange }
    },
    trait: (node) => compileTrait(node, compilation),
    event: (node) => compileEvent(node, compilation),
    segment: ({ segment }) => compileReference(segment, compilation),
    identifier: ({ identifier }) => {
      compilation.usesIdentifiers = true
      return { evaluate: (subject) => subject.identifierKinds.has(identifier) }
    },
    consent: ({ consent }) => {
      compilation.usesConsent = true
      return { evaluate: (subject) => subject.consent.get(consent) === true }
    },
  })
}

function earliestOf(nodes: readonly CompiledNode[]): CompiledNode['nextChange'] {
  const timed = nodes.map((node) => node.nextChange).filter((next) => next !== undefined)
  if (timed.length < 2) return timed[0]
  return (subject, now) => timed.reduce<number | null>((least, next) => earlier(least, next(subject, now)), null)
}

function earlier(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}

function compileReference(slug: string, compilation: Compilation): CompiledNode {
  const definition = compilation.segments.get(slug)
  if (definition === undefined || compilation.inside.has(slug)) return { evaluate: () => false }
  const { inside } = compilation
  compilation.inside = new Set([...inside, slug])
  const node = compileNode(definition, compilation)
  compilation.inside = inside
  return node
}

function compileTrait(node: ConditionKinds['trait'], compilation: Compilation): CompiledNode {
  const [name = '', ...rest] = pathParts(node.trait)
  compilation.traits.add(name)
  const below = compileSteps(rest)
  const test = compileCompare(node)
  const evaluate = (subject: StreamingSubject, now: number) => test(below(subject.traits.get(name)), now)
  if (node.withinLast === undefined) return { evaluate }
  const span = durationMs(node.withinLast)
  const nextChange = (subject: StreamingSubject, now: number) => {
    const value = below(subject.traits.get(name))
    const instant = typeof value === 'string' ? parseInstant(value) : null
    if (instant === null) return null
    // A date to come enters the window when it is reached, and leaves it `span` later.
    if (instant > now) return instant
    return instant + span > now ? instant + span : null
  }
  return { evaluate, nextChange }
}

function compileEvent(node: ConditionKinds['event'], compilation: Compilation): CompiledNode {
  const id = compilation.clauseId(clauseOf(node))
  compilation.clauses.add(id)
  const holds = compileCount(node.count ?? { gte: 1 })
  // A fixed window is part of the clause: only timestamps inside it were kept, and time changes nothing.
  if (typeof node.within !== 'string') return { evaluate: (subject) => holds(subject.timestamps(id).length) }
  const span = durationMs(node.within)
  return {
    evaluate: (subject, now) => holds(countAfter(subject.timestamps(id), now - span)),
    nextChange: (subject, now) => {
      const timestamps = subject.timestamps(id)
      let inside = countAfter(timestamps, now - span)
      const answer = holds(inside)
      // Events leave from the oldest on, those of one millisecond together.
      while (inside > 0) {
        const leaving = timestamps[inside - 1]!
        while (inside > 0 && timestamps[inside - 1] === leaving) inside--
        if (holds(inside) !== answer) return leaving + span
      }
      return null
    },
  }
}

/** How many of the timestamps (newest first) lie after the instant. */
function countAfter(timestamps: readonly number[], instant: number): number {
  let count = 0
  while (count < timestamps.length && timestamps[count]! > instant) count++
  return count
}

/** Whether an event counts. `withinLast` in a `where` looks back from the event's own timestamp: what happened stays true. */
export type EventTest = (name: string, properties: JsonObject, timestamp: number) => boolean

export function compileClause(clause: Clause): EventTest {
  const names = new Set(clause.events)
  const counts = compileWhereAndWindow(clause)
  return (name, properties, timestamp) => names.has(name) && counts(properties, timestamp)
}

type PropertiesTest = (properties: JsonObject, timestamp: number) => boolean

function compileWhereAndWindow(clause: Clause): PropertiesTest {
  const where = clause.where === null ? () => true : visitProperty(clause.where, PROPERTY_TESTS)
  if (clause.fixed === null) return where
  const { from, to } = clause.fixed
  return (properties, timestamp) => timestamp >= from && timestamp < to && where(properties, timestamp)
}

function compileProperty(condition: PropertyCondition): PropertiesTest {
  return visitProperty(condition, PROPERTY_TESTS)
}

const PROPERTY_TESTS: PropertyVisitor<PropertiesTest> = {
  all: ({ all }) => {
    const tests = all.map(compileProperty)
    return (properties, timestamp) => tests.every((test) => test(properties, timestamp))
  },
  any: ({ any }) => {
    const tests = any.map(compileProperty)
    return (properties, timestamp) => tests.some((test) => test(properties, timestamp))
  },
  not: ({ not }) => {
    const test = compileProperty(not)
    return (properties, timestamp) => !test(properties, timestamp)
  },
  property: (node) => {
    const read = compilePath(node.property)
    const test = compileCompare(node)
    return (properties, timestamp) => test(read(properties), timestamp)
  },
}

interface IndexEntry<Id> {
  id: Id
  keep: number
  counts: PropertiesTest
}

const NONE: readonly never[] = Object.freeze([])

/** From event name to the clauses that watch it: what the fold asks for every event. */
export class ClauseIndex<Id> {
  readonly #byName = new Map<string, IndexEntry<Id>[]>()

  add(clause: Clause, id: Id): void {
    const entry = { id, keep: clause.keep, counts: compileWhereAndWindow(clause) }
    for (const name of new Set(clause.events)) {
      const entries = this.#byName.get(name)
      if (entries === undefined) this.#byName.set(name, [entry])
      else entries.push(entry)
    }
  }

  /** The clauses by which the event counts. Most events match none: that answer is one shared list. */
  matching(name: string, properties: JsonObject, timestamp: number): readonly { id: Id; keep: number }[] {
    const entries = this.#byName.get(name)
    if (entries === undefined) return NONE
    let found: IndexEntry<Id>[] | null = null
    for (const entry of entries) {
      if (!entry.counts(properties, timestamp)) continue
      if (found === null) found = [entry]
      else found.push(entry)
    }
    return found ?? NONE
  }
}
