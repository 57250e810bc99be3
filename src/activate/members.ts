// Tells a destination who is already in a segment when it begins to list it: every present member is Entered once, and what
// changes from then on comes from the stream. The two meet at one place (`below`), so nobody is told twice or forgotten.
import type { ProfileRow, StateReader } from '../pipeline/state-store.ts'
import type { Change } from '../spec/change.ts'
import type { Identifier } from '../spec/identifier.ts'
import type { MemberSync } from './port.ts'

export type MembersState = Pick<
  StateReader,
  'catalogue' | 'members' | 'profiles' | 'identifiersById' | 'identifierByBirthId' | 'changes'
>

/** A member told as a change; `ordinal` -1 marks that no change of the stream stands behind it. */
export const MEMBER_ORDINAL = -1

/** Who entered from `below` on, as far as the stream has been looked through: those the stream tells. */
export interface LaterEntries {
  readonly profileIds: Set<string>
  scanned: { offset: number; ordinal: number }
}

export function noEntriesYet(sync: MemberSync): LaterEntries {
  const { offset, ordinal } = sync.below
  return { profileIds: new Set(), scanned: { offset, ordinal: Math.max(0, ordinal - 1) } }
}

/** The next members after the cursor, and the sync moved on. `later` is kept by the caller from page to page. */
export async function nextMembers(
  state: MembersState,
  sync: MemberSync,
  later: LaterEntries,
  limit: number,
): Promise<{ sync: MemberSync; changes: Change[] }> {
  const segment = await segmentId(state, sync.segment)
  if (segment === null) return { sync: { ...sync, done: true }, changes: [] }
  const page = await state.members(segment, { after: sync.cursor, limit })
  const last = page.at(-1)
  if (last === undefined) return { sync: { ...sync, done: true }, changes: [] }
  const people = await readPeople(state, await state.profiles(page.map((member) => member.profile)))
  // After the page was read, so that whoever entered in between is told by the stream alone.
  await scanEntries(state, sync, later)
  const since = new Map(page.map((member) => [member.profile, member.since]))
  const changes = people
    .filter((person) => !later.profileIds.has(person.profileId))
    .map((person) => memberChange(sync, person, since.get(person.profile) ?? 0))
  return { sync: { ...sync, cursor: last.profile, done: page.length < limit }, changes }
}

/** The change of a member told before, made again for a retry; null when the profile is no member any more. */
export async function rebuildMember(state: MembersState, sync: MemberSync, profileId: string): Promise<Change | null> {
  const segment = await segmentId(state, sync.segment)
  const birth = await state.identifierByBirthId(profileId)
  if (segment === null || birth === null) return null
  const rows = await state.profiles([birth.profile])
  const membership = rows[0]?.memberships.find(([id]) => id === segment)
  const [person] = await readPeople(state, rows)
  return membership === undefined || person === undefined ? null : memberChange(sync, person, membership[1])
}

interface Person {
  profile: number
  profileId: string
  identifiers: Identifier[]
}

async function readPeople(state: MembersState, rows: readonly ProfileRow[]): Promise<Person[]> {
  const told = rows.filter((row) => row.alive && !row.suppressed)
  const ids = [...new Set(told.flatMap((row) => [row.id, ...row.identifiers]))]
  const identifiers = new Map((await state.identifiersById(ids)).map((row) => [row.id, row]))
  return told.flatMap((row) => {
    const birth = identifiers.get(row.id)
    if (birth === undefined) return []
    const own = row.identifiers.flatMap((id) => identifiers.get(id) ?? [])
    return [{ profile: row.id, profileId: birth.birthId, identifiers: own.map(({ kind, value }) => ({ kind, value })) }]
  })
}

function memberChange(sync: MemberSync, person: Person, since: number): Change {
  const { profileId, identifiers } = person
  const place = { offset: sync.below.offset, ordinal: MEMBER_ORDINAL }
  return { ...place, kind: 'segment_entered', segment: sync.segment, profileId, identifiers, at: since }
}

async function segmentId(state: MembersState, slug: string): Promise<number | null> {
  const { segments } = await state.catalogue()
  return segments.find((segment) => segment.slug === slug)?.id ?? null
}

const CHANGES_PER_READ = 1000

async function scanEntries(state: MembersState, sync: MemberSync, later: LaterEntries): Promise<void> {
  for (;;) {
    const changes = await state.changes(later.scanned, CHANGES_PER_READ)
    for (const { offset, ordinal, segment, kind, profileId } of changes) {
      if (segment === sync.segment && kind === 'segment_entered') later.profileIds.add(profileId)
      later.scanned = { offset, ordinal }
    }
    if (changes.length < CHANGES_PER_READ) return
  }
}
