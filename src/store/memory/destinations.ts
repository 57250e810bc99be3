// Destinations in memory: the reference for the contract suite, and what tests of activation run on.
import type { DestinationStore, StoredDestination, StreamPlace } from '../../activate/port.ts'
import type { Destination } from '../../spec/destination.ts'

export function createMemoryDestinationStore(): DestinationStore {
  const rows = new Map<string, StoredDestination>()
  let revision = 0
  return {
    async list() {
      return [...rows.values()].sort((a, b) => (a.slug < b.slug ? -1 : 1)).map((row) => structuredClone(row))
    },
    async get(slug) {
      return structuredClone(rows.get(slug) ?? null)
    },
    async put(destination: Destination, head?: StreamPlace) {
      const existing = rows.get(destination.slug)
      const starts = existing === undefined || (destination.enabled && !existing.enabled)
      rows.set(destination.slug, {
        ...structuredClone(destination),
        createdAt: existing?.createdAt ?? destination.createdAt,
        startsAt: starts ? (head ?? null) : existing.startsAt,
      })
      revision++
    },
    async remove(slug) {
      revision++
      return rows.delete(slug)
    },
    async revision() {
      return revision
    },
  }
}
