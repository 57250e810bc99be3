// Grouping: applies what the resolver judged. `linkSet` is the everyday case, one new set; `regroup` re-runs a whole neighbourhood
// after a decision by hand, so that everything in it equals the run with the decision in force from the first offset.
import { mergeAll, mergeStates } from '../profile/fold.ts'
import { emptyState } from '../profile/state.ts'
import { type Group, joinGroups, judgeSet, type SetJudgement, type Trust } from '../resolve/resolver.ts'
import type { IdentifierEntry, ProfileEntry, SetEntry } from './entries.ts'
import type { Run } from './run.ts'

export interface Linked {
  profile: ProfileEntry
  priors: ReadonlyMap<number, number>[]
  fresh: number[]
}

/** Judges a new set (its identifiers highest rank first) and joins what it links; null when none of them may identify. */
export function linkSet(
  run: Run,
  entries: readonly IdentifierEntry[],
  trust: Trust,
  set: SetEntry | null,
): Linked | null {
  const { working } = run
  const eligible = entries.filter((entry) => working.isEligible(entry))
  const members = eligible.map(({ member }) => member)
  const judgement = judgeSet({ members, trust }, working.groupOf, working.cannotLinks)
  if (set !== null) {
    set.owner = members[0]?.id ?? 0
    set.refused = judgement.refused.map(({ id, reason }) => ({ identifier: id, reason }))
  }
  const group = joinGroups(judgement)
  return group === null ? null : join(run, judgement, group)
}

function join(run: Run, judgement: SetJudgement, group: Group): Linked {
  const { working, draft } = run
  const parts = judgement.joined.map(({ root }) => working.profile(root))
  const priors = parts.map((part) => part.memberships)
  const profile = parts.find(({ id }) => id === group.root) ?? working.addProfile(group.root)
  for (const part of parts) if (part !== profile) absorb(run, profile, part)
  const fresh: number[] = []
  for (const { id } of judgement.kept) {
    const entry = working.identifierById(id)
    if (entry.row.profile === profile.id) continue
    claim(run, profile, entry)
    fresh.push(id)
  }
  profile.identifiers.sort((a, b) => a - b)
  profile.sets.sort((a, b) => a - b)
  if (fresh.length > 0 || parts.length > 1) draft.touchSnapshot(profile)
  return { profile, priors, fresh }
}

function claim(run: Run, profile: ProfileEntry, entry: IdentifierEntry): void {
  entry.row.profile = profile.id
  profile.identifiers.push(entry.row.id)
  if (entry.row.suppressed) profile.suppressed = true
  run.draft.identifiers.add(entry)
}

/** Moves everything of `part` to `profile`. */
function absorb(run: Run, profile: ProfileEntry, part: ProfileEntry): void {
  mergeStates(profile.state, part.state, run.registry.keepOf)
  profile.traits = null
  for (const id of part.identifiers) claim(run, profile, run.working.identifierById(id))
  for (const set of part.sets) {
    profile.sets.push(set)
    run.draft.move(set, profile.id)
  }
  bury(run, part)
}

function bury(run: Run, profile: ProfileEntry): void {
  Object.assign(profile, {
    alive: false,
    identifiers: [],
    sets: [],
    state: emptyState(),
    memberships: new Map(),
    nextTimer: null,
    suppressed: false,
    traits: null,
  })
  run.draft.touchSnapshot(profile)
}

/** A neighbourhood: everything that a changed decision could change. All of it is in hand. */
export interface Neighbourhood {
  identifiers: Map<number, IdentifierEntry>
  /** In order of first offset. */
  sets: SetEntry[]
  /** Merges by hand that are in force, as the two identifiers they name. */
  merges: { offset: number; members: IdentifierEntry[] }[]
}

/** What one profile of the neighbourhood has become: judged by the caller once the whole is in place. */
export interface Regrouped {
  profile: ProfileEntry
  priors: ReadonlyMap<number, number>[]
}

