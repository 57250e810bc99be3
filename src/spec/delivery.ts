// The delivery: one row of the ledger per (event or change, destination, subscription). Sent at least once, under a stable
// idempotency key, until it succeeds, is refused for good, or runs out of attempts.

/** `filtered`: mapped, but the destination's own action declined it. `dead`: attempts used up; a retry by hand revives it. */
export const DELIVERY_STATUSES = ['pending', 'failed', 'delivered', 'refused', 'filtered', 'dead'] as const
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

export interface Delivery {
  /** Stable: from (offset, ordinal, destination, subscription). Sent as the idempotency key. */
  id: string
  destination: string
  /** Name of the subscription, or its place (`0`) where it has none. */
  subscription: string
  /**
   * (offset, 0) is the event at that offset; (offset, n) the n-th change there. Ordinal -1: a present member, told when the
   * destination began to list the segment.
   */
  offset: number
  ordinal: number
  /** `event:<name or type>` or `segment_entered:<slug>`: what it is about, for people. */
  subject: string
  profileId: string | null
  status: DeliveryStatus
  attempts: number
  /** ms; null once settled for good. */
  nextAttemptAt: number | null
  createdAt: number
  updatedAt: number
  responseStatus: number | null
  errorCode: string | null
  errorMessage: string | null
  /** First bytes of the response body. */
  responseBody: string | null
}
