// Backfills: what makes a new segment answer for the past. From its decision's offset on, the stream folds its clauses; below it,
// a job folds history set by set (`fold`), then tells memberships profile by profile (`evaluate`). Every chunk is one transaction
// that also saves how far it came, so that a crash neither loses nor counts anything twice.
import { foldTimestamps } from '../profile/fold.ts'
import type { Clause } from '../segment/clause.ts'
import type { Segment } from '../spec/segment.ts'
import { judgeMemberships } from './membership.ts'
import type { Run } from './run.ts'
import type { BackfillRow, StateStore } from './state-store.ts'

/** Where old facts are read from: history, or the log itself. */
export interface BackfillSource {
  /** Whether everything below the offset can be read. */
  isReady(below: number): Promise<boolean>
  /** Kept timestamps of the clauses in events below `below`, for the next `setsMax` sets above `afterSet`, in set order. */
  clauseTimestamps(query: {
    clauses: readonly Clause[]
    below: number
    afterSet: number
    setsMax: number
  }): Promise<{ set: number; clause: number; timestamps: number[] }[]>
}

/** Registers the job of a segment that was just defined. */
export function startBackfill(run: Run, segment: Segment): void {
  const { registry, draft, counters } = run
  const row: BackfillRow = {
    segment: segment.id,
    below: draft.offset,
    phase: 'fold',
    cursor: 0,
    done: 0,
    total: counters.nextSet - 1,
    startedAt: draft.logTime,
  }
  registry.backfills.set(segment.id, row)
  draft.backfills.set(segment.id, row)
}

/**
 * Does one chunk of the oldest job. Returns false when it had to wait (history has not come that far); then nothing is to be committed.
 * Jobs run one after another, so that a clause which an earlier one completes is complete when a later one needs it.
 */
export async function advanceBackfill(
  run: Run,
  store: StateStore,
  source: BackfillSource,
  rowsMax: number,
): Promise<boolean> {
  const row = [...run.registry.backfills.values()].sort((a, b) => a.below - b.below || a.segment - b.segment)[0]
  if (row === undefined) return false
  const live = run.registry.segments.get(row.segment)
  if (live === undefined) throw new Error(`backfill of a segment that is gone: ${row.segment}`)
  if (row.phase === 'fold') {
    if (!(await foldChunk(run, row, live.compiled.clauses, { store, source, rowsMax }))) return false
  } else await evaluateChunk(run, row, live.segment, { store, rowsMax })
  return true
}

async function foldChunk(
  run: Run,
  row: BackfillRow,
  needed: readonly number[],
  { store, source, rowsMax }: { store: StateStore; source: BackfillSource; rowsMax: number },
): Promise<boolean> {
  const { registry, draft, counters } = run
  const open = needed.map((id) => registry.clause(id).row).filter(({ fromOffset }) => fromOffset > 0)
  const first = open[0]
  if (first === undefined || counters.nextSet === 1)
    return beginEvaluation(
      run,
      row,
      open.map(({ id }) => id),
    )
  // Clauses that begin at one offset and have come equally far are folded in one reading.
  const { fromOffset: below, foldedTo: afterSet } = first
  const clauses = open
    .filter((clause) => clause.fromOffset === below && clause.foldedTo === afterSet)
    .map(({ id }) => id)
  if (!(await source.isReady(below))) return false
  const query = { clauses: clauses.map((id) => registry.clause(id).clause), below, afterSet, setsMax: rowsMax }
  const found = await source.clauseTimestamps(query)
  await foldFound(run, clauses, found, store)
  const sets = new Set(found.map(({ set }) => set))
  row.done = Math.min(row.total, row.done + sets.size)
  const reached = Math.max(afterSet, ...sets)
  for (const id of clauses) {
    if (sets.size < rowsMax) registry.completeClause(id)
    else registry.advanceClause(id, reached)
  }
  draft.backfills.set(row.segment, row)
  return true
}

function beginEvaluation(run: Run, row: BackfillRow, complete: readonly number[]): true {
  for (const id of complete) run.registry.completeClause(id)
  Object.assign(row, { phase: 'evaluate', cursor: 0, done: 0, total: run.counters.nextIdentifier - 1 })
  run.draft.backfills.set(row.segment, row)
  return true
}

async function foldFound(
  run: Run,
  clauses: readonly number[],
  found: { set: number; clause: number; timestamps: number[] }[],
  store: StateStore,
): Promise<void> {
  const { working, draft, registry } = run
  const rows = await store.sets([...new Set(found.map(({ set }) => set))])
  const sets = new Map(rows.map((set) => [set.id, working.adoptSet(set)]))
  await working.loadIdentifiersById([...sets.values()].flatMap(({ owner }) => (owner === 0 ? [] : [owner])))
  const profileOf = (owner: number) => (owner === 0 ? 0 : working.identifierById(owner).row.profile)
  await working.loadProfiles([...sets.values()].map(({ owner }) => profileOf(owner)))
  for (const { set: number, clause, timestamps } of found) {
    const set = sets.get(number)
    if (set === undefined) throw new Error(`history knows set ${number}, the state does not`)
    const id = clauses[clause]!
    const keep = registry.keepOf(id)
    foldTimestamps(set.state, id, timestamps, keep)
    draft.sets.add(set)
    const profile = profileOf(set.owner)
    if (profile === 0) continue
    const entry = working.profile(profile)
    foldTimestamps(entry.state, id, timestamps, keep)
    draft.touch(entry)
  }
}

async function evaluateChunk(
  run: Run,
  row: BackfillRow,
  segment: Segment,
  { store, rowsMax }: { store: StateStore; rowsMax: number },
): Promise<void> {
  const { working, draft, registry, counters } = run
  const rows = await store.profilesAfter(row.cursor, rowsMax)
  const profiles = rows.map((profile) => working.adoptProfile(profile))
  if (registry.usesIdentifiers) await working.loadIdentifiersById(profiles.flatMap(({ identifiers }) => identifiers))
  const last = rows.length < rowsMax
  row.cursor = last ? counters.nextIdentifier : rows.at(-1)!.id
  row.done = last ? row.total : Math.min(row.total, row.cursor)
  const live = registry.segments.get(segment.id)!
  for (const profile of profiles) {
    judgeMemberships(run, profile, {
      segments: [live],
      priors: [profile.memberships],
      fresh: [],
      now: draft.logTime,
      whole: false,
    })
  }
  if (!last) {
    draft.backfills.set(segment.id, row)
    return
  }
  registry.backfills.delete(segment.id)
  draft.backfills.delete(segment.id)
  draft.backfillsDone.push(segment.id)
  if (segment.status === 'removing') {
    registry.removeSegment(segment.id)
    draft.segments.delete(segment)
    draft.segmentsRemoved.push(segment.id)
    return
  }
  segment.status = 'active'
  draft.segments.add(segment)
}
