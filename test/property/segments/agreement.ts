// The property itself: for one definition at one prefix of the log, which profiles each evaluator says are members, and
// whether the announced next change is sound. The evaluators are handed in, so that broken ones can be judged as well.
import type { evaluateReference } from '../../../src/segment/reference.ts'
import type { printSegment } from '../../../src/segment/sql.ts'
import type { ClauseIndex, compileSegment } from '../../../src/segment/streaming.ts'
import type { Condition } from '../../../src/spec/segment.ts'
import type { WorldHistory } from './history.ts'
import { Clauses, eventsByProfile, factsOf, foldEvents, referenceSubject, streamingSubject } from './subjects.ts'
import { BASE, type World } from './worlds.ts'

export interface Evaluators {
  evaluateReference: typeof evaluateReference
  compileSegment: typeof compileSegment
  ClauseIndex: typeof ClauseIndex
  printSegment: typeof printSegment
}

export interface Prefix {
  /** Events below this offset. */
  offset: number
  now: number
}

/** `place` (0 to 1) of the log, and how long after its newest record (ms). */
export function prefixAt(world: World, place: number, later: number): Prefix {
  const offset = 1 + Math.floor(place * world.events.length)
  const received = world.events.filter((event) => event.offset < offset).map((event) => event.receivedAt)
  return { offset, now: Math.max(BASE, ...received) + later }
}

export function membersByReference(
  definition: Condition,
  segments: ReadonlyMap<string, Condition>,
  world: World,
  { offset, now }: Prefix,
  { evaluateReference }: Pick<Evaluators, 'evaluateReference'>,
): number[] {
  const events = eventsByProfile(world, offset)
  return world.profiles
    .filter((profile) => profile.alive)
    .filter((profile) => {
      const subject = referenceSubject(profile, events.get(profile.id) ?? [])
      return evaluateReference(definition, subject, now, segments)
    })
    .map(({ id }) => id)
}

const WATCHED_SHARE = 0.3

export interface StreamingAnswer {
  members: number[]
  /** Profiles whose answer changes before the instant that was announced. */
  lateChanges: { profile: number; at: number; announced: number | null }[]
  /** Profiles for which a change was announced. */
  timed: number
}

export function membersByStreaming(
  definition: Condition,
  segments: ReadonlyMap<string, Condition>,
  world: World,
  { offset, now }: Prefix,
  shuffle: () => number,
  evaluators: Evaluators,
): StreamingAnswer {
  const clauses = new Clauses()
  const compiled = evaluators.compileSegment(definition, segments, clauses.id)
  const index = new evaluators.ClauseIndex<number>()
  for (const [id, clause] of clauses.all.entries()) index.add(clause, id)
  const events = eventsByProfile(world, offset)
  const answer: StreamingAnswer = { members: [], lateChanges: [], timed: 0 }
  for (const profile of world.profiles) {
    if (!profile.alive) continue
    const own = events.get(profile.id) ?? []
    const subject = streamingSubject(profile, foldEvents(own, index, clauses.keepOf, shuffle))
    const isMember = compiled.evaluate(subject, now)
    if (isMember) answer.members.push(profile.id)
    const announced = compiled.nextChange(subject, now)
    if (announced !== null) answer.timed += 1
    // The reference is asked at many instants, so only some profiles are watched each time.
    if (shuffle() > WATCHED_SHARE) continue
    const reference = { ...factsOf(profile), events: own }
    const limit = announced ?? Number.POSITIVE_INFINITY
    const at = sampledInstants(now, announced).find(
      (instant) =>
        instant < limit && evaluators.evaluateReference(definition, reference, instant, segments) !== isMember,
    )
    if (at !== undefined || limit <= now) answer.lateChanges.push({ profile: profile.id, at: at ?? now, announced })
  }
  return answer
}

/** Instants above `now` at which windows may end: the grid's seconds, the far future, and just before what was announced. */
function sampledInstants(now: number, announced: number | null): number[] {
  const steps = [
    1,
    1000,
    2000,
    5000,
    10_000,
    30_000,
    60_000,
    120_000,
    3_600_000,
    86_400_000,
    604_800_000,
    400 * 86_400_000,
  ]
  const instants = steps.map((step) => now + step)
  if (announced !== null) instants.push(announced - 1, Math.floor((now + announced) / 2))
  return instants.filter((instant) => instant > now)
}

export function membersBySql(
  definition: Condition,
  segments: ReadonlyMap<string, Condition>,
  history: WorldHistory,
  { offset, now }: Prefix,
  { printSegment }: Pick<Evaluators, 'printSegment'>,
): number[] {
  const { query, params } = printSegment(definition, { segments, offset, now })
  return history
    .rows(query, params)
    .map(([profile]) => Number(profile))
    .sort((a, b) => a - b)
}
