// Grouping: applies what the resolver judged. `linkSet` is the everyday case, one new set; `regroup` re-runs a whole neighbourhood
// after a decision by hand, so that everything in it equals the run with the decision in force from the first offset.
import { mergeAll, mergeStates } from '../profile/fold.ts'
import { emptyState } from '../profile/state.ts'
import { type Group, joinGroups, judgeSet, type SetJudgement, type Trust } from '../resolve/resolver.ts'
import type { IdentifierEntry, ProfileEntry, SetEntry } from './entries.ts'
import type { Run } from './run.ts'
import type { Refusal } from './state-store.ts'

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
  if (set !== null) noteJudgement(run, set, members[0]?.id ?? 0, judgement)
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
  profile.group = null
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
    group: null,
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
  /** Identifiers that no profile held before. */
  fresh: number[]
}

/** A profile as it was before the re-run, where the re-run changed it. */
export interface Disturbed {
  memberships: ReadonlyMap<number, number>
  /** Those of its identifiers that no profile holds any more: destinations must let go of them. */
  released: number[]
}

interface Before {
  entry: ProfileEntry
  memberships: ReadonlyMap<number, number>
  identifiers: readonly number[]
  sets: readonly number[]
}

/** Re-runs the resolver over the neighbourhood and puts its outcome in place of what was. What stays as it was is not written. */
export function regroup(run: Run, neighbourhood: Neighbourhood): { regrouped: Regrouped[]; disturbed: Disturbed[] } {
  const { working } = run
  const holderBefore = new Map([...neighbourhood.identifiers].map(([id, { row }]) => [id, row.profile]))
  const before = new Map<number, Before>()
  for (const id of new Set(holderBefore.values())) {
    if (id === 0) continue
    const entry = working.profile(id)
    const { memberships, identifiers, sets } = entry
    before.set(id, { entry, memberships, identifiers, sets })
  }
  const setHolderBefore = new Map(neighbourhood.sets.map((set) => [set, holderOf(run, set)]))
  const byMember = judgeNeighbourhood(run, neighbourhood)
  for (const entry of neighbourhood.identifiers.values()) {
    const profile = byMember.get(entry.row.id)?.root ?? 0
    if (entry.row.profile === profile) continue
    entry.row.profile = profile
    run.draft.identifiers.add(entry)
  }
  const groups = new Map([...byMember.values()].map((group) => [group.root, group]))
  const owned = new Map<number, SetEntry[]>([...groups.keys()].map((root) => [root, []]))
  for (const [set, former] of setHolderBefore) {
    const holder = holderOf(run, set)
    owned.get(holder)?.push(set)
    if (holder !== former) run.draft.move(set.id, holder)
  }
  const disturbed = [...before].filter(([id, prior]) => !isAsBefore(prior, groups.get(id), owned.get(id)))
  for (const [id, prior] of disturbed) if (!groups.has(id)) bury(run, prior.entry)
  const changed = [...groups.values()].filter(
    (group) => !isAsBefore(before.get(group.root), group, owned.get(group.root)),
  )
  return {
    regrouped: changed.map((group) => place(run, group, owned.get(group.root)!, holderBefore, before)),
    disturbed: disturbed.map(([, { memberships, identifiers }]) => ({
      memberships,
      released: identifiers.filter((id) => !byMember.has(id)),
    })),
  }
}

function isAsBefore(
  prior: Before | undefined,
  group: Group | undefined,
  sets: readonly SetEntry[] | undefined,
): boolean {
  if (prior === undefined || group === undefined || sets === undefined) return false
  return (
    isSame(
      prior.identifiers,
      group.members.map(({ id }) => id),
    ) &&
    isSame(
      prior.sets,
      sets.map(({ id }) => id),
    )
  )
}

/** Both ascending. */
function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}

/** The groups of the neighbourhood by member, as the resolver makes them from nothing. */
function judgeNeighbourhood(run: Run, { sets, merges }: Neighbourhood): Map<number, Group> {
  const { working } = run
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
    if (set !== null) noteJudgement(run, set, eligible[0]?.id ?? 0, judgement)
  }
  return byMember
}

/** Keeps what was judged of the set; one that is judged as before is not written. */
function noteJudgement(run: Run, set: SetEntry, owner: number, { refused }: SetJudgement): void {
  const isSameRefusal = (one: Refusal, index: number) =>
    one.identifier === refused[index]?.id && one.reason === refused[index]?.reason
  if (set.owner === owner && set.refused.length === refused.length && set.refused.every(isSameRefusal)) return
  set.owner = owner
  set.refused = refused.map(({ id, reason }) => ({ identifier: id, reason }))
  run.draft.sets.add(set)
}

function place(
  run: Run,
  group: Group,
  sets: readonly SetEntry[],
  holderBefore: ReadonlyMap<number, number>,
  before: ReadonlyMap<number, Before>,
): Regrouped {
  const held = run.working.profileIfHeld(group.root)
  const profile = held?.alive ? held : run.working.addProfile(group.root)
  profile.identifiers = group.members.map(({ id }) => id)
  profile.sets = sets.map(({ id }) => id)
  profile.state = mergeAll(
    sets.map(({ state }) => state),
    run.registry.keepOf,
  )
  profile.traits = null
  profile.group = null
  profile.suppressed = profile.identifiers.some((id) => run.working.identifierById(id).row.suppressed)
  const parts = new Set(profile.identifiers.map((id) => holderBefore.get(id) ?? 0))
  run.draft.touchSnapshot(profile)
  return {
    profile,
    priors: [...parts].flatMap((part) => before.get(part)?.memberships ?? []),
    fresh: profile.identifiers.filter((id) => (holderBefore.get(id) ?? 0) === 0),
  }
}

function holderOf(run: Run, set: SetEntry): number {
  return set.owner === 0 ? 0 : run.working.identifierById(set.owner).row.profile
}
