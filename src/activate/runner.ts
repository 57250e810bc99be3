// The loop of one destination: plans rows from the stream, sends them a few at a time, writes the outcomes. It waits for
// nobody else's destination, it never sends a row that is not in the ledger, and a row stays open there until its outcome is
// written, so that a crash at any instant sends again rather than loses.
import { setImmediate as turn } from 'node:timers/promises'
import type { EventLog } from '../log/port.ts'
import type { Delivery } from '../spec/delivery.ts'
import { type Attempt, failed, refused, scrub } from './attempt.ts'
import { Bell } from './bell.ts'
import type { DeliveryLimits } from './limits.ts'
import { type LaterEntries, nextMembers, noEntriesYet } from './members.ts'
import { loadPayloads, type Payload, type PayloadSources, suppressedRows } from './payload.ts'
import { comparePlaces, laterPlace } from './place.ts'
import { changeRows, type PlannedRow, type PlanSources, planStream, type Target } from './plan.ts'
import type { DeliveryLedger, LedgerRow, MemberSync, StreamPlace } from './port.ts'
import { settleRow } from './settle.ts'

export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface RunnerDeps {
  log: Pick<EventLog, 'read' | 'get'>
  state: PlanSources['state'] & PayloadSources['state']
  ledger: DeliveryLedger
  clock: { now(): number }
  random: () => number
  /** Resolves after the time, or as soon as the signal aborts. */
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>
  logger: Logger
  limits: DeliveryLimits
}

const FAULT_PAUSE_MS = 1000
const PAYLOADS_KEPT_MAX = 2000

export class DestinationRunner {
  readonly #deps: RunnerDeps
  readonly #slug: string
  readonly #bell = new Bell()
  #target: Target
  #head: StreamPlace
  #place: StreamPlace | null = null
  #placeSavedAt = 0
  #placeUnsaved = false
  #syncs: MemberSync[] | null = null
  readonly #laterEntries = new Map<string, LaterEntries>()
  #ready: LedgerRow[] = []
  /** Rows taken from the ledger whose outcome is not written yet: they must not be taken again. */
  readonly #held = new Set<string>()
  readonly #payloads = new Map<string, Payload>()
  #outcomes: Delivery[] = []
  #sending = 0
  #stopped = false
  /** When the next row falls due; the supervisor rings then. */
  nextDueAt: number | null = null

  constructor(deps: RunnerDeps, target: Target, head: StreamPlace) {
    this.#deps = deps
    this.#slug = target.destination.slug
    this.#target = target
    this.#head = head
  }

