// Entry of the history writer's process.
import { composeHistory, createLogger } from '../compose.ts'
import { loadConfig } from '../config.ts'
import { runChild, tellReady } from '../util/child.ts'
import { runHistory } from './run.ts'

const config = loadConfig()
const logger = createLogger(config, 'history')

await runChild(
  async (signal) => {
    const dependencies = composeHistory(config)
    tellReady()
    await runHistory(dependencies, signal)
  },
  (error) => logger.fatal({ err: error }, 'the history writer ends; it will begin again at its open block'),
)
