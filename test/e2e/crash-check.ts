// What must hold after the crash drill, exactly: the log holds every acknowledged event and nothing that was never sent, the state
// equals a fresh run of the same log in memory, and every membership what the reference evaluator says. Read from the files of a
// tree that has ended.
import assert from 'node:assert/strict'
import type { EventLog } from '../../src/log/port.ts'
import { logBackfill } from '../../src/pipeline/log-backfill.ts'
import { readResolved } from '../../src/pipeline/resolved-stream.ts'
import type { StateReader } from '../../src/pipeline/state-store.ts'
import { Pipeline } from '../../src/pipeline.ts'
import { decodeState, presentConsent, presentTraits } from '../../src/profile/read.ts'
import { evaluateReference } from '../../src/segment/reference.ts'
import type { SubjectEvent } from '../../src/segment/subject.ts'
import { type CanonicalEvent, eventName, eventProperties } from '../../src/spec/event.ts'
import { formatIdentifier } from '../../src/spec/identifier.ts'
import type { Condition } from '../../src/spec/segment.ts'
import { MemoryLog } from '../../src/store/memory/log.ts'
import { MemoryStateStore } from '../../src/store/memory/state.ts'
import { drawState } from '../support/world.ts'
import type { Load } from './crash-load.ts'

const PAGE = 5000

/** The log as the drill found it: its events by what they were sent as, and its decisions. */
export interface LogFindings {
  records: number
  events: number
  duplicates: number
  decisions: number
  ticks: number
}

/** Every acknowledged event is accepted exactly once, nothing else is in the log, and all of it is as it was sent. */
export async function checkLog(
  log: EventLog,
  state: StateReader,
  load: Load,
  acknowledgedDecisions: ReadonlyMap<number, string>,
): Promise<LogFindings> {
  const found: LogFindings = { records: 0, events: 0, duplicates: 0, decisions: 0, ticks: 0 }
  const { next } = await state.position()
  assert.equal((await log.head()).next, next, 'the pipeline has committed the whole log')
  const firsts = new Map<string, number>()
  for (let from = 0; from < next; from += PAGE) {
    const below = Math.min(next, from + PAGE)
    const records = await log.read({ from, recordsMax: PAGE, below })
    assert.equal(records.length, below - from, 'offsets have no gaps')
    const verdicts = await state.verdicts(from, below)
    assert.equal(verdicts.length, records.length, 'every offset has one verdict')
    found.records += records.length
    for (const [index, { offset, record }] of records.entries()) {
      const { code } = verdicts[index]!
      if (record.type === 'tick') found.ticks += 1
      if (record.type === 'decision') found.decisions += 1
      if (record.type !== 'event') {
        assert.equal(code, 'none')
        continue
      }
      found.events += 1
      // The first one in the log is the one that counts, whether or not its sender lived to hear so.
      const number = numberOf(record.event.messageId, load)
      const isFirst = !firsts.has(record.event.messageId)
      if (isFirst) firsts.set(record.event.messageId, offset)
      else found.duplicates += 1
      const sent = load.eventOf(number)
      const expected = !isFirst
        ? ['duplicate']
        : sent.verdict === 'either'
          ? ['accepted', 'no_identifier']
          : [sent.verdict]
      assert.ok(expected.includes(code), `offset ${offset} is ${code}, not ${expected.join(' or ')}`)
      assertAsSent(record.event, sent.body)
    }
  }
  // All of them: the load ends only when everything it made is acknowledged.
  for (let number = 0; number < load.made; number++) {
    assert.ok(firsts.has(load.eventOf(number).body.messageId), `event ${number} was acknowledged and is not in the log`)
  }
  for (const [offset, kind] of acknowledgedDecisions) {
    const [logged] = await log.get([offset])
    const { record } = logged ?? {}
    assert.equal(record?.type === 'decision' && record.decision.decision, kind, `the decision answered with ${offset}`)
  }
  return found
}

function numberOf(messageId: string, load: Load): number {
  const number = Number(messageId.slice(messageId.lastIndexOf('-') + 1))
  const wasSent = Number.isInteger(number) && number < load.made && load.eventOf(number).body.messageId === messageId
  assert.ok(wasSent, `${messageId} is in the log and was never sent`)
  return number
}

function assertAsSent(logged: CanonicalEvent, body: Readonly<Record<string, unknown>>): void {
  for (const key of ['userId', 'anonymousId', 'event', 'properties', 'traits', 'timestamp'] as const) {
    if (Object.hasOwn(body, key)) assert.deepEqual(logged[key], body[key], `${key} of ${logged.messageId}`)
  }
}

