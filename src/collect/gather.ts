// Gathers what concurrent requests want written into one write: the shape of group commit. Used before the log and
// before the rejected feed. It must never let one caller's items be split over two writes, nor reorder callers.
import { setImmediate as turn } from 'node:timers/promises'
import { OnefoldError } from '../spec/errors.ts'

export interface GatherLimits {
  /** At most this many items are written at once, unless one caller brings more. */
  itemsMax: number
  /** Callers are refused while more bytes than this wait. */
  waitingBytesMax: number
}

interface Waiting<Item, Result> {
  items: readonly Item[]
  bytes: number
  resolve(result: { result: Result; index: number }): void
  reject(error: unknown): void
}

export class Gather<Item, Result> {
  readonly #write: (items: Item[]) => Promise<Result>
  readonly #limits: GatherLimits
  #queue: Waiting<Item, Result>[] = []
  #waitingBytes = 0
  #running: Promise<void> | null = null

  constructor(write: (items: Item[]) => Promise<Result>, limits: GatherLimits) {
    this.#write = write
    this.#limits = limits
  }

  /**
   * Resolves once the items are written, with the write's result and the place of the first item in it. Items keep the
   * order of calls. Throws what the write threw, or OnefoldError `storage_unavailable` while too much waits.
   */
  add(items: readonly Item[], bytes: number): Promise<{ result: Result; index: number }> {
    if (this.#waitingBytes > this.#limits.waitingBytesMax) {
      return Promise.reject(
        new OnefoldError('storage_unavailable', { detail: 'Too much waits to be written; try again.' }),
      )
    }
    return new Promise((resolve, reject) => {
      this.#waitingBytes += bytes
      this.#queue.push({ items, bytes, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves once nothing waits. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      // One turn of the event loop: every request that has already reached a socket joins this write.
      await turn()
      await this.#writeGroup(this.#take())
    }
    this.#running = null
  }

  #take(): Waiting<Item, Result>[] {
    let items = 0
    let count = 0
    for (const waiting of this.#queue) {
      items += waiting.items.length
      if (count > 0 && items > this.#limits.itemsMax) break
      count += 1
    }
    return this.#queue.splice(0, count)
  }

  async #writeGroup(group: Waiting<Item, Result>[]): Promise<void> {
    const only = group[0]
    const items = group.length === 1 && only !== undefined ? [...only.items] : group.flatMap((waiting) => waiting.items)
    try {
      const result = await this.#write(items)
      let index = 0
      for (const waiting of group) {
        waiting.resolve({ result, index })
        index += waiting.items.length
      }
    } catch (error) {
      // Those behind this group were not part of it, and are tried on their own.
      for (const waiting of group) waiting.reject(error)
    } finally {
      for (const waiting of group) this.#waitingBytes -= waiting.bytes
    }
  }
}
