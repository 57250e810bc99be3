// Delivery: watches the state and the destinations, and keeps one runner per enabled destination. It reads the resolved stream
// and the changes, never the raw log, and never past the committed position.
import { setTimeout as timeout } from 'node:timers/promises'
import type { StateReader } from '../pipeline/state-store.ts'
import { type HostedDestination, openDestination } from './hosted.ts'
import { DELIVERY_LIMITS, type DeliveryLimits } from './limits.ts'
import { createOutboundAgent } from './outbound.ts'
import { comparePlaces, headPlace } from './place.ts'
import { compileTarget, type Target } from './plan.ts'
import type { DeliveryLedger, DestinationStore, StoredDestination, StreamPlace } from './port.ts'
import { DestinationRunner, type Logger, type RunnerDeps } from './runner.ts'

export interface DeliveryDeps {
  log: RunnerDeps['log']
  state: RunnerDeps['state'] & Pick<StateReader, 'position'>
  destinations: Pick<DestinationStore, 'list' | 'revision'>
  ledger: DeliveryLedger
  /** CIDRs that may be reached although they are private. */
  outboundAllow: readonly string[]
  logger: Logger
  clock?: { now(): number }
  random?: () => number
  sleep?: RunnerDeps['sleep']
  limits?: Partial<DeliveryLimits>
}

export interface DeliveryService {
  /** Delivers until the signal aborts; then waits a little for requests under way. */
  run(signal: AbortSignal): Promise<void>
  /** One pass without timers: everything that can be planned and is due now, sent and settled. */
  deliveryOnce(): Promise<void>
}

interface Running {
  runner: DestinationRunner
  done: Promise<void>
}

export function createDelivery(deps: DeliveryDeps): DeliveryService {
  return new Supervisor(deps)
}

class Supervisor implements DeliveryService {
  readonly #deps: RunnerDeps & Pick<DeliveryDeps, 'destinations'>
  readonly #running = new Map<string, Running>()
  readonly #ending = new Map<string, Promise<void>>()
  readonly #hosted = new Map<string, HostedDestination>()
  readonly #agent: ReturnType<typeof createOutboundAgent>
  #head: StreamPlace | null = null
  #revision: number | null = null
  /** False in `deliveryOnce`: runners are then drained by hand. */
  #looping = false

  constructor(deps: DeliveryDeps) {
    this.#deps = {
      ...deps,
      clock: deps.clock ?? { now: () => Date.now() },
      random: deps.random ?? Math.random,
      sleep: deps.sleep ?? pause,
      limits: { ...DELIVERY_LIMITS, ...deps.limits },
    }
    this.#agent = createOutboundAgent(deps.outboundAllow)
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, limits, logger } = this.#deps
    this.#looping = true
    let recheckAt = 0
    while (!signal.aborted) {
      try {
        await this.#refresh()
      } catch (error) {
        logger.error({ err: error }, 'delivery could not read the state or the destinations; going on')
        await this.#deps.sleep(limits.recheckMs, signal)
      }
      const now = clock.now()
      const recheck = now >= recheckAt
      if (recheck) recheckAt = now + limits.recheckMs
      for (const { runner } of this.#running.values()) {
        if (recheck || (runner.nextDueAt !== null && runner.nextDueAt <= now)) runner.ring()
      }
      await this.#deps.sleep(limits.pollMs, signal)
    }
    for (const slug of [...this.#running.keys()]) this.#stop(slug)
    await Promise.all(this.#ending.values())
    this.#agent.close()
  }

  async deliveryOnce(): Promise<void> {
    await this.#refresh()
    await Promise.all([...this.#running.values()].map(({ runner }) => runner.drain()))
  }

  // The position is read before the destinations: an event accepted after a change of them is never planned by the old ones.
  async #refresh(): Promise<void> {
    const head = headPlace(await this.#deps.state.position())
    const revision = await this.#deps.destinations.revision()
    if (revision !== this.#revision) {
      const complete = await this.#reconcile(await this.#deps.destinations.list(), head)
      if (complete) this.#revision = revision
    }
    if (this.#head !== null && comparePlaces(this.#head, head) === 0) return
    this.#head = head
    for (const { runner } of this.#running.values()) runner.advance(head)
  }

  /** False when a runner has to end first; to be called again then. Nobody waits for it meanwhile. */
  async #reconcile(destinations: readonly StoredDestination[], head: StreamPlace): Promise<boolean> {
    const targets = new Map(destinations.flatMap((destination) => this.#compile(destination)))
    for (const [slug, { runner }] of this.#running) {
      const target = targets.get(slug)
      if (target === undefined) this.#stop(slug)
      else runner.update(target)
    }
    const known = new Set(destinations.map((destination) => destination.slug))
    const gone = (await this.#deps.ledger.destinations()).filter((slug) => !known.has(slug))
    const fresh = [...targets].filter(([slug]) => !this.#running.has(slug))
    for (const slug of gone) {
      if (!this.#ending.has(slug)) await this.#deps.ledger.forget(slug, this.#deps.clock.now())
    }
    for (const [slug, target] of fresh) {
      if (!this.#ending.has(slug)) this.#start(slug, target, head)
    }
    return ![...gone, ...fresh.map(([slug]) => slug)].some((slug) => this.#ending.has(slug))
  }

  #compile(destination: StoredDestination): [string, Target][] {
    if (!destination.enabled) return []
    try {
      return [[destination.slug, compileTarget(destination, this.#open(destination.type))]]
    } catch (error) {
      const fields = { err: error, destination: destination.slug, type: destination.type }
      this.#deps.logger.error(fields, 'a destination cannot be opened; nothing is sent to it')
      return []
    }
  }

  #open(type: string): HostedDestination {
    const { clock, limits } = this.#deps
    const known = this.#hosted.get(type)
    if (known !== undefined) return known
    const options = { agent: this.#agent, timeoutMs: limits.requestMsMax, now: () => clock.now() }
    const hosted = openDestination(type, options)
    this.#hosted.set(type, hosted)
    return hosted
  }

  #start(slug: string, target: Target, head: StreamPlace): void {
    const runner = new DestinationRunner(this.#deps, target, head)
    this.#running.set(slug, { runner, done: this.#looping ? runner.run() : Promise.resolve() })
  }

  #stop(slug: string): void {
    const running = this.#running.get(slug)
    if (running === undefined) return
    this.#running.delete(slug)
    running.runner.stop()
    if (!this.#looping) return
    const ended = running.done.finally(() => this.#ending.delete(slug))
    this.#ending.set(slug, ended)
  }
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  // An aborted pause is over; that it was cut short is no fault.
  await timeout(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
}
