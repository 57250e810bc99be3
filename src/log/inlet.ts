// The port by which every process but the door gets a decision or a tick into the log. The door stamps them, after every
// event it has already accepted.
import type { Decision } from '../spec/decision.ts'

export interface Inlet {
  /** Logs the decisions in order; resolves with their offsets once they are on disk. Throws OnefoldError. */
  decide(decisions: readonly Decision[]): Promise<number[]>
  /** Logs a tick: log time reaches the door's now. */
  tick(): Promise<void>
}
