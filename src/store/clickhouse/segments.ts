// Statements of segment evaluation, from the printer of src/segment/sql.ts.
import type { HistoryQueries, SegmentContext } from '../../history/port.ts'
import { OnefoldError } from '../../spec/errors.ts'
import type { Condition } from '../../spec/segment.ts'

export interface Statement {
  sql: string
  params: Record<string, unknown>
}

export function evaluateStatement(_definition: Condition, _context: SegmentContext, _sample: number): Statement {
  throw new OnefoldError('history_unavailable', { detail: 'the segment printer is not wired yet' })
}

export function clauseTimestampsStatement(_query: Parameters<HistoryQueries['clauseTimestamps']>[0]): Statement {
  throw new OnefoldError('history_unavailable', { detail: 'the segment printer is not wired yet' })
}
