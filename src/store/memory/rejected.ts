// The feed of refusals in memory, for tests and trials; lost with the process.
import type { RejectedFeed, Rejection, StoredRejection } from '../../log/port.ts'
import { encodeRejection, excess, REJECTIONS_MAX } from '../rejections.ts'

export class MemoryRejectedFeed implements RejectedFeed {
  /** Oldest first, as text: the caller's object may change later, the feed may not. */
  readonly #lines: string[] = []
  readonly #rejectionsMax: number
  #firstId = 1

  constructor(options: { rejectionsMax?: number } = {}) {
    this.#rejectionsMax = options.rejectionsMax ?? REJECTIONS_MAX
  }

  async append(rejections: readonly Rejection[]): Promise<void> {
    // All encoded before the first is kept: one that cannot be must not leave half of the batch.
    for (const line of rejections.map(encodeRejection)) this.#lines.push(line)
    const gone = excess(this.#lines.length, this.#rejectionsMax)
    this.#lines.splice(0, gone)
    this.#firstId += gone
  }

  async list(options: { limit: number; before?: number }): Promise<StoredRejection[]> {
    const end = Math.min(this.#lines.length, (options.before ?? Number.POSITIVE_INFINITY) - this.#firstId)
    const start = Math.max(0, end - Math.max(0, options.limit))
    return this.#lines
      .slice(start, Math.max(start, end))
      .map((line, i) => ({ ...(JSON.parse(line) as Rejection), id: this.#firstId + start + i }))
      .reverse()
  }

  async count(): Promise<number> {
    return this.#lines.length
  }

  async close(): Promise<void> {}
}
