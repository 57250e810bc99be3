// The load of the crash drill: a few hundred people who share phones and e-mails, told by several senders at once, in single calls
// and batches. Like an SDK it sends again whatever was not acknowledged, in other batches; like a bad network it also sends
// again what was. Event number n is a pure function of the seed and n, so that what the log holds can be compared with it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject } from '../../src/spec/event.ts'

export interface LoadOptions {
  url: string
  writeKey: string
  seed: number
  people: number
  senders: number
  /** New events per second, about. */
  rate: number
}

export interface LoadEvent {
  type: 'identify' | 'track' | 'page'
  /** The body of its own call. */
  body: JsonObject & { messageId: string }
  /** What becomes of it the first time it is logged; `either` where it hangs on what is under quarantine by then. */
  verdict: 'accepted' | 'no_identifier' | 'either'
}

const BATCH_MAX = 40
const REQUEST_MS_MAX = 15_000
const PATHS = ['/dermatology', '/dermatology/acne', '/home', '/prices']
const TRACKS = ['Order Completed', 'Appointment Booked', 'Email Opened', 'Video Watched']
export const MINUTE_MS = 60_000

/** A generator of numbers in [0, 1): mulberry32, small and good enough for loads. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The identifiers of a person: two people in ten share an e-mail with a neighbour, and call centres lend everybody a phone. */
export function personOf(person: number): { userId: string; email: string; phone: string; devices: string[] } {
  const family = Math.floor(person / 5)
  return {
    userId: `user-${person}`,
    email: person % 5 < 2 ? `family-${family}@example.com` : `person-${person}@example.com`,
    phone: `+1202555${String(person % 4 === 0 ? person % 40 : 1000 + person).padStart(4, '0')}`,
    devices: [`device-${person}-a`, `device-${person}-b`, `kiosk-${person % 7}`],
  }
}

/** Event number n of the load. `startedAt` (ms) is when the load began. */
export function eventOf(options: Pick<LoadOptions, 'seed' | 'people'>, startedAt: number, n: number): LoadEvent {
  const random = randomOf(Math.imul(options.seed, 1_000_003) ^ Math.imul(n + 1, 2_654_435_761))
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const { userId, email, phone, devices } = personOf(Math.floor(random() * options.people))
  const messageId = `crash-${options.seed}-${n}`
  if (random() < 0.01) {
    const body = { messageId, userId: 'unknown', event: 'Video Watched', properties: { n } }
    return { type: 'track', body, verdict: 'no_identifier' }
  }
  const isKnown = random() < 0.5
  const who = {
    ...(isKnown ? { userId } : {}),
    // The kiosk's id is shared by a seventh of all people, and seldom seen.
    ...(!isKnown || random() < 0.5 ? { anonymousId: random() < 0.02 ? devices[2]! : pick(devices.slice(0, 2)) } : {}),
  }
  // Late by whole minutes, so that windows of hours and days run out for many at once, and at instants known to the drill.
  const late = random() < 0.1 ? MINUTE_MS * (1 + Math.floor(random() * 2 * 24 * 60)) : 0
  // The others are of the moment the door first sees them: what waited through a crash would miss every short window.
  const base = { messageId, ...(late === 0 ? {} : { timestamp: new Date(startedAt - late).toISOString() }), ...who }
  const verdict = isKnown || !base.anonymousId?.startsWith('kiosk-') ? 'accepted' : 'either'
  const call = random()
  if (call < 0.15) {
    const traits = { plan: pick(['free', 'pro']), visits: n % 50, ...(random() < 0.3 ? { email } : {}) }
    return {
      type: 'identify',
      body: { ...base, traits: random() < 0.15 ? { ...traits, phone } : traits },
      verdict,
    }
  }
  if (call < 0.17) {
    const consent = { categoryPreferences: { marketing: random() < 0.6 } }
    const body = { ...base, event: 'Segment Consent Preference Updated', context: { consent } }
    return { type: 'track', body, verdict }
  }
  if (call < 0.6) return { type: 'page', body: { ...base, properties: { path: pick(PATHS), n } }, verdict }
  const properties = { amount: n % 4, n }
  return { type: 'track', body: { ...base, event: pick(TRACKS), properties }, verdict }
}

export class Load {
  readonly #options: LoadOptions
  readonly #random: () => number
  readonly startedAt = Date.now()
  /** Numbers of events that wait to be sent again. */
  readonly #again: number[] = []
  readonly #acknowledged = new Set<number>()
  #next = 0
  #stopped = false
  #running: Promise<void>[] = []
  /** How often each kind of answer came; `0` for none. */
  readonly answers = new Map<number, number>()
  resent = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.#random = randomOf(options.seed)
  }

  /** How many events were made; their numbers are 0 to this. */
  get made(): number {
    return this.#next
  }

  get acknowledged(): number {
    return this.#acknowledged.size
  }

  eventOf(n: number): LoadEvent {
    return eventOf(this.#options, this.startedAt, n)
  }

  start(): void {
    this.#running = Array.from({ length: this.#options.senders }, () => this.#send())
  }

  /** Ends the senders, then sends what nobody has acknowledged until somebody does. */
  async finish(msMax: number): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
    const deadline = Date.now() + msMax
    while (this.#again.length > 0) {
      if (Date.now() > deadline) throw new Error(`${this.#again.length} events are not acknowledged after ${msMax} ms`)
      const numbers = this.#again.splice(0, BATCH_MAX)
      if (!(await this.#post(numbers))) await sleep(100)
    }
  }

  /** Ends the senders wherever they are. */
  async abandon(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  async #send(): Promise<void> {
    const { senders, rate } = this.#options
    while (!this.#stopped) {
      const numbers = this.#take()
      const began = Date.now()
      // A dead door is asked again soon, by SDKs of every page at once.
      if (!(await this.#post(numbers))) await sleep(30 + this.#random() * 70)
      else
        await sleep(Math.max(0, (numbers.length * senders * 1000) / rate - (Date.now() - began)) * 2 * this.#random())
    }
  }

  /** The next request: what was not acknowledged first, then new events, and now and then some that were acknowledged long ago. */
  #take(): number[] {
    const size = this.#random() < 0.3 ? 1 : 1 + Math.floor(this.#random() * BATCH_MAX)
    const numbers = this.#again.splice(0, size)
    while (numbers.length < size) {
      if (this.#next > 0 && this.#random() < 0.12) {
        // Mostly what was sent a moment ago.
        const back = this.#random() < 0.8 ? 200 : this.#next
        numbers.push(Math.max(0, this.#next - 1 - Math.floor(this.#random() * back)))
        this.resent += 1
      } else numbers.push(this.#next++)
    }
    return numbers
  }

  async #post(numbers: readonly number[]): Promise<boolean> {
    const events = numbers.map((n) => this.eventOf(n))
    const [only] = events
    const isSingle = events.length === 1 && only !== undefined
    const path = isSingle ? `/v1/${only.type}` : '/v1/batch'
    const body = isSingle ? only.body : { batch: events.map(({ type, body }) => ({ ...body, type })) }
    const status = await post(this.#options.url + path, this.#options.writeKey, body)
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1)
    if (status === 200) for (const n of numbers) this.#acknowledged.add(n)
    else this.#again.push(...numbers.filter((n) => !this.#acknowledged.has(n)))
    return status === 200
  }
}

/** The status; 0 where no answer came. */
async function post(url: string, writeKey: string, body: object): Promise<number> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}` },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    })
    await answer.arrayBuffer()
    return answer.status
  } catch {
    return 0
  }
}
