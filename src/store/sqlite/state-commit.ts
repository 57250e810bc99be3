// One commit of the pipeline as one transaction of state.db. The caller opens the transaction; everything here runs inside
// it, so a throw leaves nothing behind. Rows that exist already are updated in one statement where only their state moved on.
import assert from 'node:assert/strict'
import type { Commit, IdentifierRow, Position, ProfileRow, SetRow } from '../../pipeline/state-store.ts'
import { OnefoldError } from '../../spec/errors.ts'
import type { Database } from './database.ts'
import { packNumbers, packVerdicts } from './state-blocks.ts'
import {
  ALIVE,
  arrays,
  type ProfileStructure,
  profileFlags,
  profileStructure,
  setFacts,
  setRefused,
} from './state-rows.ts'
import { settleTimers } from './state-timers.ts'

/** The one row of `position`. */
export interface Totals extends Position {
  /** Living ones. */
  profiles: number
  identifiers: number
  sets: number
  nextIdentifier: number
  nextSet: number
}

const TOTALS = `SELECT next, log_time AS logTime, commit_number AS "commit", ordinal, profiles, identifiers, sets,
  next_identifier AS nextIdentifier, next_set AS nextSet FROM position`

export function readTotals(database: Database): Totals {
  return { ...(database.prepare(TOTALS).get() as unknown as Totals) }
}

/** Throws `conflict`, before anything is written, when `expected` is not the stored position. */
export function writeCommit(database: Database, commit: Commit): void {
  const { expected, position } = commit
  const totals = readTotals(database)
  if (expected.next !== totals.next || expected.commit !== totals.commit) {
    throw new OnefoldError('conflict', {
      detail: `the state is at ${totals.next} (commit ${totals.commit}), not at ${expected.next} (commit ${expected.commit})`,
    })
  }
  assert(position.commit > expected.commit && position.next >= expected.next, 'a commit goes forward')
  for (const row of commit.identifiers) writeIdentifier(database, row, totals)
  for (const row of commit.sets) writeSet(database, row, totals)
  writeProfiles(database, commit, totals)
  settleTimers(database)
  writeStreams(database, commit)
  writeCatalogue(database, commit)
  database
    .prepare(`UPDATE position SET next = ?, log_time = ?, commit_number = ?, ordinal = ?, profiles = ?, identifiers = ?,
      sets = ?, next_identifier = ?, next_set = ?`)
    .run(
      ...[position.next, position.logTime, position.commit, position.ordinal],
      ...[totals.profiles, totals.identifiers, totals.sets, totals.nextIdentifier, totals.nextSet],
    )
}

function writeIdentifier(database: Database, row: IdentifierRow, totals: Totals): void {
  // UTF-8 has no lone surrogates: SQLite would store U+FFFD for each of them, and two people would share one row.
  assert(row.kind.isWellFormed() && row.value.isWellFormed(), 'well-formed text')
  const suppressed = row.suppressed ? 1 : 0
  if (row.id < totals.nextIdentifier) {
    const update = database.prepare('UPDATE identifiers SET first_at = ?, profile = ?, suppressed = ? WHERE id = ?')
    if (update.run(row.firstAt, row.profile, suppressed, row.id).changes === 1) return
  }
  database
    .prepare('INSERT INTO identifiers VALUES (?, ?, ?, ?, ?, ?, ?)')
    .run(row.id, row.kind, row.value, row.birthId, row.firstAt, row.profile, suppressed)
  totals.identifiers++
  totals.nextIdentifier = Math.max(totals.nextIdentifier, row.id + 1)
}

function writeSet(database: Database, row: SetRow, totals: Totals): void {
  if (row.id < totals.nextSet) {
    const update = database.prepare('UPDATE sets SET owner = ?, refused = ?, state = ? WHERE id = ?')
    if (update.run(row.owner, setRefused(row), row.state, row.id).changes === 1) return
  }
  database
    .prepare('INSERT INTO sets VALUES (?, ?, ?, ?, ?, ?)')
    .run(row.id, row.key, setFacts(row), row.owner, setRefused(row), row.state)
  const carry = database.prepare('INSERT OR IGNORE INTO set_identifiers VALUES (?, ?)')
  for (const identifier of row.identifiers) carry.run(identifier, row.id)
  totals.sets++
  totals.nextSet = Math.max(totals.nextSet, row.id + 1)
}

/** The steady state: nothing but time and state moved on, so that neither an index nor `memberships` is touched. */
const ADVANCE = `UPDATE profiles SET changed_in = ?1, next_timer = ?2, state = ?3
  WHERE id = ?4 AND flags = ?5 AND structure = ?6 AND (?7 IS NULL OR wake <= ?7) AND (?1 = ?8 OR ?1 = changed_in)`
const REPLACE = `INSERT INTO profiles (id, flags, changed_in, next_timer, wake, structure, state) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET flags = excluded.flags, changed_in = excluded.changed_in, next_timer = excluded.next_timer,
  wake = excluded.wake, structure = excluded.structure, state = excluded.state`

