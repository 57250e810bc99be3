// Other processes and state.db: a writer killed at any moment leaves whole commits, a reader sees whole commits only, and
// of two writers one is turned away.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { StateReader } from '../../src/pipeline/state-store.ts'
import { openSqliteState } from '../../src/store/sqlite/state.ts'
import { ROWS_PER_COMMIT } from './state-store-child.ts'
import { commitTo, profileRow } from './state-store-rows.ts'

const ROUNDS = 12
const CHILD = fileURLToPath(new URL('state-store-child.ts', import.meta.url))
const IDS = Array.from({ length: ROWS_PER_COMMIT }, (_, index) => index + 1)

let dataDir: string
/** A failed assertion must not leave one behind: it would keep the test run from ending. */
const children: ChildProcess[] = []
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'onefold-state-'))
})
after(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
})

interface Writer {
  child: ChildProcess
  lines: string[]
}

async function startWriter(): Promise<Writer> {
  const child = spawn(process.execPath, [CHILD, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const writer: Writer = { child, lines: [] }
  child.stdout!.on('data', (text: Buffer) => writer.lines.push(...String(text).trim().split('\n')))
  // From the first commit on there is something to compare.
  while (!writer.lines.some((line) => line.startsWith('done'))) await once(child.stdout!, 'data')
  return writer
}

async function kill({ child }: Writer): Promise<void> {
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

/** All that one commit wrote bears its number. */
async function assertWhole(store: StateReader): Promise<number> {
  const { commit, next } = await store.position()
  const expected = IDS.map(() => commit)
  const identifiers = await store.identifiersById(IDS)
  const sets = await store.sets(IDS)
  const members = await store.members(1, { after: 0, limit: 1000 })
  const changed = await store.profilesChanged(0, commit, 1000)
  const [first, last] = [await store.verdicts(0, 1), await store.verdicts(next - ROWS_PER_COMMIT, next + 1)]
  assert.deepEqual(
    identifiers.map((row) => row.firstAt),
    expected,
  )
  for (const row of sets)
    assert.deepEqual([row.owner, row.state[0], row.state.at(-1)], [commit, commit & 255, commit & 255])
  assert.deepEqual(
    members.map((row) => row.since),
    expected,
  )
  assert.deepEqual(
    changed.map((row) => row.changedIn),
    expected,
  )
  assert.deepEqual(
    last.map((verdict) => verdict.profile),
    expected,
  )
  assert.equal(first[0]?.profile, 1)
  assert.equal((await store.moves({ commit: 0, ordinal: 0 }, 1_000_000)).length, commit)
  return commit
}

describe('state.db and its processes', () => {
  test('a writer killed at any moment leaves its last whole commit', async (context) => {
    let inside = 0
    for (let round = 0; round < ROUNDS; round++) {
      const writer = await startWriter()
      await sleep(Math.random() * 60)
      await kill(writer)
      const [word, number] = writer.lines.at(-1)!.split(' ')
      const isInside = word === 'begin'
      if (isInside) inside++
      const store = openSqliteState(dataDir, { role: 'writer' })
      const commit = await assertWhole(store)
      // One that had begun may be there or not; one that was acknowledged must be.
      const allowed = isInside ? [Number(number) - 1, Number(number)] : [Number(number)]
      assert.ok(allowed.includes(commit), `stored ${commit} after "${word} ${number}"`)
      await store.close()
    }
    context.diagnostic(`${inside} of ${ROUNDS} kills fell inside a transaction`)
  })

  test('a reader beside a busy writer sees whole commits, and cannot write', async () => {
    const writer = await startWriter()
    const reader = openSqliteState(dataDir, { role: 'reader' })
    const seen = new Set<number>()
    for (let round = 0; round < 200; round++) {
      const rows = await reader.profiles(IDS)
      assert.equal(rows.length, ROWS_PER_COMMIT)
      assert.equal(new Set(rows.map((row) => row.changedIn)).size, 1)
      seen.add(rows[0]!.changedIn)
      // The reader blocks this thread; the child must get its turn to be read from.
      if (round % 10 === 0) await sleep(2)
    }
    assert.equal('commit' in reader, false)
    await kill(writer)
    assert.ok(seen.size > 0)
    await assertWhole(reader)
    await reader.close()
  })

  test('of two writers, the second to commit is turned away', async () => {
    const [first, second] = [openSqliteState(dataDir, { role: 'writer' }), openSqliteState(dataDir, { role: 'writer' })]
    const expected = await second.position()
    await commitTo(first, { profiles: [profileRow(1, { changedIn: expected.commit + 1 })] })
    const late = commitTo(second, { expected, position: { ...expected, commit: expected.commit + 1 } })
    await assert.rejects(late, { name: 'OnefoldError', code: 'conflict' })
    assert.equal((await second.position()).commit, expected.commit + 1)
    await commitTo(second)
    await Promise.all([first.close(), second.close()])
  })
})
