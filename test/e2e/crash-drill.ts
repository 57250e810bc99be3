// The crash drill: rounds of `kill -9` under load, then a comparison of everything with a reference run of the same log. The test
// beside it runs a few rounds; by hand, as many as one likes: `node test/e2e/crash-drill.ts --rounds=200 --seed=1`. It asserts what
// is stored and sent, never how fast.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { StoredDestination } from '../../src/activate/port.ts'
import { evaluateReference } from '../../src/segment/reference.ts'
import type { Condition } from '../../src/spec/segment.ts'
import { openSqliteDestinationStore } from '../../src/store/sqlite/destinations.ts'
import { SqliteHistoryBlocks } from '../../src/store/sqlite/history-blocks.ts'
import { openSqliteLedger } from '../../src/store/sqlite/ledger.ts'
import { openSqliteLog } from '../../src/store/sqlite/log.ts'
import { openSqliteState } from '../../src/store/sqlite/state.ts'
import { createSecretBox, loadOrMakeSecret } from '../../src/util/secret-box.ts'
import { freePort, ProcessTree, until } from '../support/tree.ts'
import { checkLog, checkMemberships, checkState, type LogFindings, readPeople } from './crash-check.ts'
import { checkDeliveries, checkHistory, type DeliveryFindings, withEngine } from './crash-check-outside.ts'
import { Decisions, SEGMENTS, TOLD_LATER } from './crash-decisions.ts'
import { type Kill, killOne, victimOf } from './crash-kill.ts'
import { Load, MINUTE_MS, randomOf } from './crash-load.ts'
import { CrashTarget } from './crash-target.ts'

export interface DrillOptions {
  rounds: number
  seed: number
  /** New events per second. */
  rate: number
  /** The one victim of every round; all in turn without it. */
  only?: string
  say(line: string): void
}

const PEOPLE = 300
const SENDERS = 6
const WRITE_KEY = 'drill-write-key'
/** The longest window of seconds is 5; a tick follows within a second. */
const SHORT_WINDOWS_MS = 7000
const SETTLE_MS_MAX = 300_000
/** Round in which the second destination is made. */
const SECOND_DESTINATION_AT = 4

/** Answers do not depend on the second in which they are asked. */
const PREVIEWS: Condition[] = [
  { event: 'Page Viewed', where: { property: 'path', startsWith: '/dermatology' }, count: { gte: 5 } },
  { all: [{ trait: 'plan', eq: 'free' }, { not: { event: 'Appointment Booked', within: '1d' } }] },
  { any: [{ identifier: 'phone' }, { consent: 'marketing' }] },
  { all: [{ segment: 'big' }, { event: 'Order Completed', where: { property: 'amount', eq: 3 } }] },
]

class Drill {
  readonly options: DrillOptions
  readonly folder = mkdtempSync(join(tmpdir(), 'onefold-crash-'))
  readonly dataDir = join(this.folder, 'data')
  readonly target: CrashTarget
  readonly tree: ProcessTree
  readonly load: Load
  readonly decisions: Decisions
  readonly kills: Kill[] = []
  #second: Promise<void> | null = null

  constructor(options: DrillOptions, port: number) {
    const { seed, rate } = options
    this.options = options
    this.target = new CrashTarget(seed)
    const secrets = { adminToken: 'drill-admin-token', writeKey: WRITE_KEY }
    this.tree = new ProcessTree({ dataDir: this.dataDir, port, ...secrets, output: join(this.folder, 'output.log') })
    this.load = new Load({ url: this.tree.url, writeKey: WRITE_KEY, seed, people: PEOPLE, senders: SENDERS, rate })
    this.decisions = new Decisions(this.tree, { seed, people: PEOPLE })
  }

  async begin(): Promise<void> {
    await this.target.open()
    this.tree.start()
    await this.tree.ready()
    // Before the first event: these have no past to be backfilled from. Later ones do.
    for (const [slug, definition] of SEGMENTS) await this.putSegment(slug, definition)
    await this.putDestination('first', ['derm', 'recent', 'pro', 'loved'], true)
    this.load.start()
    this.decisions.start()
  }

  async putSegment(slug: string, definition: Condition): Promise<void> {
    await this.decisions.insist('PUT', `/api/v1/segments/${slug}`, { name: slug, definition })
  }

  async putDestination(slug: string, segments: string[], withOrders: boolean): Promise<void> {
    const mapping = { url: this.target.url, method: 'POST', data: { '@path': '$.' } }
    const subscription = (name: string, subscribe: string) => ({ name, partnerAction: 'send', subscribe, mapping })
    // May be asked twice over a kill: the place at which its telling begins is that of the first time.
    await this.decisions.insist('PUT', `/api/v1/destinations/${slug}`, {
      type: 'actions-webhook',
      segments,
      subscriptions: [
        ...(withOrders ? [subscription('orders', 'type = "track" and event = "Order Completed"')] : []),
        subscription('audiences', 'event = "Audience Entered" or event = "Audience Exited"'),
      ],
    })
  }

