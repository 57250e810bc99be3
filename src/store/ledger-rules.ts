// What the ledger's back ends agree on beyond rows and columns. Pure.
import type { Delivery } from '../spec/delivery.ts'

/**
 * Rows with equal keys are about one profile's membership in one segment under one subscription, and are sent one after the
 * other in the order they were planned. Null for rows that are free of order.
 */
export function membershipKey(row: Pick<Delivery, 'subject' | 'subscription' | 'profileId'>): string | null {
  if (!row.subject.startsWith('segment_') || row.profileId === null) return null
  return JSON.stringify([row.subscription, row.subject.slice(row.subject.indexOf(':') + 1), row.profileId])
}
