// What a failure of the analytics engine means: rows it will never take, or an engine that is away for now. Decided by
// ClickHouse's error codes, never by message text, which quotes the rows and so belongs to whoever sent them.
import { ClickHouseError } from '@clickhouse/client'
import { OnefoldError } from '../../spec/errors.ts'

/**
 * Codes with which ClickHouse refuses the content of rows (src/Common/ErrorCodes.cpp). The list is closed: a code that is not
 * on it is taken for a passing fault and tried again, because good rows in the rejected feed would be lost to history,
 * while a block that waits is merely late. Not on it for that reason: 252 (TOO_MANY_PARTS, merges are behind) and 241 (memory).
 */
const ROW_CODES = new Set([
  '6', // CANNOT_PARSE_TEXT
  '25', // CANNOT_PARSE_ESCAPE_SEQUENCE
  '26', // CANNOT_PARSE_QUOTED_STRING
  '27', // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  '38', // CANNOT_PARSE_DATE
  '41', // CANNOT_PARSE_DATETIME
  '53', // TYPE_MISMATCH
  '69', // ARGUMENT_OUT_OF_BOUND
  '70', // CANNOT_CONVERT_TYPE
  '72', // CANNOT_PARSE_NUMBER
  '117', // INCORRECT_DATA
  '128', // TOO_LARGE_ARRAY_SIZE
  '131', // TOO_LARGE_STRING_SIZE
  '306', // TOO_DEEP_RECURSION
  '321', // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
  '349', // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
  '407', // DECIMAL_OVERFLOW
])

/** Whether the engine refused what the rows hold, so that the same rows would be refused again. */
export function isRowFault(error: unknown): error is ClickHouseError {
  return error instanceof ClickHouseError && ROW_CODES.has(error.code)
}

/** `history_unavailable`, with what the engine said. */
export function unavailable(cause: unknown): OnefoldError {
  if (cause instanceof OnefoldError) return cause
  const detail = cause instanceof ClickHouseError ? `code ${cause.code}: ${cause.message}` : String(cause)
  return new OnefoldError('history_unavailable', { detail: detail.slice(0, 500), cause })
}
