// The embedded engine as a process: it takes over its folder from one that is still dying, and never outlives its parent,
// because an orphan would keep the folder locked.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openHistory } from '../../src/store/clickhouse/history.ts'
import { eventRow } from './history.ts'
import { startEngine } from './history-child.ts'

const PARENT = `
  import { fork } from 'node:child_process'
  const child = fork(process.argv[1], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.on('message', () => console.log(child.pid))
`

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('process of the embedded engine', () => {
  it('waits for its predecessor to let go of the folder, and finds what that one acknowledged', async () => {
    const engine = await startEngine()
    const history = openHistory(engine.url)
    try {
      await history.prepare()
      await history.insertEvents(1, [eventRow(1)])
      const successor = startEngine({ dataDir: engine.dataDir })
      await sleep(500)
      await engine.kill()
      const next = await successor
      const after = openHistory(next.url)
      assert.equal((await after.timeline({ sets: [1], limit: 10 })).length, 1)
      await after.close()
      await next.kill()
    } finally {
      await history.close()
      await engine.close()
    }
  })

  it('ends on SIGTERM, and starts again', async () => {
    const engine = await startEngine()
    const history = openHistory(engine.url)
    try {
      await history.prepare()
      await engine.kill('SIGTERM')
      await engine.start()
      await history.ping()
    } finally {
      await history.close()
      await engine.close()
    }
  })

  it('ends when its parent is killed', async () => {
    const place = await startEngine()
    await place.kill()
    const entry = new URL('../../src/store/chdb/child.ts', import.meta.url).pathname
    const env = { ...process.env, CLICKHOUSE_URL: place.url, ONEFOLD_DATA_DIR: place.dataDir }
    const options = { env, stdio: ['ignore', 'pipe', 'inherit'] as ['ignore', 'pipe', 'inherit'] }
    const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT, entry], options)
    try {
      const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
      const pid = Number(line)
      assert.ok(isRunning(pid))
      parent.kill('SIGKILL')
      while (isRunning(pid)) await sleep(20)
    } finally {
      parent.kill('SIGKILL')
      await place.close()
    }
  })
})
