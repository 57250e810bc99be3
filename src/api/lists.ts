// Lists as every collection answers them: `{items, next}` under `limit` and an opaque `cursor`, with `count` when asked.
import { z } from 'zod'
import { OnefoldError } from '../spec/errors.ts'

export const LIMIT_DEFAULT = 50
export const LIMIT_MAX = 500

/** The query parameters every list takes; strict, so that a misspelt filter never answers with everything. */
export const listQuery = {
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT),
  cursor: z.string().max(2000).optional().meta({ description: 'The `next` of the page before.' }),
  count: z.enum(['exact']).optional().meta({ description: '`exact` adds `count`, the number of all items.' }),
}
export const listQuerySchema = z.strictObject(listQuery)

/** Strict and people answer alike until a linker groups profiles into people: each profile is then one person. */
export const viewQuery = { view: z.enum(['strict', 'people']).default('strict') }

export function pageSchema<T extends z.ZodType>(item: T) {
  return z.strictObject({
    items: z.array(item),
    next: z.string().nullable().meta({ description: 'Pass it as `cursor`; null at the end.' }),
    count: z.int().optional(),
    partial: z.boolean().optional().meta({ description: 'True where older items exist that cannot be read now.' }),
  })
}

export function encodeCursor(value: unknown): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64url')
}

/** Throws `invalid_request` for a cursor that no list has given. */
export function decodeCursor<T>(schema: z.ZodType<T>, cursor: string | undefined): T | undefined {
  if (cursor === undefined) return undefined
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
  } catch (cause) {
    throw new OnefoldError('invalid_request', {
      detail: 'This cursor is not one of this list.',
      pointer: '/cursor',
      cause,
    })
  }
}

const placeSchema = z.int().min(0)

export interface ListQuery {
  limit: number
  cursor?: string | undefined
  count?: 'exact' | undefined
}

/** A page of a list that is small enough to be held whole. */
export function pageOf<T>(all: readonly T[], query: ListQuery): { items: T[]; next: string | null; count?: number } {
  const start = decodeCursor(placeSchema, query.cursor) ?? 0
  const end = start + query.limit
  return {
    items: all.slice(start, end),
    next: end < all.length ? encodeCursor(end) : null,
    ...(query.count === 'exact' ? { count: all.length } : {}),
  }
}
