// What the API is given by the composition root: readers of the other stages' stores, the inlet for decisions, and the few
// functions of neighbouring stages it calls. It holds no state of its own and never writes a store but that of destinations.
import type { FastifyBaseLogger } from 'fastify'
import type { DeliveryLedger, DestinationStore } from '../activate/port.ts'
import type { HistoryQueries } from '../history/port.ts'
import type { Inlet } from '../log/inlet.ts'
import type { EventLog, RejectedFeed } from '../log/port.ts'
import type { StateReader } from '../pipeline/state-store.ts'
import type { DestinationInput } from '../spec/destination.ts'
import type { Condition } from '../spec/segment.ts'

/** The part of the log that a reader needs. */
export type LogReader = Pick<EventLog, 'read' | 'decisions' | 'get' | 'head' | 'tail' | 'cursor'>

/** One type of destination, as the list shows it. */
export interface CatalogEntry {
  type: string
  name: string
}

/** The destination catalogue (src/activate/catalog.ts and check.ts): what can be connected, and whether an input would work. */
export interface DestinationCatalog {
  listCatalog(): readonly CatalogEntry[]
  /** Settings, actions, mappings and presets of a type; null for an unknown one. */
  describeType(type: string): object | null
  /** Throws OnefoldError `invalid_request` with a pointer into the input. */
  checkDestination(input: DestinationInput): void
  /** The settings with every secret replaced by a mask. */
  maskSettings(type: string, settings: Record<string, unknown>): Record<string, unknown>
  /** The settings with every mask put back to the secret that `stored` holds. */
  unmaskSettings(settings: Record<string, unknown>, stored: Record<string, unknown>): Record<string, unknown>
}

/** The segment language (src/segment), as far as the API speaks it. */
export interface SegmentLanguage {
  /** Validates and returns the definition. Throws OnefoldError `invalid_request` with a pointer into it. */
  checkDefinition(input: unknown, context: { segments: ReadonlyMap<string, Condition>; slug?: string }): Condition
  /** One English sentence. */
  describe(definition: Condition): string
}

export interface TokenCheck {
  isAdmin(token: string): boolean
  isProfile(token: string): boolean
}

/** `required` parts must be up for accepted events to flow; the others only degrade. */
export interface PartHealth {
  name: string
  up: boolean
  detail?: string
}

export interface ApiDeps {
  state: StateReader
  log: LogReader
  rejected: Pick<RejectedFeed, 'list' | 'count'>
  inlet: Inlet
  history: HistoryQueries
  destinations: DestinationStore
  ledger: Pick<DeliveryLedger, 'list' | 'get' | 'counts' | 'retry'>
  catalog: DestinationCatalog
  segments: SegmentLanguage
  tokens: TokenCheck
  health(): PartHealth[]
  /** Counters of the other processes, by metric name without `onefold_`. */
  processMetrics(): Record<string, number>
  clock: { now(): number }
  version: string
  logger?: FastifyBaseLogger
  /** How long a decision may take to be committed before the answer is 202; ms. */
  decisionWaitMsMax?: number
}
