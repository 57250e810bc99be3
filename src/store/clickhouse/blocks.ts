// A block of event rows on its way into the engine: inserted whole, or, when the engine refuses what some row holds, halved
// until the bad rows stand alone. A block sent again takes the same cuts and the same tokens, so nothing is stored twice.
import type { HistoryEventRow } from '../../history/port.ts'
import { isRowFault } from './faults.ts'

/** Long enough to name the fault; what follows quotes the row. */
const ERROR_CHARACTERS_MAX = 300

/**
 * `insert` stores a part under its token or throws ClickHouse's error. Returns the rows that were refused; throws whatever
 * else went wrong, after which the same block must be sent again.
 */
export async function insertBisecting(
  blockNumber: number,
  rows: readonly HistoryEventRow[],
  insert: (token: string, rows: readonly HistoryEventRow[]) => Promise<void>,
): Promise<{ offset: number; error: string }[]> {
  if (rows.length === 0) return []
  try {
    await insert(tokenOf(blockNumber, rows), rows)
    return []
  } catch (error) {
    if (!isRowFault(error)) throw error
    if (rows.length === 1) {
      const said = `code ${error.code}: ${error.message}`.slice(0, ERROR_CHARACTERS_MAX)
      return [{ offset: rows[0]!.offset, error: said }]
    }
    const middle = rows.length >> 1
    const older = await insertBisecting(blockNumber, rows.slice(0, middle), insert)
    const newer = await insertBisecting(blockNumber, rows.slice(middle), insert)
    return [...older, ...newer]
  }
}

/**
 * The engine drops a second insert with a token it remembers, so a token must never name other rows: beside the block's
 * number it holds the range of offsets, should the file that counts the blocks ever be lost and counting start again.
 */
function tokenOf(blockNumber: number, rows: readonly HistoryEventRow[]): string {
  return `block-${blockNumber}-${rows[0]!.offset}-${rows.at(-1)!.offset}-${rows.length}`
}
