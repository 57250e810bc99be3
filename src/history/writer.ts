// The history writer: takes the resolved stream to the analytics engine in blocks, each stored exactly once, and keeps the
// engine's mirrors of profiles and set moves in step. A block's bounds are durable before its rows are sent; after a crash
// the same bounds give the same rows under the same number, which the engine then knows. It must never hold up the door or
// the pipeline, nor pass over an event: while the engine is away it waits, and what it has not stored stays in the log.
import type { Logger } from 'pino'
import type { EventLog, RejectedFeed } from '../log/port.ts'
import { readResolved } from '../pipeline/resolved-stream.ts'
import { ERRORS, OnefoldError } from '../spec/errors.ts'
import { eventRow } from './event-row.ts'
import { type MirrorDeps, mirrorMoves, ProfileMirror } from './mirrors.ts'
import type { Block, HistoryEventRow } from './port.ts'

export interface HistoryWriterOptions extends MirrorDeps {
  log: Pick<EventLog, 'read' | 'cursor' | 'saveCursor'>
  rejected: Pick<RejectedFeed, 'append'>
  clock: { now(): number }
  /** Resolves after the time, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  logger: Pick<Logger, 'info' | 'warn'>
  /** Rows at which a block is cut. */
  blockRowsMax?: number
  /** Bytes of payload at which a block is cut: a block is held in memory, here and in the engine. */
  blockBytesMax?: number
  /** An event is sent within this time, while the engine keeps up. */
  blockMsMax?: number
}

export interface HistoryWriter {
  /** Writes until the signal aborts. Throws only for faults that trying again cannot cure. */
  run(signal: AbortSignal): Promise<void>
  /** Does what is due; false when nothing was. Throws OnefoldError `history_unavailable` while the engine is away. */
  step(): Promise<boolean>
  /** Writes everything the pipeline has committed, due or not. */
  drain(): Promise<void>
  /** First offset that is not stored yet. */
  next(): Promise<number>
}

export const HISTORY_CURSOR = 'history'

const POLL_MS = 50
const RETRY_MS_MIN = 200
const RETRY_MS_MAX = 2000
const READ_RECORDS_MAX = 5000

export function createHistoryWriter(options: HistoryWriterOptions): HistoryWriter {
  const writer = new Writer(options)
  return {
    run: (signal) => run(writer, options, signal),
    step: () => writer.step(false),
    async drain() {
      while (await writer.step(true));
    },
    next: () => writer.next(),
  }
}

async function run(writer: Writer, options: HistoryWriterOptions, signal: AbortSignal): Promise<void> {
  const { sink, sleep, logger } = options
  let isPrepared = false
  let failures = 0
  while (!signal.aborted) {
    try {
      if (!isPrepared) await sink.prepare()
      isPrepared = true
      const didWork = await writer.step(false)
      if (failures > 0) logger.info({ failures }, 'history is written again')
      failures = 0
      if (!didWork) await sleep(POLL_MS, signal)
    } catch (error) {
      if (!(error instanceof OnefoldError) || !error.retryable) throw error
      // The engine may come back as another, empty one: its tables are looked at again.
      isPrepared = false
      if (failures === 0) logger.warn({ err: error }, 'history cannot be written now; events wait in the log')
      failures++
      await sleep(Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(failures, 10)), signal)
    }
  }
}

class Writer {
  readonly #options: HistoryWriterOptions
  readonly #profiles: ProfileMirror
  readonly #rowsMax: number
  readonly #bytesMax: number
  /** Least time between blocks: half the bound, so that an event which just missed a block still keeps it. */
  readonly #pauseMs: number
  #next: number | null = null
  #savedCursor = -1
  #cutAt = Number.NEGATIVE_INFINITY

  constructor(options: HistoryWriterOptions) {
    this.#options = options
    this.#profiles = new ProfileMirror(options)
    this.#rowsMax = options.blockRowsMax ?? 50_000
    this.#bytesMax = options.blockBytesMax ?? 32 * 1024 * 1024
    this.#pauseMs = (options.blockMsMax ?? 1000) / 2
  }

