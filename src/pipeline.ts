// The spine: takes the log to the state store, one transaction after another. Each takes offsets [a, b): de-duplicate, resolve, fold,
// match to segments, and commits sets, profiles, timers, verdicts, changes and the next offset together. It reads no clock but log
// time, and where batches end changes nothing. A failed commit leaves the entries in hand ahead of the store: the caller must drop
// the pipeline and open a new one.
import type { EventLog, LoggedRecord } from './log/port.ts'
import { advanceBackfill, type BackfillSource } from './pipeline/backfill.ts'
import { takeDecision } from './pipeline/decisions.ts'
import { Deduplicator } from './pipeline/dedupe.ts'
import { Draft } from './pipeline/draft.ts'
import type { ProfileEntry } from './pipeline/entries.ts'
import { type IncomingEvent, takeEvent } from './pipeline/events.ts'
import { judgeTimer } from './pipeline/membership.ts'
import { Registry } from './pipeline/registry.ts'
import { type Counters, Run } from './pipeline/run.ts'
import type { Position, StateStore } from './pipeline/state-store.ts'
import { TimerQueue } from './pipeline/timers.ts'
import { type KindOf, WorkingSet } from './pipeline/working-set.ts'
import { extractIdentifiers } from './resolve/extract.ts'
import { kindOf as defaultKindOf } from './resolve/kinds.ts'
import type { EventRecord } from './spec/log-record.ts'

export interface PipelineDependencies {
  log: EventLog
  state: StateStore
  backfill: BackfillSource
  /** Records per transaction at most. */
  batchRecordsMax?: number
  /** Rows kept decoded, per kind of row and generation. */
  cacheEntriesMax?: number
  /** Sets or profiles per chunk of a backfill. */
  backfillRowsMax?: number
  /** Rules for kinds of identifier; the defaults of src/resolve/kinds.ts. */
  kindOf?: KindOf
}

/** The pages that a commit writes are shared by its events. */
const BATCH_RECORDS_MAX = 5000
const CACHE_ENTRIES_MAX = 50_000
/** A chunk holds up the stream for as long as it takes: some 100 ms. */
const BACKFILL_ROWS_MAX = 2000
/** Profiles whose timers are taken in one transaction. */
const DUE_PROFILES_MAX = 5000

export class Pipeline {
  readonly #log: EventLog
  readonly #state: StateStore
  readonly #backfill: BackfillSource
  readonly #batchRecordsMax: number
  readonly #backfillRowsMax: number
  readonly #registry: Registry
  readonly #working: WorkingSet
  readonly #counters: Counters
  #dedupe: Deduplicator | null = null
  #position: Position

  private constructor(dependencies: PipelineDependencies, registry: Registry, position: Position, counters: Counters) {
    this.#log = dependencies.log
    this.#state = dependencies.state
    this.#backfill = dependencies.backfill
    this.#batchRecordsMax = dependencies.batchRecordsMax ?? BATCH_RECORDS_MAX
    this.#backfillRowsMax = dependencies.backfillRowsMax ?? BACKFILL_ROWS_MAX
    this.#registry = registry
    this.#position = position
    this.#counters = counters
    const { cacheEntriesMax = CACHE_ENTRIES_MAX, kindOf = defaultKindOf } = dependencies
    this.#working = new WorkingSet(this.#state, registry, cacheEntriesMax, kindOf)
  }

  /** Opens where the last commit ended. */
  static async open(dependencies: PipelineDependencies): Promise<Pipeline> {
    const catalogue = await dependencies.state.catalogue()
    const { nextIdentifier, nextSet } = catalogue
    const position = await dependencies.state.position()
    const pipeline = new Pipeline(dependencies, new Registry(catalogue), position, { nextIdentifier, nextSet })
    if (catalogue.genesis !== null) await pipeline.#openDedupe()
    return pipeline
  }

  get position(): Readonly<Position> {
    return this.#position
  }

  /** Ids that the bound on de-duplication dropped before their window ended. */
  get dedupeEvicted(): number {
    return this.#dedupe?.evicted ?? 0
  }

  get hasBackfill(): boolean {
    return this.#registry.backfills.size > 0
  }

  /** When the earliest timer falls due (ms of log time); null for never. */
  nextTimer(): Promise<number | null> {
    return this.#state.nextTimer()
  }

  /** One transaction: over the next records, or over the timers due before them. False at the end of the log. */
  async step(): Promise<boolean> {
    const records = await this.#log.read({ from: this.#position.next, recordsMax: this.#batchRecordsMax })
    const first = records[0]
    if (first === undefined) return false
    if (first.record.type === 'decision') await this.#takeDecision(first)
    else {
      const decision = records.findIndex(({ record }) => record.type === 'decision')
      await this.#takeRecords(decision === -1 ? records : records.slice(0, decision))
    }
    return true
  }

