// The history writer over stores in memory: what it stores, when it cuts, and that a crash at any of its steps neither loses
// an event nor stores one twice.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import type { Commit, IdentifierRow, ProfileRow, SetMove } from '../pipeline/state-store.ts'
import { encodeState } from '../profile/codec.ts'
import { emptyState } from '../profile/state.ts'
import { OnefoldError } from '../spec/errors.ts'
import type { CanonicalEvent, JsonObject } from '../spec/event.ts'
import type { VerdictCode } from '../spec/verdict.ts'
import { profileRow } from '../store/clickhouse/profile-row.ts'
import { MemoryHistory } from '../store/memory/history.ts'
import { MemoryLog } from '../store/memory/log.ts'
import { MemoryRejectedFeed } from '../store/memory/rejected.ts'
import { MemoryStateStore } from '../store/memory/state.ts'
import { SqliteHistoryBlocks } from '../store/sqlite/history-blocks.ts'
import type { HistoryEventRow } from './port.ts'
import { createHistoryWriter, type HistoryWriterOptions } from './writer.ts'

const T0 = Date.UTC(2026, 0, 31, 12)
const SETS = [1]

function event(offset: number, more: Partial<CanonicalEvent> = {}): CanonicalEvent {
  const timestamp = new Date(T0 + offset).toISOString()
  const times = { timestamp, originalTimestamp: timestamp, sentAt: timestamp, receivedAt: timestamp }
  const ids = { messageId: `m${offset}`, userId: 'u1', context: {}, integrations: {} }
  return { type: 'track', event: 'Clicked', ...ids, ...times, properties: { offset }, ...more }
}

/** Remembers the rows of every block it was given: a number must always come with the same ones. */
class WatchedHistory extends MemoryHistory {
  readonly rowsByBlock = new Map<number, string>()
  readonly sizes: number[] = []
  isAway = false

