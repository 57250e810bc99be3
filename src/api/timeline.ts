// The timeline: a profile's events, newest first, de-duplicated. History answers for what it has written; what it has not
// written yet is read from the log, so that an event is seen as soon as the pipeline has committed it, and while the
// analytics engine is away as long as the log is small enough to look through.
import type { HistoryQueries } from '../history/port.ts'
import { HISTORY_CURSOR } from '../history/writer.ts'
import type { LoggedRecord } from '../log/port.ts'
import { OnefoldError } from '../spec/errors.ts'
import { type CanonicalEvent, eventName } from '../spec/event.ts'
import type { ApiDeps } from './deps.ts'

/** So many records at the log's end are looked through, at most, for what history does not have. */
const TAIL_RECORDS_MAX = 100_000
const CHUNK_RECORDS = 10_000

export interface Place {
  timestamp: number
  offset: number
}

export interface TimelineItem extends Place {
  source: string | null
  event: CanonicalEvent
}

export interface TimelinePage {
  items: TimelineItem[]
  next: Place | null
  /** True where older events exist that cannot be read now. */
  partial: boolean
}

interface Candidate extends Place {
  event: CanonicalEvent | null
  source: string | null
}

export async function readTimeline(
  deps: Pick<ApiDeps, 'state' | 'log' | 'history'>,
  sets: readonly number[],
  query: { before?: Place | undefined; limit: number },
): Promise<TimelinePage> {
  // The cursor is read first: what history writes in between is then seen twice, and never missed.
  const written = (await deps.log.cursor(HISTORY_CURSOR)) ?? 0
  const rows = await askHistory(deps.history, sets, query)
  const [first, { next }] = await Promise.all([deps.log.tail(), deps.state.position()])
  const from = Math.max(rows === null ? 0 : written, first, next - TAIL_RECORDS_MAX)
  const tail = await scanLog(deps, new Set(sets), from, next)
  const merged = new Map<number, Candidate>()
  for (const row of rows ?? []) merged.set(row.offset, { ...row, event: parsePayload(row.payload), source: null })
  for (const item of tail) if (isBefore(item, query.before)) merged.set(item.offset, item)
  const ordered = [...merged.values()].sort(newestFirst)
  const page = ordered.slice(0, query.limit)
  const last = page.at(-1)
  return {
    items: await withSources(deps, page),
    next: ordered.length > query.limit && last ? { timestamp: last.timestamp, offset: last.offset } : null,
    partial: from > (rows === null ? 0 : Math.max(written, first)),
  }
}

/** One more than the page, to know whether there is a next one; null while the engine is away. */
async function askHistory(
  history: HistoryQueries,
  sets: readonly number[],
  query: { before?: Place | undefined; limit: number },
): Promise<{ offset: number; timestamp: number; payload: string }[] | null> {
  if (sets.length === 0) return []
  try {
    const { before } = query
    return await history.timeline({ sets, limit: query.limit + 1, ...(before === undefined ? {} : { before }) })
  } catch (error) {
    if (error instanceof OnefoldError && error.code === 'history_unavailable') return null
    throw error
  }
}

async function scanLog(
  deps: Pick<ApiDeps, 'state' | 'log'>,
  sets: ReadonlySet<number>,
  from: number,
  below: number,
): Promise<Candidate[]> {
  const found: Candidate[] = []
  for (let start = from; start < below; start += CHUNK_RECORDS) {
    const verdicts = await deps.state.verdicts(start, Math.min(below, start + CHUNK_RECORDS))
    const offsets = verdicts
      .filter((verdict) => verdict.code === 'accepted' && sets.has(verdict.set))
      .map((verdict) => verdict.offset)
    if (offsets.length === 0) continue
    for (const { offset, record } of await deps.log.get(offsets)) {
      if (record.type !== 'event') continue
      found.push({ offset, timestamp: Date.parse(record.event.timestamp), event: record.event, source: record.source })
    }
  }
  return found
}

/**
 * History's rows lack the source, and may still hold what the log has redacted since; the log is asked for both. A record
 * that retention has removed from the log keeps history's text, and its source is that of its set.
 */
async function withSources(deps: Pick<ApiDeps, 'state' | 'log'>, page: readonly Candidate[]): Promise<TimelineItem[]> {
  const unknown = page.filter((item) => item.source === null).map((item) => item.offset)
  const stored = unknown.length === 0 ? [] : await deps.log.get(unknown)
  const records = new Map<number, LoggedRecord>(stored.map((entry) => [entry.offset, entry]))
  const items: TimelineItem[] = []
  for (const { event, source, timestamp, offset } of page) {
    const record = records.get(offset)?.record
    if (record !== undefined && record.type !== 'event') continue
    const known = record?.event ?? event
    if (known === null) continue
    items.push({ timestamp, offset, event: known, source: source ?? record?.source ?? (await sourceOf(deps, offset)) })
  }
  return items
}

async function sourceOf(deps: Pick<ApiDeps, 'state'>, offset: number): Promise<string | null> {
  const [verdict] = await deps.state.verdicts(offset, offset + 1)
  if (verdict === undefined || verdict.set === 0) return null
  const [set] = await deps.state.sets([verdict.set])
  return set?.source ?? null
}

function parsePayload(payload: string): CanonicalEvent | null {
  try {
    return JSON.parse(payload) as CanonicalEvent
  } catch {
    return null
  }
}

function newestFirst(a: Place, b: Place): number {
  return b.timestamp - a.timestamp || b.offset - a.offset
}

function isBefore(item: Place, before: Place | undefined): boolean {
  return before === undefined || newestFirst(before, item) < 0
}

/** An event as the API shows it: what the source sent, with the name segments know it by. */
export function viewEvent(event: CanonicalEvent, source: string | null, offset: number): Record<string, unknown> {
  const { properties = {}, traits = {} } = event
  return { ...event, event: eventName(event), properties, traits, source, offset }
}
