// From the stream to the ledger: which events and changes a destination is told, as rows with stable ids. It reads a bounded
// stretch of the stream at a time, and it never goes past the head it is given.
import { createHash } from 'node:crypto'
import type { EventLog } from '../log/port.ts'
import { type ResolvedEvent, readResolved } from '../pipeline/resolved-stream.ts'
import type { StateReader } from '../pipeline/state-store.ts'
import type { Change } from '../spec/change.ts'
import type { Delivery } from '../spec/delivery.ts'
import type { Subscription } from '../spec/destination.ts'
import { type CanonicalEvent, eventName } from '../spec/event.ts'
import { audienceEvent } from './audience.ts'
import { secretsOf } from './catalog.ts'
import { subscriptionKey } from './check.ts'
import { compileFql, type Subscribes } from './fql.ts'
import { mayReceive } from './gate.ts'
import type { HostedDestination } from './hosted.ts'
import { MEMBER_ORDINAL } from './members.ts'
import { comparePlaces, laterPlace } from './place.ts'
import type { MemberSync, StoredDestination, StreamPlace } from './port.ts'

export interface CompiledSubscription extends Subscription {
  key: string
  matches: Subscribes
}

/** A destination as it stands now, ready to be asked. */
export interface Target {
  destination: StoredDestination
  hosted: HostedDestination
  /** Enabled ones only. */
  subscriptions: CompiledSubscription[]
  /** Every name an event's `integrations` may use. */
  names: string[]
  /** Texts that must not appear in rows or logs. */
  secrets: string[]
}

export function compileTarget(destination: StoredDestination, hosted: HostedDestination): Target {
  const subscriptions = destination.subscriptions
    .map((subscription, at) => ({ ...subscription, key: subscriptionKey(subscription, at), at }))
    .filter((subscription) => subscription.enabled)
    .map(({ at: _at, ...subscription }) => ({ ...subscription, matches: compileFql(subscription.subscribe) }))
  const names = [hosted.name, destination.type, destination.slug, ...(destination.name ? [destination.name] : [])]
  const mappings = destination.subscriptions.map((subscription) => subscription.mapping)
  const secrets = secretsOf(destination.type, destination.settings, mappings)
  return { destination, hosted, subscriptions, names, secrets }
}

/** A row and what it sends; bodies are never stored. */
export interface PlannedRow {
  row: Delivery
  event: CanonicalEvent
}

export interface PlanSources {
  log: Pick<EventLog, 'read'>
  state: Pick<StateReader, 'position' | 'verdicts' | 'changes' | 'identifiersById'>
}

export interface PlanRange {
  /** The first place that is not done. */
  from: StreamPlace
  /** The place behind everything that may be read now. */
  head: StreamPlace
  recordsMax: number
}

export async function planStream(
  sources: PlanSources,
  target: Target,
  syncs: readonly MemberSync[],
  range: PlanRange,
  now: number,
): Promise<{ rows: PlannedRow[]; place: StreamPlace }> {
  const { from, head, recordsMax } = range
  const firstEvent = from.ordinal === 0 ? from.offset : from.offset + 1
  const upTo = head.ordinal === 0 ? head.offset : head.offset + 1
  const wanted = Math.min(recordsMax, upTo - firstEvent)
  const page =
    wanted <= 0 ? { next: firstEvent, events: [] } : await readResolved(sources.log, sources.state, firstEvent, wanted)
  const next = Math.min(page.next, upTo)
  const after = { offset: from.offset, ordinal: Math.max(0, from.ordinal - 1) }
  const changes = await sources.state.changes(after, recordsMax, next)
  const place = endOf(range, next, changes)
  const events = page.events.filter((event) => comparePlaces({ offset: event.offset, ordinal: 0 }, place) < 0)
  const people = await publicIds(
    sources.state,
    events.filter((event) => event.verdict.code === 'accepted'),
  )
  const rows = [
    ...events.flatMap((event) => eventRows(target, event, people, now)),
    ...changes.filter((change) => isTold(target, syncs, change)).flatMap((change) => changeRows(target, change, now)),
  ]
  return { rows: rows.sort((a, b) => comparePlaces(a.row, b.row)), place }
}

