// While the pipeline is away the door goes on accepting, for minutes or a night. When it comes back it must tell no exit that an
// event in the queue contradicts, and every exit that time has really brought: once, in order, at the instant it was due.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSqliteLog } from '../../src/store/sqlite/log.ts'
import { openSqliteState } from '../../src/store/sqlite/state.ts'
import {
  differences,
  drawNight,
  expectTold,
  type Night,
  type NightOptions,
  type Seen,
  type Told,
  writeNight,
} from '../support/night.ts'
import { Spine, WAIT_MS_MAX } from '../support/spine.ts'
import { freeze, thaw, until } from '../support/tree.ts'
import { randomOf } from './crash-load.ts'

const HOUR_MS = 3_600_000
const SAME = { extra: [], missing: [] }

test('a backlog behind a stopped pipeline contradicts exits that the clock alone would tell', async (context) => {
  const spine = await Spine.open()
  try {
    const windowMs = 8000
    await spine.segment('lately', { event: 'Seen', within: `${windowMs / 1000}s` })
    await spine.hook('lately', { segments: ['lately'] })
    const see = (...users: string[]) => spine.send(...users.map((userId) => ({ type: 'track', userId, event: 'Seen' })))
    await see('kept-1', 'kept-2', 'gone-1', 'gone-2', 'back')
    await spine.told('lately', 5)
    const pipeline = spine.tree.child('pipeline')
    assert.ok(pipeline !== null && (await freeze([pipeline])))
    const [first] = await spine.ask('GET', '/api/v1/events?limit=1').then(({ items }) => items)
    const due = Date.parse(first.receivedAt) + windowMs
    await sleep(Math.max(0, due - 2000 - Date.now()))
    await see('kept-1', 'kept-2')
    await sleep(Math.max(0, due + 1500 - Date.now()))
    // Too late for her: log time passes her exit before it comes to this.
    await see('back')
    await sleep(500)
    thaw([pipeline])
    const seen = await allSeen(spine, ['kept-1', 'kept-2', 'gone-1', 'gone-2', 'back'])
    const expected = expectTold(seen, { lately: windowMs }, Number.POSITIVE_INFINITY)
    const exits = expected.filter(({ kind }) => kind === 'segment_exited')
    assert.deepEqual(
      [expected.length, exits.length],
      [12, 6],
      'the two events came before the exits of those they keep',
    )
    await spine.told('lately', expected.length)
    assert.deepEqual(differences(toldTo(spine), expected), SAME)
    context.diagnostic(
      `${expected.length} changes, each at its instant; the backlog stood ${3500} ms across the due one`,
    )
    assert.equal(spine.tree.child('pipeline'), pipeline, 'the supervisor left it alone')
  } finally {
    await spine.close()
  }
})

test('ten minutes of backlog', (context) =>
  runNight(
    context,
    'ten minutes',
    {
      people: 60,
      unitMs: 60_000,
      windows: { short: { within: '1m', units: 1 }, long: { within: '12m', units: 12 } },
    },
    NO_KILLS,
  ))

test('a night of downtime', (context) => runNight(context, 'night', { people: 60, ...NIGHT }, NO_KILLS))

test('a night of downtime, and kills of the whole tree while it catches up', (context) =>
  runNight(context, 'night with kills', { people: 300, ...NIGHT }, { early: 3, shares: [0.1, 0.6] }))

const NIGHT = {
  unitMs: HOUR_MS,
  windows: { short: { within: '1h', units: 1 }, long: { within: '12h', units: 12 } },
}

interface Context {
  diagnostic(message: string): void
}

/** When the whole tree is killed: so often soon after the pipeline began, and when such shares of everything had been told. */
interface Kills {
  early: number
  shares: number[]
}
const NO_KILLS: Kills = { early: 0, shares: [] }

async function runNight(
  context: Context,
  name: string,
  given: Omit<NightOptions, 'random'>,
  kills: Kills,
): Promise<void> {
  const seed = Date.now() % 1_000_000
  context.diagnostic(`seed ${seed}`)
  const options = { ...given, random: randomOf(seed) }
  const night = drawNight(options)
  const startedAt = Date.now()
  const spine = await Spine.open(async (opening) => {
    await writeNight(night, options, opening.dataDir, opening.tool.url)
    const reached: number[] = []
    for (let kill = 0; kill < kills.early; kill++) reached.push(await killEarly(opening, options.random))
    if (reached.length > 0) context.diagnostic(`killed when it had committed up to ${reached.join(', ')}`)
  })
  try {
    const windows = Object.fromEntries(
      Object.entries(options.windows).map(([slug, { units }]) => [slug, units * options.unitMs]),
    )
    const seen = [...night.day, ...night.queue]
    const due = expectTold(seen, windows, startedAt)
    for (const share of kills.shares) await killAt(spine, Math.floor(share * due.length))
    await spine.told('night', due.length)
    await spine.tree.stop()
    const { changes, logTime, ticks, strays } = await readStores(spine.dataDir, night)
    const expected = expectTold(seen, windows, logTime)
    assert.deepEqual(differences(changes, expected), SAME)
    assert.deepEqual(
      changes.map(({ at }) => at),
      changes.map(({ at }) => at).sort((a, b) => a - b),
      'in order',
    )
    assert.ok(ticks > 0)
    assert.equal(strays, 0)
    // What came due while the tree was being stopped may not be delivered yet.
    const delivered = toldTo(spine).filter(({ at }) => at <= startedAt)
    assert.deepEqual(differences(delivered, due), SAME)
    const contradicted =
      clockOnlyExits(night, windows) - expected.filter(({ kind }) => kind === 'segment_exited').length
    context.diagnostic(
      `${name}: ${night.queue.length} queued events, ${changes.length} changes, ${ticks} ticks, ${kills.early + kills.shares.length} kills; ` +
        `a clock would have told ${contradicted} exits more`,
    )
  } finally {
    await spine.close()
  }
}

