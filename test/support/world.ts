// Small random worlds for the laws of the core: a few people who share phones, e-mails and devices, events of every kind that are
// late, repeated and out of order, and decisions by hand. Runs them through the real pipeline on the memory stores, and draws what
// came of it in a form that can be compared: by identifiers and public ids, never by internal numbers.
import fc from 'fast-check'
import { logBackfill } from '../../src/pipeline/log-backfill.ts'
import type { StateReader } from '../../src/pipeline/state-store.ts'
import { Pipeline, type PipelineDependencies } from '../../src/pipeline.ts'
import { decodeState, presentConsent, presentTraits } from '../../src/profile/read.ts'
import { kindOf } from '../../src/resolve/kinds.ts'
import type { Decision } from '../../src/spec/decision.ts'
import type { CanonicalEvent, JsonObject } from '../../src/spec/event.ts'
import { formatIdentifier, type Identifier, parseIdentifier } from '../../src/spec/identifier.ts'
import type { Kind } from '../../src/spec/kind.ts'
import type { LogRecord } from '../../src/spec/log-record.ts'
import type { Condition } from '../../src/spec/segment.ts'
import { MemoryLog } from '../../src/store/memory/log.ts'
import { MemoryStateStore } from '../../src/store/memory/state.ts'

export const T0 = Date.parse('2026-03-01T00:00:00.000Z')
const MINUTE = 60_000

/** Limits of `most` for every kind, for ever: with pools this small they bind in most worlds. */
export function tightKinds(most: number): (name: string) => Kind {
  return (name) => {
    const kind = kindOf(name)
    return { ...kind, limit: { most: name === 'user_id' ? Math.min(most, 2) : most, spanMs: null } }
  }
}

export interface WorldEvent {
  source: 'server' | 'browser'
  event: Omit<CanonicalEvent, 'receivedAt' | 'sentAt' | 'originalTimestamp'>
  /** Minutes since the event before it was received. */
  gap: number
  /** Minutes by which it happened before it was received. */
  late: number
}

