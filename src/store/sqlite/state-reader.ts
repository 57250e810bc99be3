// The reading half of the SQLite state store: what other processes may ask of state.db. Each call reads one snapshot, so it
// sees whole commits; two calls may see two commits, and readers that must not pass a place say so (`below`, `upTo`).
import type {
  BackfillRow,
  Catalogue,
  ClauseRow,
  HandDecisionRow,
  IdentifierRow,
  Position,
  ProfileRow,
  SetMove,
  SetRow,
  StateReader,
} from '../../pipeline/state-store.ts'
import type { Change, ChangeKind } from '../../spec/change.ts'
import type { Identifier } from '../../spec/identifier.ts'
import type { Segment } from '../../spec/segment.ts'
import type { Source } from '../../spec/source.ts'
import type { Verdict } from '../../spec/verdict.ts'
import type { Database } from './database.ts'
import { unpackNumbers, unpackVerdicts } from './state-blocks.ts'
import { type CatalogueNoun, readTotals } from './state-commit.ts'
import {
  arrays,
  ascending,
  IDENTIFIER_COLUMNS,
  type IdentifierTuple,
  identifierRow,
  PROFILE_COLUMNS,
  type ProfileTuple,
  profileRow,
  SET_COLUMNS,
  type SetTuple,
  selectIn,
  setRow,
} from './state-rows.ts'

export class SqliteStateReader implements StateReader {
  protected readonly database: Database

  constructor(database: Database) {
    this.database = database
  }

  async position(): Promise<Position> {
    const { next, logTime, commit, ordinal } = this.database.snapshot(() => readTotals(this.database))
    return { next, logTime, commit, ordinal }
  }

  async counts(): Promise<{ profiles: number; identifiers: number; sets: number }> {
    const { profiles, identifiers, sets } = this.database.snapshot(() => readTotals(this.database))
    return { profiles, identifiers, sets }
  }

  async catalogue(): Promise<Catalogue> {
    return this.database.snapshot(() => {
      const { nextIdentifier, nextSet } = readTotals(this.database)
      return {
        genesis: this.#nouns<NonNullable<Catalogue['genesis']>>('genesis')[0] ?? null,
        sources: this.#nouns<Source>('source'),
        segments: this.#nouns<Segment>('segment'),
        clauses: this.#nouns<ClauseRow>('clause'),
        handDecisions: this.#nouns<HandDecisionRow>('hand_decision'),
        backfills: this.#nouns<BackfillRow>('backfill'),
        kinds: this.#nouns<string>('kind', 'id'),
        nextIdentifier,
        nextSet,
      }
    })
  }

  async identifiersByValue(identifiers: readonly Identifier[]): Promise<IdentifierRow[]> {
    const values = new Map<string, Set<string>>()
    for (const { kind, value } of identifiers) {
      // No ill-formed text is ever stored, and as UTF-8 it would find what holds U+FFFD.
      if (!kind.isWellFormed() || !value.isWellFormed()) continue
      values.set(kind, (values.get(kind) ?? new Set()).add(value))
    }
    const sql = `SELECT ${IDENTIFIER_COLUMNS} FROM identifiers WHERE kind = ? AND value IN`
    const rows = this.database.snapshot(() =>
      [...values].flatMap(([kind, ofKind]) => selectIn<IdentifierTuple>(this.database, sql, [...ofKind], [kind])),
    )
    return rows.map(identifierRow).sort((a, b) => a.id - b.id)
  }

  async identifiersById(ids: readonly number[]): Promise<IdentifierRow[]> {
    const sql = `SELECT ${IDENTIFIER_COLUMNS} FROM identifiers WHERE id IN`
    return this.database
      .snapshot(() => selectIn<IdentifierTuple>(this.database, sql, ascending(ids)))
      .map(identifierRow)
  }

  async identifierByBirthId(birthId: string): Promise<IdentifierRow | null> {
    const sql = `SELECT ${IDENTIFIER_COLUMNS} FROM identifiers WHERE birth_id = ?`
    const row = this.database.snapshot(() => arrays(this.database, sql).get(birthId))
    return row === undefined ? null : identifierRow(row as unknown as IdentifierTuple)
  }

  async profiles(ids: readonly number[]): Promise<ProfileRow[]> {
    return this.database.snapshot(() => this.profileRows(ids))
  }

  async sets(ids: readonly number[]): Promise<SetRow[]> {
    return this.database.snapshot(() => this.setRows(ids))
  }

  async members(
    segment: number,
    options: { after: number; limit: number },
  ): Promise<{ profile: number; since: number }[]> {
    const sql = 'SELECT profile, since FROM memberships WHERE segment = ? AND profile > ? ORDER BY profile LIMIT ?'
    const rows = this.database.snapshot(() => arrays(this.database, sql).all(segment, options.after, options.limit))
    return (rows as unknown as [number, number][]).map(([profile, since]) => ({ profile, since }))
  }

