// The same world as the evaluators see it: every event for the reference, kept timestamps (folded set by set, in any order and
// partition, then merged by the fold's own laws) for the streaming evaluator.
import { foldFact, mergeAll } from '../../../src/profile/fold.ts'
import { emptyState, type ProfileState } from '../../../src/profile/state.ts'
import { type Clause, clauseHash } from '../../../src/segment/clause.ts'
import type { ClauseIndex } from '../../../src/segment/streaming.ts'
import type { ReferenceSubject, StreamingSubject, SubjectFacts } from '../../../src/segment/subject.ts'
import type { World, WorldEvent, WorldProfile } from './worlds.ts'

/** Numbers clauses as the pipeline does: equal content, equal number. */
export class Clauses {
  readonly all: Clause[] = []
  readonly #ids = new Map<string, number>()

  id = (clause: Clause): number => {
    const hash = clauseHash(clause)
    let id = this.#ids.get(hash)
    if (id === undefined) {
      id = this.all.length
      this.all.push(clause)
      this.#ids.set(hash, id)
    }
    return id
  }

  keepOf = (id: number): number => this.all[id]!.keep
}

export function factsOf(profile: WorldProfile): SubjectFacts {
  const present = Object.entries(profile.traits).filter(([, value]) => value !== null)
  return {
    traits: new Map(present),
    identifierKinds: new Set(profile.identifiers.map(([kind]) => kind)),
    consent: new Map(Object.entries(profile.consent)),
  }
}

/** Events below the offset, by the profile that holds their set now (the newest move above the event, or the filing). */
export function eventsByProfile(world: World, below: number): Map<number, WorldEvent[]> {
  const byProfile = new Map<number, WorldEvent[]>(world.profiles.map(({ id }) => [id, []]))
  const moves = Map.groupBy(world.moves, (move) => move.set)
  for (const event of world.events) {
    if (event.offset >= below) continue
    const move = moves.get(event.set)?.findLast((one) => one.offset > event.offset)
    byProfile.get(move?.profile ?? event.filedUnder)?.push(event)
  }
  return byProfile
}

export function referenceSubject(profile: WorldProfile, events: readonly WorldEvent[]): ReferenceSubject {
  return { ...factsOf(profile), events }
}

/** `shuffle` gives numbers from 0 to 1: it decides the order of the fold and the partition that is merged. */
export function foldEvents(
  events: readonly WorldEvent[],
  index: Pick<ClauseIndex<number>, 'matching'>,
  keepOf: (id: number) => number,
  shuffle: () => number,
): ProfileState {
  const order = events.map((event) => ({ event, rank: shuffle() })).sort((a, b) => a.rank - b.rank)
  const parts = [emptyState(), emptyState(), emptyState()]
  for (const { event } of order) {
    const clauses = [...index.matching(event.name, event.properties, event.timestamp)]
    const facts = { at: event.timestamp, offset: event.offset, source: 'test', isEvent: true }
    const fact = { ...facts, traits: [], clauses, consent: null }
    foldFact(parts[Math.floor(shuffle() * parts.length)]!, fact)
  }
  return mergeAll(parts, keepOf)
}

export function streamingSubject(profile: WorldProfile, state: ProfileState): StreamingSubject {
  return { ...factsOf(profile), timestamps: (id) => state.clauses.get(id) ?? [] }
}

/** Numbers from 0 to 1 (mulberry32). */
export function seededNumbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
