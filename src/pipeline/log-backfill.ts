// Old facts read from the log itself: the plain source of backfills, for tests, small logs and installations without history. It
// reads every record below the border once per chunk, so it is for when that is little.
import type { EventLog } from '../log/port.ts'
import type { Clause } from '../segment/clause.ts'
import { ClauseIndex } from '../segment/streaming.ts'
import { eventName, eventProperties } from '../spec/event.ts'
import type { BackfillSource } from './backfill.ts'
import { readResolved } from './resolved-stream.ts'
import type { StateReader } from './state-store.ts'

const RECORDS_PER_READ = 5000

export function logBackfill(log: EventLog, state: StateReader): BackfillSource {
  return {
    isReady: async () => true,
    clauseTimestamps: async ({ clauses, below, afterSet, setsMax }) => {
      const kept = await collect(log, state, clauses, below, afterSet)
      const sets = [...new Set(kept.map(({ set }) => set))].sort((a, b) => a - b).slice(0, setsMax)
      const wanted = new Set(sets)
      return kept.filter(({ set }) => wanted.has(set)).sort((a, b) => a.set - b.set || a.clause - b.clause)
    },
  }
}

interface Kept {
  set: number
  clause: number
  timestamps: number[]
}

async function collect(
  log: EventLog,
  state: StateReader,
  clauses: readonly Clause[],
  below: number,
  afterSet: number,
): Promise<Kept[]> {
  const index = new ClauseIndex<number>()
  clauses.forEach((clause, number) => {
    index.add(clause, number)
  })
  const found = new Map<string, Kept>()
  for (let from = 0; from < below; ) {
    const { next, events } = await readResolved(log, state, from, RECORDS_PER_READ)
    for (const { offset, record, verdict } of events) {
      const name = eventName(record.event)
      if (offset >= below || name === null || verdict.set <= afterSet) continue
      const at = Date.parse(record.event.timestamp)
      for (const { id } of index.matching(name, eventProperties(record.event), at)) {
        const key = `${verdict.set}.${id}`
        const kept = found.get(key) ?? { set: verdict.set, clause: id, timestamps: [] }
        kept.timestamps.push(at)
        found.set(key, kept)
      }
    }
    if (next === from) break
    from = next
  }
  for (const kept of found.values()) {
    kept.timestamps.sort((a, b) => b - a)
    kept.timestamps.length = Math.min(kept.timestamps.length, clauses[kept.clause]!.keep)
  }
  return [...found.values()]
}
