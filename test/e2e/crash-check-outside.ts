// The other half of what must hold after the crash drill: history holds every resolved event once and mirrors every profile and
// move, and the ledger holds every delivery once, each of them told to the tool under its own key. History is asked through an
// engine of its own, on the folder of a tree that has ended.
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createClient } from '@clickhouse/client'
import { audienceEvent } from '../../src/activate/audience.ts'
import { comparePlaces } from '../../src/activate/place.ts'
import type { DeliveryLedger, LedgerRow, MemberSync, StoredDestination } from '../../src/activate/port.ts'
import { childEnvironment } from '../../src/config.ts'
import type { EventLog } from '../../src/log/port.ts'
import { readResolved } from '../../src/pipeline/resolved-stream.ts'
import type { StateReader } from '../../src/pipeline/state-store.ts'
import type { Change } from '../../src/spec/change.ts'
import { profileRow } from '../../src/store/clickhouse/profile-row.ts'
import { freePort } from '../support/tree.ts'
import type { CrashTarget } from './crash-target.ts'

const PAGE = 5000
const ENGINE = new URL('../../src/store/chdb/child.ts', import.meta.url)

type Ask = <T>(sql: string) => Promise<T[]>

/** Runs `work` with an engine on the data folder, and ends it. */
export async function withEngine<T>(dataDir: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  const url = `http://drill:drill@127.0.0.1:${await freePort()}`
  const env = childEnvironment({ CLICKHOUSE_URL: url, ONEFOLD_DATA_DIR: dataDir })
  const execArgv = ['--disable-warning=ExperimentalWarning']
  const engine = fork(ENGINE, { env, execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  try {
    await readyOf(engine)
    const client = createClient({ url, clickhouse_settings: { output_format_json_quote_64bit_integers: 0 } })
    const ask: Ask = async (query) => (await client.query({ query, format: 'JSONCompactEachRow' })).json()
    const result = await work(ask)
    await client.close()
    return result
  } finally {
    const gone = once(engine, 'exit')
    // It ends as it would without its parent.
    engine.disconnect()
    await gone
  }
}

async function readyOf(engine: ChildProcess): Promise<void> {
  const ended = once(engine, 'exit').then(() => Promise.reject(new Error('the engine ended')))
  await Promise.race([once(engine, 'message'), ended])
  ended.catch(() => undefined)
}

/** Rows of history are the accepted and unidentified events, each once and under its set; mirrors equal the state. */
export async function checkHistory(ask: Ask, state: StateReader): Promise<{ rows: number }> {
  const { next } = await state.position()
  let rows = 0
  for (let from = 0; from < next; from += PAGE) {
    const below = Math.min(next, from + PAGE)
    const stored = await ask(
      `SELECT offset, set_id, profile FROM events WHERE offset >= ${from} AND offset < ${below} ORDER BY offset`,
    )
    const verdicts = await state.verdicts(from, below)
    const expected = verdicts
      .filter(({ code }) => code === 'accepted' || code === 'no_identifier')
      .map(({ offset, set, profile }) => [offset, set, profile])
    assert.deepEqual(stored, expected, `history of offsets ${from} to ${below}`)
    rows += stored.length
  }
  // A block stored twice shows above; rows beyond the log would show here.
  assert.deepEqual(await ask('SELECT count() FROM events'), [[rows]], 'history holds nothing else')
  await checkMoves(ask, state)
  await checkProfiles(ask, state)
  return { rows }
}

async function checkMoves(ask: Ask, state: StateReader): Promise<void> {
  const stored = await ask(
    'SELECT commit, ordinal, set_id, profile, offset FROM overrides FINAL ORDER BY commit, ordinal',
  )
  const expected: number[][] = []
  for (let after = { commit: 0, ordinal: 0 }; ; ) {
    const moves = await state.moves(after, PAGE)
    const last = moves.at(-1)
    if (last === undefined) break
    expected.push(...moves.map(({ commit, ordinal, set, profile, offset }) => [commit, ordinal, set, profile, offset]))
    after = { commit: last.commit, ordinal: last.ordinal }
  }
  assert.deepEqual(stored, expected, 'moves of sets')
}

/** All but when they were last seen: that moves with every event, and is mirrored when something else changes. */
async function checkProfiles(ask: Ask, state: StateReader): Promise<void> {
  const { nextIdentifier, segments } = await state.catalogue()
  const ids = Array.from({ length: nextIdentifier - 1 }, (_, index) => index + 1)
  const identifiers = new Map((await state.identifiersById(ids)).map((row) => [row.id, row]))
  const slugs = new Map(segments.map(({ id, slug }) => [id, slug]))
  const rows = (await state.profiles(ids))
    .filter(({ alive }) => alive)
    .map((row) => profileRow(row, identifiers, slugs))
  const expected = rows
    .sort((a, b) => a.profile - b.profile)
    .map((row) => [row.profile, row.id, row.traits, row.identifiers, row.consent, row.segments.sort()])
  const stored = await ask<[number, string, string, { kind: string; value: string }[], object, string[]]>(
    `SELECT profile, id, traits, identifiers, consent, segments FROM profiles FINAL
     WHERE alive = 1 ORDER BY profile`,
  )
  const read = stored.map(([profile, id, traits, known, consent, members]) => {
    const pairs = known.map(({ kind, value }) => [kind, value])
    return [profile, id, JSON.parse(traits), pairs, consent, members.sort()]
  })
  assert.deepEqual(read, expected, 'profiles as history mirrors them')
}

export interface DeliveryFindings {
  rows: number
  changes: number
  requests: number
}

/** One ledger row per matching event and per change that a destination is told, delivered, and told to the tool by its key. */
export async function checkDeliveries(
  stores: { log: EventLog; state: StateReader; ledger: DeliveryLedger },
  destinations: readonly StoredDestination[],
  target: CrashTarget,
): Promise<DeliveryFindings> {
  const rows = await allRows(stores.ledger)
  const changes = await allChanges(stores.state)
  let expectedRows = 0
  for (const destination of destinations) {
    const own = rows.filter((row) => row.destination === destination.slug)
    const syncs = await stores.ledger.syncs(destination.slug)
    const told = await expectedOf(stores, destination, syncs, changes)
    // Rows of members (ordinal -1) depend on when the destination began to list a segment, and are held to less.
    const stream = own.filter(({ ordinal }) => ordinal >= 0)
    const drawn = stream.map((row) => `${row.offset}.${row.ordinal} ${row.subscription} ${row.subject}`)
    assert.deepEqual(drawn.sort(), [...told.keys()].sort(), `ledger rows of ${destination.slug}`)
    checkMembers(own, syncs, destination)
    for (const row of stream) {
      const messageId = told.get(`${row.offset}.${row.ordinal} ${row.subscription} ${row.subject}`)
      assert.deepEqual([...(target.told.get(row.id)?.messageIds ?? [])], [messageId], `what was told under ${row.id}`)
    }
    expectedRows += own.length
  }
  assert.equal(rows.length, expectedRows, 'the ledger knows no other destination')
  for (const row of rows) {
    // A member told of late may have left before; no other row may end otherwise than delivered.
    if (row.ordinal === -1 && row.errorCode === 'no_longer_member') continue
    assert.equal(row.status, 'delivered', `${row.id} ${row.subject}: ${row.errorCode} ${row.errorMessage}`)
    assert.ok((target.told.get(row.id)?.successes ?? 0) > 0, `${row.id} is delivered, and the tool never said yes`)
  }
  // At least once under each key, and never under another: the tool can tell repeats by the key alone.
  const known = new Set(rows.map(({ id }) => id))
  for (const key of target.told.keys())
    assert.ok(known.has(key), `the tool was told under ${key}, which the ledger lacks`)
  assert.equal(target.keyless, 0)
  return { rows: rows.length, changes: changes.length, requests: target.requests }
}

/** `offset.ordinal subscription subject` of every row the stream must give, with the messageId it tells. */
async function expectedOf(
  { log, state }: { log: EventLog; state: StateReader },
  destination: StoredDestination,
  syncs: readonly MemberSync[],
  changes: readonly Change[],
): Promise<Map<string, string>> {
  const told = new Map<string, string>()
  // From the place behind everything committed when it was made: neither earlier events nor a gap.
  const start = destination.startsAt
  assert.ok(start !== null)
  if (destination.subscriptions.some(({ name }) => name === 'orders')) {
    for (let from = start.ordinal === 0 ? start.offset : start.offset + 1; ; ) {
      const { next, events } = await readResolved(log, state, from, PAGE)
      for (const { offset, record, verdict } of events) {
        if (verdict.code !== 'accepted' || record.event.event !== 'Order Completed') continue
        told.set(`${offset}.0 orders event:Order Completed`, record.event.messageId)
      }
      if (next === from) break
      from = next
    }
  }
  for (const change of changes) {
    const { offset, ordinal, kind, segment } = change
    const sync = syncs.find((one) => one.segment === segment)
    if (sync === undefined || comparePlaces(change, sync.below) < 0 || comparePlaces(change, start) < 0) continue
    const { messageId } = audienceEvent(change, { messageId: `change-${offset}-${ordinal}`, destination: '' })
    told.set(`${offset}.${ordinal} audiences ${kind}:${segment}`, messageId)
  }
  return told
}

/** Members told when a destination began to list a segment: all segments listed were told, each profile at most once. */
function checkMembers(rows: readonly LedgerRow[], syncs: readonly MemberSync[], destination: StoredDestination): void {
  assert.deepEqual(syncs.map(({ segment }) => segment).sort(), [...destination.segments].sort())
  for (const { segment, done } of syncs) assert.ok(done, `members of ${segment} were told to ${destination.slug}`)
  const members = rows.filter(({ ordinal }) => ordinal === -1).map((row) => `${row.subject} ${row.profileId}`)
  assert.equal(new Set(members).size, members.length, 'nobody is told of twice as a member')
}

async function allRows(ledger: DeliveryLedger): Promise<LedgerRow[]> {
  const rows: LedgerRow[] = []
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const page = await ledger.list({ limit: PAGE, before })
    rows.push(...page)
    const last = page.at(-1)
    if (last === undefined) return rows
    before = last.number
  }
}

async function allChanges(state: StateReader): Promise<Change[]> {
  const changes: Change[] = []
  for (let after = { offset: -1, ordinal: 0 }; ; ) {
    const page = await state.changes(after, PAGE)
    changes.push(...page)
    const last = page.at(-1)
    if (last === undefined) return changes
    after = { offset: last.offset, ordinal: last.ordinal }
  }
}