  async round(number: number, random: () => number): Promise<void> {
    const victim = victimOf(number, this.options.only)
    // One round in five, and never the last, the next kill falls while this one's victim is still coming up.
    const waits = number === this.options.rounds - 1 || random() > 0.2
    await sleep(300 + random() * 2500)
    const kill = await killOne(this.tree, this.dataDir, victim, { random, waits })
    this.kills.push(kill)
    const { inside, behind, openBlock } = kill
    const how = inside === null ? 'blindly' : inside ? 'inside a transaction' : 'outside'
    this.options.say(
      `# round ${number + 1}: ${victim} killed ${how}, ${behind} behind${openBlock ? ', block open' : ''}; ${this.load.acknowledged} of ${this.load.made} acknowledged`,
    )
    // Not waited for: the next kill crosses it.
    if (number === SECOND_DESTINATION_AT) this.#second = this.putDestination('second', TOLD_LATER, false)
  }

  /** No more is sent or decided; everything under way comes to its end, and nothing falls due for a while. */
  async settle(): Promise<void> {
    const { tree, load, decisions, target } = this
    target.isWell = true
    await tree.ready()
    await load.finish(SETTLE_MS_MAX)
    await decisions.stop()
    await (this.#second ?? this.putDestination('second', TOLD_LATER, false))
    await sleep(SHORT_WINDOWS_MS)
    const stores = this.openStores()
    let said = ''
    await until('everything is settled', SETTLE_MS_MAX, async () => {
      const open = await this.unsettled(stores)
      if (open !== said) this.options.say(`# settling: ${open}`)
      said = open
      await sleep(500)
      // Long windows run out on whole minutes since the load began: not now.
      const phase = (Date.now() - load.startedAt) % MINUTE_MS
      return open === '' && phase > 6000 && phase < MINUTE_MS - 25_000
    })
    for (const store of Object.values(stores)) await store.close()
  }

  /** Beside the tree, which must live: whoever closes a file last writes to it. */
  openStores() {
    const state = openSqliteState(this.dataDir, { role: 'reader' })
    const ledger = openSqliteLedger(join(this.dataDir, 'ledger.db'))
    const blocks = new SqliteHistoryBlocks({ path: join(this.dataDir, 'history.db'), firstNumber: 0 })
    return { state, ledger, blocks }
  }

  /** What still stands open, in words; empty for nothing. */
  async unsettled({ state, ledger, blocks }: ReturnType<Drill['openStores']>): Promise<string> {
    const { text } = await this.tree.get('/metrics')
    const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0)
    const failed = sum(/^onefold_deliveries\{.*status="failed".*\} (\d+)$/gm)
    // Otherwise a row that failed often would be waited for until its next attempt.
    if (failed > 0) await this.tree.call('POST', '/api/v1/deliveries/retry', { status: 'failed' })
    const position = await state.position()
    // A backlog waits in the stream, not in the ledger, so that no open row does not yet mean that all was told.
    const places = await Promise.all(['first', 'second'].map((slug) => ledger.place(slug)))
    const open = {
      'pipeline lag': sum(/^onefold_pipeline_lag_events (\d+)$/gm),
      backfills: sum(/^onefold_backfills (\d+)$/gm),
      'history lag': sum(/^onefold_history_lag_events (\d+)$/gm),
      deliveries: failed + sum(/^onefold_deliveries\{.*status="pending".*\} (\d+)$/gm),
      'commits that history does not mirror': position.commit - (await blocks.mirrored('profiles')).commit,
      'records not planned': places.reduce(
        (sum, place) => sum + Math.max(0, position.next - 1 - (place?.offset ?? 0)),
        0,
      ),
    }
    const named = Object.entries(open).filter(([, count]) => count > 0)
    return named.map(([name, count]) => `${name} ${count}`).join(', ')
  }

  async previews(): Promise<number[]> {
    return Promise.all(
      PREVIEWS.map(async (definition) => {
        const { status, text } = await this.tree.call('POST', '/api/v1/segments/preview', { definition })
        assert.equal(status, 200, text)
        return (JSON.parse(text) as { size: number }).size
      }),
    )
  }

  async destinations(): Promise<StoredDestination[]> {
    const secretBox = createSecretBox(loadOrMakeSecret(join(this.dataDir, 'secret.key')))
    const store = openSqliteDestinationStore(join(this.dataDir, 'destinations.db'), { secretBox, readOnly: true })
    const destinations = await store.list()
    await store.close()
    return destinations
  }
}

interface Findings extends LogFindings, DeliveryFindings {
  profiles: number
  historyRows: number
}