/** Re-runs the resolver over the neighbourhood and puts its outcome in place of what was. */
export function regroup(run: Run, neighbourhood: Neighbourhood): Regrouped[] {
  const { working } = run
  const before = new Map([...neighbourhood.identifiers].map(([id, { row }]) => [id, row.profile]))
  const priorOf = new Map<number, ReadonlyMap<number, number>>()
  const ownerBefore = new Map(neighbourhood.sets.map((set) => [set, profileOfSet(run, set)]))
  for (const profile of new Set(before.values())) {
    if (profile !== 0) priorOf.set(profile, working.profile(profile).memberships)
  }
  const byMember = judgeNeighbourhood(run, neighbourhood)
  const groups = new Map([...byMember.values()].map((group) => [group.root, group]))
  for (const root of priorOf.keys()) if (!groups.has(root)) bury(run, working.profile(root))
  const placed = [...groups.values()].map((group) => place(run, group, before, priorOf))
  for (const entry of neighbourhood.identifiers.values()) {
    const profile = byMember.get(entry.row.id)?.root ?? 0
    if (entry.row.profile === profile) continue
    entry.row.profile = profile
    run.draft.identifiers.add(entry)
  }
  fillProfiles(
    run,
    neighbourhood.sets,
    placed.map(({ profile }) => profile),
    ownerBefore,
  )
  return placed
}

/** The groups of the neighbourhood by member, as the resolver makes them from nothing. */
function judgeNeighbourhood(run: Run, { sets, merges }: Neighbourhood): Map<number, Group> {
  const { working, draft } = run
  const byMember = new Map<number, Group>()
  const groupOf = (id: number) => byMember.get(id) ?? null
  const steps = [
    ...sets.map((set) => ({
      offset: set.firstOffset,
      set,
      members: set.identifiers.map(working.identifierById, working),
    })),
    ...merges.map((merge) => ({ ...merge, set: null })),
  ].sort((a, b) => a.offset - b.offset)
  for (const { set, members } of steps) {
    const eligible = members.filter((entry) => working.isEligible(entry)).map(({ member }) => member)
    // A merge by hand names two people: with one of them quarantined there is nothing to join.
    if (set === null && (eligible.length < 2 || eligible.some(({ id }) => groupOf(id) === null))) continue
    const trust = set === null ? 'hand' : (set.trust as Trust)
    const judgement = judgeSet({ members: eligible, trust }, groupOf, working.cannotLinks)
    const group = joinGroups(judgement)
    for (const member of group?.members ?? []) byMember.set(member.id, group!)
    if (set === null) continue
    set.owner = eligible[0]?.id ?? 0
    set.refused = judgement.refused.map(({ id, reason }) => ({ identifier: id, reason }))
    draft.sets.add(set)
  }
  return byMember
}

function place(
  run: Run,
  group: Group,
  before: ReadonlyMap<number, number>,
  priorOf: ReadonlyMap<number, ReadonlyMap<number, number>>,
): Regrouped {
  const held = run.working.profileIfHeld(group.root)
  const profile = held?.alive ? held : run.working.addProfile(group.root)
  profile.identifiers = group.members.map(({ id }) => id)
  profile.suppressed = profile.identifiers.some((id) => run.working.identifierById(id).row.suppressed)
  const parts = new Set(profile.identifiers.map((id) => before.get(id) ?? 0))
  const priors = [...parts].flatMap((part) => priorOf.get(part) ?? [])
  run.draft.touchSnapshot(profile)
  return { profile, priors }
}

/** Gives each profile the sets it owns now, and the merge of their states; notes which sets moved. */
function fillProfiles(
  run: Run,
  sets: readonly SetEntry[],
  profiles: readonly ProfileEntry[],
  ownerBefore: ReadonlyMap<SetEntry, number>,
): void {
  const owned = new Map<number, SetEntry[]>(profiles.map(({ id }) => [id, []]))
  for (const set of sets) {
    const profile = profileOfSet(run, set)
    owned.get(profile)?.push(set)
    if (profile !== ownerBefore.get(set)) run.draft.move(set.id, profile)
  }
  for (const profile of profiles) {
    const own = owned.get(profile.id) ?? []
    profile.sets = own.map(({ id }) => id).sort((a, b) => a - b)
    profile.state = mergeAll(
      own.map(({ state }) => state),
      run.registry.keepOf,
    )
    profile.traits = null
  }
}

function profileOfSet(run: Run, set: SetEntry): number {
  return set.owner === 0 ? 0 : run.working.identifierById(set.owner).row.profile
}
