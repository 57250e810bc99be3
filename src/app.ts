// The composition root and the parent of the process tree. This process is the door: it alone writes the log, and it does nothing
// that could keep a request waiting. Everything else runs in children and in the API's worker, which it starts and keeps running.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { adminHashes } from './api/admin-token.ts'
import type { ApiWorkerData, TreeStatus } from './api/worker.ts'
import { ensureBeginning } from './collect/beginning.ts'
import { createClock } from './collect/clock.ts'
import { createCounters, type DoorCounters } from './collect/counters.ts'
import { buildDoor, DOOR_LIMITS } from './collect/door.ts'
import { GroupCommit } from './collect/group-commit.ts'
import { serveInlet } from './collect/inlet.ts'
import { SourceDirectory } from './collect/sources.ts'
import { SuppressionList } from './collect/suppressions.ts'
import { apiSocketPath, createLogger, inletPath, openDoorStores } from './compose.ts'
import { type Config, childEnvironment } from './config.ts'
import { extractIdentifiers } from './resolve/extract.ts'
import { isBlocked } from './resolve/kinds.ts'
import { isOfSuppressed } from './resolve/suppression.ts'
import type { CanonicalEvent } from './spec/event.ts'
import { formatIdentifier } from './spec/identifier.ts'
import { type ChildPlan, SupervisedChild } from './util/supervisor.ts'

/** Children run below the door: two busy processes beside it would cost it more than half its rate. */
const CHILD_NICENESS = 10
const STATUS_MS = 1000
const CLOSE_MS_MAX = 3000

export interface App {
  /** Where the HTTP server listens. */
  url: string
  /** Ends everything in order: first the door, so that nothing more is accepted. */
  stop(): Promise<void>
}

/** Starts the process tree. Throws when the port or the data folder is taken. */
export async function startApp(config: Config): Promise<App> {
  const logger = createLogger(config, 'onefold')
  const engineUrl = config.clickhouseUrl === '' ? await embeddedEngineUrl() : config.clickhouseUrl
  const withEngine: Config = { ...config, clickhouseUrl: engineUrl }
  const plays = (role: Config['roles'][number]) => config.roles.includes(role)
  const counters = createCounters()
  // It listens before anything else starts: with the port taken, nothing is left behind.
  const door = plays('collect') ? await openDoor(config, logger, counters) : null
  const url = door === null ? `http://${config.host}:${config.port}` : await door.listen()
  const children = childPlans(config, engineUrl).map((plan) => new SupervisedChild(plan, logger))
  for (const child of children) child.start()
  const hashes = adminHashes(config.adminToken, config.dataDir, announceToken)
  const api = plays('api')
    ? new ApiThread({ config: withEngine, adminHashes: hashes, version: version(), alone: door === null }, logger)
    : null
  const status = () => treeStatus(children, door !== null, counters)
  const posting = setInterval(() => api?.post(status()), STATUS_MS)
  api?.post(status())
  logger.info({ url, roles: config.roles, dataDir: config.dataDir }, 'onefold is listening')
  return {
    url,
    async stop() {
      clearInterval(posting)
      await door?.close()
      await api?.end()
      await Promise.all(children.map((child) => child.end()))
    },
  }
}

interface Door {
  listen(): Promise<string>
  close(): Promise<void>
}

async function openDoor(config: Config, logger: Logger, counters: DoorCounters): Promise<Door> {
  const { log, rejected } = openDoorStores(config)
  const clock = createClock(logger)
  const commit = await GroupCommit.open(log, clock, counters)
  const sources = new SourceDirectory()
  const suppressions = new SuppressionList()
  const directories = [sources, suppressions]
  for (const { record } of await log.decisions()) {
    if (record.type === 'decision') for (const directory of directories) directory.apply(record.decision)
  }
  await ensureBeginning({ log, commit, clock, sources, writeKey: config.writeKey })
  const inlet = await serveInlet({ socketPath: inletPath(config), commit, clock, directories, logger })
  const { eventBytesMax, requestBytesMax, trustedProxies } = config
  const server: FastifyInstance = await buildDoor({
    commit,
    rejected,
    clock,
    sources,
    counters,
    trustedProxies,
    logger,
    limits: { ...DOOR_LIMITS, eventBytesMax, requestBytesMax },
    isSuppressed: (event) => isSuppressed(event, suppressions),
    apiSocket: config.roles.includes('api') ? apiSocketPath(config) : null,
  })
  return {
    listen: () => server.listen({ port: config.port, host: config.host }),
    async close() {
      // Requests under way are answered; kept connections are not waited for.
      const closed = server.close()
      server.server.closeIdleConnections()
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, CLOSE_MS_MAX).unref())])
      await inlet.close()
      await rejected.close()
      await log.close()
    },
  }
}

