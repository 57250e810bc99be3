// The draft: what one transaction will write. Gathers the entries that changed, and gives verdicts, changes and moves their place.
import { encodeState } from '../profile/codec.ts'
import type { ChangeKind } from '../spec/change.ts'
import type { Segment } from '../spec/segment.ts'
import type { Verdict } from '../spec/verdict.ts'
import type { IdentifierEntry, ProfileEntry, SetEntry } from './entries.ts'
import type { Registry } from './registry.ts'
import type { BackfillRow, Commit, HandDecisionRow, IdentifierRow, Position, SetMove } from './state-store.ts'

/** A change before its identifiers are looked up: that needs rows which the pass over the events may not have in hand. */
export interface DraftChange {
  offset: number
  ordinal: number
  kind: ChangeKind
  segment: string
  profile: number
  identifiers: number[]
  at: number
}

export class Draft {
  readonly expected: Position
  readonly commit: number
  logTime: number
  /** Changes are filed at this offset: that of the record being processed, or of the last one before it for timers. */
  offset: number
  #ordinal: number
  next: number
  readonly identifiers = new Set<IdentifierEntry>()
  readonly sets = new Set<SetEntry>()
  readonly profiles = new Set<ProfileEntry>()
  readonly verdicts: Verdict[] = []
  readonly changes: DraftChange[] = []
  readonly moves: SetMove[] = []
  readonly segments = new Set<Segment>()
  readonly segmentsRemoved: number[] = []
  readonly handDecisions: HandDecisionRow[] = []
  readonly backfills = new Map<number, BackfillRow>()
  readonly backfillsDone: number[] = []
  readonly kinds: string[] = []
  readonly sources: Commit['sources'] = []
  readonly sourcesRemoved: string[] = []
  genesis: Commit['genesis'] = null

  constructor(position: Position) {
    this.expected = { ...position }
    this.commit = position.commit + 1
    this.logTime = position.logTime
    this.next = position.next
    this.offset = position.next - 1
    this.#ordinal = position.ordinal
  }

  /** Begins the record at `offset`: its changes are filed under it from here on. */
  begin(offset: number): void {
    this.offset = offset
    this.#ordinal = 0
    this.next = offset + 1
  }

  change(kind: ChangeKind, segment: string, profile: number, identifiers: readonly number[], at: number): void {
    this.#ordinal += 1
    this.changes.push({
      offset: this.offset,
      ordinal: this.#ordinal,
      kind,
      segment,
      profile,
      identifiers: [...identifiers],
      at,
    })
  }

  /** The set's rows below the present offset now read as of this profile. */
  move(set: number, profile: number): void {
    this.moves.push({ commit: this.commit, ordinal: this.moves.length, set, profile, offset: this.offset })
  }

  touch(profile: ProfileEntry): void {
    this.profiles.add(profile)
  }

  /** What history's snapshot shows of the profile has changed. */
  touchSnapshot(profile: ProfileEntry): void {
    profile.changedIn = this.commit
    this.profiles.add(profile)
  }

  position(): Position {
    return { next: this.next, logTime: this.logTime, commit: this.commit, ordinal: this.#ordinal }
  }

  /** The commit. `rowOf` gives any identifier's row; those of all changes and their profiles must be at hand. */
  build(
    registry: Registry,
    rowOf: (id: number) => IdentifierRow,
    dedupe: Pick<Commit, 'dedupe' | 'dedupeFrom'>,
  ): Commit {
    return {
      expected: this.expected,
      position: this.position(),
      identifiers: [...this.identifiers].map(({ row }) => ({ ...row })),
      sets: [...this.sets].map((set) => ({ ...set, state: encodeState(set.state) })),
      profiles: [...this.profiles].map(({ traits: _traits, group: _group, ...profile }) => ({
        ...profile,
        state: encodeState(profile.state),
        memberships: [...profile.memberships].filter(([segment]) => registry.segments.has(segment)),
      })),
      verdicts: this.verdicts,
      changes: this.changes.map(({ profile, identifiers, ...change }) => ({
        ...change,
        profileId: rowOf(profile).birthId,
        identifiers: identifiers.map((id) => ({ kind: rowOf(id).kind, value: rowOf(id).value })),
      })),
      moves: this.moves,
      ...dedupe,
      sources: this.sources,
      sourcesRemoved: this.sourcesRemoved,
      segments: [...this.segments].map((segment) => ({ ...segment })),
      segmentsRemoved: this.segmentsRemoved,
      clauses: registry.takeTouchedClauses(),
      handDecisions: this.handDecisions.map((row) => ({ ...row })),
      backfills: [...this.backfills.values()].map((row) => ({ ...row })),
      backfillsDone: this.backfillsDone,
      kinds: this.kinds,
      genesis: this.genesis,
    }
  }

  /** Identifiers whose rows `build` will ask for. */
  identifiersNeeded(): number[] {
    return this.changes.flatMap(({ profile, identifiers }) => [profile, ...identifiers])
  }
}