/** Starts the tree and kills it the moment the pipeline has committed something, or before; returns the offset it had come to. */
async function killEarly({ tree, dataDir }: Spine, random: () => number): Promise<number> {
  const state = openSqliteState(dataDir, { role: 'reader' })
  try {
    const { commit } = await state.position()
    tree.start()
    await until('the pipeline runs', WAIT_MS_MAX, () => tree.child('pipeline') !== null)
    // Sometimes before its first transaction; else in the second one, or in the first delivery.
    const deadline = performance.now() + (random() < 0.3 ? 300 : 4000)
    while ((await state.position()).commit === commit && performance.now() < deadline) await sleep(1)
    await sleep(random() * 30)
    tree.killAll()
    await tree.mainGone()
    await tree.orphansGone()
    return (await state.position()).next
  } finally {
    await state.close()
  }
}

/** Kills the tree once the tool has been told so much of it, and starts it again. */
async function killAt(spine: Spine, requests: number): Promise<void> {
  await until(`${requests} requests came`, WAIT_MS_MAX, () => spine.tool.received.length >= requests)
  spine.tree.killAll()
  await spine.tree.mainGone()
  await spine.tree.orphansGone()
  spine.tree.start()
  await spine.tree.ready()
}

/** What the tool was told: once per key, however often it was sent. */
function toldTo(spine: Spine): Told[] {
  const byKey = new Map(spine.tool.received.map((request) => [request.headers['idempotency-key'], request]))
  return [...byKey.values()].map(({ body }) => ({
    user: body.userId ?? '',
    segment: String(body.properties['audience_key']),
    kind: body.event === 'Audience Entered' ? 'segment_entered' : 'segment_exited',
    at: Date.parse(body.timestamp ?? ''),
  }))
}

async function allSeen(spine: Spine, users: readonly string[]): Promise<Seen[]> {
  await spine.settled()
  const events = await Promise.all(users.map((user) => spine.events(`user_id:${user}`)))
  return events.flatMap((own, index) =>
    own.map((event) => ({
      user: users[index] ?? '',
      at: Date.parse(event.timestamp),
      receivedAt: Date.parse(event.receivedAt),
    })),
  )
}

interface Read {
  changes: Told[]
  logTime: number
  ticks: number
  /** Changes that came due behind the last queued record and were brought by something else than a tick. */
  strays: number
}

/** The changes as committed. */
async function readStores(dataDir: string, night: Night): Promise<Read> {
  const [log, state] = [openSqliteLog(dataDir, { role: 'reader' }), openSqliteState(dataDir, { role: 'reader' })]
  try {
    const { next, logTime } = await state.position()
    const records = await log.read({ from: 0, recordsMax: next })
    const ticks = new Set(records.filter(({ record }) => record.type === 'tick').map(({ offset }) => offset))
    const rows = await state.changes({ offset: 0, ordinal: 0 }, 1_000_000)
    const lastQueued = night.queue.at(-1)!.receivedAt
    // A timer's change stands behind the record before the one that brought log time so far.
    const strays = rows.filter(({ at, offset }) => at > lastQueued && !ticks.has(offset + 1)).length
    const changes = rows.map(({ identifiers, segment, kind, at }) => ({
      user: identifiers[0]!.value,
      segment,
      kind,
      at,
    }))
    return { changes, logTime, ticks: ticks.size, strays }
  } finally {
    await state.close()
    await log.close()
  }
}

/** Exits of a pipeline that, coming back, asked the clock before the queue: all whose window passed by day's knowledge alone. */
function clockOnlyExits({ day, queue }: Night, windows: Record<string, number>): number {
  const exits = (seen: readonly Seen[]) =>
    expectTold(seen, windows, Number.POSITIVE_INFINITY).filter(({ kind }) => kind === 'segment_exited').length
  return exits(day) + exits(queue)
}
