// A real engine for contract suites: the embedded child process on a folder of its own, reached by the real client. It can be
// killed and started again on the same address, as the supervisor does.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface EngineProcess {
  url: string
  dataDir: string
  pid(): number
  kill(signal?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
  /** Ends the process and removes its folder. */
  close(): Promise<void>
}

const ENTRY = new URL('../../src/store/chdb/child.ts', import.meta.url)

/** On a new folder, or on the given one. */
export async function startEngine(options: { dataDir?: string } = {}): Promise<EngineProcess> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'onefold-history-'))
  const url = `http://onefold:s3cret%3A%2F@127.0.0.1:${await freePort()}`
  let child: ChildProcess | null = null

  async function start(): Promise<void> {
    const env = { ...process.env, CLICKHOUSE_URL: url, ONEFOLD_DATA_DIR: dataDir }
    const started = fork(ENTRY, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    child = started
    const ended = once(started, 'exit').then(([code, signal]) => {
      throw new Error(`the engine ended before it was ready: ${code ?? signal}`)
    })
    ended.catch(() => undefined)
    await Promise.race([once(started, 'message'), ended])
  }

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }

  await start()
  return {
    url,
    dataDir,
    pid: () => child!.pid!,
    kill,
    start,
    async close() {
      await kill()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
