// The delivery ledger in memory: the reference for the contract suite, and what tests of delivery run on.
import type { DeliveryLedger, LedgerRow, MemberSync, RetryQuery, StreamPlace } from '../../activate/port.ts'
import type { Delivery, DeliveryStatus } from '../../spec/delivery.ts'
import { membershipKey } from '../ledger-rules.ts'

export function createMemoryLedger(): DeliveryLedger {
  return new MemoryLedger()
}

class MemoryLedger implements DeliveryLedger {
  readonly #rows = new Map<string, LedgerRow>()
  readonly #places = new Map<string, StreamPlace>()
  readonly #syncs = new Map<string, MemberSync>()
  #next = 1

  async plan(destination: string, rows: readonly Delivery[], place: StreamPlace): Promise<void> {
    this.#insert(rows)
    this.#places.set(destination, { ...place })
  }

  async place(destination: string): Promise<StreamPlace | null> {
    return structuredClone(this.#places.get(destination) ?? null)
  }

  async setPlace(destination: string, place: StreamPlace): Promise<void> {
    this.#places.set(destination, { ...place })
  }

  async planMembers(sync: MemberSync, rows: readonly Delivery[]): Promise<void> {
    this.#insert(rows)
    this.#syncs.set(`${sync.destination} ${sync.segment}`, structuredClone(sync))
  }

  async syncs(destination: string): Promise<MemberSync[]> {
    return [...this.#syncs.values()]
      .filter((sync) => sync.destination === destination)
      .sort((a, b) => (a.segment < b.segment ? -1 : 1))
      .map((sync) => structuredClone(sync))
  }

  async removeSync(destination: string, segment: string): Promise<void> {
    this.#syncs.delete(`${destination} ${segment}`)
  }

  async due(destination: string, now: number, limit: number): Promise<LedgerRow[]> {
    return this.#of(destination)
      .filter((row) => row.nextAttemptAt !== null && row.nextAttemptAt <= now && !this.#waitsForEarlier(row))
      .sort((a, b) => (a.nextAttemptAt ?? 0) - (b.nextAttemptAt ?? 0) || a.number - b.number)
      .slice(0, limit)
      .map((row) => ({ ...row }))
  }

  async nextDue(destination: string): Promise<number | null> {
    const times = this.#of(destination).flatMap((row) => (row.nextAttemptAt === null ? [] : [row.nextAttemptAt]))
    return times.length === 0 ? null : Math.min(...times)
  }

  async settle(rows: readonly Delivery[]): Promise<void> {
    for (const row of rows) {
      const stored = this.#rows.get(row.id)
      if (stored !== undefined) this.#rows.set(row.id, { ...row, number: stored.number, createdAt: stored.createdAt })
    }
  }

  async forget(destination: string, now: number): Promise<void> {
    this.#places.delete(destination)
    for (const sync of await this.syncs(destination)) await this.removeSync(destination, sync.segment)
    for (const row of this.#of(destination)) {
      if (row.nextAttemptAt === null) continue
      const refused = {
        status: 'refused',
        errorCode: 'destination_removed',
        nextAttemptAt: null,
        updatedAt: now,
      } as const
      this.#rows.set(row.id, { ...row, ...refused })
    }
  }

  async destinations(): Promise<string[]> {
    return [...this.#places.keys()].sort()
  }

  async list(query: {
    destination?: string
    status?: DeliveryStatus
    limit: number
    before?: number
  }): Promise<LedgerRow[]> {
    return [...this.#rows.values()]
      .filter((row) => query.destination === undefined || row.destination === query.destination)
      .filter((row) => query.status === undefined || row.status === query.status)
      .filter((row) => query.before === undefined || row.number < query.before)
      .sort((a, b) => b.number - a.number)
      .slice(0, query.limit)
      .map((row) => ({ ...row }))
  }

  async get(id: string): Promise<LedgerRow | null> {
    return structuredClone(this.#rows.get(id) ?? null)
  }

  async counts(): Promise<{ destination: string; status: DeliveryStatus; count: number }[]> {
    const counts = new Map<string, { destination: string; status: DeliveryStatus; count: number }>()
    for (const { destination, status } of this.#rows.values()) {
      const entry = counts.get(`${destination} ${status}`) ?? { destination, status, count: 0 }
      entry.count++
      counts.set(`${destination} ${status}`, entry)
    }
    return [...counts.values()].sort((a, b) =>
      `${a.destination} ${a.status}` < `${b.destination} ${b.status}` ? -1 : 1,
    )
  }

  async retry(query: RetryQuery, now: number): Promise<number> {
    let count = 0
    for (const row of this.#rows.values()) {
      if (!matchesRetry(row, query)) continue
      count++
      this.#rows.set(row.id, { ...row, status: 'pending', attempts: 0, nextAttemptAt: now, updatedAt: now })
    }
    return count
  }

  async close(): Promise<void> {}

  #insert(rows: readonly Delivery[]): void {
    for (const row of rows) {
      if (!this.#rows.has(row.id)) this.#rows.set(row.id, { ...row, number: this.#next++ })
    }
  }

  #of(destination: string): LedgerRow[] {
    return [...this.#rows.values()].filter((row) => row.destination === destination)
  }

  #waitsForEarlier(row: LedgerRow): boolean {
    const key = membershipKey(row)
    if (key === null) return false
    return this.#of(row.destination).some(
      (other) => other.number < row.number && other.nextAttemptAt !== null && membershipKey(other) === key,
    )
  }
}

function matchesRetry(row: Delivery, query: RetryQuery): boolean {
  const statuses: readonly DeliveryStatus[] =
    query.status === undefined ? ['failed', 'refused', 'dead'] : [query.status]
  if (!statuses.includes(row.status)) return false
  if (query.ids !== undefined && !query.ids.includes(row.id)) return false
  if (query.destination !== undefined && row.destination !== query.destination) return false
  if (query.cause !== undefined && row.errorCode !== query.cause) return false
  if (query.from !== undefined && row.createdAt < query.from) return false
  return query.to === undefined || row.createdAt < query.to
}
