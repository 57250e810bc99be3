// Entry of the pipeline's process.
import { composePipeline, createLogger } from '../compose.ts'
import { loadConfig } from '../config.ts'
import { runChild, tellReady } from '../util/child.ts'
import { runPipeline } from './runner.ts'

const config = loadConfig()
const logger = createLogger(config, 'pipeline')

await runChild(
  async (signal) => {
    const dependencies = await composePipeline(config)
    tellReady()
    await runPipeline(dependencies, signal)
  },
  (error) => logger.fatal({ err: error }, 'the pipeline ends; it will begin again after its last commit'),
)
