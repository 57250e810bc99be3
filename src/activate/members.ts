// Tells a destination who is already in a segment when it begins to list it: every present member is Entered once, and what
// changes from then on comes from the stream. The two meet at one place (`below`), so nobody is told twice or forgotten.
import type { ProfileRow, StateReader } from '../pipeline/state-store.ts'
import type { Change } from '../spec/change.ts'
import type { Identifier } from '../spec/identifier.ts'
import { headPlace } from './place.ts'
import type { MemberSync } from './port.ts'

export type MembersState = Pick<
  StateReader,
  'position' | 'catalogue' | 'members' | 'profiles' | 'identifiersById' | 'identifierByBirthId' | 'changes'
>

/** A member told as a change; `ordinal` -1 marks that no change of the stream stands behind it. */
export const MEMBER_ORDINAL = -1

/** A telling that begins now: changes before the present head are covered by it. */
export async function beginSync(state: MembersState, destination: string, segment: string): Promise<MemberSync> {
  const position = await state.position()
  return { destination, segment, below: headPlace(position), logTime: position.logTime, cursor: 0, done: false }
}

/** The next members after the cursor, and the sync moved on. */
export async function nextMembers(
  state: MembersState,
  sync: MemberSync,
  limit: number,
): Promise<{ sync: MemberSync; changes: Change[] }> {
  const segment = await segmentId(state, sync.segment)
  if (segment === null) return { sync: { ...sync, done: true }, changes: [] }
  const page = await state.members(segment, { after: sync.cursor, limit })
  const last = page.at(-1)
  if (last === undefined) return { sync: { ...sync, done: true }, changes: [] }
  // Who entered later is told by the stream. At the very log time of `below` only the stream itself can say which it was.
  const doubtful = page.some((member) => member.since === sync.logTime)
  const later = doubtful ? await enteredSince(state, sync) : new Set<string>()
  const covered = page.filter((member) => member.since <= sync.logTime)
  const since = new Map(covered.map((member) => [member.profile, member.since]))
  const people = await readPeople(state, await state.profiles([...since.keys()]))
  const changes = people
    .filter((person) => !later.has(person.profileId))
    .map((person) => memberChange(sync, person, since.get(person.profile) ?? sync.logTime))
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

async function enteredSince(state: MembersState, sync: MemberSync): Promise<Set<string>> {
  const entered = new Set<string>()
  let after = { offset: sync.below.offset, ordinal: Math.max(0, sync.below.ordinal - 1) }
  for (;;) {
    const changes = await state.changes(after, CHANGES_PER_READ)
    for (const { segment, kind, profileId } of changes) {
      if (segment === sync.segment && kind === 'segment_entered') entered.add(profileId)
    }
    const last = changes.at(-1)
    if (last === undefined || changes.length < CHANGES_PER_READ) return entered
    after = { offset: last.offset, ordinal: last.ordinal }
  }
}
