// The one way into the log: records of concurrent requests, decisions and ticks share one append, that is, one fsync.
// It keeps receivedAt from decreasing within the log, and it must never answer before the records are on disk.
import type { EventLog } from '../log/port.ts'
import { OnefoldError } from '../spec/errors.ts'
import type { LogRecord } from '../spec/log-record.ts'
import type { Clock } from './clock.ts'
import type { DoorCounters } from './counters.ts'
import { Gather } from './gather.ts'

const COMMIT_RECORDS_MAX = 10_000
const WAITING_BYTES_MAX = 64 * 1024 * 1024

export class GroupCommit {
  readonly #gather: Gather<LogRecord, number>
  #receivedAt: number

  private constructor(log: EventLog, counters: DoorCounters, receivedAt: number) {
    this.#receivedAt = receivedAt
    this.#gather = new Gather(
      async (records) => {
        const first = await log.append(records).catch(asStorageError)
        counters.commits += 1
        counters.commitRecords += records.length
        return first
      },
      { itemsMax: COMMIT_RECORDS_MAX, waitingBytesMax: WAITING_BYTES_MAX },
    )
  }

  /** Raises the clock to the end of the log, so that nothing is stamped earlier than what is already there. */
  static async open(log: EventLog, clock: Clock, counters: DoorCounters): Promise<GroupCommit> {
    const { receivedAt } = await log.head()
    clock.floor(receivedAt)
    return new GroupCommit(log, counters, receivedAt)
  }

  /**
   * Resolves with the offset of the first record once all are on disk. `bytes` is about what they weigh. Throws
   * OnefoldError `storage_unavailable`; then none of these records is in the log.
   * Stamp and append in one turn of the event loop: only then is log order the order of stamps.
   */
  async append(records: readonly LogRecord[], bytes: number): Promise<number> {
    for (const record of records) {
      // A caller that waited between stamp and append would break the law of the log; its record moves up instead.
      if (record.receivedAt < this.#receivedAt) record.receivedAt = this.#receivedAt
      else this.#receivedAt = record.receivedAt
    }
    const { result, index } = await this.#gather.add(records, bytes)
    return result + index
  }

  /** Resolves once nothing waits to be written. */
  idle(): Promise<void> {
    return this.#gather.idle()
  }
}

function asStorageError(cause: unknown): never {
  if (cause instanceof OnefoldError) throw cause
  throw new OnefoldError('storage_unavailable', { cause })
}
