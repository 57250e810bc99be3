// Files refusals in the rejected feed, gathered as the log's records are, and durable before the answer. It must keep
// strangers from flushing the feed: whoever shows no known key leaves a line without content, and few of them a minute.
import type { RejectedFeed, Rejection } from '../log/port.ts'
import { OnefoldError } from '../spec/errors.ts'
import { Gather } from './gather.ts'

const WRITE_REJECTIONS_MAX = 5000
const WAITING_BYTES_MAX = 16 * 1024 * 1024
const STRANGERS_PER_MINUTE_MAX = 60

export class Rejections {
  readonly #gather: Gather<Rejection, void>
  #minute = 0
  #strangers = 0

  constructor(feed: RejectedFeed) {
    this.#gather = new Gather((rejections) => feed.append(rejections), {
      itemsMax: WRITE_REJECTIONS_MAX,
      waitingBytesMax: WAITING_BYTES_MAX,
    })
  }

  /** Resolves once they are on disk. Throws OnefoldError `storage_unavailable`. */
  async file(rejections: readonly Rejection[]): Promise<void> {
    if (rejections.length === 0) return
    const bytes = rejections.reduce((sum, rejection) => sum + rejection.body.length, 0)
    try {
      await this.#gather.add(rejections, bytes)
    } catch (cause) {
      throw cause instanceof OnefoldError ? cause : new OnefoldError('storage_unavailable', { cause })
    }
  }

  /** Files what came without a known key, unless this minute has seen enough of those. */
  async fileStranger(rejection: Omit<Rejection, 'source' | 'body'>): Promise<void> {
    const minute = Math.floor(rejection.receivedAt / 60_000)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#strangers = 0
    }
    this.#strangers += 1
    if (this.#strangers <= STRANGERS_PER_MINUTE_MAX) await this.file([{ ...rejection, source: null, body: '' }])
  }
}
