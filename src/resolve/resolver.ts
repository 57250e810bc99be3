// The resolver: (sets in order of first offset, decisions) -> groups of identifiers. Pure and deterministic: the same step judges a
// set when it first arrives and when a split, a quarantine or a lift re-runs a neighbourhood, so that after a cut everything equals
// the run of the same log with the cut in force from the first offset.
//
// A step tries to join everything the set's eligible identifiers belong to. Where that would break a limit or the source's trust, the
// lowest-ranking identifier is dropped and the rest tried again (Segment's demotion). Where it would join the sides of a split, the
// first identifier that stands across it from those above is dropped: somebody drew that line by hand, and whoever is not beyond it
// stays.
import type { Kind } from '../spec/kind.ts'

export interface Member {
  id: number
  kind: Kind
  /** `timestamp` of the identifier's first fact (ms): what sliding limits count. */
  firstAt: number
  /** Its person is suppressed: whoever is not may not be joined with them. */
  suppressed: boolean
}

/** A profile as the resolver sees it: a living group of identifiers. */
export interface Group {
  /** Smallest member id. */
  root: number
  members: Member[]
}

export type RefusalReason = 'limit' | 'cannot_link' | 'trust' | 'suppressed'

export interface SetJudgement {
  /** Groups joined into one, by the identifiers in `kept`; empty when nothing was eligible. */
  joined: Group[]
  /** Identifiers linked by the set, highest rank first; some may be in no group yet. */
  kept: Member[]
  refused: { id: number; reason: RefusalReason }[]
}

/** Cookies may come five a week for ever, dated as a browser likes: this bounds what any one profile can grow to. */
export const IDENTIFIERS_PER_PROFILE_MAX = 1000

/** `hand` is a merge by decision: it overrides limits and trust, never a cannot-link. */
export type Trust = 'browser' | 'mobile' | 'server' | 'hand'

/** Which sides of which splits an identifier stands on. */
export interface CannotLinks {
  isEmpty(): boolean
  sidesOf(id: number): readonly { split: number; side: 'a' | 'b' }[] | undefined
}

export interface SetLink {
  /** Eligible identifiers, highest rank first. */
  members: readonly Member[]
  trust: Trust
}

/** Judges one set against the groups that exist. */
export function judgeSet(link: SetLink, groupOf: (id: number) => Group | null, cannotLinks: CannotLinks): SetJudgement {
  const kept = [...link.members]
  const refused: SetJudgement['refused'] = []
  for (;;) {
    const joined = distinctGroups(kept, groupOf)
    const fresh = kept.filter((member) => groupOf(member.id) === null)
    const reason = violation(joined, fresh, link.trust, cannotLinks)
    if (reason === null) return { joined, kept, refused }
    // By hand there is nothing to try again: two people were named, and they may not be joined.
    if (link.trust === 'hand') return { joined: [], kept: [], refused: kept.map(({ id }) => ({ id, reason })) }
    const [dropped] = kept.splice(placeToDrop(reason, kept, groupOf, cannotLinks), 1)
    if (dropped === undefined) throw new Error('one identifier alone broke a rule')
    refused.push({ id: dropped.id, reason })
  }
}

/** Which of the kept identifiers goes, so that the rest can be tried again. */
function placeToDrop(
  reason: RefusalReason,
  kept: readonly Member[],
  groupOf: (id: number) => Group | null,
  cannotLinks: CannotLinks,
): number {
  if (reason === 'cannot_link') return firstDivided(kept, groupOf, cannotLinks)
  if (reason !== 'suppressed') return kept.length - 1
  return kept.findLastIndex((member) => isSuppressed(groupOf(member.id)?.members ?? [member]))
}

/** Place of the first identifier, by rank, whose group stands across a split from the groups of those above it. */
function firstDivided(
  kept: readonly Member[],
  groupOf: (id: number) => Group | null,
  cannotLinks: CannotLinks,
): number {
  const parts = kept.map((member) => groupOf(member.id)?.members ?? [member])
  return parts.findIndex((_, index) => joinsBothSides(parts.slice(0, index + 1), cannotLinks))
}

/** The group that a judgement makes: everything joined, and the identifiers that were in no group. */
export function joinGroups(judgement: SetJudgement): Group | null {
  const members = judgement.joined.flatMap((group) => group.members)
  const present = new Set(members.map(({ id }) => id))
  for (const member of judgement.kept) if (!present.has(member.id)) members.push(member)
  if (members.length === 0) return null
  members.sort((a, b) => a.id - b.id)
  return { root: members[0]!.id, members }
}

