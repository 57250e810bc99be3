// The door's clock: gives every record its receivedAt, and so log time to everything below the log. It is anchored to
// the monotonic clock, so it never runs backwards, and a wall clock that is set wrong by minutes never enters the log.
import type { Logger } from 'pino'

export interface Clock {
  /** Milliseconds since 1970; whole, and never smaller than before. */
  now(): number
  /** Raises the clock to at least `ms`; called with the log's last receivedAt before anything is stamped. */
  floor(ms: number): void
  /** How many jumps of the wall clock were refused. */
  readonly jumps: number
}

export interface ClockReadings {
  /** Milliseconds since 1970, settable by anybody. */
  wall(): number
  /** Milliseconds since some start; never set. */
  monotonic(): number
}

// Larger differences between the two clocks are a jump; smaller ones are drift and corrections by NTP.
const JUMP_MS_MAX = 60_000
// Drift is followed at a tenth of real time, so that a small step back slows the clock and never stops it.
const SLEW = 0.1

const SYSTEM: ClockReadings = { wall: () => Date.now(), monotonic: () => performance.now() }

/** The clock of this machine. `readings` are for tests. */
export function createClock(logger: Pick<Logger, 'error'>, readings: ClockReadings = SYSTEM): Clock {
  let monotonicBefore = readings.monotonic()
  let base = readings.wall() - monotonicBefore
  let ignored = 0
  let last = 0
  let jumps = 0

  function follow(): number {
    const monotonic = readings.monotonic()
    const elapsed = monotonic - monotonicBefore
    monotonicBefore = monotonic
    const drift = readings.wall() - ignored - (monotonic + base)
    if (Math.abs(drift) > JUMP_MS_MAX) {
      jumps += 1
      // Remembered, so that one jump is one alarm, and the jump back to the right time is told too.
      ignored += drift
      logger.error({ jumpMs: Math.round(drift) }, 'the wall clock jumped; log time goes on without the jump')
    } else {
      const most = Math.max(elapsed, 0) * SLEW
      base += Math.min(Math.max(drift, -most), most)
    }
    return Math.floor(monotonic + base)
  }

  return {
    now() {
      last = Math.max(last, follow())
      return last
    },
    floor(ms) {
      const ahead = ms - follow()
      if (ahead > JUMP_MS_MAX) {
        logger.error(
          { aheadMs: ahead },
          'the log ends in the future of this clock; log time stands until it is reached',
        )
      }
      last = Math.max(last, ms)
    },
    get jumps() {
      return jumps
    },
  }
}
