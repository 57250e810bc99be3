// Delivery's process: what it runs once its parts are opened.
import { createDelivery, type DeliveryDeps } from './delivery.ts'

/** Delivers until the signal aborts. */
export async function runDelivery(deps: DeliveryDeps, signal: AbortSignal): Promise<void> {
  await createDelivery(deps).run(signal)
}