  /** One chunk of the oldest backfill. Returns false when there is none, or it waits for history. */
  async stepBackfill(): Promise<boolean> {
    if (!this.hasBackfill) return false
    const run = this.#begin(this.#position.logTime, [])
    if (!(await advanceBackfill(run, this.#state, this.#backfill, this.#backfillRowsMax))) return false
    await this.#commit(run)
    return true
  }

  /** Steps until the log is at its end and no backfill can go on: for tests and rebuilds. */
  async drain(): Promise<void> {
    for (;;) {
      const stepped = await this.step()
      const filled = await this.stepBackfill()
      if (!stepped && !filled) return
    }
  }

  async #takeDecision({ offset, record }: LoggedRecord): Promise<void> {
    if (record.type !== 'decision') throw new Error('not a decision')
    const logTime = Math.max(this.#position.logTime, record.receivedAt)
    if (await this.#takeTimers(logTime)) return
    const run = this.#begin(logTime, [])
    run.draft.logTime = logTime
    run.draft.begin(offset)
    await takeDecision(run, record.decision, this.#state)
    run.draft.verdicts.push({ offset, code: 'none', set: 0, profile: 0 })
    await this.#commit(run)
    if (record.decision.decision === 'genesis') await this.#openDedupe()
  }

  /** Before a decision, everything due by its time, as a transaction of its own; false when nothing was due. */
  async #takeTimers(until: number): Promise<boolean> {
    const due = await this.#loadDue(until)
    if (due.length === 0) return false
    const run = this.#begin(until, due)
    this.#fireTimers(run, until)
    await this.#commit(run)
    return true
  }

  async #takeRecords(records: readonly LoggedRecord[]): Promise<void> {
    const reached = ({ record }: LoggedRecord) => Math.max(this.#position.logTime, record.receivedAt)
    const due = await this.#loadDue(reached(records.at(-1)!))
    // When more timers are due than one transaction takes, go only as far as those in hand are complete.
    const horizon = due.length < DUE_PROFILES_MAX ? reached(records.at(-1)!) : due.at(-1)!.nextTimer! - 1
    const beyond = records.findIndex((record) => reached(record) > horizon)
    const taken = beyond === -1 ? records : records.slice(0, beyond)
    if (taken.length === 0) {
      await this.#takeTimers(reached(records[0]!))
      return
    }
    const incoming = this.#extract(taken)
    await this.#working.prefetch(incoming.filter((event) => event !== null))
    const run = this.#begin(horizon, due)
    incoming.forEach((event, index) => {
      this.#takeRecord(run, taken[index]!, event)
    })
    await this.#commit(run)
  }

  #takeRecord(run: Run, { offset, record }: LoggedRecord, event: IncomingEvent | null): void {
    const logTime = Math.max(run.draft.logTime, record.receivedAt)
    this.#fireTimers(run, logTime)
    run.draft.logTime = logTime
    run.draft.begin(offset)
    if (event === null) run.draft.verdicts.push({ offset, code: 'none', set: 0, profile: 0 })
    else if (this.#dedupe === null) throw new Error('the log does not begin with a genesis decision')
    else takeEvent(run, event, this.#dedupe)
  }

  #fireTimers(run: Run, until: number): void {
    for (let next = run.timers.take(until); next !== null; next = run.timers.take(until)) {
      judgeTimer(run, next.profile, next.due)
    }
  }

  /** What each record carries; null for ticks and redacted ones. Ends after an event that registers a kind: the next may use it. */
  #extract(records: readonly LoggedRecord[]): (IncomingEvent | null)[] {
    const incoming: (IncomingEvent | null)[] = []
    for (const { record } of records) {
      if (record.type !== 'event') {
        incoming.push(null)
        continue
      }
      const { event, newKinds } = this.#incoming(record)
      incoming.push(event)
      for (const kind of newKinds) this.#registry.registerKind(kind)
      if (newKinds.length > 0) break
    }
    return incoming
  }

  #incoming({ source, event }: EventRecord): { event: IncomingEvent; newKinds: string[] } {
    const known = this.#registry.sources.get(source)
    // A source that is gone keeps the least trust.
    const sourceKind = known?.kind ?? 'browser'
    const { identifiers, newKinds } = extractIdentifiers(event, {
      sourceKind,
      region: known?.region,
      isRegistered: (kind) => this.#registry.kinds.has(kind),
    })
    return { event: { source, sourceKind, event, identifiers, entries: [] }, newKinds }
  }

  async #loadDue(until: number): Promise<ProfileEntry[]> {
    const rows = await this.#state.profilesDue(until, DUE_PROFILES_MAX)
    const profiles = rows.map((row) => this.#working.adoptProfile(row))
    if (this.#registry.usesIdentifiers) {
      await this.#working.loadIdentifiersById(profiles.flatMap(({ identifiers }) => identifiers))
    }
    return profiles
  }

  #begin(horizon: number, due: readonly ProfileEntry[]): Run {
    const timers = new TimerQueue(horizon)
    for (const profile of due) timers.schedule(profile)
    return new Run({
      registry: this.#registry,
      working: this.#working,
      draft: new Draft(this.#position),
      timers,
      counters: this.#counters,
    })
  }

  async #commit(run: Run): Promise<void> {
    const { draft } = run
    await this.#working.loadIdentifiersById(draft.identifiersNeeded())
    const fresh = this.#dedupe?.takeFresh() ?? { blobs: [], dropBelow: 0 }
    const rowOf = (id: number) => this.#working.identifierById(id).row
    draft.kinds.push(...this.#registry.takeNewKinds())
    await this.#state.commit(draft.build(this.#registry, rowOf, { dedupe: fresh.blobs, dedupeFrom: fresh.dropBelow }))
    this.#position = draft.position()
    this.#working.rotate()
  }

  async #openDedupe(): Promise<void> {
    const { genesis } = this.#registry
    if (genesis === null) return
    this.#dedupe = new Deduplicator(genesis.dedupeHours, genesis.dedupeIdsMax)
    this.#dedupe.load(await this.#state.dedupeBlobs())
  }
}
