// The life of the history process: writes until told to stop. Its entry, child.ts, opens the stores and hands them over.
import { setTimeout as delay } from 'node:timers/promises'
import { createHistoryWriter, type HistoryWriterOptions } from './writer.ts'

/** Resolves when the signal aborts; throws for faults that trying again cannot cure. */
export async function runHistory(
  deps: Omit<HistoryWriterOptions, 'clock' | 'sleep'>,
  signal: AbortSignal,
): Promise<void> {
  const writer = createHistoryWriter({
    ...deps,
    // Only ever compared with itself.
    clock: { now: () => performance.now() },
    sleep: (ms, stop) => delay(ms, undefined, stop ? { signal: stop } : {}).catch(() => undefined),
  })
  await writer.run(signal)
}