  async step(isForced: boolean): Promise<boolean> {
    const { state, blocks } = this.#options
    const open = await blocks.open()
    if (open !== null) {
      const { rows } = await this.#gather(open.from, open.next)
      await this.#store(open, rows)
      return true
    }
    const next = await this.next()
    const position = await state.position()
    const isFull = position.next - next >= this.#rowsMax
    // Idle, the first event goes at once; under load, a block takes what came in the meantime.
    if (!isForced && !isFull && this.#options.clock.now() - this.#cutAt < this.#pauseMs) return false
    const cut = await this.#cut(next, position.next)
    const moved = await mirrorMoves(this.#options)
    const mirrored = await this.#profiles.step()
    if (cut || moved || mirrored) this.#cutAt = this.#options.clock.now()
    return cut || moved || mirrored
  }

  async next(): Promise<number> {
    // history.db knows best; the log's cursor, saved after it, is where a lost history.db begins again.
    this.#next ??= (await this.#options.blocks.next()) ?? (await this.#options.log.cursor(HISTORY_CURSOR)) ?? 0
    return this.#next
  }

  /** Cuts and stores one block of [from, below), as far as it may reach; false where there was nothing to store. */
  async #cut(from: number, below: number): Promise<boolean> {
    if (below <= from) return false
    const { rows, next } = await this.#gather(from, below, { rowsMax: this.#rowsMax, bytesMax: this.#bytesMax })
    if (rows.length > 0) {
      const block = await this.#options.blocks.begin(from, next)
      await this.#store(block, rows)
      return true
    }
    this.#next = next
    // A backfill waits until the cursor has passed its decision, which may be the last record for long.
    if (next !== this.#savedCursor) await this.#saveCursor(next)
    return next < below
  }

  /** The rows of [from, below), cut short at the limits; the same range without limits gives the same rows every time. */
  async #gather(
    from: number,
    below: number,
    limits: { rowsMax: number; bytesMax: number } | null = null,
  ): Promise<{ rows: HistoryEventRow[]; next: number }> {
    const rows: HistoryEventRow[] = []
    let bytes = 0
    let next = from
    while (next < below) {
      const page = await readResolved(
        this.#options.log,
        this.#options.state,
        next,
        Math.min(READ_RECORDS_MAX, below - next),
      )
      for (const event of page.events) {
        const row = eventRow(event)
        if (row === null) continue
        rows.push(row)
        bytes += row.payload.length
        if (limits !== null && (rows.length >= limits.rowsMax || bytes >= limits.bytesMax))
          return { rows, next: event.offset + 1 }
      }
      // The pipeline's position never goes back, except when its state is built anew from the log: then it is waited for.
      if (page.next === next) throw new OnefoldError('storage_unavailable', { detail: 'the state is behind history' })
      next = page.next
    }
    return { rows, next }
  }

  async #store(block: Block, rows: readonly HistoryEventRow[]): Promise<void> {
    const { sink, blocks, rejected } = this.#options
    const refused = await sink.insertEvents(block.number, rows)
    if (refused.length > 0) {
      const errors = new Map(refused.map(({ offset, error }) => [offset, error]))
      await rejected.append(
        rows.filter(({ offset }) => errors.has(offset)).map((row) => rejection(row, errors.get(row.offset)!)),
      )
      this.#options.logger.warn({ block: block.number, refused: refused.length }, 'the analytics engine refused events')
    }
    await blocks.done(block.number)
    this.#next = block.next
    await this.#saveCursor(block.next)
  }

  async #saveCursor(next: number): Promise<void> {
    await this.#options.log.saveCursor(HISTORY_CURSOR, next)
    this.#savedCursor = next
  }
}

function rejection(row: HistoryEventRow, error: string) {
  return {
    receivedAt: row.receivedAt,
    source: row.source,
    code: 'history_refused',
    message: `${ERRORS.history_refused.message} (${error})`,
    messageId: row.messageId,
    body: row.payload,
  }
}
