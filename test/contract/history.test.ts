// History under its contract: in memory, and on the embedded engine in its own process through the real client. The crash
// tests kill that process as a fault would.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createClient } from '@clickhouse/client'
import { OnefoldError } from '../../src/spec/errors.ts'
import { openHistory } from '../../src/store/clickhouse/history.ts'
import { MemoryHistory } from '../../src/store/memory/history.ts'
import { describeHistory, eventRow } from './history.ts'
import { type EngineProcess, startEngine } from './history-child.ts'

describeHistory('memory', async () => new MemoryHistory())

describe('embedded engine', { concurrency: false }, () => {
  let engine: EngineProcess
  before(async () => {
    engine = await startEngine()
  })
  after(() => engine.close())

  /** One process serves all tests: each begins with no tables. */
  async function emptyHistory() {
    const client = createClient({ url: engine.url })
    for (const table of ['events', 'overrides', 'profiles', 'onefold_migrations'])
      await client.command({ query: `DROP TABLE IF EXISTS ${table} SYNC` })
    await client.close()
    const history = openHistory(engine.url)
    await history.prepare()
    return history
  }

  describeHistory('chDB', emptyHistory)

  it('keeps every acknowledged block over kill -9, and stores a block sent again once', async () => {
    const history = await emptyHistory()
    const rowsOf = (block: number) => Array.from({ length: 200 }, (_, i) => eventRow(block * 200 + i))
    let acknowledged = 0
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 3; i++) await history.insertEvents(acknowledged, rowsOf(acknowledged++))
      // One block is under way when the engine dies: it may or may not have been stored.
      const underWay = history.insertEvents(acknowledged, rowsOf(acknowledged)).catch(() => undefined)
      await engine.kill()
      await underWay
      await engine.start()
      await history.insertEvents(acknowledged, rowsOf(acknowledged++))
    }
    const stored = await history.timeline({ sets: [1], limit: 100_000 })
    assert.deepEqual(
      stored.map(({ offset }) => offset).reverse(),
      Array.from({ length: acknowledged * 200 }, (_, i) => i),
    )
    await history.close()
  })

  it('says history_unavailable while the engine is away, and works once it is back', async () => {
    const history = await emptyHistory()
    await engine.kill()
    const isAway = (error: unknown) =>
      error instanceof OnefoldError && error.code === 'history_unavailable' && error.retryable
    await assert.rejects(history.ping(), isAway)
    await assert.rejects(history.prepare(), isAway)
    await assert.rejects(history.insertEvents(1, [eventRow(1)]), isAway)
    await assert.rejects(history.timeline({ sets: [1], limit: 1 }), isAway)
    await engine.start()
    await history.insertEvents(1, [eventRow(1)])
    assert.equal((await history.timeline({ sets: [1], limit: 10 })).length, 1)
    await history.close()
  })
})
