// One event of the resolved stream as a row of history, and which events become rows at all.
import type { ResolvedEvent } from '../pipeline/resolved-stream.ts'
import { eventName, eventProperties } from '../spec/event.ts'
import type { VerdictCode } from '../spec/verdict.ts'
import type { HistoryEventRow } from './port.ts'

/** Duplicates are there already, and of a suppressed person nothing is stored; an event without identifier stays auditable. */
const STORED: Record<VerdictCode, boolean> = {
  none: false,
  accepted: true,
  duplicate: false,
  no_identifier: true,
  suppressed: false,
}

/** Null for an event that history does not store. The profile is that of the verdict: the owner as of then. */
export function eventRow({ offset, record, verdict }: ResolvedEvent): HistoryEventRow | null {
  if (!STORED[verdict.code]) return null
  const { event, source, receivedAt } = record
  return {
    offset,
    source,
    messageId: event.messageId,
    type: event.type,
    event: eventName(event) ?? '',
    timestamp: Date.parse(event.timestamp),
    receivedAt,
    set: verdict.set,
    profile: verdict.profile,
    payload: JSON.stringify(event),
    properties: eventProperties(event),
  }
}
