// Errors as the Admin API tells them: RFC 9457 problem documents. Every failure of a request ends here, so that no stack,
// no path and no text of a library reaches a client.
import { z } from 'zod'
import { ERRORS, type ErrorCode, OnefoldError } from '../spec/errors.ts'

export const PROBLEM_TYPE = 'application/problem+json'

export const problemSchema = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'Stable: decide by this.' }),
    retryable: z.boolean().meta({ description: 'Whether the same request may succeed later.' }),
    pointer: z.string().optional().meta({ description: 'JSON pointer (RFC 6901) to the fault in the input.' }),
  })
  .meta({ id: 'Problem' })
export type Problem = z.infer<typeof problemSchema>

export function problemOf(error: OnefoldError): Problem {
  return {
    type: `urn:onefold:error:${error.code}`,
    title: ERRORS[error.code].message,
    status: error.status,
    detail: error.detail ?? ERRORS[error.code].message,
    code: error.code,
    retryable: error.retryable,
    ...(error.pointer === undefined ? {} : { pointer: error.pointer }),
  }
}

/** Any thrown thing as an operational error; what is not known to be the client's fault is ours. */
export function asOnefoldError(thrown: unknown): OnefoldError {
  if (thrown instanceof OnefoldError) return thrown
  const cause = thrown
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  const known = FRAMEWORK_ERRORS[code]
  if (known !== undefined) return new OnefoldError(known.code, { detail: known.detail, cause })
  const status = thrown instanceof Error && 'statusCode' in thrown ? Number(thrown.statusCode) : 500
  // Whatever else the framework refuses with a 4xx is a malformed request; its own text may echo input, so it is not told.
  if (status >= 400 && status < 500) return new OnefoldError('invalid_request', { cause })
  return new OnefoldError('internal', { cause })
}

const FRAMEWORK_ERRORS: Record<string, { code: ErrorCode; detail: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'request_too_large', detail: 'The body may hold 1 MiB at most.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'invalid_json', detail: 'The body is not valid JSON.' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'invalid_json', detail: 'The body is empty; send JSON.' },
  FST_ERR_BAD_URL: { code: 'invalid_request', detail: 'The address is not a valid, percent-encoded URL.' },
  FST_ERR_MAX_PARAM_LENGTH: {
    code: 'invalid_request',
    detail: 'A part of the address is longer than 2048 characters.',
  },
}

/** Validates, or throws `invalid_request` that points at the first fault. `within` goes before the pointer. */
export function parseInput<T>(schema: z.ZodType<T>, input: unknown, within = ''): T {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const fault = firstFault(result.error.issues)
  const pointer = within + fault.path.map((part) => `/${pointerPart(part)}`).join('')
  const place = pointer === '' ? '' : `${pointer}: `
  throw new OnefoldError('invalid_request', { detail: `${place}${fault.message}`, pointer })
}

function pointerPart(part: PropertyKey): string {
  return String(part).replaceAll('~', '~0').replaceAll('/', '~1')
}

interface Fault {
  path: PropertyKey[]
  message: string
}

/** The deepest fault says most: of a union, the branch that went furthest is the one that was meant. */
function firstFault(issues: readonly z.core.$ZodIssue[]): Fault {
  const issue = issues[0]
  if (issue === undefined) return { path: [], message: 'the value is not of the documented shape' }
  if (issue.code === 'unrecognized_keys') return { path: [...issue.path, issue.keys[0] ?? ''], message: 'unknown name' }
  if (issue.code !== 'invalid_union') return { path: issue.path, message: issue.message }
  const branches = issue.errors.filter((branch) => branch.length > 0).map(firstFault)
  const best = branches.sort((a, b) => b.path.length - a.path.length)[0]
  if (best === undefined || best.path.length === 0) return { path: issue.path, message: issue.message }
  return { path: [...issue.path, ...best.path], message: best.message }
}
