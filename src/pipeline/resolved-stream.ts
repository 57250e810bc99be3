// The resolved stream: the log's events joined with the pipeline's verdicts, in offset order and never past the committed
// offset. History and delivery read this and never the raw log, so that nothing duplicate, rejected or suppressed can leave.
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
 * Events of at most `recordsMax` records from `from` on, whatever their verdict, and the offset to go on from (`from` itself
 * when the pipeline has committed nothing further). Offsets that retention has removed are passed over.
 */
export async function readResolved(
  log: Pick<EventLog, 'read'>,
  state: Pick<StateReader, 'position' | 'verdicts'>,
  from: number,
  recordsMax: number,
): Promise<{ next: number; events: ResolvedEvent[] }> {
  const below = Math.min((await state.position()).next, from + recordsMax)
  if (below <= from) return { next: from, events: [] }
  const records = await log.read({ from, recordsMax, below })
  const verdicts = new Map((await state.verdicts(from, below)).map((verdict) => [verdict.offset, verdict]))
  const events: ResolvedEvent[] = []
  for (const { offset, record } of records) {
    if (record.type !== 'event') continue
    const verdict = verdicts.get(offset)
    if (verdict === undefined) throw new Error(`the state store has no verdict for the event at offset ${offset}`)
    events.push({ offset, record, verdict })
  }
  // A short read ends at its last record; an empty one means that nothing is stored below the bound any more.
  const last = records.at(-1)
  return { next: last === undefined || records.length >= recordsMax ? below : Math.max(last.offset + 1, from), events }
}
