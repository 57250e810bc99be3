// What people decide while the crash drill runs: segments with windows of seconds and of days, defined, changed and backfilled;
// merges, splits, quarantines and their end; all through the Admin API, and all of it crossed by kills. An answer that a kill
// swallowed is no fault: whatever reached the log counts. One that was given must be true.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Condition } from '../../src/spec/segment.ts'
import { type ProcessTree, until } from '../support/tree.ts'
import { personOf, randomOf } from './crash-load.ts'

const page = (path: string, more: object): Condition =>
  ({ event: 'Page Viewed', where: { property: 'path', startsWith: path }, ...more }) as Condition

export const SEGMENTS: [slug: string, definition: Condition][] = [
  [
    'derm',
    {
      all: [
        page('/dermatology', { count: { gte: 2 }, within: '1d' }),
        { not: { event: 'Appointment Booked', within: '4s' } },
      ],
    },
  ],
  ['recent', { event: 'Email Opened', within: '2s' }],
  ['big', { event: 'Order Completed', where: { property: 'amount', gte: 2 }, count: { gte: 2 } }],
  ['pro', { any: [{ trait: 'plan', eq: 'pro' }, { not: { identifier: 'user_id' } }] }],
  ['loved', { all: [{ consent: 'marketing' }, { segment: 'big' }] }],
]

/** Defined one after another while the drill runs; some take the place of earlier ones. */
const LATER: [slug: string, definition: Condition][] = [
  ['active', page('/', { count: { gte: 3 }, within: '1d' })],
  ['recent', { event: ['Email Opened', 'Video Watched'], count: { gte: 1, lt: 3 }, within: '3s' }],
  ['prices', { all: [page('/prices', { within: '5s' }), { segment: 'active' }] }],
  ['booked', { event: 'Appointment Booked', within: '2d' }],
  ['recent', { event: 'Email Opened', within: '1s' }],
  ['lapsed', { all: [{ event: 'Video Watched' }, { not: { event: 'Video Watched', within: '12h' } }] }],
]

/** Segments that the second destination, made in mid-drill, is told of. */
export const TOLD_LATER = ['big', 'active', 'booked']

export class Decisions {
  readonly #tree: ProcessTree
  readonly #random: () => number
  readonly #people: number
  #stopped = false
  #running: Promise<void> = Promise.resolve()
  #defined = 0
  /** Offsets of decisions that were answered with one, and what they were. */
  readonly acknowledged = new Map<number, string>()
  /** Status codes that no caller should see. */
  readonly refused: string[] = []
  answered = 0

  constructor(tree: ProcessTree, options: { seed: number; people: number }) {
    this.#tree = tree
    this.#people = options.people
    this.#random = randomOf(options.seed)
  }

  start(): void {
    this.#running = this.#decide()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  /** Calls until it is answered with 2xx: for what the drill needs. */
  async insist(method: string, path: string, body: unknown): Promise<void> {
    let last = 'no answer'
    await until(`${method} ${path} is accepted`, 60_000, async () => {
      const answer = await this.#tree.call(method, path, body).catch(() => null)
      if (answer === null) return false
      last = `${answer.status} ${answer.text}`
      if (answer.status === 400) throw new Error(`${method} ${path}: ${last}`)
      return answer.status < 300
    })
  }

  async #decide(): Promise<void> {
    while (!this.#stopped) {
      await sleep(200 + this.#random() * 600)
      const [kind, path, body, method] = this.#next()
      const answer = await this.#tree.call(method, path, body).catch(() => null)
      if (answer === null) continue
      this.answered += 1
      // The next one may refer to it.
      if (kind === 'segment' && answer.status < 300) this.#defined += 1
      // 404 and 409 say that the people are not there yet, or are as asked already; 503 that a part is being restarted.
      if (![200, 202, 404, 409, 503, 502].includes(answer.status))
        this.refused.push(`${kind}: ${answer.status} ${answer.text}`)
      const { offset } = answer.status === 200 ? (JSON.parse(answer.text) as { offset?: unknown }) : {}
      if (typeof offset === 'number') this.acknowledged.set(offset, kind)
    }
  }

  #next(): [kind: string, path: string, body: unknown, method: string] {
    const chance = this.#random()
    const person = Math.floor(this.#random() * this.#people)
    const { userId, phone, devices } = personOf(person)
    const by = { reason: 'drill' }
    if (chance < 0.3) {
      // Neighbours only, so that the people stay many.
      const profiles = [`user_id:${userId}`, `user_id:${personOf(person ^ 1).userId}`]
      return ['merge', '/api/v1/identity/merge', { profiles, ...by }, 'POST']
    }
    if (chance < 0.6) {
      const identifiers = [`anonymous_id:${devices[0]}`]
      return ['split', '/api/v1/identity/split', { profile: `user_id:${userId}`, identifiers, ...by }, 'POST']
    }
    if (chance < 0.75) {
      const identifiers = [this.#random() < 0.5 ? `phone:${phone}` : `anonymous_id:${devices[2]}`]
      return ['quarantine', '/api/v1/identity/quarantine', { identifiers, ...by }, 'POST']
    }
    if (chance < 0.85) {
      const purposes = { marketing: this.#random() < 0.5 }
      return ['consent', `/api/v1/profiles/user_id:${userId}/consent`, { purposes, ...by }, 'POST']
    }
    // Round and round: a segment defined again as it was is left alone.
    const [slug, definition] = LATER[this.#defined % LATER.length]!
    return ['segment', `/api/v1/segments/${slug}`, { name: slug, definition }, 'PUT']
  }
}
