// Timers of profiles by way of `wake`, which is at or before the timer of every living profile that has one. Reading walks
// the index on `wake` and looks at the true timer of each row; each commit puts right the rows at the front, so that the
// walk stays short. Answers are exact at any time: a stale `wake` costs time, never truth.

import type { Database } from './database.ts'
import { ALIVE, arrays } from './state-rows.ts'

/** What one commit puts right at most: it must not grow with the number of profiles. */
const SETTLED_MAX = 512

type Waking = [id: number, wake: number, timer: number | null]

const TIMER = `CASE WHEN flags & ${ALIVE} THEN next_timer END`
const WALK = `SELECT id, wake, ${TIMER} FROM profiles INDEXED BY profiles_wake WHERE wake IS NOT NULL AND wake <= ? ORDER BY wake`

function walk(database: Database, until = Number.MAX_SAFE_INTEGER): Iterable<Waking> {
  return arrays(database, WALK).iterate(until) as unknown as Iterable<Waking>
}

/** Earliest timer of all; null for none. */
export function earliestTimer(database: Database): number | null {
  let earliest: number | null = null
  for (const [, wake, timer] of walk(database)) {
    if (earliest !== null && wake >= earliest) break
    if (timer !== null && (earliest === null || timer < earliest)) earliest = timer
  }
  return earliest
}

/** Numbers of the living profiles whose timer is at or before `until`, earliest first, at most `limit`. */
export function dueProfiles(database: Database, until: number, limit: number): number[] {
  if (limit < 1) return []
  let due: { id: number; timer: number }[] = []
  const cut = () => {
    due = due.sort((a, b) => a.timer - b.timer || a.id - b.id).slice(0, limit)
  }
  let latest = until
  for (const [id, wake, timer] of walk(database, until)) {
    if (wake > latest) break
    if (timer === null || timer > latest) continue
    due.push({ id, timer })
    if (due.length < 2 * limit) continue
    // Enough are known: only what is due no later than the last of them can still matter.
    cut()
    latest = due[limit - 1]!.timer
  }
  cut()
  return due.map((entry) => entry.id)
}

/** Puts `wake` right from the front on until it meets a row that is. Within the commit's transaction. */
export function settleTimers(database: Database): void {
  const stale: Waking[] = []
  for (const row of walk(database)) {
    if (row[1] === row[2] || stale.length === SETTLED_MAX) break
    stale.push(row)
  }
  // After the walk, because a statement must not read the index that another one writes.
  const update = database.prepare('UPDATE profiles SET wake = ? WHERE id = ?')
  for (const [id, , timer] of stale) update.run(timer, id)
}
