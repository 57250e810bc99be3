// Runs the contract of the log on every store of it, and what only the log on disk promises: one writer, readers that never
// create, bytes that are gone, and nothing acknowledged lost to kill -9.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MemoryLog } from '../../src/store/memory/log.ts'
import { openSqliteLog } from '../../src/store/sqlite/log.ts'
import { describeEventLog, event, type LogPlace } from './event-log.ts'

const temporary = () => mkdtempSync(join(tmpdir(), 'onefold-log-'))

describeEventLog('sqlite', (): LogPlace => {
  const dataDir = temporary()
  return {
    writer: (options) => openSqliteLog(dataDir, { role: 'writer', ...options }),
    reader: () => openSqliteLog(dataDir, { role: 'reader' }),
    remove: () => rmSync(dataDir, { recursive: true }),
  }
})

describeEventLog(
  'memory',
  (): LogPlace => {
    const log = new MemoryLog()
    return { writer: () => log, reader: () => log, remove: () => undefined }
  },
  {
    skip: [
      {
        reason: 'memory has no disk that could be full',
        tests: ['a full disk refuses the whole append, and takes appends again once space is freed'],
      },
      { reason: 'memory is lost with its process', tests: ['a log opened again has everything'] },
    ],
  },
)

describe('the log on disk', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = temporary()
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))
  const openWriter = () => openSqliteLog(dataDir, { role: 'writer' })

  it('refuses a second writer until the first has closed', async () => {
    const first = openWriter()
    assert.throws(openWriter, /already has a writer/)
    await first.append([event(1)])
    await first.close()
    const second = openWriter()
    assert.deepEqual(await second.head(), { next: 1, receivedAt: 1 })
    await second.close()
  })

  it('gives a reader no way to write', async () => {
    const writer = openWriter()
    const reader = openSqliteLog(dataDir, { role: 'reader' })
    await assert.rejects(reader.append([event(1)]), /only the door writes/)
    await assert.rejects(reader.redact([0]), /only the door writes/)
    await assert.rejects(reader.retain(1), /only the door writes/)
    await reader.close()
    await writer.close()
  })

  it('makes a reader wait for the file and never creates it', () => {
    assert.throws(() => openSqliteLog(dataDir, { role: 'reader', waitMsMax: 50 }), {
      code: 'storage_unavailable',
      message: /log\.db is not there yet/,
    })
    assert.equal(existsSync(join(dataDir, 'log.db')), false)
  })

  it('lets a reader in another process open before the writer', async () => {
    const child = spawnChild('tail')
    const ready = once(child.lines, 'line')
    assert.deepEqual(await ready, ['waiting'])
    const writer = openWriter()
    await writer.append([event(1), event(2)])
    assert.deepEqual(await once(child.lines, 'line'), ['read 2'])
    await once(child.process, 'exit')
    await writer.close()
  })

  it('leaves no byte of a redacted payload in any file', async () => {
    const writer = openWriter()
    // Blocks below the least size for compression are stored as they are, so their text can be looked for.
    const small = { type: 'event', receivedAt: 1, source: 's', event: { secret: 'Sv7q-secret-Zk2' } } as never
    for (let i = 0; i < 40; i += 1) await writer.append([small])
    await writer.append([event(1), small])
    const holds = () =>
      readdirSync(dataDir).filter((name) => readFileSync(join(dataDir, name)).includes('Sv7q-secret-Zk2'))
    assert.deepEqual(holds(), ['log.db-wal'])
    assert.equal(await writer.redact([...Array(40).keys(), 41]), 41)
    assert.deepEqual(holds(), [])
    await writer.close()
    assert.deepEqual(holds(), [])
  })

  it('loses nothing acknowledged to kill -9, and keeps every append whole', async (t) => {
    const rounds = 5
    let inside = 0
    for (let round = 0; round < rounds; round += 1) {
      const child = spawnChild('append')
      let acknowledged = 0
      let appending = false
      // The child is ahead of the lines we read by then, so the kill falls anywhere in its loop.
      let linesLeft = 1 + Math.floor(Math.random() * 200)
      for await (const line of child.lines) {
        appending = line === 'appending'
        if (!appending) acknowledged = Number(line)
        linesLeft -= 1
        if (linesLeft === 0) child.process.kill('SIGKILL')
      }
      if (appending) inside += 1
      await assertWhole(acknowledged)
    }
    t.diagnostic(`${inside} of ${rounds} kills fell inside an append`)
  })

  async function assertWhole(acknowledged: number): Promise<void> {
    const log = openWriter()
    const { next } = await log.head()
    assert.ok(next >= acknowledged, `${acknowledged} acknowledged, ${next} stored`)
    const records = await log.read({ from: 0, recordsMax: next + 1 })
    assert.equal(records.length, next)
    const sizes = new Map<number, number>()
    for (const { offset, record } of records) {
      assert.ok(record.type === 'event')
      const { first, size, n } = record.event.properties as { first: number; size: number; n: number }
      assert.equal(n, offset)
      assert.equal(sizes.get(first) ?? size, size)
      sizes.set(first, size)
    }
    for (const [first, size] of sizes) {
      assert.ok(first + size <= next, `the append at ${first} is torn`)
    }
    await log.close()
  }

  function spawnChild(task: 'append' | 'tail') {
    const script = fileURLToPath(new URL('./event-log-child.ts', import.meta.url))
    const process_ = spawn(process.execPath, [script, task, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
    return { process: process_, lines: createInterface({ input: process_.stdout }) }
  }
})
