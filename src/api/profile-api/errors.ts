// Errors as Segment's Profile API tells them: `{error: {code, message}}` under its own codes.
import type { ErrorCode, OnefoldError } from '../../spec/errors.ts'

const CODES: Partial<Record<ErrorCode, { status: number; code: string }>> = {
  invalid_request: { status: 400, code: 'validation_error' },
  unauthorized: { status: 401, code: 'authentication_error' },
  forbidden: { status: 401, code: 'authentication_error' },
  not_found: { status: 404, code: 'not_found' },
}

export function asProfileError(error: OnefoldError): {
  status: number
  body: { error: { code: string; message: string } }
} {
  const known = CODES[error.code] ?? {
    status: error.status,
    code: error.status >= 500 ? 'server_error' : 'validation_error',
  }
  return { status: known.status, body: { error: { code: known.code, message: error.message } } }
}
