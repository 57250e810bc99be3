// The ports of activation: where destinations are kept, and the ledger in which every delivery is accounted for. The API
// alone writes destinations; delivery alone writes the ledger, but for `retry`, which the API calls too.

import type { Delivery, DeliveryStatus } from '../spec/delivery.ts'
import type { Destination } from '../spec/destination.ts'

/**
 * A reader's place in the merged stream of resolved events (ordinal 0) and changes (ordinal from 1): the first item that is
 * not done. `headPlace` (place.ts) gives the place behind everything committed.
 */
export interface StreamPlace {
  offset: number
  ordinal: number
}

export interface StoredDestination extends Destination {
  /** Nothing before this place is told: the head when it was made, or when it was last enabled again. */
  startsAt: StreamPlace | null
}

export interface DestinationStore {
  list(): Promise<StoredDestination[]>
  get(slug: string): Promise<StoredDestination | null>
  /**
   * Inserts or replaces; `createdAt` of an existing one stays. `head` is the place behind everything committed when the
   * request came: it becomes `startsAt` of a new destination and of one that was disabled and is now enabled.
   */
  put(destination: Destination, head?: StreamPlace): Promise<void>
  remove(slug: string): Promise<boolean>
  /** Another value after any change by any process; cheap enough to ask many times a second. */
  revision(): Promise<number>
}

export interface DeliveryQuery {
  destination?: string
  status?: DeliveryStatus
  limit: number
  /** Rows with a number below this; newest first. */
  before?: number
}

export interface LedgerRow extends Delivery {
  /** Grows with every planned row; the cursor of lists. */
  number: number
}

/** How far the present members of a segment have been told to a destination that began to list it. */
export interface MemberSync {
  destination: string
  segment: string
  /** Changes of the segment before this place are covered by telling the members; from it on the stream tells. */
  below: StreamPlace
  /** Number of the last profile told. */
  cursor: number
  done: boolean
}

export interface DeliveryLedger {
  /** Adds the new rows (those whose key exists are left as they are) and moves the destination's place, in one transaction. */
  plan(destination: string, rows: readonly Delivery[], place: StreamPlace): Promise<void>
  place(destination: string): Promise<StreamPlace | null>
  setPlace(destination: string, place: StreamPlace): Promise<void>
  /** Adds rows for present members and saves how far the telling has come, in one transaction. */
  planMembers(sync: MemberSync, rows: readonly Delivery[]): Promise<void>
  syncs(destination: string): Promise<MemberSync[]>
  removeSync(destination: string, segment: string): Promise<void>
  /**
   * Rows of the destination that are pending or failed and due at `now` (ms), longest due first. A row about a profile's
   * membership in a segment waits until every earlier row of that profile, segment and subscription is settled for good,
   * so that a retried Entered never overtakes an Exited.
   */
  due(destination: string, now: number, limit: number): Promise<LedgerRow[]>
  /** When the next row of the destination falls due; null for none. */
  nextDue(destination: string): Promise<number | null>
  /** Writes the outcome of attempts. */
  settle(rows: readonly Delivery[]): Promise<void>
  /** Drops place and syncs of a destination that is gone, and refuses its open rows as `destination_removed`. */
  forget(destination: string, now: number): Promise<void>
  /** Every destination that has a place. */
  destinations(): Promise<string[]>
  list(query: DeliveryQuery): Promise<LedgerRow[]>
  get(id: string): Promise<LedgerRow | null>
  counts(): Promise<{ destination: string; status: DeliveryStatus; count: number }[]>
  /** Makes matching rows due at once, with attempts set to 0; returns how many. Without a status: failed, refused and dead ones. */
  retry(query: RetryQuery, now: number): Promise<number>
  close(): Promise<void>
}

/** By ids, by error code (cause), or by the time window [from, to) in which the row was made; the parts given must all match. */
export interface RetryQuery {
  ids?: string[]
  destination?: string
  status?: DeliveryStatus
  cause?: string
  from?: number
  to?: number
}