  override async insertEvents(blockNumber: number, rows: readonly HistoryEventRow[]) {
    if (this.isAway) throw new OnefoldError('history_unavailable')
    const text = JSON.stringify(rows)
    assert.equal(this.rowsByBlock.get(blockNumber) ?? text, text, 'the same block, the same rows')
    this.rowsByBlock.set(blockNumber, text)
    this.sizes.push(rows.length)
    return super.insertEvents(blockNumber, rows)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'onefold-history-writer-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

class World {
  readonly log = new MemoryLog()
  readonly state = new MemoryStateStore()
  readonly sink = new WatchedHistory()
  readonly rejected = new MemoryRejectedFeed()
  readonly path = join(folder, `history-${files++}.db`)
  readonly warnings: unknown[] = []
  now = 0
  #blocks = new SqliteHistoryBlocks({ path: this.path, firstNumber: 1_000_000 })

  /** A writer as a fresh process would have it. */
  async writer(
    more: Partial<HistoryWriterOptions> = {},
    crash: { after: number } = { after: Number.POSITIVE_INFINITY },
  ) {
    await this.#blocks.close()
    this.#blocks = new SqliteHistoryBlocks({ path: this.path, firstNumber: 1_000_000 })
    return createHistoryWriter({
      log: crashing(this.log, crash),
      state: this.state,
      sink: crashing(this.sink, crash),
      blocks: crashing(this.#blocks, crash),
      rejected: this.rejected,
      profileRow,
      clock: { now: () => this.now },
      sleep: async () => undefined,
      logger: { info: () => undefined, warn: (context: unknown) => void this.warnings.push(context) },
      ...more,
    })
  }

  async append(events: CanonicalEvent[]): Promise<void> {
    const { receivedAt } = await this.log.head()
    const at = Math.max(T0, receivedAt)
    await this.log.append(events.map((each) => ({ type: 'event', receivedAt: at, source: 'web', event: each })))
  }

  async commit(codes: VerdictCode[], more: Partial<Commit> = {}): Promise<void> {
    const expected = await this.state.position()
    const position = { ...expected, next: expected.next + codes.length, commit: expected.commit + 1 }
    const verdicts = codes.map((code, i) => ({ offset: expected.next + i, code, set: 1, profile: 7 }))
    const rows = { identifiers: [], sets: [], profiles: [], changes: [], moves: [], dedupe: [] }
    const lists = { sources: [], sourcesRemoved: [], segments: [], segmentsRemoved: [], clauses: [], handDecisions: [] }
    const others = { backfills: [], backfillsDone: [], kinds: [], genesis: null, dedupeFrom: 0 }
    await this.state.commit({ expected, position, verdicts, ...rows, ...lists, ...others, ...more })
  }

  async accept(count: number): Promise<void> {
    const { next } = await this.log.head()
    await this.append(Array.from({ length: count }, (_, i) => event(next + i)))
    await this.commit(Array.from({ length: count }, () => 'accepted'))
  }

  async stored(): Promise<number[]> {
    const events = await this.sink.timeline({ sets: SETS, limit: 1_000_000 })
    return events.map(({ offset }) => offset).sort((a, b) => a - b)
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

describe('history writer: events', () => {
  it('stores accepted events and those without identifier, never what is duplicate, suppressed or not committed', async () => {
    const world = new World()
    await world.append(upTo(4).map((offset) => event(offset)))
    await world.log.append([{ type: 'tick', receivedAt: T0 + 10 }])
    await world.append([event(5), event(6)])
    await world.commit(['accepted', 'duplicate', 'no_identifier', 'suppressed', 'none', 'accepted'])
    const writer = await world.writer()
    await writer.drain()
    assert.deepEqual(await world.stored(), [0, 2, 5])
    assert.equal(await writer.next(), 6)
    assert.equal(await world.log.cursor('history'), 6)
    await world.commit(['accepted'])
    await writer.drain()
    assert.deepEqual(await world.stored(), [0, 2, 5, 6])
  })

  it('writes the row that the ports describe', async () => {
    const world = new World()
    const context: JsonObject = { page: { path: '/a', title: 'A' } }
    const page: Partial<CanonicalEvent> = { type: 'page', name: 'Home', context, properties: { path: '/b' } }
    await world.append([event(0, page), event(1, { type: 'identify', traits: { plan: 'gold' } })])
    await world.commit(['accepted', 'accepted'])
    await (await world.writer()).drain()
    const [first, second] = JSON.parse([...world.sink.rowsByBlock.values()][0]!) as HistoryEventRow[]
    const { payload, ...row } = first!
    assert.deepEqual(JSON.parse(payload), event(0, page))
    assert.deepEqual(row, {
      offset: 0,
      source: 'web',
      messageId: 'm0',
      type: 'page',
      event: 'Page Viewed',
      timestamp: T0,
      receivedAt: T0,
      set: 1,
      profile: 7,
      properties: { path: '/b', title: 'A', name: 'Home' },
    })
    assert.equal(second!.event, '')
  })

  it('cuts at the row limit and at the byte limit', async () => {
    const world = new World()
    await world.accept(25)
    await (await world.writer({ blockRowsMax: 10 })).drain()
    assert.deepEqual(world.sink.sizes, [10, 10, 5])
    await world.append(upTo(3).map((i) => event(25 + i, { properties: { text: 'x'.repeat(1000) } })))
    await world.commit(['accepted', 'accepted', 'accepted'])
    await (await world.writer({ blockBytesMax: 1000 })).drain()
    assert.deepEqual(world.sink.sizes.slice(3), [1, 1, 1])
    assert.deepEqual(await world.stored(), upTo(28))
  })

  it('sends the first event at once, and gathers those that follow', async () => {
    const world = new World()
    const writer = await world.writer({ blockMsMax: 1000, blockRowsMax: 100 })
    await world.accept(1)
    assert.equal(await writer.step(), true)
    await world.accept(1)
    assert.equal(await writer.step(), false)
    world.now += 500
    assert.equal(await writer.step(), true)
    assert.equal(await writer.step(), false)
    await world.accept(100)
    assert.equal(await writer.step(), true, 'a full block does not wait')
    assert.deepEqual(world.sink.sizes, [1, 1, 100])
  })

  it('passes over a long stretch without rows', async () => {
    const world = new World()
    await world.append(upTo(12_000).map((offset) => event(offset)))
    await world.commit(
      upTo(11_999)
        .map((): VerdictCode => 'duplicate')
        .concat('accepted'),
    )
    await (await world.writer()).drain()
    assert.deepEqual(await world.stored(), [11_999])
  })

  it('begins at the log cursor when its own memory is lost, with numbers never given before', async () => {
    const world = new World()
    await world.accept(5)
    await (await world.writer()).drain()
    const blocks = new SqliteHistoryBlocks({ path: join(folder, `history-${files++}.db`), firstNumber: 2_000_000 })
    await world.accept(5)
    await (await world.writer({ blocks })).drain()
    await blocks.close()
    assert.deepEqual(await world.stored(), upTo(10))
    assert.deepEqual([...world.sink.rowsByBlock.keys()], [1_000_000, 2_000_000])
  })

  it('puts refused rows into the rejected feed and stores their neighbours', async () => {
    const world = new World()
    const deep = JSON.parse(`${'{"a":'.repeat(1200)}1${'}'.repeat(1200)}`) as JsonObject
    await world.append([event(0), event(1, { properties: deep }), event(2)])
    await world.commit(['accepted', 'accepted', 'accepted'])
    await (await world.writer()).drain()
    assert.deepEqual(await world.stored(), [0, 2])
    const [rejection] = await world.rejected.list({ limit: 10 })
    assert.equal(rejection?.code, 'history_refused')
    assert.equal(rejection?.messageId, 'm1')
    assert.equal(rejection?.source, 'web')
  })
})

/** Calls through to `target`, but ends with a crash before or after the n-th call, as a killed process would. */
function crashing<T extends object>(target: T, crash: { after: number }): T {
  return new Proxy(target, {
    get(object, name) {
      const method = Reflect.get(object, name, object) as unknown
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        if (crash.after-- <= 0) throw new Error('crash')
        const result: unknown = await (method.apply(object, args) as unknown)
        if (crash.after-- <= 0) throw new Error('crash')
        return result
      }
    },
  })
}

describe('history writer: crashes', () => {
  it('stores every event once, whatever step it dies at', async () => {
    const plan = fc.record({
      events: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
      crashes: fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 8 }),
      blockRowsMax: fc.integer({ min: 1, max: 10 }),
    })
    let died = 0
    await fc.assert(
      fc.asyncProperty(plan, async ({ events, crashes, blockRowsMax }) => {
        const world = new World()
        const left = [...crashes]
        for (const count of events) {
          await world.accept(count)
          const crash = { after: left.shift() ?? Number.POSITIVE_INFINITY }
          const writer = await world.writer({ blockRowsMax }, crash)
          await writer.drain().catch((error: Error) => {
            if (error.message !== 'crash') throw error
            died++
          })
        }
        await (await world.writer({ blockRowsMax })).drain()
        assert.deepEqual(await world.stored(), upTo((await world.log.head()).next))
      }),
      { numRuns: 40 },
    )
    assert.ok(died > 15, `only ${died} runs died`)
  })

  it('goes on by itself when the engine comes back, and says so once', async () => {
    const world = new World()
    await world.accept(3)
    world.sink.isAway = true
    const stop = new AbortController()
    let naps = 0
    const sleep = async () => {
      if (++naps === 5) world.sink.isAway = false
      if (naps === 10) stop.abort()
    }
    await (await world.writer({ sleep })).run(stop.signal)
    assert.deepEqual(await world.stored(), [0, 1, 2])
    assert.equal(world.warnings.length, 1)
  })
})

describe('history writer: mirrors', () => {
  const identifier = (id: number, value: string): IdentifierRow => {
    const facts = { kind: 'email', value, birthId: `birth-${id}`, firstAt: T0, profile: 1, suppressed: false }
    return { id, ...facts }
  }
  const profile = (plan: string, changedIn: number, more: Partial<ProfileRow> = {}): ProfileRow => {
    const state = emptyState()
    state.traits.set('plan', new Map([['web', { at: T0, offset: 1, value: plan }]]))
    state.traits.set('gone', new Map([['web', { at: T0, offset: 1, value: null }]]))
    state.consent.set(1, new Map([['ads', { at: T0, offset: 1, value: true }]]))
    state.consent.set(2, new Map([['ads', { at: T0, offset: 2, value: false }]]))
    const flags = { alive: true, suppressed: false, nextTimer: null, changedIn }
    return { id: 1, identifiers: [1, 2], sets: [1], state: encodeState(state), memberships: [], ...flags, ...more }
  }

  it('shows the present of every profile that changed', async () => {
    const world = new World()
    const writer = await world.writer()
    const identifiers = [identifier(1, 'jane@x.com'), identifier(2, 'Doe@x.com')]
    await world.commit([], { identifiers, profiles: [profile('gold', 1)] })
    await writer.drain()
    assert.deepEqual(await world.sink.search('doe@', 10), [1])
    const context = { segments: new Map(), offset: 0, now: T0 }
    const size = async (definition: Parameters<MemoryHistory['evaluate']>[0]) =>
      (await world.sink.evaluate(definition, context, 0)).size
    assert.equal(await size({ trait: 'plan', eq: 'gold' }), 1)
    assert.equal(await size({ trait: 'gone', exists: true }), 0)
    assert.equal(await size({ consent: 'ads' }), 0, 'one identifier said no')
    await world.commit([], { profiles: [profile('tin', 2)] })
    await writer.drain()
    assert.equal(await size({ trait: 'plan', eq: 'tin' }), 1)
    await world.commit([], { profiles: [profile('tin', 3, { alive: false })] })
    await (await world.writer()).drain()
    assert.equal(await size({ trait: 'plan', eq: 'tin' }), 0)
  })

  it('copies moves, so that older events follow their set', async () => {
    const world = new World()
    await world.accept(2)
    const move: SetMove = { commit: 2, ordinal: 1, set: 1, profile: 1, offset: 2 }
    await world.commit([], {
      identifiers: [identifier(1, 'a@x.com')],
      profiles: [profile('gold', 2, { identifiers: [1] })],
      moves: [move],
    })
    await (await world.writer()).drain()
    const context = { segments: new Map(), offset: 10, now: T0 }
    assert.deepEqual(await world.sink.evaluate({ event: 'Clicked', count: { eq: 2 } }, context, 5), {
      size: 1,
      profiles: [1],
    })
  })

  it('copies more profiles than one page holds', async () => {
    const world = new World()
    const ids = upTo(4500).map((i) => i + 1)
    await world.commit([], {
      identifiers: ids.map((id) => ({ ...identifier(id, `p${id}@x.com`), profile: id })),
      profiles: ids.map((id) => profile('gold', 1, { id, identifiers: [id] })),
    })
    await world.commit([], { profiles: [profile('gold', 2, { id: 9000, identifiers: [1] })] })
    await (await world.writer()).drain()
    assert.equal((await world.sink.search('@x.com', 10_000)).length, 4501)
  })
})
