// History in memory, for tests and trials: the same answers as the analytics engine, from plain rows and the reference
// evaluator, so that suites which need history need no child process. Lost with the process.
import type {
  ClauseTimestamps,
  HistoryEventRow,
  HistoryMoveRow,
  HistoryProfileRow,
  HistoryQueries,
  HistorySink,
  SegmentContext,
} from '../../history/port.ts'
import { evaluateReference } from '../../segment/reference.ts'
import { compileClause } from '../../segment/streaming.ts'
import { isJsonObject, type JsonValue } from '../../spec/event.ts'
import type { Condition } from '../../spec/segment.ts'

/** The embedded engine's JSON column refuses objects nested more deeply. */
const DEPTH_MAX = 1000

export class MemoryHistory implements HistorySink, HistoryQueries {
  readonly #blocks = new Set<number>()
  readonly #events: HistoryEventRow[] = []
  readonly #profiles = new Map<number, HistoryProfileRow>()
  readonly #moves = new Map<number, HistoryMoveRow[]>()

  async prepare(): Promise<void> {}

  async ping(): Promise<void> {}

  async close(): Promise<void> {}

  async insertEvents(blockNumber: number, rows: readonly HistoryEventRow[]) {
    const isRefused = (row: HistoryEventRow) => depthOf(row.properties) > DEPTH_MAX
    if (!this.#blocks.has(blockNumber)) {
      this.#blocks.add(blockNumber)
      for (const row of rows) if (!isRefused(row)) this.#events.push(structuredClone(row))
    }
    return rows.filter(isRefused).map(({ offset }) => ({ offset, error: 'nested too deeply' }))
  }

  async insertProfiles(rows: readonly HistoryProfileRow[]): Promise<void> {
    for (const row of rows) {
      const present = this.#profiles.get(row.profile)
      if (present === undefined || present.version <= row.version) this.#profiles.set(row.profile, structuredClone(row))
    }
  }

  async insertMoves(rows: readonly HistoryMoveRow[]): Promise<void> {
    for (const row of rows) {
      const others = (this.#moves.get(row.set) ?? []).filter(
        (move) => move.commit !== row.commit || move.ordinal !== row.ordinal,
      )
      const moves = [...others, { ...row }].sort((a, b) => b.commit - a.commit || b.ordinal - a.ordinal)
      this.#moves.set(row.set, moves)
    }
  }

  async timeline(query: Parameters<HistoryQueries['timeline']>[0]) {
    const { sets, before, limit } = query
    return this.#events
      .filter((row) => sets.includes(row.set) && (before === undefined || compareFacts(row, before) < 0))
      .sort((a, b) => compareFacts(b, a))
      .slice(0, limit)
      .map(({ offset, timestamp, payload }) => ({ offset, timestamp, payload }))
  }

  async evaluate(definition: Condition, context: SegmentContext, sample: number) {
    const events = Map.groupBy(
      this.#events.filter((row) => row.offset < context.offset),
      (row) => this.#profileOf(row),
    )
    const members = this.#living().filter((row) => {
      const subject = {
        traits: new Map(Object.entries(row.traits)),
        identifierKinds: new Set(row.identifiers.map(([kind]) => kind)),
        consent: new Map(Object.entries(row.consent)),
        events: (events.get(row.profile) ?? []).map(({ event, timestamp, properties }) => ({
          name: event,
          timestamp,
          properties,
        })),
      }
      return evaluateReference(definition, subject, context.now, context.segments)
    })
    return { size: members.length, profiles: members.slice(0, sample).map(({ profile }) => profile) }
  }

  async clauseTimestamps(query: Parameters<HistoryQueries['clauseTimestamps']>[0]): Promise<ClauseTimestamps[]> {
    const found: ClauseTimestamps[] = []
    const rows = this.#events.filter((row) => row.offset < query.below && row.set > query.afterSet)
    for (const [clause, definition] of query.clauses.entries()) {
      const matches = compileClause(definition)
      const bySet = Map.groupBy(
        rows.filter((row) => matches(row.event, row.properties, row.timestamp)),
        (row) => row.set,
      )
      for (const [set, events] of bySet) {
        const timestamps = events.map(({ timestamp }) => timestamp).sort((a, b) => b - a)
        found.push({ set, clause, timestamps: timestamps.slice(0, definition.keep) })
      }
    }
    const sets = [...new Set(found.map(({ set }) => set))].sort((a, b) => a - b).slice(0, query.setsMax)
    return found.filter(({ set }) => sets.includes(set)).sort((a, b) => a.set - b.set || a.clause - b.clause)
  }

  async search(text: string, limit: number): Promise<number[]> {
    const wanted = text.toLowerCase()
    const contains = (word: string) => word.toLowerCase().includes(wanted)
    return this.#living()
      .filter((row) => row.identifiers.some(([, value]) => contains(value)) || someWord(row.traits, contains))
      .slice(0, limit)
      .map(({ profile }) => profile)
  }

  #living(): HistoryProfileRow[] {
    return [...this.#profiles.values()].filter(({ alive }) => alive).sort((a, b) => a.profile - b.profile)
  }

  /** As of the newest move of its set that reaches above the row, else as of then. */
  #profileOf(row: HistoryEventRow): number {
    return this.#moves.get(row.set)?.find((move) => move.offset > row.offset)?.profile ?? row.profile
  }
}

function compareFacts(a: { timestamp: number; offset: number }, b: { timestamp: number; offset: number }): number {
  return a.timestamp - b.timestamp || a.offset - b.offset
}

/** Without recursion: hostile values may be nested more deeply than the stack is. */
function depthOf(root: JsonValue): number {
  let level: JsonValue[] = [root]
  let depth = 0
  while (level.length > 0) {
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []))
    depth++
  }
  return depth - 1
}

function someWord(value: JsonValue, test: (word: string) => boolean): boolean {
  if (typeof value === 'string' || typeof value === 'number') return test(String(value))
  if (Array.isArray(value)) return value.some((inner) => someWord(inner, test))
  return isJsonObject(value) && Object.values(value).some((inner) => someWord(inner, test))
}
