// The port of the state store: what the pipeline commits in one transaction, and what everybody else reads of it.
// Async and batch-shaped, because PostgreSQL is. Numbers (`set`, `profile`, `identifier`) are small integers given in log order,
// so a replay gives the same ones; `profile` is the number of the profile's oldest identifier.
import type { RefusalReason } from '../resolve/resolver.ts'
import type { Change } from '../spec/change.ts'
import type { Identifier } from '../spec/identifier.ts'
import type { Segment } from '../spec/segment.ts'
import type { Source } from '../spec/source.ts'
import type { Verdict } from '../spec/verdict.ts'

export interface IdentifierRow extends Identifier {
  id: number
  /** Public profile id of a profile whose oldest identifier this is. */
  birthId: string
  /** `timestamp` of the first event that carried it (ms): what sliding limits count. UNSEEN while only a decision has named it. */
  firstAt: number
  /** Number of the profile that holds it; 0 while no profile does. */
  profile: number
  suppressed: boolean
}

/** `firstAt` of an identifier that no event has carried yet. */
export const UNSEEN = -1e15

export interface SetRow {
  id: number
  /** Canonical text of (source, source kind, sorted identifier numbers); unique. */
  key: string
  source: string
  /** How far the source was trusted when the set was first seen. */
  trust: string
  /** Sorted by rank, highest first; blocked and quarantined ones included. */
  identifiers: number[]
  firstOffset: number
  /** Identifier that owns the set (0: none may); computed, kept for look-up. */
  owner: number
  /** Identifiers of this set that were refused when it was judged, with the reason. */
  refused: Refusal[]
  /** Encoded set state (src/profile). */
  state: Uint8Array
}

export interface Refusal {
  identifier: number
  reason: RefusalReason
}

export interface ProfileRow {
  id: number
  /** False once it has been merged into another; a split may revive it. */
  alive: boolean
  /** Identifier numbers, ascending. */
  identifiers: number[]
  /** Numbers of the sets it owns, ascending. */
  sets: number[]
  /** Encoded merge of the states of those sets. */
  state: Uint8Array
  /** Segment ids it is a member of, with log time of entry (ms). */
  memberships: [segment: number, since: number][]
  /** Earliest log time (ms) at which time alone may change an answer; null for never. */
  nextTimer: number | null
  suppressed: boolean
  /** Number of the commit that last changed what history's snapshot shows. */
  changedIn: number
}

/** A set moved to another profile by a merge or split: history rows below `offset` are read as of `profile`. */
export interface SetMove {
  commit: number
  ordinal: number
  set: number
  /** 0 when no profile owns the set any more. */
  profile: number
  offset: number
}

/** A decision by hand that binds the resolver. `lifted` ones no longer count. */
export interface HandDecisionRow {
  offset: number
  kind: 'merge' | 'split' | 'quarantine'
  /** As `kind:value`. merge: one identifier each; split: both sides; quarantine: `a` alone. */
  a: string[]
  b: string[]
  reason: string
  author: string
  at: number
  lifted: boolean
}

export interface ClauseRow {
  id: number
  /** Content hash; equal clauses are shared by all segments. */
  hash: string
  /** JSON of the clause (src/segment). */
  definition: string
  /** Folded by the stream from this offset on, below it by a backfill; 0 when that is complete, -1 when no segment uses the clause. */
  fromOffset: number
  /** Number of the last set for which the backfill has folded it. Kept here and not with the job: another job may go on with it. */
  foldedTo: number
}

export interface BackfillRow {
  segment: number
  below: number
  /** `fold`: adding old facts set by set; `evaluate`: telling memberships profile by profile. */
  phase: 'fold' | 'evaluate'
  /** Last profile number whose memberships were told. */
  cursor: number
  done: number
  total: number
  startedAt: number
}

export interface Position {
  /** Offset of the first record that is not committed. */
  next: number
  /** Greatest `receivedAt` of a committed record. */
  logTime: number
  /** Number of the last commit. */
  commit: number
  /** Ordinal of the last change at offset `next - 1`. */
  ordinal: number
}

