// Packed columns of numbers: the verdicts of one commit, and the numbers of the profiles it changed, as one blob each.
// Rows of their own would cost 30 bytes and a B-tree insert per event. What is written here is read for ever, so the
// numbers that stand for verdict codes are fixed in this file and not taken from their order elsewhere.
import type { Verdict, VerdictCode } from '../../spec/verdict.ts'

const CODE_NUMBERS: Record<VerdictCode, number> = {
  none: 0,
  accepted: 1,
  duplicate: 2,
  no_identifier: 3,
  suppressed: 4,
}
const CODES = new Map(Object.entries(CODE_NUMBERS).map(([code, number]) => [number, code as VerdictCode]))

const UINT32_MAX = 0xffff_ffff

export interface VerdictBlock {
  firstOffset: number
  body: Uint8Array
}

/** Cuts verdicts, in any order, into runs of offsets without a gap. Layout: packed codes' bytes, then sets, then profiles. */
export function packVerdicts(verdicts: readonly Verdict[]): VerdictBlock[] {
  const sorted = [...verdicts].sort((a, b) => a.offset - b.offset)
  const blocks: VerdictBlock[] = []
  let start = 0
  for (let end = 1; end <= sorted.length; end++) {
    if (end < sorted.length && sorted[end]!.offset === sorted[end - 1]!.offset + 1) continue
    blocks.push(packRun(sorted.slice(start, end)))
    start = end
  }
  return blocks
}

function packRun(run: readonly Verdict[]): VerdictBlock {
  const numbers = packNumbers([...run.map((verdict) => verdict.set), ...run.map((verdict) => verdict.profile)])
  const body = new Uint8Array(run.length + numbers.length)
  run.forEach((verdict, index) => {
    body[index] = CODE_NUMBERS[verdict.code]
  })
  body.set(numbers, run.length)
  return { firstOffset: run[0]!.offset, body }
}

/** The verdicts of a block whose offsets lie in [from, below). */
export function unpackVerdicts(block: VerdictBlock, from: number, below: number): Verdict[] {
  // One code byte and two numbers each, and one byte for their width, which is the last: see packNumbers.
  const width = block.body.at(-1)!
  const count = (block.body.length - 1) / (1 + 2 * width)
  const numbers = unpackNumbers(block.body.subarray(count))
  const verdicts: Verdict[] = []
  const last = Math.min(count, below - block.firstOffset)
  for (let index = Math.max(0, from - block.firstOffset); index < last; index++) {
    const code = CODES.get(block.body[index]!)
    if (code === undefined) throw new Error(`unknown verdict code ${block.body[index]}`)
    verdicts.push({ offset: block.firstOffset + index, code, set: numbers[index]!, profile: numbers[count + index]! })
  }
  return verdicts
}

/** Little-endian unsigned integers of 4 bytes, or doubles where one does not fit; the last byte is the width. */
export function packNumbers(numbers: readonly number[]): Uint8Array {
  const isNarrow = numbers.every((number) => number >= 0 && number <= UINT32_MAX)
  const width = isNarrow ? 4 : 8
  const body = new Uint8Array(numbers.length * width + 1)
  const view = new DataView(body.buffer)
  numbers.forEach((number, index) => {
    if (isNarrow) view.setUint32(index * 4, number, true)
    else view.setFloat64(index * 8, number, true)
  })
  body[body.length - 1] = width
  return body
}

export function unpackNumbers(body: Uint8Array): number[] {
  const width = body.at(-1)!
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  return Array.from({ length: (body.length - 1) / width }, (_, index) =>
    width === 4 ? view.getUint32(index * 4, true) : view.getFloat64(index * 8, true),
  )
}
