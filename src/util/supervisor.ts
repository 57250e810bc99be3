// Supervision: keeps child processes and workers running. One that ends is started again, after a pause that doubles while it keeps
// failing; ending the tree ends them in order. It knows nothing of what they do.
import { type ChildProcess, fork } from 'node:child_process'
import { setPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

export interface ChildPlan {
  name: string
  /** File run by Node. */
  entry: URL
  env: NodeJS.ProcessEnv
  /** Unix niceness: children run below the door. */
  niceness: number
}

export interface SupervisorLogger {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

const RESTART_MS_MIN = 100
const RESTART_MS_MAX = 5000
/** A child that ran this long has recovered: the next pause is the shortest again. */
const STEADY_MS = 10_000
/** How long a child may take to end by itself. */
const END_MS_MAX = 5000

export class SupervisedChild {
  readonly name: string
  readonly #plan: ChildPlan
  readonly #logger: SupervisorLogger
  #process: ChildProcess | null = null
  #ready = false
  #ending = false
  #pauseMs = RESTART_MS_MIN
  restarts = 0

  constructor(plan: ChildPlan, logger: SupervisorLogger) {
    this.name = plan.name
    this.#plan = plan
    this.#logger = logger
  }

  get isUp(): boolean {
    return this.#ready
  }

  get pid(): number | null {
    return this.#process?.pid ?? null
  }

  start(): void {
    const { entry, env, niceness, name } = this.#plan
    const startedAt = performance.now()
    const child = fork(entry, {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    this.#process = child
    child.on('message', (message) => {
      if (typeof message === 'object' && message !== null && 'ready' in message) this.#ready = true
    })
    child.on('error', (error) => this.#logger.error({ err: error, child: name }, 'a child could not be started'))
    child.once('exit', (code, signal) => {
      this.#ready = false
      this.#process = null
      if (this.#ending) return
      this.#logger.error({ child: name, code, signal }, 'a child ended; it is started again')
      if (performance.now() - startedAt > STEADY_MS) this.#pauseMs = RESTART_MS_MIN
      setTimeout(() => this.#restart(), this.#pauseMs).unref()
      this.#pauseMs = Math.min(RESTART_MS_MAX, this.#pauseMs * 2)
    })
    // Where lowering it is not allowed, the child runs as it is.
    if (child.pid !== undefined) lowerPriority(child.pid, niceness)
  }

  /** Asks it to end, and after a while makes it. */
  async end(): Promise<void> {
    this.#ending = true
    const child = this.#process
    if (child === null) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    if (child.connected) child.disconnect()
    const limit = new AbortController()
    const late = delay(END_MS_MAX, undefined, { signal: limit.signal }).then(
      () => child.kill('SIGKILL'),
      () => false,
    )
    await gone
    limit.abort()
    await late
  }

  #restart(): void {
    if (this.#ending) return
    this.restarts += 1
    this.start()
  }
}

function lowerPriority(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness)
  } catch {
    // Not allowed here.
  }
}
