// Group commit: one append for all who wait, order, failures that hit only those in the group, and the bound.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OnefoldError } from '../spec/errors.ts'
import type { LogRecord } from '../spec/log-record.ts'
import { MemoryLog } from '../store/memory/log.ts'
import type { Clock } from './clock.ts'
import { createCounters } from './counters.ts'
import { Gather } from './gather.ts'
import { GroupCommit } from './group-commit.ts'

const tick = (receivedAt: number): LogRecord => ({ type: 'tick', receivedAt })

function still(): Clock & { floors: number[] } {
  const floors: number[] = []
  return { now: () => 0, floor: (ms) => floors.push(ms), jumps: 0, floors }
}

describe('group commit', () => {
  it('shares one append, in the order of calls, and tells each its own offset', async () => {
    const log = new MemoryLog()
    const counters = createCounters()
    const commit = await GroupCommit.open(log, still(), counters)
    const offsets = await Promise.all([
      commit.append([tick(5), tick(5)], 0),
      commit.append([tick(6)], 0),
      commit.append([tick(7), tick(7), tick(7)], 0),
    ])
    assert.deepEqual(offsets, [0, 2, 3])
    assert.deepEqual([counters.commits, counters.commitRecords], [1, 6])
    assert.equal(await commit.append([tick(8)], 0), 6)
  })

  it('raises the clock to the end of the log, and keeps receivedAt from decreasing', async () => {
    const log = new MemoryLog()
    await log.append([tick(1000)])
    const clock = still()
    const commit = await GroupCommit.open(log, clock, createCounters())
    assert.deepEqual(clock.floors, [1000])
    await Promise.all([commit.append([tick(2000)], 0), commit.append([tick(1500)], 0)])
    const times = (await log.read({ from: 0, recordsMax: 9 })).map(({ record }) => record.receivedAt)
    assert.deepEqual(times, [1000, 2000, 2000])
  })

  it('fails those in a failed append alone, as storage_unavailable', async () => {
    let failing = true
    class Failing extends MemoryLog {
      override async append(...records: Parameters<MemoryLog['append']>) {
        if (failing) throw new Error('disk I/O error')
        return super.append(...records)
      }
    }
    const log = new Failing()
    const commit = await GroupCommit.open(log, still(), createCounters())
    const outcomes = await Promise.allSettled([commit.append([tick(1)], 0), commit.append([tick(1)], 0)])
    for (const outcome of outcomes) {
      assert.equal(outcome.status, 'rejected')
      assert.ok(outcome.reason instanceof OnefoldError && outcome.reason.code === 'storage_unavailable')
    }
    failing = false
    assert.equal(await commit.append([tick(1)], 0), 0)
    assert.equal((await log.head()).next, 1)
  })

  it('refuses while too much waits, and takes again afterwards', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const gather = new Gather<number, number>(
      async (items) => {
        await held
        return items.length
      },
      { itemsMax: 3, waitingBytesMax: 10 },
    )
    const first = [gather.add([1], 6), gather.add([2], 6)]
    await assert.rejects(gather.add([3], 1), { code: 'storage_unavailable' })
    release()
    assert.deepEqual(await Promise.all(first), [
      { result: 2, index: 0 },
      { result: 2, index: 1 },
    ])
    await gather.idle()
    assert.deepEqual(await gather.add([3], 1), { result: 1, index: 0 })
  })

  it('cuts a long queue between callers, never within one', async () => {
    const sizes: number[] = []
    const gather = new Gather<number, void>(
      async (items) => {
        sizes.push(items.length)
      },
      { itemsMax: 5, waitingBytesMax: 1000 },
    )
    await Promise.all([3, 2, 1, 9, 4].map((size) => gather.add(new Array(size).fill(0), size)))
    assert.deepEqual(sizes, [5, 1, 9, 4])
  })
})