const pick = (prefix: string, count: number) => fc.integer({ min: 1, max: count }).map((n) => `${prefix}${n}`)
/** Absent in one of `of` cases. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>, of: number) => fc.option(arbitrary, { nil: undefined, freq: of })

const identityArbitrary = fc.record({
  userId: maybe(pick('u', 5), 2),
  anonymousId: maybe(pick('a', 6), 3),
  email: maybe(
    pick('e', 4).map((name) => `${name}@x.com`),
    2,
  ),
  phone: maybe(pick('+1202555010', 3), 2),
  crm: maybe(pick('c', 3), 2),
})

const factArbitrary = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constant('track' as const),
      name: fc.constantFrom('Order Completed', 'Appointment Booked', 'Email Opened'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constant('page' as const),
      path: fc.constantFrom('/dermatology', '/dermatology/acne', '/home'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constant('identify' as const),
      traits: fc.dictionary(
        fc.constantFrom('plan', 'city', 'age'),
        fc.constantFrom<string | number | null>('free', 'pro', null, 7, 42),
        { maxKeys: 3 },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('consent' as const), marketing: fc.boolean() }) },
)

export const worldEventArbitrary: fc.Arbitrary<WorldEvent> = fc
  .record({
    source: fc.constantFrom('server' as const, 'server' as const, 'browser' as const),
    identity: identityArbitrary,
    fact: factArbitrary,
    amount: fc.integer({ min: 0, max: 3 }),
    message: fc.integer({ min: 1, max: 60 }),
    gap: fc.constantFrom(0, 1, 5, 60, 600),
    late: fc.constantFrom(0, 0, 0, 1, 30, 3000),
  })
  .map(({ source, identity, fact, amount, message, gap, late }) => {
    const { userId, anonymousId, email, phone, crm } = identity
    const contact: JsonObject = { ...(email === undefined ? {} : { email }), ...(phone === undefined ? {} : { phone }) }
    const externalIds = crm === undefined ? [] : [{ id: crm, type: 'crm_id', collection: 'users', encoding: 'none' }]
    const context: JsonObject = { traits: contact, externalIds }
    const base = {
      messageId: `m${message}`,
      timestamp: '',
      ...(userId === undefined ? {} : { userId }),
      ...(anonymousId === undefined ? {} : { anonymousId }),
      context,
      integrations: {},
    }
    const event = ((): WorldEvent['event'] => {
      if (fact.call === 'track') return { ...base, type: 'track', event: fact.name, properties: { amount } }
      if (fact.call === 'page') return { ...base, type: 'page', properties: { path: fact.path } }
      if (fact.call === 'identify') return { ...base, type: 'identify', traits: fact.traits }
      const consent = { categoryPreferences: { marketing: fact.marketing } }
      return { ...base, type: 'track', event: 'Segment Consent Preference Updated', context: { ...context, consent } }
    })()
    return { source, event, gap, late }
  })

export const SEGMENTS: [slug: string, definition: Condition][] = [
  [
    'derm',
    {
      all: [
        {
          event: 'Page Viewed',
          where: { property: 'path', startsWith: '/dermatology' },
          count: { gte: 2 },
          within: '10h',
        },
        { not: { event: 'Appointment Booked', within: '2d' } },
      ],
    },
  ],
  ['recent', { event: ['Order Completed', 'Email Opened'], count: { gte: 1, lt: 3 }, within: '1h' }],
  ['big', { event: 'Order Completed', where: { property: 'amount', gte: 2 }, count: { gte: 2 } }],
  ['pro', { any: [{ trait: 'plan', eq: 'pro' }, { not: { identifier: 'email' } }] }],
  ['loved', { all: [{ consent: 'marketing' }, { segment: 'big' }] }],
]

/** The records that open every world: genesis, the two sources, then the segments. */
export function openingRecords(segments: typeof SEGMENTS = SEGMENTS): LogRecord[] {
  const source = (slug: string, kind: 'server' | 'browser'): Decision => ({
    decision: 'source',
    source: { slug, name: slug, kind, writeKey: slug, enabled: true },
  })
  const decisions: Decision[] = [
    { decision: 'genesis', birthKey: '00'.repeat(16), dedupeHours: 24, dedupeIdsMax: 1_000_000 },
    source('server', 'server'),
    source('browser', 'browser'),
    ...segments.map(([slug, definition]): Decision => ({ decision: 'segment', slug, name: slug, definition })),
  ]
  return decisions.map((decision) => ({ type: 'decision', receivedAt: T0, decision }))
}

/** Stamps the events as the door would. */
export function eventRecords(events: readonly WorldEvent[], from = T0): LogRecord[] {
  let receivedAt = from
  return events.map(({ source, event, gap, late }) => {
    receivedAt += gap * MINUTE
    const received = new Date(receivedAt).toISOString()
    const timestamp = new Date(receivedAt - late * MINUTE).toISOString()
    return {
      type: 'event',
      receivedAt,
      source,
      event: { ...event, timestamp, originalTimestamp: timestamp, sentAt: received, receivedAt: received },
    }
  })
}

export interface Ran {
  pipeline: Pipeline
  state: MemoryStateStore
  log: MemoryLog
}

/** Runs the records through a fresh pipeline to the end of the log. */
export async function runWorld(
  records: readonly LogRecord[],
  options: Partial<
    Pick<PipelineDependencies, 'batchRecordsMax' | 'kindOf' | 'cacheEntriesMax' | 'backfillRowsMax'>
  > = {},
): Promise<Ran> {
  const log = new MemoryLog()
  await log.append(records)
  const state = new MemoryStateStore()
  const pipeline = await Pipeline.open({ log, state, backfill: logBackfill(log, state), ...options })
  await pipeline.drain()
  return { pipeline, state, log }
}

