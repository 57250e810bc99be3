// Decisions of the API: logged through the inlet, and answered once the pipeline has committed them, so that whoever asks
// next reads his own write. What is checked before a decision must still hold when it counts, so deciders of one area take turns.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Decision } from '../spec/decision.ts'
import { ERRORS } from '../spec/errors.ts'
import type { ApiDeps } from './deps.ts'
import type { Answer } from './route.ts'

const WAIT_MS_MAX = 10_000
const POLL_MS_MIN = 5
const POLL_MS_MAX = 100

export type Area = 'sources' | 'segments' | 'identity' | 'destinations'

export class Decider {
  readonly #deps: ApiDeps
  readonly #turns = new Map<Area, Promise<unknown>>()

  constructor(deps: ApiDeps) {
    this.#deps = deps
  }

  /** Runs `work` after every earlier work of the area: check, decide and wait are one step. */
  inTurn<T>(area: Area, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(area) ?? Promise.resolve()
    const mine = before.then(work, work)
    this.#turns.set(
      area,
      mine.catch(() => undefined),
    )
    return mine
  }

  /**
   * Logs the decision; answers by `then` once it is committed, and with 202 and a job when the pipeline is behind by more
   * than it is fair to wait. Throws what the inlet throws.
   */
  async decide(decision: Decision, then: (offset: number) => Promise<Answer>): Promise<Answer> {
    const [offset] = await this.#deps.inlet.decide([decision])
    if (offset === undefined) throw new Error('the inlet gave no offset')
    return (await this.#isCommitted(offset)) ? then(offset) : pending(offset)
  }

  async #isCommitted(offset: number): Promise<boolean> {
    const deadline = performance.now() + (this.#deps.decisionWaitMsMax ?? WAIT_MS_MAX)
    for (let pause = POLL_MS_MIN; ; pause = Math.min(pause * 1.5, POLL_MS_MAX)) {
      const { next } = await this.#deps.state.position()
      if (next > offset) return true
      if (performance.now() >= deadline) return false
      await sleep(pause)
    }
  }
}

function pending(offset: number): Answer {
  const job = `decision:${offset}`
  const body = { job, code: 'decision_timeout', detail: ERRORS.decision_timeout.message }
  return { status: 202, body, headers: { location: `/api/v1/jobs/${job}` } }
}
