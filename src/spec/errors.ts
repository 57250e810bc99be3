// The registry of operational errors and of the reasons for which an event is rejected. Codes are part of the contract:
// clients and delivery decide by `code` and `retryable`, never by message text.

export const ERRORS = {
  // The door. 400 is the one status at which every SDK drops a request instead of retrying it for ever.
  invalid_json: { status: 400, retryable: false, message: 'The body is not valid JSON.' },
  invalid_encoding: { status: 400, retryable: false, message: 'The body could not be decompressed.' },
  request_too_large: { status: 400, retryable: false, message: 'The request is larger than the limit.' },
  invalid_body: { status: 400, retryable: false, message: 'The body is not an object of the documented shape.' },
  empty_batch: { status: 400, retryable: false, message: 'The batch holds no events.' },
  missing_write_key: { status: 400, retryable: false, message: 'No write key was given.' },
  invalid_write_key: { status: 400, retryable: false, message: 'An invalid write key was provided.' },
  source_disabled: { status: 400, retryable: false, message: 'The source is disabled.' },
  storage_unavailable: { status: 503, retryable: true, message: 'The event log cannot be written now; try again.' },
  // Reasons for which one event is rejected.
  batch_too_long: {
    status: 400,
    retryable: false,
    message: 'The batch holds more events than the limit; the rest is refused.',
  },
  invalid_event: { status: 400, retryable: false, message: 'The event is not an object of the documented shape.' },
  invalid_type: {
    status: 400,
    retryable: false,
    message: 'The type is none of track, identify, page, screen, group, alias.',
  },
  event_too_large: { status: 400, retryable: false, message: 'The event is larger than the limit.' },
  event_too_deep: { status: 400, retryable: false, message: 'The event is nested more deeply than the limit.' },
  missing_identity: { status: 400, retryable: false, message: 'The event has neither userId nor anonymousId.' },
  missing_event_name: { status: 400, retryable: false, message: 'A track call needs a non-empty event name.' },
  missing_group_id: { status: 400, retryable: false, message: 'A group call needs a non-empty groupId.' },
  missing_previous_id: { status: 400, retryable: false, message: 'An alias call needs previousId and userId.' },
  invalid_message_id: { status: 400, retryable: false, message: 'The messageId is longer than the limit.' },
  no_identifier: { status: 400, retryable: false, message: 'No identifier of the event may identify anybody.' },
  suppressed: { status: 400, retryable: false, message: 'The person is suppressed.' },
  history_refused: { status: 400, retryable: false, message: 'The analytics engine cannot store the event.' },
  // Admin API.
  unauthorized: { status: 401, retryable: false, message: 'A valid admin token is needed.' },
  forbidden: { status: 403, retryable: false, message: 'This token may not do that.' },
  not_found: { status: 404, retryable: false, message: 'There is nothing at this address.' },
  invalid_request: { status: 400, retryable: false, message: 'The request does not have the documented shape.' },
  conflict: { status: 409, retryable: false, message: 'The request conflicts with the present state.' },
  decision_timeout: {
    status: 202,
    retryable: true,
    message: 'The decision is logged; the pipeline has not reached it yet.',
  },
  history_unavailable: {
    status: 503,
    retryable: true,
    message: 'The analytics engine does not answer now; try again.',
  },
  api_unavailable: { status: 503, retryable: true, message: 'The API does not answer now; try again.' },
  // Delivery.
  outbound_refused: {
    status: 403,
    retryable: false,
    message: 'The address is not public, and ONEFOLD_OUTBOUND_ALLOW does not hold it.',
  },
  internal: { status: 500, retryable: true, message: 'Something went wrong on our side.' },
} as const satisfies Record<string, { status: number; retryable: boolean; message: string }>

export type ErrorCode = keyof typeof ERRORS

/** An operational error. `detail` says what exactly; `pointer` is a JSON pointer (RFC 6901) to the fault in the input. */
export class OnefoldError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly pointer: string | undefined

  constructor(code: ErrorCode, options: { detail?: string; pointer?: string; cause?: unknown } = {}) {
    super(options.detail ?? ERRORS[code].message, { cause: options.cause })
    this.name = 'OnefoldError'
    this.code = code
    this.detail = options.detail
    this.pointer = options.pointer
  }

  get status(): number {
    return ERRORS[this.code].status
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }
}