function writeProfiles(database: Database, commit: Commit, totals: Totals): void {
  const number = commit.position.commit
  const changed = new Map<number, number[]>()
  const note = (row: ProfileRow) => {
    const profiles = changed.get(row.changedIn)
    if (profiles === undefined) changed.set(row.changedIn, [row.id])
    else profiles.push(row.id)
  }
  const advance = database.prepare(ADVANCE)
  for (const row of commit.profiles) {
    const structure = profileStructure(row)
    const timer = row.alive ? row.nextTimer : null
    const flags = profileFlags(row)
    const { changes } = advance.run(row.changedIn, row.nextTimer, row.state, row.id, flags, structure, timer, number)
    const before = changes === 1 ? row.changedIn : replaceProfile(database, row, structure, totals)
    if (row.changedIn === number || row.changedIn !== before) note(row)
  }
  const insert = database.prepare('INSERT INTO changed VALUES (?, ?, ?)')
  for (const [changedIn, profiles] of changed) insert.run(changedIn, number, packNumbers(profiles))
}

type StoredProfile = [flags: number, changedIn: number, structure: string]

/** Returns the row's former `changedIn`; null for a new row. */
function replaceProfile(database: Database, row: ProfileRow, structure: string, totals: Totals): number | null {
  const select = arrays(database, 'SELECT flags, changed_in, structure FROM profiles WHERE id = ?')
  const before = select.get(row.id) as unknown as StoredProfile | undefined
  const timer = row.alive ? row.nextTimer : null
  database.prepare(REPLACE).run(row.id, profileFlags(row), row.changedIn, row.nextTimer, timer, structure, row.state)
  const wasAlive = before !== undefined && (before[0] & ALIVE) !== 0
  totals.profiles += Number(row.alive) - Number(wasAlive)
  const memberships = before === undefined ? [] : (JSON.parse(before[2]) as ProfileStructure)[2]
  writeMemberships(database, row, new Map(memberships))
  return before === undefined ? null : before[1]
}

function writeMemberships(database: Database, row: ProfileRow, before: ReadonlyMap<number, number>): void {
  const after = new Map(row.memberships)
  const remove = database.prepare('DELETE FROM memberships WHERE segment = ? AND profile = ?')
  for (const segment of before.keys()) if (!after.has(segment)) remove.run(segment, row.id)
  const put = database.prepare('INSERT OR REPLACE INTO memberships VALUES (?, ?, ?)')
  for (const [segment, since] of after) if (before.get(segment) !== since) put.run(segment, row.id, since)
}

/** What others read with a cursor: verdicts, changes, moves; and the ids seen, for de-duplication. */
function writeStreams(database: Database, commit: Commit): void {
  const number = commit.position.commit
  const verdict = database.prepare('INSERT INTO verdicts VALUES (?, ?)')
  for (const block of packVerdicts(commit.verdicts)) verdict.run(block.firstOffset, block.body)
  const change = database.prepare('INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)')
  for (const row of commit.changes) {
    const identifiers = JSON.stringify(row.identifiers)
    change.run(row.offset, row.ordinal, row.kind, row.segment, row.profileId, identifiers, row.at)
  }
  const move = database.prepare('INSERT INTO set_moves VALUES (?, ?, ?, ?, ?)')
  for (const row of commit.moves) move.run(row.commit, row.ordinal, row.set, row.profile, row.offset)
  const seen = database.prepare('INSERT INTO dedupe VALUES (?, ?, ?, ?)')
  commit.dedupe.forEach(({ hour, hashes }, ordinal) => {
    seen.run(hour, number, ordinal, hashes)
  })
  database.prepare('DELETE FROM dedupe WHERE hour < ?').run(commit.dedupeFrom)
}

export type CatalogueNoun = 'genesis' | 'source' | 'segment' | 'clause' | 'hand_decision' | 'backfill' | 'kind'

function writeCatalogue(database: Database, commit: Commit): void {
  const remove = (noun: CatalogueNoun, key: number | string) =>
    database.prepare('DELETE FROM catalogue WHERE noun = ? AND key = ?').run(noun, key)
  const put = (noun: CatalogueNoun, key: number | string, body: object | string) =>
    database
      .prepare(`INSERT INTO catalogue (noun, key, body) VALUES (?, ?, ?)
        ON CONFLICT (noun, key) DO UPDATE SET body = excluded.body`)
      .run(noun, key, JSON.stringify(body))
  // Removals first: a commit may take a slug away and give it again.
  for (const slug of commit.sourcesRemoved) remove('source', slug)
  for (const row of commit.sources) put('source', row.slug, row)
  for (const id of commit.segmentsRemoved) remove('segment', id)
  for (const row of commit.segments) put('segment', row.id, row)
  for (const row of commit.clauses) put('clause', row.id, row)
  for (const row of commit.handDecisions) put('hand_decision', row.offset, row)
  for (const segment of commit.backfillsDone) remove('backfill', segment)
  for (const row of commit.backfills) put('backfill', row.segment, row)
  // As JSON, which escapes what UTF-8 cannot hold.
  for (const kind of commit.kinds) put('kind', JSON.stringify(kind), kind)
  if (commit.genesis !== null) put('genesis', 0, commit.genesis)
}