/** Everything a user can see of the state, in an order that depends on nothing internal. */
export async function drawState(state: StateReader): Promise<unknown> {
  const catalogue = await state.catalogue()
  const slugs = new Map(catalogue.segments.map(({ id, slug }) => [id, slug]))
  const ids = Array.from({ length: catalogue.nextIdentifier - 1 }, (_, index) => index + 1)
  const identifiers = new Map((await state.identifiersById(ids)).map((row) => [row.id, row]))
  const sets = await state.sets(Array.from({ length: catalogue.nextSet - 1 }, (_, index) => index + 1))
  const setText = new Map(
    sets.map((set) => [
      set.id,
      `${set.source}/${set.trust} ${set.identifiers.map((id) => formatIdentifier(identifiers.get(id)!)).join(' ')}`,
    ]),
  )
  const profiles = (await state.profiles(ids)).filter((profile) => profile.alive)
  return {
    profiles: profiles.map((profile) => {
      const decoded = decodeState(profile.state)
      return {
        id: identifiers.get(profile.id)!.birthId,
        identifiers: profile.identifiers.map((id) => formatIdentifier(identifiers.get(id)!)),
        held: profile.identifiers.every((id) => identifiers.get(id)!.profile === profile.id),
        sets: profile.sets.map((set) => setText.get(set)!),
        count: decoded.count,
        seen: [decoded.firstAt, decoded.lastAt],
        traits: [...presentTraits(decoded)].sort(byKey),
        consent: [...presentConsent(decoded, profile.identifiers)].sort(byKey),
        memberships: profile.memberships.map(([segment]) => slugs.get(segment)).sort(),
        suppressed: profile.suppressed,
      }
    }),
    unheld: [...identifiers.values()]
      .filter(({ profile }) => profile === 0)
      .map(formatIdentifier)
      .sort(),
    sets: sets.map((set) => [
      setText.get(set.id),
      set.refused.map(({ identifier, reason }) => [formatIdentifier(identifiers.get(identifier)!), reason]),
    ]),
    sizes: catalogue.segments.map(({ slug, size, status }) => [slug, size, status]),
  }
}

function byKey(a: [string, unknown], b: [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1
}

/** How many sets had an identifier refused because a limit bound. */
export async function countLimited(state: StateReader): Promise<number> {
  const { nextSet } = await state.catalogue()
  const sets = await state.sets(Array.from({ length: nextSet - 1 }, (_, index) => index + 1))
  return sets.filter(({ refused }) => refused.some(({ reason }) => reason === 'limit')).length
}

/** A cut of what came of the world: one side of a profile split off, or some identifiers quarantined. */
export async function cutOf(
  ran: Ran,
  seed: { kind: 'split' | 'quarantine'; profile: number; mask: number },
): Promise<Decision | null> {
  const drawn = (await drawState(ran.state)) as { profiles: { identifiers: string[] }[] }
  const large = drawn.profiles.filter(({ identifiers }) => identifiers.length > 1)
  const profile = large[seed.profile % Math.max(1, large.length)]
  if (profile === undefined) return null
  const parse = (text: string): Identifier => parseIdentifier(text)!
  const a = profile.identifiers.filter((_, index) => (seed.mask >> index) & 1).map(parse)
  const b = profile.identifiers.filter((_, index) => !((seed.mask >> index) & 1)).map(parse)
  if (a.length === 0 || b.length === 0) return null
  const by = { reason: '', author: '' }
  if (seed.kind === 'split') return { decision: 'split', a, b, ...by }
  return { decision: 'quarantine', identifiers: a.slice(0, 2), ...by }
}

export const cutSeedArbitrary = fc.record({
  kind: fc.constantFrom('split' as const, 'quarantine' as const),
  profile: fc.nat(20),
  mask: fc.integer({ min: 1, max: 254 }),
})
