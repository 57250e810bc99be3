// The state store in memory: the plainest statement of what the port promises, for tests and for the pipeline's shadows.
// Every row is copied on its way in and on its way out, so that no caller's later mutation can reach a committed row. It
// must never do more than the port says: the same contract suite holds it and the SQLite store to the same answers.
import assert from 'node:assert/strict'
import type {
  BackfillRow,
  Catalogue,
  ClauseRow,
  Commit,
  DedupeBlob,
  HandDecisionRow,
  IdentifierRow,
  Position,
  ProfileRow,
  SetMove,
  SetRow,
  StateStore,
} from '../../pipeline/state-store.ts'
import type { Change } from '../../spec/change.ts'
import { OnefoldError } from '../../spec/errors.ts'
import type { Identifier } from '../../spec/identifier.ts'
import type { Segment } from '../../spec/segment.ts'
import type { Source } from '../../spec/source.ts'
import type { Verdict } from '../../spec/verdict.ts'

export class MemoryStateStore implements StateStore {
  #position: Position = { next: 0, logTime: 0, commit: 0, ordinal: 0 }
  #genesis: Catalogue['genesis'] = null
  readonly #identifiers = new Map<number, IdentifierRow>()
  /** kind -> value -> number: nested, because no separator is safe between two foreign strings. */
  readonly #byValue = new Map<string, Map<string, number>>()
  readonly #byBirthId = new Map<string, number>()
  readonly #sets = new Map<number, SetRow>()
  readonly #byKey = new Map<string, number>()
  readonly #carrying = new Map<number, Set<number>>()
  readonly #profiles = new Map<number, ProfileRow>()
  /** segment -> profile -> since. */
  readonly #members = new Map<number, Map<number, number>>()
  readonly #changes: Change[] = []
  readonly #verdicts = new Map<number, Verdict>()
  readonly #moves: SetMove[] = []
  #dedupe: DedupeBlob[] = []
  readonly #sources = new Map<string, Source>()
  readonly #segments = new Map<number, Segment>()
  readonly #clauses = new Map<number, ClauseRow>()
  readonly #handDecisions = new Map<number, HandDecisionRow>()
  readonly #backfills = new Map<number, BackfillRow>()
  readonly #kinds = new Set<string>()

