// The state store in its steady state: loads and commits of rows at random places, as the pipeline asks for them. Uniform
// random access is the worst case; real traffic returns to the same people within minutes.
// Usage: node bench/state.ts [profiles=150000] [rows=1000] [commits=60]
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Commit, IdentifierRow, ProfileRow, SetRow, StateStore } from '../src/pipeline/state-store.ts'
import { openSqliteState } from '../src/store/sqlite/state.ts'

const { positionals } = parseArgs({ allowPositionals: true })
const [profiles = 150_000, rowsPerCommit = 1000, commits = 60] = positionals.map(Number)
const DAY_MS = 86_400_000
const START = 1_760_000_000_000
/** Typical sizes of an encoded state: some traits, two clauses, first and last touch. */
const SET_BYTES = 200
const PROFILE_BYTES = 300

const random = (below: number) => Math.floor(Math.random() * below)

function identifierRow(id: number): IdentifierRow {
  const birthId = `p_${(id * 2_654_435_761).toString(36).padStart(20, '0')}`
  const value = `${(id * 40_503).toString(16).padStart(8, '0')}-1f2e-4c3d-8a9b-${id.toString(16).padStart(12, '0')}`
  return { id, kind: 'anonymous_id', value, birthId, firstAt: START, profile: id, suppressed: false }
}

function setRow(id: number): SetRow {
  const facts = { key: `web|browser|${id}`, source: 'web', trust: 'browser', identifiers: [id], firstOffset: id }
  return { id, ...facts, owner: id, refused: [], state: new Uint8Array(SET_BYTES + random(60)) }
}

function profileRow(id: number): ProfileRow {
  const lists = { identifiers: [id], sets: [id], memberships: [[1 + (id % 5), START]] as ProfileRow['memberships'] }
  const rest = { alive: true, suppressed: false, nextTimer: START + random(30 * DAY_MS), changedIn: 1 }
  return { id, ...lists, ...rest, state: new Uint8Array(PROFILE_BYTES + random(90)) }
}

async function commitTo(store: StateStore, rest: Partial<Commit>): Promise<void> {
  const expected = await store.position()
  const next = expected.next + rowsPerCommit * 2
  const position = { next, logTime: START, commit: expected.commit + 1, ordinal: 0 }
  const rows = { identifiers: [], sets: [], profiles: [], verdicts: [], changes: [], moves: [], dedupe: [] }
  const lists = { sources: [], sourcesRemoved: [], segments: [], segmentsRemoved: [], clauses: [], handDecisions: [] }
  const others = { backfills: [], backfillsDone: [], kinds: [], genesis: null, dedupeFrom: 0 }
  await store.commit({ expected, position, ...rows, ...lists, ...others, ...rest })
}

async function fill(store: StateStore): Promise<void> {
  for (let first = 1; first <= profiles; first += 5000) {
    const ids = Array.from({ length: Math.min(5000, profiles + 1 - first) }, (_, index) => first + index)
    const rows = { identifiers: ids.map(identifierRow), sets: ids.map(setRow), profiles: ids.map(profileRow) }
    await commitTo(store, rows)
  }
}

/** CPU time too: it does not depend on what else the machine does. */
const spent = new Map<string, { ms: number; cpuMs: number; most: number }>()
async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const startCpu = process.cpuUsage()
  const result = await work()
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(startCpu)
  const before = spent.get(name) ?? { ms: 0, cpuMs: 0, most: 0 }
  spent.set(name, {
    ms: before.ms + ms,
    cpuMs: before.cpuMs + (user + system) / 1000,
    most: Math.max(before.most, ms),
  })
  return result
}

/** One batch of the pipeline: two events per row, each seen for the first time and accepted. */
async function batch(store: StateStore): Promise<void> {
  const ids = [...new Set(Array.from({ length: rowsPerCommit }, () => 1 + random(profiles)))]
  const identifiers = ids.map(identifierRow)
  const keys = ids.map((id) => `web|browser|${id}`)
  await timed('load identifiers', () => store.identifiersByValue(identifiers))
  const sets = await timed('load sets', () => store.setsByKey(keys))
  const rows = await timed('load profiles', () => store.profiles(ids))
  const { commit, next } = await store.position()
  for (const set of sets) set.state = new Uint8Array(SET_BYTES + random(60))
  for (const row of rows) {
    row.state = new Uint8Array(PROFILE_BYTES + random(90))
    row.changedIn = commit + 1
    // A rolling window moves the timer with every event, nearly always to a later time.
    row.nextTimer = START + 30 * DAY_MS + commit
  }
  const verdicts = Array.from({ length: rowsPerCommit * 2 }, (_, index) => {
    const id = ids[index % ids.length]!
    return { offset: next + index, code: 'accepted' as const, set: id, profile: id }
  })
  const dedupe = [{ hour: 1, hashes: new Uint8Array(rowsPerCommit * 2 * 16) }]
  await timed('commit', () => commitTo(store, { sets, profiles: rows, verdicts, dedupe }))
}

const dataDir = mkdtempSync(join(tmpdir(), 'onefold-bench-'))
try {
  const store = openSqliteState(dataDir, { role: 'writer' })
  await fill(store)
  await store.close()
  const bytes = statSync(join(dataDir, 'state.db')).size
  console.log(
    `${profiles} profiles with one identifier and one set each: ${Math.round(bytes / profiles)} bytes per profile`,
  )
  const again = openSqliteState(dataDir, { role: 'writer' })
  for (let warm = 0; warm < 10; warm++) await batch(again)
  spent.clear()
  for (let round = 0; round < commits; round++) await batch(again)
  const total = { ms: 0, cpuMs: 0, most: 0 }
  const print = (name: string, { ms, cpuMs, most }: typeof total) => {
    const rate = Math.round((rowsPerCommit * commits * 1000) / ms)
    const each = (value: number) => (value / commits).toFixed(2)
    console.log(`${name.padEnd(18)} ${each(ms)} ms (CPU ${each(cpuMs)}, most ${most.toFixed(0)}), ${rate} rows/s`)
  }
  for (const [name, one] of spent) {
    total.ms += one.ms
    total.cpuMs += one.cpuMs
    total.most = Math.max(total.most, one.most)
    print(name, one)
  }
  print('together', total)
  for (const file of readdirSync(dataDir)) console.log(file, statSync(join(dataDir, file)).size)
  await again.close()
} finally {
  rmSync(dataDir, { recursive: true })
}
