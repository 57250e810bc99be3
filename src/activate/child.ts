// Entry of the delivery process.
import { composeDelivery, createLogger } from '../compose.ts'
import { loadConfig } from '../config.ts'
import { runChild, tellReady } from '../util/child.ts'
import { createDelivery } from './delivery.ts'

const config = loadConfig()
const logger = createLogger(config, 'deliver')

await runChild(
  async (signal) => {
    const delivery = createDelivery(composeDelivery(config))
    tellReady()
    await delivery.run(signal)
  },
  (error) => logger.fatal({ err: error }, 'delivery ends; it will begin again at what the ledger holds'),
)
