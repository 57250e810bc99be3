// The resolved stream: events with their verdicts, in offset order. Everything downstream of the pipeline reads this and never
// the raw log, so nothing can leave that the pipeline has not judged and committed.
import type { EventLog } from '../log/port.ts'
import type { EventRecord } from '../spec/log-record.ts'
import type { Verdict } from '../spec/verdict.ts'
import type { StateReader } from './state-store.ts'

export interface ResolvedEvent {
  offset: number
  record: EventRecord
  verdict: Verdict
}

/**
 * Events of at most `recordsMax` records from offset `from` on, never past the committed position. `next` is where to go on;
 * it equals `from` when nothing new is committed. Redacted records, decisions and ticks are passed over.
 */
export async function readResolved(
  log: Pick<EventLog, 'read'>,
  state: Pick<StateReader, 'position' | 'verdicts'>,
  from: number,
  recordsMax: number,
): Promise<{ next: number; events: ResolvedEvent[] }> {
  const committed = (await state.position()).next
  if (from >= committed || recordsMax <= 0) return { next: from, events: [] }
  const records = await log.read({ from, recordsMax, below: committed })
  const last = records.at(-1)
  // Retention has removed everything up to the committed position.
  if (last === undefined) return { next: committed, events: [] }
  const next = last.offset + 1
  const verdicts = new Map((await state.verdicts(from, next)).map((verdict) => [verdict.offset, verdict]))
  const events = records.flatMap(({ offset, record }) => {
    const verdict = verdicts.get(offset)
    return record.type === 'event' && verdict !== undefined ? [{ offset, record, verdict }] : []
  })
  return { next, events }
}