function distinctGroups(members: readonly Member[], groupOf: (id: number) => Group | null): Group[] {
  const groups = new Map<number, Group>()
  for (const { id } of members) {
    const group = groupOf(id)
    if (group !== null) groups.set(group.root, group)
  }
  return [...groups.values()]
}

function violation(joined: Group[], fresh: Member[], trust: Trust, cannotLinks: CannotLinks): RefusalReason | null {
  if (joined.length + fresh.length < 2) return null
  const parts = [...joined.map((group) => group.members), ...fresh.map((member) => [member])]
  if (!cannotLinks.isEmpty() && joinsBothSides(parts, cannotLinks)) return 'cannot_link'
  if (trust === 'hand') return null
  if (parts.some(isSuppressed) && parts.some((part) => !isSuppressed(part) && isKnown(part))) return 'suppressed'
  if (trust !== 'server' && joined.filter((group) => isKnown(group.members)).length > 1) return 'trust'
  return breaksLimit(parts) ? 'limit' : null
}

/** A device of a suppressed person must not take whoever uses it next into suppression. */
function isSuppressed(part: readonly Member[]): boolean {
  return part.some((member) => member.suppressed)
}

/** A browser's key is public: its word may give a known person another cookie, never join two known people. */
function isKnown(part: readonly Member[]): boolean {
  return part.some((member) => member.kind.class === 'known')
}

function joinsBothSides(parts: Member[][], cannotLinks: CannotLinks): boolean {
  const seen = new Map<number, 'a' | 'b'>()
  for (const part of parts) {
    for (const { id } of part) {
      for (const { split, side } of cannotLinks.sidesOf(id) ?? []) {
        const other = seen.get(split)
        if (other !== undefined && other !== side) return true
        seen.set(split, side)
      }
    }
  }
  return false
}

/**
 * Whether the union holds more of a kind than the limit allows, and more than its worst part already holds: a part that is
 * over its limit (by hand, or by an older rule) must still be able to gain what does not make it worse.
 */
function breaksLimit(parts: Member[][]): boolean {
  const sizes = parts.map((part) => part.length)
  const size = sizes.reduce((sum, one) => sum + one, 0)
  if (size > IDENTIFIERS_PER_PROFILE_MAX && size > Math.max(...sizes)) return true
  const kinds = new Map<string, { kind: Kind; times: number[][] }>()
  for (const part of parts) {
    const own = new Map<string, number[]>()
    for (const member of part) {
      const times = own.get(member.kind.name)
      if (times === undefined) {
        const fresh: number[] = [member.firstAt]
        own.set(member.kind.name, fresh)
        const entry = kinds.get(member.kind.name)
        if (entry === undefined) kinds.set(member.kind.name, { kind: member.kind, times: [fresh] })
        else entry.times.push(fresh)
      } else times.push(member.firstAt)
    }
  }
  for (const { kind, times } of kinds.values()) {
    if (times.length < 2) continue
    const worst = worstCount(times.flat(), kind.limit.spanMs)
    if (worst > kind.limit.most && worst > Math.max(...times.map((part) => worstCount(part, kind.limit.spanMs))))
      return true
  }
  return false
}

/** The most identifiers first seen within any span; all of them where the span is for ever. */
function worstCount(times: readonly number[], spanMs: number | null): number {
  if (spanMs === null) return times.length
  const sorted = [...times].sort((a, b) => a - b)
  let worst = 0
  let start = 0
  for (let end = 0; end < sorted.length; end++) {
    while (sorted[end]! - sorted[start]! >= spanMs) start++
    worst = Math.max(worst, end - start + 1)
  }
  return worst
}

/** One thing that may link, in its place in the log. */
export interface OrderedLink extends SetLink {
  offset: number
}

export interface Resolution {
  /** Group by identifier id; identifiers that no set links are absent. */
  groups: Map<number, Group>
  /** Per link, in the order given: what was refused. */
  refused: SetJudgement['refused'][]
}

/** Runs the whole resolver over links sorted by offset: the definition of every answer the steps above give one by one. */
export function resolveAll(links: readonly OrderedLink[], cannotLinks: CannotLinks): Resolution {
  const groups = new Map<number, Group>()
  const groupOf = (id: number) => groups.get(id) ?? null
  const refused = links.map((link) => {
    const judgement = judgeSet(link, groupOf, cannotLinks)
    const group = joinGroups(judgement)
    for (const member of group?.members ?? []) groups.set(member.id, group!)
    return judgement.refused
  })
  return { groups, refused }
}