export interface DedupeBlob {
  /** Key of the generation: 1000 times its hour (log time / 3,600,000), plus its place within the hour. */
  hour: number
  /** Packed 16-byte hashes. */
  hashes: Uint8Array
}

/** Everything one transaction of the pipeline writes. */
export interface Commit {
  /** Fails (throws) unless the stored position's `next` and `commit` equal these: one writer at a time. */
  expected: Position
  position: Position
  identifiers: IdentifierRow[]
  sets: SetRow[]
  profiles: ProfileRow[]
  verdicts: Verdict[]
  changes: Change[]
  moves: SetMove[]
  dedupe: DedupeBlob[]
  /** Drop generations with keys below this. */
  dedupeFrom: number
  sources: Source[]
  sourcesRemoved: string[]
  segments: Segment[]
  segmentsRemoved: number[]
  clauses: ClauseRow[]
  handDecisions: HandDecisionRow[]
  backfills: BackfillRow[]
  backfillsDone: number[]
  kinds: string[]
  /** Genesis facts, once. */
  genesis: { birthKey: string; dedupeHours: number; dedupeIdsMax: number } | null
}

/** Small things the pipeline holds whole. */
export interface Catalogue {
  genesis: { birthKey: string; dedupeHours: number; dedupeIdsMax: number } | null
  sources: Source[]
  segments: Segment[]
  clauses: ClauseRow[]
  handDecisions: HandDecisionRow[]
  backfills: BackfillRow[]
  /** Kinds registered by server sources, beyond the defaults. */
  kinds: string[]
  nextIdentifier: number
  nextSet: number
}

export interface StateReader {
  position(): Promise<Position>
  catalogue(): Promise<Catalogue>
  identifiersByValue(identifiers: readonly Identifier[]): Promise<IdentifierRow[]>
  identifiersById(ids: readonly number[]): Promise<IdentifierRow[]>
  /** By public profile id. */
  identifierByBirthId(birthId: string): Promise<IdentifierRow | null>
  profiles(ids: readonly number[]): Promise<ProfileRow[]>
  sets(ids: readonly number[]): Promise<SetRow[]>
  /** Present members of a segment in profile-number order, above `after`. */
  members(segment: number, options: { after: number; limit: number }): Promise<{ profile: number; since: number }[]>
  /** Changes with (offset, ordinal) above the given place and offset below `below`, in order. */
  changes(after: { offset: number; ordinal: number }, limit: number, below?: number): Promise<Change[]>
  /** Verdicts of offsets [from, below), in order. */
  verdicts(from: number, below: number): Promise<Verdict[]>
  /** Profiles whose snapshot changed in a commit in (after, upTo], in `changedIn` order. */
  profilesChanged(after: number, upTo: number, limit: number): Promise<ProfileRow[]>
  /** Set moves after (commit, ordinal), in order. */
  moves(after: { commit: number; ordinal: number }, limit: number): Promise<SetMove[]>
  counts(): Promise<{ profiles: number; identifiers: number; sets: number }>
  close(): Promise<void>
}

export interface StateStore extends StateReader {
  setsByKey(keys: readonly string[]): Promise<SetRow[]>
  /** Every set that carries one of these identifiers, in number order. */
  setsCarrying(identifiers: readonly number[]): Promise<SetRow[]>
  /** Living profiles with a number above `after`, in order: for backfills. */
  profilesAfter(after: number, limit: number): Promise<ProfileRow[]>
  /** Living profiles whose `nextTimer` is at or before `until`, at most `limit`, earliest first. */
  profilesDue(until: number, limit: number): Promise<ProfileRow[]>
  /** Earliest timer of all; null for none. */
  nextTimer(): Promise<number | null>
  dedupeBlobs(): Promise<DedupeBlob[]>
  /** One durable transaction. Throws `conflict` when `expected` is not the stored position. */
  commit(commit: Commit): Promise<void>
}
