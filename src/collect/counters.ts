// What the door counts, for metrics. Plain numbers, so that a snapshot can be posted to the worker that prints them.
import type { ErrorCode } from '../spec/errors.ts'

export interface DoorCounters {
  /** Collection requests, refused ones included. */
  requests: number
  /** Events that are in the log. */
  accepted: number
  /** Events and requests refused, by code. */
  rejected: Partial<Record<ErrorCode, number>>
  commits: number
  commitRecords: number
  /** Requests handed on to the API. */
  forwarded: number
}

export function createCounters(): DoorCounters {
  return { requests: 0, accepted: 0, rejected: {}, commits: 0, commitRecords: 0, forwarded: 0 }
}

export function countRejected(counters: DoorCounters, code: ErrorCode): void {
  counters.rejected[code] = (counters.rejected[code] ?? 0) + 1
}
