// The beginning of a log: its first record, which fixes what the core must know from offset 0, and a source to send events to. The
// write key given in the settings always opens a source, so that a fresh machine works with nothing but its environment.
import { randomBytes } from 'node:crypto'
import type { EventLog } from '../log/port.ts'
import type { Decision } from '../spec/decision.ts'
import type { Clock } from './clock.ts'
import type { GroupCommit } from './group-commit.ts'
import type { SourceDirectory } from './sources.ts'

export const DEFAULT_SOURCE = 'default'
const DEDUPE_HOURS = 24
/** About 1.5 GB at the worst; `onefold_dedupe_evicted` says when it was not enough. */
const DEDUPE_IDS_MAX = 40_000_000

interface Beginning {
  log: EventLog
  commit: GroupCommit
  clock: Clock
  sources: SourceDirectory
  /** From the settings; '' for none. */
  writeKey: string
}

/** Logs what is missing: genesis in an empty log, and the default source. */
export async function ensureBeginning({ log, commit, clock, sources, writeKey }: Beginning): Promise<void> {
  const decisions: Decision[] = []
  if ((await log.head()).next === 0) {
    const birthKey = randomBytes(32).toString('hex')
    decisions.push({ decision: 'genesis', birthKey, dedupeHours: DEDUPE_HOURS, dedupeIdsMax: DEDUPE_IDS_MAX })
  }
  const present = sources.bySlug(DEFAULT_SOURCE)
  const wanted = writeKey === '' ? present?.writeKey : writeKey
  const isNew = decisions.length > 0
  if (wanted === undefined ? isNew : sources.byWriteKey(wanted) === undefined) {
    const key = wanted ?? randomBytes(16).toString('hex')
    // Servers use it until a page gets a source of its own: a browser's key is public, and its kind says so.
    const source = { slug: DEFAULT_SOURCE, name: 'Default', kind: 'server' as const, writeKey: key, enabled: true }
    decisions.push({ decision: 'source', source })
  }
  if (decisions.length === 0) return
  const receivedAt = clock.now()
  await commit.append(
    decisions.map((decision) => ({ type: 'decision', receivedAt, decision })),
    1000,
  )
  for (const decision of decisions) sources.apply(decision)
}
