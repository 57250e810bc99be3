// The ports of activation: where destinations are kept, and the ledger in which every delivery is accounted for.

import type { Delivery, DeliveryStatus } from '../spec/delivery.ts'
import type { Destination } from '../spec/destination.ts'

export interface DestinationStore {
  list(): Promise<Destination[]>
  get(slug: string): Promise<Destination | null>
  /** Inserts or replaces; `createdAt` and the cursor of an existing one stay. */
  put(destination: Destination): Promise<void>
  remove(slug: string): Promise<boolean>
}

/** A reader's place in the merged stream of resolved events (ordinal 0) and changes (ordinal from 1). */
export interface StreamPlace {
  offset: number
  ordinal: number
}

export interface DeliveryQuery {
  destination?: string
  status?: DeliveryStatus
  limit: number
  /** Rows with a number below this; newest first. */
  before?: number
}

export interface DeliveryLedger {
  /** Adds the new rows (those whose key exists are left as they are) and moves the destination's place, in one transaction. */
  plan(destination: string, rows: readonly Delivery[], place: StreamPlace): Promise<void>
  place(destination: string): Promise<StreamPlace | null>
  setPlace(destination: string, place: StreamPlace): Promise<void>
  /** Rows of the destination that are pending or failed and due at `now` (ms), oldest first. */
  due(destination: string, now: number, limit: number): Promise<Delivery[]>
  /** When the next row of the destination falls due; null for none. */
  nextDue(destination: string): Promise<number | null>
  /** Writes the outcome of attempts. */
  settle(rows: readonly Delivery[]): Promise<void>
  list(query: DeliveryQuery): Promise<Delivery[]>
  get(id: string): Promise<Delivery | null>
  counts(): Promise<{ destination: string; status: DeliveryStatus; count: number }[]>
  /** Makes matching rows due at once, with attempts set to 0; returns how many. */
  retry(query: RetryQuery, now: number): Promise<number>
  close(): Promise<void>
}

/** By ids, by error code (cause), or by time window; the parts given must all match. */
export interface RetryQuery {
  ids?: string[]
  destination?: string
  status?: DeliveryStatus
  cause?: string
  from?: number
  to?: number
}
