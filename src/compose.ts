// Composition: which implementation stands behind each port in each process. Nothing else but tests imports a store.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'
import { describeType, listCatalog, maskSettings, unmaskSettings } from './activate/catalog.ts'
import { checkDestination } from './activate/check.ts'
import type { DeliveryDeps } from './activate/delivery.ts'
import type { ApiDeps } from './api/deps.ts'
import { connectInlet } from './collect/inlet.ts'
import type { Config } from './config.ts'
import type { HistoryWriterOptions } from './history/writer.ts'
import type { EventLog, RejectedFeed } from './log/port.ts'
import { historyBackfill } from './pipeline/history-backfill.ts'
import type { RunnerDependencies } from './pipeline/runner.ts'
import { Pipeline } from './pipeline.ts'
import { checkDefinition } from './segment/check.ts'
import { describeCondition } from './segment/describe.ts'
import { openHistory } from './store/clickhouse/history.ts'
import { profileRow } from './store/clickhouse/profile-row.ts'
import { openSqliteDestinationStore } from './store/sqlite/destinations.ts'
import { SqliteHistoryBlocks } from './store/sqlite/history-blocks.ts'
import { openSqliteLedger } from './store/sqlite/ledger.ts'
import { openSqliteLog } from './store/sqlite/log.ts'
import { openSqliteRejectedFeed } from './store/sqlite/rejected.ts'
import { openSqliteState } from './store/sqlite/state.ts'
import { createSecretBox, loadOrMakeSecret } from './util/secret-box.ts'
import { socketPath } from './util/socket-path.ts'

/** Log lines go to stderr: stdout is for data. Authorization and keys never reach them. */
export function createLogger(config: Config, name: string): Logger {
  const options = { name, level: config.logLevel, redact: ['req.headers.authorization', '*.writeKey', '*.settings'] }
  return pino(options, pino.destination({ dest: 2, sync: true }))
}

export function inletPath(config: Config): string {
  return socketPath(config.dataDir, 'inlet')
}

export function apiSocketPath(config: Config): string {
  return socketPath(config.dataDir, 'api')
}

/** The door's own files. Throws where another door holds them. */
export function openDoorStores(config: Config): { log: EventLog; rejected: RejectedFeed } {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  const bounds = config.logBytesMax === 0 ? {} : { bytesMax: config.logBytesMax }
  const log = openSqliteLog(config.dataDir, { role: 'writer', ...bounds })
  return { log, rejected: openSqliteRejectedFeed(config.dataDir, { role: 'writer' }) }
}

export async function composePipeline(config: Config): Promise<RunnerDependencies> {
  const log = openSqliteLog(config.dataDir, { role: 'reader' })
  const state = openSqliteState(config.dataDir, { role: 'writer' })
  const history = openHistory(config.clickhouseUrl)
  const pipeline = await Pipeline.open({ log, state, backfill: historyBackfill(log, history) })
  const clock = { now: () => Date.now() }
  return { pipeline, inlet: connectInlet(inletPath(config)), clock, logger: createLogger(config, 'pipeline') }
}

export function composeHistory(config: Config): Omit<HistoryWriterOptions, 'clock' | 'sleep'> {
  return {
    log: openSqliteLog(config.dataDir, { role: 'reader' }),
    state: openSqliteState(config.dataDir, { role: 'reader' }),
    sink: openHistory(config.clickhouseUrl),
    blocks: new SqliteHistoryBlocks({ path: join(config.dataDir, 'history.db'), firstNumber: Date.now() }),
    rejected: openSqliteRejectedFeed(config.dataDir, { role: 'writer' }),
    profileRow,
    logger: createLogger(config, 'history'),
  }
}

export function composeDelivery(config: Config): DeliveryDeps {
  return {
    log: openSqliteLog(config.dataDir, { role: 'reader' }),
    state: openSqliteState(config.dataDir, { role: 'reader' }),
    destinations: openDestinations(config, true),
    ledger: openSqliteLedger(join(config.dataDir, 'ledger.db')),
    outboundAllow: config.outboundAllow,
    logger: createLogger(config, 'deliver'),
  }
}

export type ApiParts = Pick<ApiDeps, 'tokens' | 'health' | 'processMetrics' | 'version'>

export function composeApi(config: Config, parts: ApiParts): ApiDeps {
  return {
    ...parts,
    state: openSqliteState(config.dataDir, { role: 'reader' }),
    log: openSqliteLog(config.dataDir, { role: 'reader' }),
    rejected: openSqliteRejectedFeed(config.dataDir, { role: 'reader' }),
    inlet: connectInlet(inletPath(config)),
    history: openHistory(config.clickhouseUrl),
    destinations: openDestinations(config, false),
    ledger: openSqliteLedger(join(config.dataDir, 'ledger.db')),
    catalog: { listCatalog, describeType, checkDestination, maskSettings, unmaskSettings },
    segments: { checkDefinition, describe: describeCondition },
    clock: { now: () => Date.now() },
    logger: createLogger(config, 'api'),
  }
}

function openDestinations(config: Config, readOnly: boolean) {
  const secret = config.secretKey === '' ? loadOrMakeSecret(join(config.dataDir, 'secret.key')) : config.secretKey
  const path = join(config.dataDir, 'destinations.db')
  return openSqliteDestinationStore(path, { secretBox: createSecretBox(secret), readOnly })
}
