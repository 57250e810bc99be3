// What a row sends, made again from the log or the state: bodies are not kept in the ledger, so that removing a person's data
// from the log removes it from every retry too.
import type { EventLog } from '../log/port.ts'
import type { StateReader } from '../pipeline/state-store.ts'
import type { Change } from '../spec/change.ts'
import type { Delivery } from '../spec/delivery.ts'
import type { CanonicalEvent } from '../spec/event.ts'
import { MEMBER_ORDINAL, type MembersState, rebuildMember } from './members.ts'
import { changeEvent, type Target } from './plan.ts'

export interface PayloadSources {
  log: Pick<EventLog, 'get'>
  state: MembersState & Pick<StateReader, 'changes'>
}

/** The event, or the error code of the refusal. */
export type Payload = CanonicalEvent | 'payload_gone' | 'no_longer_member' | 'suppressed'

export async function loadPayloads(
  sources: PayloadSources,
  target: Target,
  rows: readonly Delivery[],
): Promise<Map<string, Payload>> {
  const offsets = [...new Set(rows.filter((row) => row.ordinal === 0).map((row) => row.offset))]
  const records = new Map(
    (offsets.length === 0 ? [] : await sources.log.get(offsets)).map(({ offset, record }) => [offset, record]),
  )
  const payloads = new Map<string, Payload>()
  const suppressed = await suppressedRows(sources.state, rows)
  for (const row of rows) {
    if (suppressed.has(row.id)) {
      payloads.set(row.id, 'suppressed')
    } else if (row.ordinal === 0) {
      const record = records.get(row.offset)
      payloads.set(row.id, record?.type === 'event' ? record.event : 'payload_gone')
    } else {
      const change = await loadChange(sources.state, row)
      payloads.set(row.id, typeof change === 'string' ? change : changeEvent(target, change))
    }
  }
  return payloads
}

/**
 * Ids of the rows that may not be sent any more, because the person was suppressed after they were planned. Not the exits: with
 * silence alone the person would stay in the audience for ever (docs/adr/0006).
 */
export async function suppressedRows(
  state: PayloadSources['state'],
  rows: readonly Delivery[],
): Promise<ReadonlySet<string>> {
  const answers = new Map<string, boolean>()
  const found = new Set<string>()
  for (const { id, profileId, ordinal, subject } of rows) {
    if (profileId === null || (ordinal !== 0 && subject.startsWith('segment_exited:'))) continue
    const answer = answers.get(profileId) ?? (await isSuppressed(state, profileId))
    answers.set(profileId, answer)
    if (answer) found.add(id)
  }
  return found
}

async function isSuppressed(state: PayloadSources['state'], profileId: string): Promise<boolean> {
  const birth = await state.identifierByBirthId(profileId)
  if (birth === null) return false
  if (birth.suppressed) return true
  const [profile] = await state.profiles([birth.profile])
  return profile?.suppressed ?? false
}

async function loadChange(
  state: PayloadSources['state'],
  row: Delivery,
): Promise<Change | 'payload_gone' | 'no_longer_member'> {
  const { offset, ordinal, profileId } = row
  if (ordinal === MEMBER_ORDINAL) {
    const segment = row.subject.slice(row.subject.indexOf(':') + 1)
    const sync = {
      destination: row.destination,
      segment,
      below: { offset, ordinal: 0 },
      cursor: 0,
      done: true,
    }
    const change = profileId === null ? null : await rebuildMember(state, sync, profileId)
    return change ?? 'no_longer_member'
  }
  const [change] = await state.changes({ offset, ordinal: ordinal - 1 }, 1, offset + 1)
  return change?.offset === offset && change.ordinal === ordinal ? change : 'payload_gone'
}
