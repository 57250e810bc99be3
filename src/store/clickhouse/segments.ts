// Statements of segment evaluation: what the printer of src/segment/sql.ts prints, in the shape that the ports ask for.
import assert from 'node:assert/strict'
import type { HistoryQueries, SegmentContext } from '../../history/port.ts'
import { printClauseTimestamps, printSegment } from '../../segment/sql.ts'
import type { Condition } from '../../spec/segment.ts'

export interface Statement {
  sql: string
  params: Record<string, unknown>
}

/** One row: `size`, and `profiles`, the `sample` lowest numbers. */
export function evaluateStatement(definition: Condition, context: SegmentContext, sample: number): Statement {
  const { query, params } = printSegment(definition, context)
  // The limit of an aggregate function cannot be a parameter, nor be 0.
  assert(Number.isSafeInteger(sample) && sample >= 0, 'a sample is a whole number')
  const profiles = sample === 0 ? "CAST([], 'Array(UInt64)')" : `groupArraySorted(${sample})(profile)`
  return { sql: `SELECT count() AS size, ${profiles} AS profiles FROM (${query})`, params }
}

/** Rows of ClauseTimestamps. */
export function clauseTimestampsStatement(query: Parameters<HistoryQueries['clauseTimestamps']>[0]): Statement {
  const { clauses, ...range } = query
  const printed = printClauseTimestamps(clauses, range)
  return { sql: `SELECT set_id AS \`set\`, clause, timestamps FROM (${printed.query})`, params: printed.params }
}