  async position(): Promise<Position> {
    return { ...this.#position }
  }

  async catalogue(): Promise<Catalogue> {
    return structuredClone({
      genesis: this.#genesis,
      sources: [...this.#sources.values()].sort((a, b) => (a.slug < b.slug ? -1 : 1)),
      segments: inOrder(this.#segments),
      clauses: inOrder(this.#clauses),
      handDecisions: inOrder(this.#handDecisions),
      backfills: inOrder(this.#backfills),
      kinds: [...this.#kinds],
      nextIdentifier: greatest(this.#identifiers) + 1,
      nextSet: greatest(this.#sets) + 1,
    })
  }

  async identifiersByValue(identifiers: readonly Identifier[]): Promise<IdentifierRow[]> {
    const ids = identifiers.map(({ kind, value }) => this.#byValue.get(kind)?.get(value))
    return pick(this.#identifiers, ids).map(copyIdentifier)
  }

  async identifiersById(ids: readonly number[]): Promise<IdentifierRow[]> {
    return pick(this.#identifiers, ids).map(copyIdentifier)
  }

  async identifierByBirthId(birthId: string): Promise<IdentifierRow | null> {
    const id = this.#byBirthId.get(birthId)
    return pick(this.#identifiers, [id]).map(copyIdentifier)[0] ?? null
  }

  async profiles(ids: readonly number[]): Promise<ProfileRow[]> {
    return pick(this.#profiles, ids).map(copyProfile)
  }

  async sets(ids: readonly number[]): Promise<SetRow[]> {
    return pick(this.#sets, ids).map(copySet)
  }

  async setsByKey(keys: readonly string[]): Promise<SetRow[]> {
    return pick(
      this.#sets,
      keys.map((key) => this.#byKey.get(key)),
    ).map(copySet)
  }

  async setsCarrying(identifiers: readonly number[]): Promise<SetRow[]> {
    return pick(
      this.#sets,
      identifiers.flatMap((identifier) => [...(this.#carrying.get(identifier) ?? [])]),
    ).map(copySet)
  }

  async profilesAfter(after: number, limit: number): Promise<ProfileRow[]> {
    return inOrder(this.#profiles)
      .filter((row) => row.alive && row.id > after)
      .slice(0, limit)
      .map(copyProfile)
  }

  async profilesDue(until: number, limit: number): Promise<ProfileRow[]> {
    return this.#timed()
      .filter((row) => row.nextTimer <= until)
      .sort((a, b) => a.nextTimer - b.nextTimer || a.id - b.id)
      .slice(0, limit)
      .map(copyProfile)
  }

  async nextTimer(): Promise<number | null> {
    return this.#timed().reduce<number | null>(
      (least, row) => (least === null || row.nextTimer < least ? row.nextTimer : least),
      null,
    )
  }

  async profilesChanged(after: number, upTo: number, limit: number): Promise<ProfileRow[]> {
    const rows = [...this.#profiles.values()]
      .filter((row) => row.changedIn > after && row.changedIn <= upTo)
      .sort((a, b) => a.changedIn - b.changedIn || a.id - b.id)
    // The caller's cursor is a commit, so a commit cut in two would lose its second half.
    const last = rows[limit - 1]?.changedIn ?? upTo
    return limit < 1 ? [] : rows.filter((row) => row.changedIn <= last).map(copyProfile)
  }

  async members(
    segment: number,
    options: { after: number; limit: number },
  ): Promise<{ profile: number; since: number }[]> {
    return [...(this.#members.get(segment) ?? [])]
      .filter(([profile]) => profile > options.after)
      .sort((a, b) => a[0] - b[0])
      .slice(0, options.limit)
      .map(([profile, since]) => ({ profile, since }))
  }

  async changes(
    after: { offset: number; ordinal: number },
    limit: number,
    below = Number.MAX_SAFE_INTEGER,
  ): Promise<Change[]> {
    const isAfter = (row: Change) =>
      row.offset > after.offset || (row.offset === after.offset && row.ordinal > after.ordinal)
    const found = this.#changes.filter((row) => isAfter(row) && row.offset < below)
    return structuredClone(found.slice(0, limit))
  }

  async verdicts(from: number, below: number): Promise<Verdict[]> {
    return [...this.#verdicts.values()]
      .filter((verdict) => verdict.offset >= from && verdict.offset < below)
      .sort((a, b) => a.offset - b.offset)
      .map((verdict) => ({ ...verdict }))
  }

  async moves(after: { commit: number; ordinal: number }, limit: number): Promise<SetMove[]> {
    return this.#moves
      .filter((row) => row.commit > after.commit || (row.commit === after.commit && row.ordinal > after.ordinal))
      .slice(0, limit)
      .map((row) => ({ ...row }))
  }

  async counts(): Promise<{ profiles: number; identifiers: number; sets: number }> {
    const alive = [...this.#profiles.values()].filter((row) => row.alive)
    return { profiles: alive.length, identifiers: this.#identifiers.size, sets: this.#sets.size }
  }

  async dedupeBlobs(): Promise<DedupeBlob[]> {
    return this.#dedupe.map(({ hour, hashes }) => ({ hour, hashes: new Uint8Array(hashes) }))
  }

  async commit(commit: Commit): Promise<void> {
    const { expected, position } = commit
    if (expected.next !== this.#position.next || expected.commit !== this.#position.commit) {
      const stored = this.#position
      throw new OnefoldError('conflict', {
        detail: `the state is at ${stored.next} (commit ${stored.commit}), not at ${expected.next} (commit ${expected.commit})`,
      })
    }
    assert(position.commit > expected.commit && position.next >= expected.next, 'a commit goes forward')
    for (const { kind, value } of commit.identifiers)
      assert(kind.isWellFormed() && value.isWellFormed(), 'well-formed text')
    for (const row of commit.identifiers) this.#putIdentifier(row)
    for (const row of commit.sets) this.#putSet(row)
    for (const row of commit.profiles) this.#putProfile(row)
    for (const verdict of commit.verdicts) this.#verdicts.set(verdict.offset, { ...verdict })
    this.#changes.push(...structuredClone(commit.changes))
    this.#changes.sort((a, b) => a.offset - b.offset || a.ordinal - b.ordinal)
    this.#moves.push(...structuredClone(commit.moves))
    this.#moves.sort((a, b) => a.commit - b.commit || a.ordinal - b.ordinal)
    for (const { hour, hashes } of commit.dedupe) this.#dedupe.push({ hour, hashes: new Uint8Array(hashes) })
    this.#dedupe = this.#dedupe.filter((blob) => blob.hour >= commit.dedupeFrom).sort((a, b) => a.hour - b.hour)
    this.#putCatalogue(commit)
    this.#position = { ...position }
  }

  async close(): Promise<void> {}

  #timed(): (ProfileRow & { nextTimer: number })[] {
    const isTimed = (row: ProfileRow): row is ProfileRow & { nextTimer: number } => row.alive && row.nextTimer !== null
    return [...this.#profiles.values()].filter(isTimed)
  }

  #putIdentifier(row: IdentifierRow): void {
    this.#identifiers.set(row.id, copyIdentifier(row))
    const values = this.#byValue.get(row.kind) ?? new Map<string, number>()
    this.#byValue.set(row.kind, values.set(row.value, row.id))
    this.#byBirthId.set(row.birthId, row.id)
  }

  #putSet(row: SetRow): void {
    this.#sets.set(row.id, copySet(row))
    this.#byKey.set(row.key, row.id)
    for (const identifier of row.identifiers) {
      const sets = this.#carrying.get(identifier) ?? new Set<number>()
      this.#carrying.set(identifier, sets.add(row.id))
    }
  }

  #putProfile(row: ProfileRow): void {
    for (const [segment] of this.#profiles.get(row.id)?.memberships ?? []) this.#members.get(segment)?.delete(row.id)
    for (const [segment, since] of row.memberships) {
      const members = this.#members.get(segment) ?? new Map<number, number>()
      this.#members.set(segment, members.set(row.id, since))
    }
    this.#profiles.set(row.id, copyProfile(row))
  }

  #putCatalogue(commit: Commit): void {
    for (const slug of commit.sourcesRemoved) this.#sources.delete(slug)
    for (const row of commit.sources) this.#sources.set(row.slug, structuredClone(row))
    for (const id of commit.segmentsRemoved) this.#segments.delete(id)
    for (const row of commit.segments) this.#segments.set(row.id, structuredClone(row))
    for (const row of commit.clauses) this.#clauses.set(row.id, structuredClone(row))
    for (const row of commit.handDecisions) this.#handDecisions.set(row.offset, structuredClone(row))
    for (const segment of commit.backfillsDone) this.#backfills.delete(segment)
    for (const row of commit.backfills) this.#backfills.set(row.segment, structuredClone(row))
    for (const kind of commit.kinds) this.#kinds.add(kind)
    this.#genesis = commit.genesis === null ? this.#genesis : { ...commit.genesis }
  }
}

/** The rows with these numbers, each once, in number order. */
function pick<Row>(rows: ReadonlyMap<number, Row>, ids: readonly (number | undefined)[]): Row[] {
  const known = new Set(ids.filter((id) => id !== undefined))
  return [...known]
    .sort((a, b) => a - b)
    .map((id) => rows.get(id))
    .filter((row) => row !== undefined)
}

function inOrder<Row>(rows: ReadonlyMap<number, Row>): Row[] {
  return [...rows].sort((a, b) => a[0] - b[0]).map(([, row]) => row)
}

function greatest(rows: ReadonlyMap<number, unknown>): number {
  let most = 0
  for (const id of rows.keys()) if (id > most) most = id
  return most
}

function copyIdentifier(row: IdentifierRow): IdentifierRow {
  return { ...row }
}

function copySet(row: SetRow): SetRow {
  return {
    ...row,
    identifiers: [...row.identifiers],
    refused: row.refused.map((refusal) => ({ ...refusal })),
    state: new Uint8Array(row.state),
  }
}

function copyProfile(row: ProfileRow): ProfileRow {
  return {
    ...row,
    identifiers: [...row.identifiers],
    sets: [...row.sets],
    memberships: row.memberships.map(([segment, since]) => [segment, since]),
    state: new Uint8Array(row.state),
  }
}
