// Entry of the API's worker thread. SQLite blocks the thread that calls it, and one search must not stop the door; so the API reads
// in a thread of its own and is spoken to over a Unix socket. The parent posts how the other processes are.
import { rmSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { apiSocketPath, composeApi } from '../compose.ts'
import type { Config } from '../config.ts'
import type { PartHealth } from './deps.ts'
import { buildApi } from './server.ts'
import { tokenCheck } from './tokens.ts'

/** What the parent hands over at the start. */
export interface ApiWorkerData {
  config: Config
  adminHashes: string[]
  version: string
  /** Listen on the configured address itself: this process tree has no door. */
  alone: boolean
}

/** What the parent posts whenever it changes, and every second. */
export interface TreeStatus {
  health: PartHealth[]
  metrics: Record<string, number>
}

const { config, adminHashes, version, alone } = workerData as ApiWorkerData
let status: TreeStatus = { health: [], metrics: {} }
parentPort?.on('message', (message: TreeStatus) => {
  status = message
})

const app = await buildApi(
  composeApi(config, {
    tokens: tokenCheck({ admin: adminHashes, profile: [] }),
    health: () => status.health,
    processMetrics: () => status.metrics,
    version,
  }),
)
if (alone) await app.listen({ port: config.port, host: config.host })
else {
  const path = apiSocketPath(config)
  rmSync(path, { force: true })
  await app.listen({ path })
}
parentPort?.postMessage({ ready: true })