  async changes(
    after: { offset: number; ordinal: number },
    limit: number,
    below = Number.MAX_SAFE_INTEGER,
  ): Promise<Change[]> {
    const sql = `SELECT offset, ordinal, kind, segment, profile_id, identifiers, at FROM changes
      WHERE (offset, ordinal) > (?, ?) AND offset < ? ORDER BY offset, ordinal LIMIT ?`
    const rows = this.database.snapshot(() =>
      arrays(this.database, sql).all(after.offset, after.ordinal, below, limit),
    ) as unknown as [number, number, ChangeKind, string, string, string, number][]
    return rows.map(([offset, ordinal, kind, ofSegment, profileId, identifiers, at]) => {
      return { offset, ordinal, kind, segment: ofSegment, profileId, identifiers: JSON.parse(identifiers), at }
    })
  }

  async verdicts(from: number, below: number): Promise<Verdict[]> {
    // The block that holds `from` starts at or before it.
    const sql = `SELECT first_offset, body FROM verdicts WHERE first_offset < ?2 AND first_offset >=
      coalesce((SELECT max(first_offset) FROM verdicts WHERE first_offset <= ?1), ?1) ORDER BY first_offset`
    const rows = this.database.snapshot(() => arrays(this.database, sql).all(from, below))
    return (rows as unknown as [number, Uint8Array][]).flatMap(([firstOffset, body]) =>
      unpackVerdicts({ firstOffset, body }, from, below),
    )
  }

  /** Whole commits: the caller's cursor is a commit, so the last one is never cut, and `limit` may be passed by its rows. */
  async profilesChanged(after: number, upTo: number, limit: number): Promise<ProfileRow[]> {
    if (limit < 1) return []
    const sql = `SELECT commit_number, profiles FROM changed WHERE commit_number > ? AND commit_number <= ?
      ORDER BY commit_number, written_in`
    return this.database.snapshot(() => {
      const rows: ProfileRow[] = []
      const blocks = arrays(this.database, sql).iterate(after, upTo) as unknown as Iterable<[number, Uint8Array]>
      let ids: number[] = []
      let commit = after
      for (const [number, packed] of blocks) {
        if (number !== commit) {
          rows.push(...this.#profilesOfCommit(commit, ids))
          if (rows.length >= limit) return rows
          ids = []
          commit = number
        }
        ids.push(...unpackNumbers(packed))
      }
      rows.push(...this.#profilesOfCommit(commit, ids))
      return rows
    })
  }

  async moves(after: { commit: number; ordinal: number }, limit: number): Promise<SetMove[]> {
    const sql = `SELECT commit_number, ordinal, set_id, profile, offset FROM set_moves
      WHERE (commit_number, ordinal) > (?, ?) ORDER BY commit_number, ordinal LIMIT ?`
    const rows = this.database.snapshot(() => arrays(this.database, sql).all(after.commit, after.ordinal, limit))
    return (rows as unknown as [number, number, number, number, number][]).map(
      ([commit, ordinal, set, profile, offset]) => ({ commit, ordinal, set, profile, offset }),
    )
  }

  async close(): Promise<void> {
    this.database.close()
  }

  /** In number order, each once. Within a snapshot. */
  protected profileRows(ids: readonly number[]): ProfileRow[] {
    const sql = `SELECT ${PROFILE_COLUMNS} FROM profiles WHERE id IN`
    return selectIn<ProfileTuple>(this.database, sql, ascending(ids)).map(profileRow)
  }

  /** In number order, each once. Within a snapshot. */
  protected setRows(ids: readonly number[]): SetRow[] {
    return selectIn<SetTuple>(this.database, `SELECT ${SET_COLUMNS} FROM sets WHERE id IN`, ascending(ids)).map(setRow)
  }

  /** Those of a commit's profiles that no later commit has changed again. */
  #profilesOfCommit(commit: number, ids: readonly number[]): ProfileRow[] {
    const sql = `SELECT ${PROFILE_COLUMNS} FROM profiles WHERE changed_in = ? AND id IN`
    return selectIn<ProfileTuple>(this.database, sql, ascending(ids), [commit]).map(profileRow)
  }

  #nouns<Row>(noun: CatalogueNoun, order: 'key' | 'id' = 'key'): Row[] {
    const rows = arrays(this.database, `SELECT body FROM catalogue WHERE noun = ? ORDER BY ${order}`).all(noun)
    return (rows as unknown as [string][]).map(([body]) => JSON.parse(body) as Row)
  }
}