/** Runs the same log through a fresh pipeline in memory; every verdict and everything a user can see must be the same. */
export async function checkState(log: EventLog, state: StateReader): Promise<{ profiles: number }> {
  const copy = new MemoryLog()
  const { next } = await state.position()
  for (let from = 0; from < next; from += PAGE) {
    const records = await log.read({ from, recordsMax: PAGE, below: next })
    await copy.append(records.map(({ record }) => record))
  }
  // Batches end elsewhere, backfills read the log instead of history, nothing is ever reopened: none of it may matter.
  const reference = new MemoryStateStore()
  const pipeline = await Pipeline.open({ log: copy, state: reference, backfill: logBackfill(copy, reference) })
  await pipeline.drain()
  // Numbers of sets and profiles are given in log order, so even they must be the same.
  for (let from = 0; from < next; from += PAGE) {
    const below = Math.min(next, from + PAGE)
    assert.deepEqual(await state.verdicts(from, below), await reference.verdicts(from, below), 'verdicts')
  }
  const [actual, expected] = [await drawState(state), await drawState(reference)]
  assert.deepEqual(actual, expected, 'profiles, traits, consent, memberships, identifiers, sets and sizes')
  return { profiles: (await state.counts()).profiles }
}

/** Everything the reference evaluator needs to know of one profile. */
export interface Person {
  profile: number
  text: string
  memberships: string[]
  subject: Parameters<typeof evaluateReference>[1]
}

/** Every living profile with its own events, read from the log and the verdicts alone. */
export async function readPeople(log: EventLog, state: StateReader): Promise<Person[]> {
  const { nextIdentifier, segments } = await state.catalogue()
  const ids = Array.from({ length: nextIdentifier - 1 }, (_, index) => index + 1)
  const identifiers = new Map((await state.identifiersById(ids)).map((row) => [row.id, row]))
  const slugs = new Map(segments.map(({ id, slug }) => [id, slug]))
  const bySet = await eventsBySet(log, state)
  return (await state.profiles(ids))
    .filter(({ alive }) => alive)
    .map((profile) => {
      // Traits and consent are the fold's, which the run in memory has confirmed; events are counted anew.
      const decoded = decodeState(profile.state)
      const own = profile.identifiers.map((id) => identifiers.get(id)!)
      return {
        profile: profile.id,
        text: own.map(formatIdentifier).join(' '),
        memberships: profile.memberships.map(([segment]) => slugs.get(segment)!).sort(),
        subject: {
          events: profile.sets.flatMap((set) => bySet.get(set) ?? []),
          traits: new Map([...presentTraits(decoded)].map(([name, { value }]) => [name, value])),
          identifierKinds: new Set(own.map(({ kind }) => kind)),
          consent: presentConsent(decoded, profile.identifiers),
        },
      }
    })
}

async function eventsBySet(log: EventLog, state: StateReader): Promise<Map<number, SubjectEvent[]>> {
  const bySet = new Map<number, SubjectEvent[]>()
  for (let from = 0; ; ) {
    const { next, events } = await readResolved(log, state, from, PAGE)
    for (const { record, verdict } of events) {
      const name = eventName(record.event)
      if (name === null || verdict.set === 0) continue
      const own = bySet.get(verdict.set) ?? []
      own.push({ name, timestamp: Date.parse(record.event.timestamp), properties: eventProperties(record.event) })
      bySet.set(verdict.set, own)
    }
    if (next === from) return bySet
    from = next
  }
}

/** Memberships as the plain definition of the language gives them, at the log time reached. */
export async function checkMemberships(people: readonly Person[], state: StateReader): Promise<void> {
  const { logTime } = await state.position()
  const { segments } = await state.catalogue()
  const definitions = new Map<string, Condition>(segments.map(({ slug, definition }) => [slug, definition]))
  for (const { status, slug } of segments) assert.equal(status, 'active', `segment ${slug}`)
  for (const { text, memberships, subject } of people) {
    const expected = [...definitions]
      .filter(([, definition]) => evaluateReference(definition, subject, logTime, definitions))
      .map(([slug]) => slug)
    assert.deepEqual(memberships, expected.sort(), text)
  }
  for (const { slug, size } of segments) {
    assert.equal(size, people.filter(({ memberships }) => memberships.includes(slug)).length, `size of ${slug}`)
  }
}
