// The row after an attempt: delivered, refused for good, to be tried again after a growing random delay, or dead. Pure.
import type { Delivery } from '../spec/delivery.ts'
import type { Attempt } from './attempt.ts'
import type { DeliveryLimits } from './limits.ts'

export function settleRow(
  row: Delivery,
  attempt: Attempt,
  now: number,
  random: number,
  limits: DeliveryLimits,
): Delivery {
  const attempts = row.attempts + 1
  const base = {
    ...row,
    attempts,
    updatedAt: now,
    nextAttemptAt: null,
    responseStatus: attempt.responseStatus,
    responseBody: attempt.responseBody,
    errorCode: attempt.errorCode,
    errorMessage: attempt.errorMessage,
  }
  if (attempt.result !== 'retry') return { ...base, status: attempt.result }
  const most = attempt.doubtful ? limits.doubtfulAttemptsMax : limits.attemptsMax
  if (attempts >= most) return { ...base, status: 'dead' }
  const delay = Math.max(retryDelayMs(attempts, random, limits), attempt.retryAfterMs ?? 0)
  return { ...base, status: 'failed', nextAttemptAt: now + delay }
}

/** Exponential backoff with full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
export function retryDelayMs(attempts: number, random: number, limits: DeliveryLimits): number {
  const ceiling = Math.min(limits.retryDelayMsMax, limits.retryDelayMsMin * 2 ** (attempts - 1))
  return Math.round(random * ceiling)
}
