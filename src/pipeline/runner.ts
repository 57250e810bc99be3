// The life of the pipeline's process: steps while there is work, one backfill chunk between steps, and a tick when a timer is due and
// the log is idle. Any failure ends it: what it has in hand may be ahead of the store, and a new process begins where the last
// commit ended.
import { setTimeout as delay } from 'node:timers/promises'
import type { Inlet } from '../log/inlet.ts'
import type { Pipeline } from '../pipeline.ts'
import { OnefoldError } from '../spec/errors.ts'

export interface RunnerDependencies {
  pipeline: Pipeline
  inlet: Inlet
  /** Wall clock, ms: only to know when to ask for a tick. */
  clock: { now(): number }
  logger: { warn(fields: object, message: string): void }
}

/** An idle log is looked at this often: a query of some 20 µs. */
const IDLE_MS = 5
/** Ticks are asked for no more often, so that many timers share one record; a segment is left within this of its second. */
const TICK_MS_MIN = 100

/** Runs until the signal aborts. Throws what a step throws. */
export async function runPipeline(dependencies: RunnerDependencies, signal: AbortSignal): Promise<void> {
  const { pipeline } = dependencies
  let lastTick = Number.NEGATIVE_INFINITY
  while (!signal.aborted) {
    const stepped = await pipeline.step()
    const filled = await pipeline.stepBackfill()
    if (stepped || filled) {
      // A step never waits for the outside, so signals and messages are let in between.
      await delay(0)
      continue
    }
    const now = dependencies.clock.now()
    if (now - lastTick >= TICK_MS_MIN && (await isDue(pipeline, now))) {
      lastTick = now
      await askForTick(dependencies)
    }
    await delay(IDLE_MS)
  }
}

async function isDue(pipeline: Pipeline, now: number): Promise<boolean> {
  const timer = await pipeline.nextTimer()
  return timer !== null && timer <= now
}

async function askForTick({ inlet, logger }: RunnerDependencies): Promise<void> {
  try {
    await inlet.tick()
  } catch (error) {
    // The door is restarting, or its disk is full: events still in the log go on, and the timer is asked for again.
    if (!(error instanceof OnefoldError)) throw error
    logger.warn({ err: error }, 'no tick could be logged')
  }
}
