// The traffic that benchmarks send: a seeded crowd that browses, identifies itself and buys. Uniform over people, so that no cache is
// flattered; events carry the context a browser SDK sends, because its bytes are most of an event.
import type { Decision } from '../src/spec/decision.ts'
import type { CanonicalEvent } from '../src/spec/event.ts'
import type { EventRecord, LogRecord } from '../src/spec/log-record.ts'
import type { Condition } from '../src/spec/segment.ts'

/** A small seeded generator (mulberry32): the same traffic on every machine. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const PATHS = ['/', '/dermatology', '/dermatology/acne', '/cardiology', '/locations', '/book', '/blog/skin', '/about']
const CONTEXT = {
  library: { name: 'analytics.js', version: 'npm:next-1.84.3' },
  userAgent:
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  locale: 'en-US',
  timezone: 'America/New_York',
}

/** One event of a random person: 12 % identify, 58 % page, 30 % track. */
export function makeEvent(random: () => number, people: number, number: number, receivedAt: number): CanonicalEvent {
  const person = Math.floor(random() * people)
  const time = new Date(receivedAt).toISOString()
  const base = {
    messageId: `ajs-next-${receivedAt}-${number}`,
    timestamp: time,
    originalTimestamp: time,
    sentAt: time,
    receivedAt: time,
    anonymousId: `a-${person}-${random() < 0.2 ? 1 : 0}`,
    integrations: {},
  }
  const kind = random()
  const known = person % 2 === 0 ? { userId: `u-${person}` } : {}
  if (kind < 0.12) {
    const traits = {
      email: `person${person}@example.com`,
      plan: random() < 0.3 ? 'pro' : 'free',
      city: `c${person % 50}`,
    }
    return { ...base, type: 'identify', userId: `u-${person}`, traits, context: CONTEXT }
  }
  if (kind < 0.7) {
    const path = PATHS[Math.floor(random() * PATHS.length)]!
    const page = { path, url: `https://www.example.com${path}`, title: path, referrer: '', search: '' }
    return { ...base, ...known, type: 'page', properties: page, context: { ...CONTEXT, page } }
  }
  const event = ['Appointment Booked', 'Order Completed', 'Email Opened', 'Product Viewed'][Math.floor(random() * 4)]!
  const properties = { amount: Math.floor(random() * 200), category: `k${Math.floor(random() * 10)}` }
  return { ...base, ...known, type: 'track', event, properties, context: CONTEXT }
}

/** Twenty segments of fourteen distinct clauses: mostly events with windows, some traits. */
export function benchSegments(): [slug: string, definition: Condition][] {
  const viewed = (path: string, gte: number, within: string): Condition => ({
    event: 'Page Viewed',
    where: { property: 'path', startsWith: path },
    count: { gte },
    within,
  })
  const did = (event: string, within: string, gte = 1): Condition => ({ event, within, count: { gte } })
  const bought = (gte: number): Condition => ({
    event: 'Order Completed',
    where: { property: 'amount', gte: 100 },
    count: { gte },
  })
  const pairs: [string, Condition][] = [
    ['derm', { all: [viewed('/dermatology', 2, '30d'), { not: did('Appointment Booked', '30d') }] }],
    ['cardio', { all: [viewed('/cardiology', 2, '30d'), { not: did('Appointment Booked', '30d') }] }],
    ['booked', did('Appointment Booked', '90d')],
    ['regulars', did('Order Completed', '90d', 3)],
    ['lapsed', { all: [bought(1), { not: did('Order Completed', '30d') }] }],
    ['big', bought(2)],
    ['openers', did('Email Opened', '7d', 2)],
    ['silent', { not: did('Email Opened', '30d') }],
    ['viewers', did('Product Viewed', '1d', 3)],
    ['bookers', viewed('/book', 1, '7d')],
    ['readers', viewed('/blog', 2, '14d')],
    ['local', viewed('/locations', 1, '30d')],
    ['pro', { trait: 'plan', eq: 'pro' }],
    ['pro-derm', { all: [{ trait: 'plan', eq: 'pro' }, viewed('/dermatology', 2, '30d')] }],
    ['city', { all: [{ trait: 'city', in: ['c1', 'c2', 'c3'] }, did('Order Completed', '30d')] }],
    ['home', { event: 'Page Viewed', where: { property: 'path', eq: '/' }, within: '1d', count: { gte: 3 } }],
    ['hot', { any: [viewed('/book', 2, '1d'), did('Product Viewed', '1d', 5)] }],
    ['reachable', { all: [{ trait: 'email', exists: true }, did('Email Opened', '30d')] }],
    ['cart', { all: [did('Product Viewed', '7d', 2), { not: did('Order Completed', '7d') }] }],
    ['about', viewed('/about', 1, '90d')],
  ]
  return pairs
}

export function openingRecords(receivedAt: number, withSegments: boolean): LogRecord[] {
  const decisions: Decision[] = [
    { decision: 'genesis', birthKey: '00'.repeat(16), dedupeHours: 24, dedupeIdsMax: 40_000_000 },
    { decision: 'source', source: { slug: 'web', name: 'web', kind: 'server', writeKey: 'web', enabled: true } },
    ...(withSegments ? benchSegments() : []).map(
      ([slug, definition]): Decision => ({ decision: 'segment', slug, name: slug, definition }),
    ),
  ]
  return decisions.map((decision) => ({ type: 'decision', receivedAt, decision }))
}

/** `count` records, `perMs` of them each millisecond of log time. */
export function* eventRecords(count: number, people: number, start: number, perMs: number): Generator<EventRecord> {
  const random = seededRandom(1)
  for (let number = 0; number < count; number++) {
    const receivedAt = start + Math.floor(number / perMs)
    yield { type: 'event', receivedAt, source: 'web', event: makeEvent(random, people, number, receivedAt) }
  }
}
