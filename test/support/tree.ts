// A real process tree of the product, started, frozen and killed from outside as an operating system would: `onefold start` in a
// process group of its own. It looks at processes only through the process table, so that orphans are seen too, and it must
// never leave one behind: `end` kills whatever any of its starts brought forth.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { childEnvironment } from '../../src/config.ts'

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'onefold.js')
/** Below the ports that systems give to outgoing connections: a client that dials a dead server must not meet itself there. */
const PORT_MIN = 20_000
const PORT_MAX = 32_000
const POLL_MS = 20

export const CHILDREN = ['engine', 'pipeline', 'history', 'deliver'] as const
export type ChildName = (typeof CHILDREN)[number]
const ENTRIES: Record<ChildName, string> = {
  engine: '/chdb/child.ts',
  pipeline: '/pipeline/child.ts',
  history: '/history/child.ts',
  deliver: '/activate/child.ts',
}

export interface TreeProcess {
  pid: number
  parent: number
  group: number
  /** First letter of its state: `T` for stopped. The dead (`Z`) are not listed. */
  state: string
  command: string
}

export interface TreeOptions {
  dataDir: string
  port: number
  adminToken: string
  writeKey: string
  /** Where everything that the tree says goes. */
  output: string
}

export class ProcessTree {
  readonly url: string
  readonly #options: TreeOptions
  /** Of every start: orphans keep the group of the parent they lost. */
  readonly #groups: number[] = []
  #main: ChildProcess | null = null
  #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }> | null = null

  constructor(options: TreeOptions) {
    this.#options = options
    this.url = `http://127.0.0.1:${options.port}`
  }

  /** Starts main; the tree is usable once `ready` resolves. */
  start(): void {
    const { dataDir, port, adminToken, writeKey, output } = this.#options
    const settings = {
      ONEFOLD_DATA_DIR: dataDir,
      PORT: String(port),
      ONEFOLD_ADMIN_TOKEN: adminToken,
      ONEFOLD_WRITE_KEY: writeKey,
      ONEFOLD_OUTBOUND_ALLOW: '127.0.0.0/8',
    }
    const file = openSync(output, 'a')
    const main = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', LAUNCHER, 'start'], {
      env: childEnvironment(settings),
      stdio: ['ignore', file, file],
      detached: true,
    })
    closeSync(file)
    if (main.pid === undefined) throw new Error('the tree could not be started')
    this.#groups.push(main.pid)
    this.#main = main
    this.#exit = new Promise((resolve) => main.once('exit', (code, signal) => resolve({ code, signal })))
  }

  get mainPid(): number {
    const pid = this.#main?.pid
    if (pid === undefined) throw new Error('the tree was never started')
    return pid
  }

  /** Whether main still runs. */
  get isRunning(): boolean {
    return this.#main !== null && this.#main.exitCode === null && this.#main.signalCode === null
  }

  /** Every living process of any start, orphans included. */
  processes(): TreeProcess[] {
    return listProcesses().filter(({ group }) => this.#groups.includes(group))
  }

  /** The pid of a child of the present main; null while it is down. */
  child(name: ChildName): number | null {
    const main = this.mainPid
    const found = this.processes().find((one) => one.parent === main && one.command.includes(ENTRIES[name]))
    return found?.pid ?? null
  }

  /** Resolves once every part is up, under the pids it has now. Throws when main ends or the time is over. */
  async ready(msMax = 60_000): Promise<void> {
    await until('the tree is ready', msMax, async () => {
      if (!this.isRunning) throw new Error('main ended by itself')
      const answer = await this.get('/readyz').catch(() => null)
      return answer?.status === 200 && JSON.parse(answer.text).status === 'ready'
    })
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    return this.call('GET', path)
  }

  /** A call of the Admin API; throws where nobody answers. */
  async call(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
    const answer = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.#options.adminToken}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(15_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, text: await answer.text() }
  }

  /** `kill -9` of the whole group of the present main. */
  killAll(): void {
    signalProcess(-this.mainPid, 'SIGKILL')
  }

  /** Resolves when main is gone, however it ended. */
  async mainGone(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (this.#exit === null) throw new Error('the tree was never started')
    return this.#exit
  }

  /** Resolves when no process but those of the present main is left. */
  async orphansGone(msMax = 60_000): Promise<void> {
    await until('orphans have ended', msMax, async () =>
      this.processes().every(({ group }) => this.isRunning && group === this.mainPid),
    )
  }

  /** Asks main to end; resolves with its exit. */
  async stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    signalProcess(this.mainPid, 'SIGTERM')
    return this.mainGone()
  }

  /** Kills what is left of every start. For the end of a test, passed or failed. */
  end(): void {
    for (const { pid } of this.processes()) signalProcess(pid, 'SIGKILL')
  }
}

/** Sends it; false where there is no such process any more. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

/**
 * Stops the processes and waits until they stand: from then on what they hold is what a kill would catch them with. False
 * where one of them is gone.
 */
export async function freeze(pids: readonly number[]): Promise<boolean> {
  if (!pids.map((pid) => signalProcess(pid, 'SIGSTOP')).every(Boolean)) return false
  for (let waited = 0; waited < 500; waited += 2) {
    const running = listProcesses(pids).filter(({ state }) => state !== 'T')
    if (running.length === 0) break
    await sleep(2)
  }
  return true
}

export function thaw(pids: readonly number[]): void {
  for (const pid of pids) signalProcess(pid, 'SIGCONT')
}

/** A TCP port that nobody listens on now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN))
    const probe = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}

/** Polls until it holds. Throws when the time is over, or what the condition throws. */
export async function until(what: string, msMax: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + msMax
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`after ${msMax} ms it does not hold: ${what}`)
    await sleep(POLL_MS)
  }
}

/** The living ones; of these alone, or of all. */
function listProcesses(only: readonly number[] | null = null): TreeProcess[] {
  const found = existsSync('/proc/self/stat') ? fromProc(only) : fromPs()
  return found.filter(({ pid, state }) => state !== 'Z' && state !== 'X' && (only?.includes(pid) ?? true))
}

// A slim machine has no `ps`, a Mac no /proc.
function fromProc(only: readonly number[] | null): TreeProcess[] {
  return (only?.map(String) ?? readdirSync('/proc'))
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        // The second field is a name in parentheses and may hold anything.
        const [state = '', parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return [{ pid: Number(name), parent: Number(parent), group: Number(group), state, command }]
      } catch {
        return [] // it ended meanwhile
      }
    })
}

function fromPs(): TreeProcess[] {
  const table = execFileSync('ps', ['-axo', 'pid=,ppid=,pgid=,state=,command='], { encoding: 'utf8' })
  return table.split('\n').flatMap((line) => {
    const [, pid, parent, group, state, command] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S)\S*\s+(.*)$/.exec(line) ?? []
    if (pid === undefined || state === undefined || command === undefined) return []
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), state, command }]
  })
}
