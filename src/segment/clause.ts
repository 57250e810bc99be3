// The clause: the part of an event condition that decides which events count, without the window and the comparison.
// Clauses are keyed by content, so that segments which watch the same events share one column of state.
import { createHash } from 'node:crypto'
import type { CountCompare, EventCondition, PropertyCondition } from '../spec/segment.ts'

/** Counts above this are refused when a segment is saved: the state keeps this many timestamps per set at most. */
export const CLAUSE_TIMESTAMPS_MAX = 1000

export interface Clause {
  events: string[]
  where: PropertyCondition | null
  /** Fixed window [from, to) in milliseconds; null for none or a rolling one (which is judged on reading). */
  fixed: { from: number; to: number } | null
  /** How many of the latest timestamps decide every comparison made with this clause. */
  keep: number
}

/**
 * The clause of an event condition. `keep` is one more than the greatest operand: at or beyond that many events in the
 * window the answer is the same, so that the `keep` latest timestamps are exact, never an approximation.
 */
export function clauseOf(condition: EventCondition): Clause {
  const { within } = condition
  const names = typeof condition.event === 'string' ? [condition.event] : [...new Set(condition.event)].sort()
  return {
    events: names,
    where: condition.where ?? null,
    fixed: typeof within === 'object' ? { from: Date.parse(within.from), to: Date.parse(within.to) } : null,
    keep: timestampsNeeded(condition.count ?? { gte: 1 }),
  }
}

export function timestampsNeeded(count: CountCompare): number {
  const { in: among = [], notIn = [], eq, ne, gt, gte, lt, lte } = count
  const operands = [...among, ...notIn, eq, ne, gt, gte, lt, lte].filter((operand) => operand !== undefined)
  return Math.max(1, Math.floor(Math.max(0, ...operands)) + 1)
}

export function clauseHash(clause: Clause): string {
  return createHash('sha256').update(JSON.stringify(clause)).digest('hex').slice(0, 32)
}
