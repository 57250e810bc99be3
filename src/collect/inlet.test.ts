// The inlet from both ends: decisions and ticks over a Unix socket.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import pino from 'pino'
import type { Decision } from '../spec/decision.ts'
import { OnefoldError } from '../spec/errors.ts'
import { MemoryLog } from '../store/memory/log.ts'
import { createClock } from './clock.ts'
import { createCounters } from './counters.ts'
import { GroupCommit } from './group-commit.ts'
import { connectInlet, type InletServer, serveInlet } from './inlet.ts'
import { SourceDirectory } from './sources.ts'

const logger = pino({ level: 'silent' })
const made: Decision = {
  decision: 'source',
  source: { slug: 'web', name: 'Web', kind: 'browser', writeKey: 'wk', enabled: true },
}
const removed: Decision = { decision: 'segment_removed', slug: 'vip' }

class Log extends MemoryLog {
  failing = false
  override async append(...records: Parameters<MemoryLog['append']>) {
    if (this.failing) throw new OnefoldError('storage_unavailable')
    return super.append(...records)
  }
}

describe('inlet', () => {
  let folder: string
  let socketPath: string
  let log: Log
  let sources: SourceDirectory
  let server: InletServer
  const serve = async () => {
    const clock = createClock(logger)
    const commit = await GroupCommit.open(log, clock, createCounters())
    return serveInlet({ socketPath, commit, clock, directories: [sources], logger })
  }
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'inlet-'))
    socketPath = join(folder, 'inlet.sock')
    log = new Log()
    sources = new SourceDirectory()
    server = await serve()
  })
  afterEach(async () => {
    await server.close()
    rmSync(folder, { recursive: true })
  })

  it('logs decisions in order and tells their offsets, and lets sources in once they are logged', async () => {
    const inlet = connectInlet(socketPath)
    assert.deepEqual(await inlet.decide([removed, made]), [0, 1])
    assert.deepEqual(await inlet.decide([removed]), [2])
    assert.equal(sources.byWriteKey('wk')?.slug, 'web')
    const logged = await log.decisions()
    assert.deepEqual(
      logged.map(({ offset, record }) => [offset, record.type === 'decision' && record.decision]),
      [
        [0, removed],
        [1, made],
        [2, removed],
      ],
    )
  })

  it('logs ticks with log time', async () => {
    await connectInlet(socketPath).tick()
    const [tick] = await log.read({ from: 0, recordsMax: 1 })
    assert.equal(tick?.record.type, 'tick')
    assert.ok((tick?.record.receivedAt ?? 0) > 1_700_000_000_000)
  })

  it('tells a failing log as the error that it is, and lets no source in', async () => {
    log.failing = true
    const inlet = connectInlet(socketPath)
    await assert.rejects(inlet.decide([made]), (error) => error instanceof OnefoldError && error.retryable)
    await assert.rejects(inlet.tick(), { code: 'storage_unavailable' })
    assert.equal(sources.list().length, 0)
    log.failing = false
    assert.deepEqual(await inlet.decide([made]), [0])
  })

  it('refuses what is no decision, with a pointer, and logs none of the call', async () => {
    const inlet = connectInlet(socketPath)
    const wrong = { decision: 'source', source: { slug: 'UPPER' } } as unknown as Decision
    await assert.rejects(inlet.decide([made, wrong]), (error: OnefoldError) => {
      return error.code === 'invalid_request' && /^\/decisions\/1\/source\//.test(error.pointer ?? '')
    })
    await assert.rejects(inlet.decide([]), { code: 'invalid_request' })
    assert.equal((await log.head()).next, 0)
  })

  it('answers nonsense with an error, never with silence', async () => {
    const status = (method: string, path: string, body: string) =>
      new Promise((resolve, reject) => {
        const sent = request({ socketPath, method, path }, (response) => resolve(response.resume().statusCode))
        sent.on('error', reject)
        sent.end(body)
      })
    assert.equal(await status('POST', '/decide', '{'), 400)
    assert.equal(await status('POST', '/decide', 'x'.repeat(17 * 1024 * 1024)), 400)
    assert.equal(await status('POST', '/nothing', '{}'), 404)
    assert.equal(await status('GET', '/tick', ''), 404)
  })

  it('opens its socket for this user alone', () => {
    assert.equal(statSync(socketPath).mode & 0o777, 0o600)
  })

  it('takes over the file of a dead door, and never that of a living one', async () => {
    await assert.rejects(serve(), /already serves/)
    await server.close()
    writeFileSync(socketPath, '')
    server = await serve()
    await connectInlet(socketPath).tick()
  })

  it('is told as retryable where no door listens', async () => {
    const inlet = connectInlet(join(folder, 'nobody.sock'))
    await assert.rejects(inlet.tick(), { code: 'storage_unavailable' })
  })
})