/** Runs the drill; throws at the first thing that is not as it must be. Returns the summary line. */
export async function runDrill(options: DrillOptions): Promise<string> {
  const began = Date.now()
  const drill = new Drill(options, await freePort())
  let isOver = false
  try {
    await drill.begin()
    const random = randomOf(options.seed + 1)
    for (let round = 0; round < options.rounds; round++) await drill.round(round, random)
    await drill.settle()
    const previews = await drill.previews()
    // At rest from here on: the files are compared as the tree left them.
    assert.deepEqual(await drill.tree.stop(), { code: 0, signal: null }, 'main ends with 0 on SIGTERM')
    await until('no orphan is left', 20_000, () => drill.tree.processes().length === 0)
    const found = await check(drill, previews)
    isOver = true
    return summary(drill, found, Date.now() - began)
  } finally {
    await drill.load.abandon()
    await drill.decisions.stop()
    drill.tree.end()
    await drill.target.close()
    if (isOver) rmSync(drill.folder, { recursive: true })
    else options.say(`# the data folder and the tree's output are kept in ${drill.folder}`)
  }
}

async function check(drill: Drill, previews: readonly number[]): Promise<Findings> {
  const { dataDir, load, decisions, options } = drill
  const log = openSqliteLog(dataDir, { role: 'reader' })
  const state = openSqliteState(dataDir, { role: 'reader' })
  const ledger = openSqliteLedger(join(dataDir, 'ledger.db'))
  options.say('# checking the log and the state')
  assert.deepEqual(decisions.refused, [], 'no decision was answered with an error')
  // 503 while the door cannot write or the tree is starting; anything else would make an SDK drop the events.
  for (const status of load.answers.keys()) {
    assert.ok([0, 200, 503].includes(status), `a collection call was answered with ${status}`)
  }
  const inLog = await checkLog(log, state, load, decisions.acknowledged)
  const { profiles } = await checkState(log, state)
  // A second opinion: the run in memory shares the pipeline's code, the reference evaluator shares nothing.
  const people = await readPeople(log, state)
  await checkMemberships(people, state)
  const { segments } = await state.catalogue()
  const definitions = new Map<string, Condition>(segments.map(({ slug, definition }) => [slug, definition]))
  const { logTime } = await state.position()
  const sizes = PREVIEWS.map(
    (definition) => people.filter(({ subject }) => evaluateReference(definition, subject, logTime, definitions)).length,
  )
  assert.deepEqual(previews, sizes, 'previews')
  options.say('# checking deliveries and history')
  const delivered = await checkDeliveries({ log, state, ledger }, await drill.destinations(), drill.target)
  const { rows: historyRows } = await withEngine(dataDir, (ask) => checkHistory(ask, state))
  await Promise.all([log.close(), state.close(), ledger.close()])
  return { ...inLog, ...delivered, profiles, historyRows }
}

function summary({ kills, load, decisions }: Drill, found: Findings, ms: number): string {
  const victims = new Map<string, number>()
  for (const { victim } of kills) victims.set(victim, (victims.get(victim) ?? 0) + 1)
  const inside = kills.filter((kill) => kill.inside === true).length
  const blind = kills.filter((kill) => kill.inside === null).length
  const behind = kills.filter((kill) => kill.behind > 0).length
  const open = kills.filter((kill) => kill.openBlock).length
  return [
    `crash drill: ${kills.length} rounds`,
    `kills ${[...victims].map(([victim, count]) => `${victim} ${count}`).join('; ')}`,
    `${inside} of ${kills.length - blind} looked at inside a transaction, ${blind} blind`,
    `${behind} with the pipeline behind the log, ${open} with a history block open`,
    `events made ${load.made}, acknowledged ${load.acknowledged}, sent again on purpose ${load.resent}`,
    `in the log ${found.records} (events ${found.events}, duplicates ${found.duplicates}, decisions ${found.decisions}, ticks ${found.ticks})`,
    `decisions acknowledged ${decisions.answered}`,
    `profiles ${found.profiles}, history rows ${found.historyRows}, changes ${found.changes}`,
    `deliveries ${found.rows} by ${found.requests} requests`,
    `${Math.round(ms / 1000)} s`,
  ].join(' | ')
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      rate: { type: 'string', default: '150' },
      only: { type: 'string', default: '' },
    },
  })
  const say = (line: string) => console.log(line)
  const { only } = values
  const [rounds, seed, rate] = [Number(values.rounds), Number(values.seed), Number(values.rate)]
  say(`# crash drill: --rounds=${rounds} --seed=${seed} --rate=${rate}`)
  // An exception ends the process with a fault and its stack: that is how a failed drill is told.
  console.log(await runDrill({ rounds, seed, rate, only, say }))
}
