// The log in memory, for tests and trials: the same blocks and lines as the log on disk, lost with the process. It keeps
// text and never objects, so that nothing a caller does later to a record can change what was logged.
import type { EventLog, LoggedRecord, ReadOptions } from '../../log/port.ts'
import type { LogRecord } from '../../spec/log-record.ts'
import {
  type Block,
  checkCursor,
  collect,
  cutBlocks,
  decodeLine,
  isDecision,
  pruneLines,
  redactLines,
  sortedOffsets,
} from '../log-blocks.ts'

export class MemoryLog implements EventLog {
  #blocks: Block[] = []
  #head = { next: 0, receivedAt: 0 }
  #tail = 0
  readonly #cursors = new Map<string, number>()

  async append(records: readonly LogRecord[]): Promise<number> {
    const first = this.#head.next
    const blocks = cutBlocks(records, this.#head)
    const last = blocks.at(-1)
    if (!last) return first
    for (const block of blocks) this.#blocks.push(block)
    this.#head = { next: last.first + last.lines.length, receivedAt: last.receivedLast }
    return first
  }

  async read(options: ReadOptions): Promise<LoggedRecord[]> {
    const records: LoggedRecord[] = []
    if (options.recordsMax <= 0) return records
    for (let i = this.#indexAt(options.from); i < this.#blocks.length; i += 1) {
      const block = this.#blocks[i]!
      if (block.first >= (options.below ?? Number.POSITIVE_INFINITY)) break
      if (collect(block.first, block.lines, options, records)) break
    }
    return records
  }

  async decisions(range: { from?: number; below?: number } = {}): Promise<LoggedRecord[]> {
    const { from = 0, below = Number.POSITIVE_INFINITY } = range
    const records: LoggedRecord[] = []
    for (const { first, lines } of this.#blocks) {
      for (const [i, line] of lines.entries()) {
        const offset = first + i
        if (offset < from || offset >= below || !isDecision(line)) continue
        records.push(decodeLine(offset, line)!)
      }
    }
    return records
  }

  async get(offsets: readonly number[]): Promise<LoggedRecord[]> {
    return sortedOffsets(offsets).flatMap((offset) => {
      const block = this.#blocks[this.#indexAt(offset)]
      return (block && decodeLine(offset, block.lines[offset - block.first])) ?? []
    })
  }

  async head(): Promise<{ next: number; receivedAt: number }> {
    return { ...this.#head }
  }

  async tail(): Promise<number> {
    return this.#tail
  }

  async redact(offsets: readonly number[]): Promise<number> {
    // On copies, so that a decision among the offsets leaves every block as it was.
    const rewritten = new Map<Block, string[]>()
    let changed = 0
    for (const offset of sortedOffsets(offsets)) {
      const block = this.#blocks[this.#indexAt(offset)]
      if (!block) continue
      const lines = rewritten.get(block) ?? [...block.lines]
      rewritten.set(block, lines)
      changed += redactLines(block.first, lines, [offset])
    }
    for (const [block, lines] of rewritten) block.lines = lines
    return changed
  }

  async retain(receivedBefore: number): Promise<number> {
    const passed = Math.min(...this.#cursors.values())
    const last = this.#blocks.at(-1)
    const kept: Block[] = []
    for (const block of this.#blocks) {
      const end = block.first + block.lines.length
      // The last block stays: the next offset and log time are read from it.
      if (block === last || block.receivedLast >= receivedBefore || end > passed) {
        kept.push(block)
        continue
      }
      this.#tail = Math.max(this.#tail, end)
      if (block.lines.some(isDecision)) kept.push({ ...block, lines: pruneLines(block.lines) })
    }
    this.#blocks = kept
    return this.#tail
  }

  async cursor(name: string): Promise<number | null> {
    return this.#cursors.get(name) ?? null
  }

  async saveCursor(name: string, next: number): Promise<void> {
    checkCursor(next)
    this.#cursors.set(name, next)
  }

  async close(): Promise<void> {}

  // Index of the block that holds the offset, or of the first one after it.
  #indexAt(offset: number): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const block = this.#blocks[middle]!
      if (block.first + block.lines.length <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
