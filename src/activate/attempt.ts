// What came of one attempt to deliver, and whether it may be tried again. The rules are those the catalogue's engine states:
// no 4xx but 408, 423 and 429; every 5xx but 501; transport faults always. Never by the text of a message.
import type { CoreResponse } from './core.ts'

export type AttemptResult = 'delivered' | 'filtered' | 'refused' | 'retry'

export interface Attempt {
  result: AttemptResult
  responseStatus: number | null
  responseBody: string | null
  errorCode: string | null
  errorMessage: string | null
  /** What the server asked to wait, ms. */
  retryAfterMs: number | null
  /** `retry` that is given up after a few attempts: faults of the destination's own code, not of the transport. */
  doubtful: boolean
}

export const RESPONSE_CHARACTERS_KEPT = 500
const MESSAGE_CHARACTERS_KEPT = 500

export function succeeded(results: readonly { output?: unknown }[], response: CoreResponse | undefined): Attempt {
  const outputs = results.map((result) => result.output)
  if (outputs.includes('Action Executed')) return attempt('delivered', response)
  if (outputs.includes('not subscribed')) return { ...attempt('filtered', response), errorCode: 'not_subscribed' }
  return { ...attempt('refused', response), errorCode: 'invalid_subscription', errorMessage: String(outputs[0] ?? '') }
}

export function refused(errorCode: string, errorMessage: string): Attempt {
  return { ...attempt('refused', undefined), errorCode, errorMessage }
}

/** `now` (ms) is needed for a `Retry-After` that is a date. */
export function failed(error: unknown, last: CoreResponse | undefined, now: number): Attempt {
  const fault = readFault(error)
  const response = fault.response ?? last
  const status = fault.status
  if (status === null) {
    const { code, retryable, doubtful } = transportFault(fault)
    const base = attempt(retryable ? 'retry' : 'refused', undefined)
    return { ...base, errorCode: code, errorMessage: cut(fault.message), doubtful }
  }
  return {
    ...attempt(statusIsRetryable(status) ? 'retry' : 'refused', response),
    responseStatus: status,
    errorCode: fault.code ?? `http_${status}`,
    errorMessage: cut(fault.message),
    retryAfterMs: retryAfter(response, now),
  }
}

export function statusIsRetryable(status: number): boolean {
  return status >= 500 ? status !== 501 : status === 408 || status === 423 || status === 429
}

function attempt(result: AttemptResult, response: CoreResponse | undefined): Attempt {
  return {
    result,
    responseStatus: response?.status ?? null,
    responseBody: response?.content?.slice(0, RESPONSE_CHARACTERS_KEPT) ?? null,
    errorCode: null,
    errorMessage: null,
    retryAfterMs: null,
    doubtful: false,
  }
}

interface Fault {
  name: string
  message: string
  status: number | null
  code: string | null
  /** node-fetch's word for its own errors. */
  type: string | null
  response: CoreResponse | undefined
}

function readFault(error: unknown): Fault {
  const fields: Record<string, unknown> = typeof error === 'object' && error !== null ? { ...error } : {}
  const response = fields['response'] as CoreResponse | undefined
  const status = Number(fields['status'] ?? response?.status)
  return {
    name: error instanceof Error ? error.name : 'Error',
    message: error instanceof Error ? error.message : String(error),
    status: Number.isInteger(status) && status >= 100 && status <= 599 ? status : null,
    code: typeof fields['code'] === 'string' ? fields['code'] : null,
    type: typeof fields['type'] === 'string' ? fields['type'] : null,
    response: typeof response?.status === 'number' ? response : undefined,
  }
}

// The request itself is at fault, or the answer: the same would happen again.
const FINAL_TYPES = ['max-size', 'max-redirect', 'invalid-redirect', 'unsupported-redirect', 'no-redirect']

function transportFault(fault: Fault): { code: string; retryable: boolean; doubtful: boolean } {
  if (fault.code === 'outbound_refused') return { code: fault.code, retryable: false, doubtful: false }
  if (fault.type !== null && FINAL_TYPES.includes(fault.type)) {
    return { code: fault.type.replaceAll('-', '_'), retryable: false, doubtful: false }
  }
  if (fault.type !== null || fault.code !== null) {
    return {
      code: (fault.code ?? fault.type ?? '').toLowerCase().replaceAll('-', '_'),
      retryable: true,
      doubtful: false,
    }
  }
  return { code: 'action_failed', retryable: true, doubtful: true }
}

const RETRY_AFTER_MS_MAX = 3_600_000

function retryAfter(response: CoreResponse | undefined, now: number): number | null {
  const text = response?.headers?.get('retry-after')
  if (text === null || text === undefined || text === '') return null
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX) : null
}

function cut(message: string): string {
  return message.slice(0, MESSAGE_CHARACTERS_KEPT)
}

/** Takes secrets, and the queries of URLs, out of what will be stored or logged. */
export function scrub(result: Attempt, secrets: readonly string[]): Attempt {
  const clean = (text: string | null) => (text === null ? null : scrubText(text, secrets))
  return { ...result, errorMessage: clean(result.errorMessage), responseBody: clean(result.responseBody) }
}

export function scrubText(text: string, secrets: readonly string[]): string {
  const withoutQueries = text.replace(/(https?:\/\/)(?:[^\s/@"']*@)?([^\s?"']*)\?[^\s"',]*/g, '$1$2?…')
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, '•••'), withoutQueries)
}