/** By what the event itself carries; with nobody suppressed, as a rule, no event is looked at. */
function isSuppressed(event: CanonicalEvent, suppressions: SuppressionList): boolean {
  if (suppressions.isEmpty) return false
  const context = { sourceKind: 'server' as const, region: undefined, isRegistered: () => true }
  const { identifiers } = extractIdentifiers(event, context)
  return isOfSuppressed(identifiers, (one) => {
    if (isBlocked(one)) return 'ineligible'
    return suppressions.has(formatIdentifier(one)) ? 'suppressed' : 'free'
  })
}

function childPlans(config: Config, engineUrl: string): ChildPlan[] {
  const env = childEnvironment({ CLICKHOUSE_URL: engineUrl, ONEFOLD_DATA_DIR: config.dataDir })
  const plan = (name: string, entry: string): ChildPlan => ({
    name,
    entry: new URL(entry, import.meta.url),
    env,
    niceness: CHILD_NICENESS,
  })
  const plans: ChildPlan[] = []
  if (config.roles.includes('process')) {
    if (config.clickhouseUrl === '') plans.push(plan('engine', './store/chdb/child.ts'))
    plans.push(plan('pipeline', './pipeline/child.ts'), plan('history', './history/child.ts'))
  }
  if (config.roles.includes('deliver')) plans.push(plan('deliver', './activate/child.ts'))
  return plans
}

/** The API's thread; one that fails is started again. */
class ApiThread {
  readonly #data: ApiWorkerData
  readonly #logger: Logger
  #worker: Worker
  #status: TreeStatus | null = null
  #ending = false

  constructor(data: ApiWorkerData, logger: Logger) {
    this.#data = data
    this.#logger = logger
    this.#worker = this.#start()
  }

  post(status: TreeStatus): void {
    this.#status = status
    this.#worker.postMessage(status)
  }

  async end(): Promise<void> {
    this.#ending = true
    await this.#worker.terminate()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./api/worker.ts', import.meta.url), {
      workerData: this.#data,
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    worker.on('error', (error) => this.#logger.error({ err: error }, 'the API thread failed'))
    worker.once('exit', () => {
      if (this.#ending) return
      setTimeout(() => {
        this.#worker = this.#start()
        if (this.#status !== null) this.#worker.postMessage(this.#status)
      }, STATUS_MS).unref()
    })
    return worker
  }
}

function treeStatus(children: readonly SupervisedChild[], hasDoor: boolean, counters: DoorCounters): TreeStatus {
  const { rejected, ...numbers } = counters
  const restarts = children.map(({ name, restarts }) => [`${name}_restarts_total`, restarts] as const)
  const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0)
  return {
    health: [
      ...(hasDoor ? [{ name: 'door', up: true }] : []),
      ...children.map(({ name, isUp }) => ({ name, up: isUp })),
    ],
    metrics: {
      ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`door_${name}_total`, value])),
      door_rejected_total: refused,
      ...Object.fromEntries(restarts),
    },
  }
}

/** A free port and a password of this run: nobody else on the machine may ask the engine. */
async function embeddedEngineUrl(): Promise<string> {
  const probe = createServer()
  const port = await new Promise<number>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      if (address === null || typeof address === 'string') reject(new Error('no TCP address'))
      else resolve(address.port)
    })
  })
  await new Promise<void>((resolve) => probe.close(() => resolve()))
  return `http://onefold:${randomBytes(16).toString('hex')}@127.0.0.1:${port}`
}

function announceToken(token: string): void {
  process.stderr.write(
    `\n  Admin token (shown once; only its hash is kept): ${token}\n  Set ONEFOLD_ADMIN_TOKEN to use your own.\n\n`,
  )
}

function version(): string {
  const file = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')
  return (JSON.parse(file) as { version: string }).version
}