  /** The destination as it stands now. Called together with `advance`, so that no event is planned by an older definition. */
  update(target: Target): void {
    this.#target = target
    this.#syncs = null
    const { startsAt } = target.destination
    if (this.#place !== null && startsAt !== null) this.#place = laterPlace(this.#place, startsAt)
    this.#bell.ring()
  }

  advance(head: StreamPlace): void {
    this.#head = head
    this.#bell.ring()
  }

  ring(): void {
    this.#bell.ring()
  }

  stop(): void {
    this.#stopped = true
    this.#bell.ring()
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#step()
        await this.#bell.wait()
      } catch (error) {
        this.#deps.logger.error({ err: error, destination: this.#slug }, 'delivery of a destination failed; going on')
        await this.#deps.sleep(FAULT_PAUSE_MS)
      }
    }
    await this.#finishSends()
    await this.#flush()
    await this.#savePlace()
  }

  async #finishSends(): Promise<void> {
    const finished = new AbortController()
    const late = this.#deps.sleep(this.#deps.limits.stopMsMax, finished.signal).then(() => 'late')
    while (this.#sending > 0 && (await Promise.race([this.#bell.wait(), late])) !== 'late');
    finished.abort()
  }

  /** Does all that can be done now: plans up to the head, sends what is due, writes the outcomes. For tests and for stopping. */
  async drain(): Promise<void> {
    do {
      await this.#step()
      if (this.#sending > 0) await this.#bell.wait()
    } while (this.#sending > 0 || this.#held.size > 0 || comparePlaces(this.#place ?? this.#head, this.#head) < 0)
    await this.#savePlace()
  }

  async #step(): Promise<void> {
    const idle = this.#sending === 0
    if (this.#outcomes.length >= this.#deps.limits.outcomesMax || idle) await this.#flush()
    if (this.#ready.length < this.#deps.limits.sendsMax) await this.#refill()
    while (this.#sending < this.#deps.limits.sendsMax) {
      const row = this.#ready.shift()
      if (row === undefined) break
      void this.#send(row)
    }
    if (this.#sending === 0) await this.#flush()
  }

  // Rows that are due come before new ones, so a backlog waits in the stream and not in the ledger.
  async #refill(): Promise<void> {
    await this.#takeDue()
    while (this.#ready.length < this.#deps.limits.sendsMax && !this.#stopped && (await this.#planPage())) {
      await this.#takeDue()
      // The stores answer without I/O of the event loop; let the other destinations' sockets have their turn.
      await turn()
    }
  }

  async #takeDue(): Promise<void> {
    await this.#flush()
    const { ledger, clock, limits } = this.#deps
    const due = await ledger.due(this.#slug, clock.now(), limits.rowsPerReadMax + this.#held.size)
    const rows = due.filter((row) => !this.#held.has(row.id))
    const remembered = rows.filter((row) => this.#payloads.has(row.id))
    const unknown = rows.filter((row) => !this.#payloads.has(row.id))
    if (unknown.length > 0) {
      const loaded = await loadPayloads(this.#deps, this.#target, unknown)
      for (const [id, payload] of loaded) this.#payloads.set(id, payload)
    }
    // What is remembered from planning may have waited here while its person was suppressed.
    for (const id of await suppressedRows(this.#deps.state, remembered)) this.#payloads.set(id, 'suppressed')
    for (const row of rows) this.#held.add(row.id)
    this.#ready.push(...rows)
    this.nextDueAt = rows.length > 0 ? null : await ledger.nextDue(this.#slug)
  }

  /** Plans one stretch; false when there is nothing more to plan. */
  async #planPage(): Promise<boolean> {
    const [target, head] = [this.#target, this.#head]
    const { ledger, limits, clock } = this.#deps
    const from = await this.#openPlace(head)
    const syncs = await this.#openSyncs(target, from)
    if (await this.#tellMembers(target, syncs)) return true
    if (comparePlaces(from, head) >= 0) {
      await this.#savePlaceInTime()
      return false
    }
    const range = { from, head, recordsMax: limits.rowsPerReadMax }
    const { rows, place } = await planStream(this.#deps, target, syncs, range, clock.now())
    // An update that came meanwhile may have moved the place on, or changed what is to be told: read again under it.
    if (this.#target !== target) return true
    if (rows.length > 0) {
      this.#remember(rows)
      const planned = rows.map(({ row }) => row)
      await ledger.plan(this.#slug, planned, place)
      this.#placeSavedAt = clock.now()
    }
    // Moved only now: had the plan failed, the same stretch is read again. An update may have moved it further meanwhile.
    this.#place = laterPlace(this.#place ?? place, place)
    this.#placeUnsaved = rows.length === 0
    await this.#savePlaceInTime()
    return true
  }

  async #tellMembers(target: Target, syncs: MemberSync[]): Promise<boolean> {
    const at = syncs.findIndex((sync) => !sync.done)
    const sync = syncs[at]
    if (sync === undefined) return false
    const { state, ledger, clock, limits } = this.#deps
    const later = this.#laterEntries.get(sync.segment) ?? noEntriesYet(sync)
    this.#laterEntries.set(sync.segment, later)
    const page = await nextMembers(state, sync, later, limits.rowsPerReadMax)
    const rows = page.changes.flatMap((change) => changeRows(target, change, clock.now()))
    this.#remember(rows)
    await ledger.planMembers(
      page.sync,
      rows.map(({ row }) => row),
    )
    syncs[at] = page.sync
    if (page.sync.done) this.#laterEntries.delete(sync.segment)
    return true
  }

  #remember(rows: readonly PlannedRow[]): void {
    // Rows that must wait for others would gather here; what is dropped is loaded again when it is due.
    if (this.#payloads.size > PAYLOADS_KEPT_MAX) {
      for (const id of this.#payloads.keys()) if (!this.#held.has(id)) this.#payloads.delete(id)
    }
    for (const { row, event } of rows) this.#payloads.set(row.id, event)
  }

  async #openPlace(head: StreamPlace): Promise<StreamPlace> {
    if (this.#place !== null) return this.#place
    const stored = await this.#deps.ledger.place(this.#slug)
    const start = this.#target.destination.startsAt
    const place = stored === null ? (start ?? head) : laterPlace(stored, start ?? stored)
    await this.#deps.ledger.setPlace(this.#slug, place)
    this.#place = place
    return place
  }

  // Begins the telling of segments that are listed anew (or since a pause), and forgets those that are listed no more.
  async #openSyncs(target: Target, below: StreamPlace): Promise<MemberSync[]> {
    if (this.#syncs !== null) return this.#syncs
    const { ledger } = this.#deps
    const { segments, startsAt } = target.destination
    const stored = await ledger.syncs(this.#slug)
    for (const sync of stored) {
      if (!segments.includes(sync.segment)) await ledger.removeSync(this.#slug, sync.segment)
    }
    const syncs: MemberSync[] = []
    for (const segment of new Set(segments)) {
      const known = stored.find((sync) => sync.segment === segment)
      const stale = known === undefined || (startsAt !== null && comparePlaces(known.below, startsAt) < 0)
      const sync = stale ? { destination: this.#slug, segment, below, cursor: 0, done: false } : known
      if (stale) {
        this.#laterEntries.delete(segment)
        await ledger.planMembers(sync, [])
      }
      syncs.push(sync)
    }
    // Kept only if the definition is still the one it was made for.
    if (this.#target === target) this.#syncs = syncs
    return syncs
  }

  async #savePlaceInTime(): Promise<void> {
    if (this.#deps.clock.now() - this.#placeSavedAt >= this.#deps.limits.placeUnsavedMsMax) await this.#savePlace()
  }

  async #savePlace(): Promise<void> {
    if (!this.#placeUnsaved || this.#place === null) return
    await this.#deps.ledger.setPlace(this.#slug, this.#place)
    this.#placeSavedAt = this.#deps.clock.now()
    this.#placeUnsaved = false
  }

  async #send(row: LedgerRow): Promise<void> {
    this.#sending++
    const payload = this.#payloads.get(row.id) ?? 'payload_gone'
    this.#payloads.delete(row.id)
    const { clock, random, limits } = this.#deps
    const attempt = await this.#attempt(row, payload).catch((error) => failed(error, undefined, clock.now()))
    const settled = settleRow(row, scrub(attempt, this.#target.secrets), clock.now(), random(), limits)
    if (settled.status !== 'delivered') this.#report(settled)
    this.#outcomes.push(settled)
    this.#sending--
    this.#bell.ring()
  }

  async #attempt(row: LedgerRow, payload: Payload): Promise<Attempt> {
    const { destination, hosted, subscriptions } = this.#target
    if (typeof payload === 'string') return refused(payload, REFUSALS[payload])
    if (row.createdAt < destination.createdAt) {
      return refused('destination_removed', 'The destination was removed after this was planned.')
    }
    const subscription = subscriptions.find((candidate) => candidate.key === row.subscription)
    if (subscription === undefined) {
      return refused('subscription_removed', 'The subscription was removed or disabled after this was planned.')
    }
    const { partnerAction, subscribe, mapping } = subscription
    const call = { partnerAction, subscribe, mapping }
    return hosted.send({ event: payload, settings: destination.settings, subscription: call, idempotencyKey: row.id })
  }

  #report({ id, status, attempts, errorCode, errorMessage }: Delivery): void {
    const fields = { destination: this.#slug, delivery: id, status, attempts, code: errorCode, reason: errorMessage }
    if (attempts === 1 || status === 'dead') this.#deps.logger.warn(fields, 'a delivery failed')
  }

  async #flush(): Promise<void> {
    const outcomes = this.#outcomes
    if (outcomes.length === 0) return
    this.#outcomes = []
    try {
      await this.#deps.ledger.settle(outcomes)
    } catch (error) {
      this.#outcomes = [...outcomes, ...this.#outcomes]
      throw error
    }
    for (const { id } of outcomes) this.#held.delete(id)
  }
}

const REFUSALS: Record<Exclude<Payload, object>, string> = {
  payload_gone: 'The event or change is no longer in the log.',
  no_longer_member: 'The profile left the segment before this was delivered.',
  suppressed: 'The person is suppressed.',
}
