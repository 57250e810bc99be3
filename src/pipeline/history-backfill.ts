// Old facts read from history by SQL: the source of backfills when there is much of them. History must have passed the border.
import type { HistoryQueries } from '../history/port.ts'
import type { EventLog } from '../log/port.ts'
import { OnefoldError } from '../spec/errors.ts'
import type { BackfillSource } from './backfill.ts'

const HISTORY_CURSOR = 'history'

export function historyBackfill(log: Pick<EventLog, 'cursor'>, history: HistoryQueries): BackfillSource {
  return {
    isReady: async (below) => {
      if (((await log.cursor(HISTORY_CURSOR)) ?? 0) < below) return false
      return history.ping().then(
        () => true,
        // The engine is away: the job waits, the stream goes on.
        (error: unknown) => {
          if (error instanceof OnefoldError && error.code === 'history_unavailable') return false
          throw error
        },
      )
    },
    clauseTimestamps: (query) => history.clauseTimestamps(query),
  }
}