// A full page of changes may hide more below `next`; else everything below it is done, and at the head also the changes seen.
function endOf(range: PlanRange, next: number, changes: readonly Change[]): StreamPlace {
  const last = changes.at(-1)
  const behindLast = last === undefined ? range.from : { offset: last.offset, ordinal: last.ordinal + 1 }
  if (changes.length >= range.recordsMax) return behindLast
  if (next <= range.head.offset) return laterPlace({ offset: next, ordinal: 0 }, laterPlace(range.from, behindLast))
  return laterPlace(range.head, behindLast)
}

function isTold(target: Target, syncs: readonly MemberSync[], change: Change): boolean {
  if (!target.destination.segments.includes(change.segment)) return false
  const sync = syncs.find((candidate) => candidate.segment === change.segment)
  // What lies before the telling of present members is covered by it.
  return sync === undefined || comparePlaces(change, sync.below) >= 0
}

async function publicIds(state: PlanSources['state'], events: readonly ResolvedEvent[]): Promise<Map<number, string>> {
  const numbers = [...new Set(events.map((event) => event.verdict.profile))].filter((number) => number !== 0)
  if (numbers.length === 0) return new Map()
  return new Map((await state.identifiersById(numbers)).map((row) => [row.id, row.birthId]))
}

function eventRows(target: Target, resolved: ResolvedEvent, people: Map<number, string>, now: number): PlannedRow[] {
  const { offset, record, verdict } = resolved
  if (verdict.code !== 'accepted' || !mayReceive(record.event, target.names)) return []
  return matching(target, record.event).map((subscription) => ({
    row: makeRow(target, subscription, {
      id: streamId(offset, 0, target.destination.slug, subscription.key),
      place: { offset, ordinal: 0 },
      subject: `event:${(eventName(record.event) ?? record.event.type).slice(0, SUBJECT_CHARACTERS_MAX)}`,
      profileId: people.get(verdict.profile) ?? null,
      now,
    }),
    event: record.event,
  }))
}

export function changeRows(target: Target, change: Change, now: number): PlannedRow[] {
  const event = changeEvent(target, change)
  return matching(target, event).map((subscription) => ({
    row: makeRow(target, subscription, {
      id: changeId(change, target.destination.slug, subscription.key),
      place: change,
      subject: `${change.kind}:${change.segment}`,
      profileId: change.profileId,
      now,
    }),
    event,
  }))
}

/** The event that tells of the change: the same whenever it is made. */
export function changeEvent(target: Target, change: Change): CanonicalEvent {
  const isMember = change.ordinal === MEMBER_ORDINAL
  const messageId = isMember
    ? `member-${change.offset}-${digest([change.segment, change.profileId])}`
    : `change-${change.offset}-${change.ordinal}`
  return audienceEvent(change, { messageId, destination: target.hosted.name })
}

function matching(target: Target, event: CanonicalEvent): CompiledSubscription[] {
  return target.subscriptions.filter((subscription) => subscription.matches(event))
}

const SUBJECT_CHARACTERS_MAX = 300

interface RowFacts {
  id: string
  place: StreamPlace
  subject: string
  profileId: string | null
  now: number
}

function makeRow(target: Target, subscription: CompiledSubscription, facts: RowFacts): Delivery {
  return {
    id: facts.id,
    destination: target.destination.slug,
    subscription: subscription.key,
    offset: facts.place.offset,
    ordinal: facts.place.ordinal,
    subject: facts.subject,
    profileId: facts.profileId,
    status: 'pending',
    attempts: 0,
    nextAttemptAt: facts.now,
    createdAt: facts.now,
    updatedAt: facts.now,
    responseStatus: null,
    errorCode: null,
    errorMessage: null,
    responseBody: null,
  }
}

function changeId(change: Change, destination: string, subscription: string): string {
  if (change.ordinal !== MEMBER_ORDINAL) return streamId(change.offset, change.ordinal, destination, subscription)
  return `${change.offset}-m-${digest([change.segment, change.profileId, destination, subscription])}`
}

// Begins with the place, so that ids of one time lie together in the ledger's index.
function streamId(offset: number, ordinal: number, destination: string, subscription: string): string {
  return `${offset}-${ordinal}-${digest([destination, subscription])}`
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24)
}
