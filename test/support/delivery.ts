// A small world for tests of delivery: a log and a state in memory, fed as the pipeline would, and a real HTTP server that
// plays the tool at the other end.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createDelivery, type DeliveryDeps, type DeliveryService } from '../../src/activate/delivery.ts'
import { headPlace } from '../../src/activate/place.ts'
import type { LedgerRow } from '../../src/activate/port.ts'
import type { Logger } from '../../src/activate/runner.ts'
import type { Commit, ProfileRow } from '../../src/pipeline/state-store.ts'
import type { ChangeKind } from '../../src/spec/change.ts'
import type { DestinationInput } from '../../src/spec/destination.ts'
import type { CanonicalEvent, JsonObject } from '../../src/spec/event.ts'
import type { Segment } from '../../src/spec/segment.ts'
import type { VerdictCode } from '../../src/spec/verdict.ts'
import { createMemoryDestinationStore } from '../../src/store/memory/destinations.ts'
import { createMemoryLedger } from '../../src/store/memory/ledger.ts'
import { MemoryLog } from '../../src/store/memory/log.ts'
import { MemoryStateStore } from '../../src/store/memory/state.ts'

/** The parts of a sent body that assertions look at. */
export type Sent = Partial<CanonicalEvent> & {
  properties: JsonObject
  context: { personas: JsonObject; traits: JsonObject }
}

export interface Received {
  path: string
  headers: http.IncomingHttpHeaders
  body: Sent
}

export class Receiver {
  readonly received: Received[] = []
  /** Answers by default 200; replaced by tests. */
  answer: (request: Received, response: http.ServerResponse) => void = (_request, response) => response.end('{}')
  url = ''
  readonly #server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const received = {
        path: request.url ?? '',
        headers: request.headers,
        body: JSON.parse(text === '' ? '{}' : text) as Sent,
      }
      this.received.push(received)
      this.answer(received, response)
    })
  })

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    return this
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const silent: Logger = { info() {}, warn() {}, error() {} }
const START = Date.parse('2026-01-01T00:00:00Z')

export class DeliveryWorld {
  readonly log = new MemoryLog()
  readonly state = new MemoryStateStore()
  readonly ledger = createMemoryLedger()
  readonly destinations = createMemoryDestinationStore()
  readonly clock = { now: () => this.now }
  now = START
  delivery: DeliveryService
  readonly #overrides: Partial<DeliveryDeps>
  #nextProfile = 1

  constructor(overrides: Partial<DeliveryDeps> = {}) {
    this.#overrides = overrides
    this.delivery = this.makeDelivery()
  }

  /** Another delivery on the same stores, as after a crash. */
  makeDelivery(overrides: Partial<DeliveryDeps> = {}): DeliveryService {
    const { log, state, ledger, destinations, clock } = this
    const fixed = { random: () => 1, outboundAllow: ['127.0.0.0/8'], logger: silent }
    return createDelivery({ log, state, ledger, destinations, clock, ...fixed, ...this.#overrides, ...overrides })
  }

  async put(slug: string, input: Partial<DestinationInput> & { url?: string }): Promise<void> {
    const { url, ...rest } = input
    const mapping = { url, method: 'POST', data: { '@path': '$.' } }
    const subscription = { partnerAction: 'send', subscribe: 'type = "track"', mapping, enabled: true }
    const defaults = {
      type: 'actions-webhook',
      settings: {},
      enabled: true,
      segments: [],
      subscriptions: [subscription],
    }
    const head = headPlace(await this.state.position())
    await this.destinations.put({ ...defaults, ...rest, slug, createdAt: this.now, updatedAt: this.now }, head)
  }

  /** Logs the event and commits its verdict; returns its offset. */
  async event(event: Partial<CanonicalEvent>, code: VerdictCode = 'accepted', profile = 0): Promise<number> {
    const at = new Date(this.now).toISOString()
    const times = { timestamp: at, originalTimestamp: at, sentAt: at, receivedAt: at }
    const base = { type: 'track' as const, event: 'Order Completed', messageId: `m${this.now}`, userId: 'u1', ...times }
    const full = { ...base, context: {}, integrations: {}, ...event }
    const offset = await this.log.append([{ type: 'event', receivedAt: this.now, source: 'web', event: full }])
    await this.#commit({ verdicts: [{ offset, code, set: 0, profile }] }, true)
    return offset
  }

  async segment(slug: string): Promise<Segment> {
    const { segments } = await this.state.catalogue()
    const id = segments.length + 1
    const facts = { definition: { identifier: 'email' }, activationOffset: 0, status: 'active' as const, size: 0 }
    const segment = { id, slug, name: slug, ...facts }
    await this.#commit({ segments: [segment] }, false)
    return segment
  }

  /** A profile with one `user_id` and one `email`; returns its number. */
  async profile(userId: string, changes: Partial<ProfileRow> = {}): Promise<number> {
    const id = this.#nextProfile
    this.#nextProfile += 2
    const row = { birthId: `p_${userId}`, firstAt: this.now, profile: id, suppressed: false }
    const identifiers = [
      { ...row, id, kind: 'user_id', value: userId },
      { ...row, id: id + 1, birthId: `p_${userId}_mail`, kind: 'email', value: `${userId}@example.com` },
    ]
    const own = { id, alive: true, identifiers: [id, id + 1], sets: [], state: new Uint8Array(), memberships: [] }
    const profile = { ...own, nextTimer: null, suppressed: false, changedIn: 0, ...changes }
    await this.#commit({ identifiers, profiles: [profile] }, false)
    return id
  }

  /** A change at the last offset, as a commit without records makes it. */
  async change(kind: ChangeKind, segment: string, userId: string): Promise<void> {
    const { next, ordinal } = await this.state.position()
    const identifiers = [
      { kind: 'user_id', value: userId },
      { kind: 'email', value: `${userId}@example.com` },
    ]
    const place = { offset: next - 1, ordinal: ordinal + 1 }
    const change = { ...place, kind, segment, profileId: `p_${userId}`, identifiers, at: this.now }
    await this.#commit({ changes: [change] }, false, place.ordinal)
  }

  async rows(): Promise<LedgerRow[]> {
    return (await this.ledger.list({ limit: 10_000 })).reverse()
  }

  /** `slug subject status` of every row, in the order planned. */
  async told(): Promise<string[]> {
    return (await this.rows()).map((row) => `${row.destination} ${row.subject} ${row.status}`)
  }

  async #commit(part: Partial<Commit>, withRecord: boolean, ordinal?: number): Promise<void> {
    const expected = await this.state.position()
    const next = expected.next + Number(withRecord)
    const position = {
      next,
      logTime: this.now,
      commit: expected.commit + 1,
      ordinal: ordinal ?? (withRecord ? 0 : expected.ordinal),
    }
    await this.state.commit({ ...EMPTY, expected, position, ...part })
  }
}

export const EMPTY = {
  identifiers: [],
  sets: [],
  profiles: [],
  verdicts: [],
  changes: [],
  moves: [],
  dedupe: [],
  dedupeFrom: 0,
  sources: [],
  sourcesRemoved: [],
  segments: [],
  segmentsRemoved: [],
  clauses: [],
  handDecisions: [],
  backfills: [],
  backfillsDone: [],
  kinds: [],
  genesis: null,
}
