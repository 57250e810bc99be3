// Who is suppressed, with since when and why: folded from the log's decisions, because the state keeps only the present yes or
// no. Reads on from where it stopped, so that a list costs no more than the decisions since the last one.
import { formatIdentifier, type Identifier } from '../spec/identifier.ts'
import type { ApiDeps } from './deps.ts'

export interface Suppression {
  identifier: Identifier
  /** ms */
  since: number
  reason: string
  author: string
}

export class SuppressionList {
  readonly #log: ApiDeps['log']
  readonly #state: ApiDeps['state']
  readonly #suppressed = new Map<string, Suppression>()
  #next = 0
  #reading: Promise<void> = Promise.resolve()

  constructor(deps: Pick<ApiDeps, 'log' | 'state'>) {
    this.#log = deps.log
    this.#state = deps.state
  }

  /** As of what the pipeline has committed, in order of suppression. */
  async list(): Promise<Suppression[]> {
    this.#reading = this.#reading.then(
      () => this.#readOn(),
      () => this.#readOn(),
    )
    await this.#reading
    return [...this.#suppressed.values()]
  }

  async #readOn(): Promise<void> {
    const { next: below } = await this.#state.position()
    if (below <= this.#next) return
    for (const { record } of await this.#log.decisions({ from: this.#next, below })) {
      if (record.type !== 'decision') continue
      const { decision, receivedAt } = record
      if (decision.decision === 'suppress') {
        const { reason, author } = decision
        for (const identifier of decision.identifiers) {
          const key = formatIdentifier(identifier)
          if (!this.#suppressed.has(key)) this.#suppressed.set(key, { identifier, since: receivedAt, reason, author })
        }
      }
      if (decision.decision === 'unsuppress') {
        for (const identifier of decision.identifiers) this.#suppressed.delete(formatIdentifier(identifier))
      }
    }
    this.#next = below
  }
}
