// Deliveries: the ledger of everything that was sent, or will be, and retries by hand.
import { z } from 'zod'
import type { LedgerRow, RetryQuery } from '../../activate/port.ts'
import { DELIVERY_STATUSES } from '../../spec/delivery.ts'
import { OnefoldError } from '../../spec/errors.ts'
import { type ApiContext, answers } from '../context.ts'
import { decodeCursor, encodeCursor, listQuery, pageSchema } from '../lists.ts'
import { instant, instantOf } from '../profiles.ts'
import { defineRoute, ok, type Route } from '../route.ts'
import { deliverySchema } from '../schemas.ts'

const statusSchema = z.enum(DELIVERY_STATUSES)
const numberSchema = z.int().min(0)
const momentSchema = z.iso.datetime({ offset: true })
const retrySchema = z
  .strictObject({
    ids: z.array(z.string().min(1).max(200)).min(1).max(10_000).optional(),
    destination: z.string().max(100).optional(),
    status: statusSchema.optional(),
    cause: z.string().max(200).optional().meta({ description: 'An `errorCode` of the ledger.' }),
    from: momentSchema.optional(),
    to: momentSchema.optional(),
  })
  .refine((query) => Object.values(query).some((part) => part !== undefined), {
    message: 'say what to retry: ids, destination, status, cause, or from and to',
  })

export function deliveryRoutes(context: ApiContext): Route[] {
  const { ledger, clock } = context.deps
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/deliveries',
      tag: 'deliveries',
      summary: 'Lists deliveries, newest first.',
      query: z.strictObject({
        ...listQuery,
        destination: z.string().max(100).optional(),
        status: statusSchema.optional(),
      }),
      answers: answers('Rows of the ledger.', pageSchema(deliverySchema)),
      handle: async ({ query: { limit, cursor, count, destination, status } }) => {
        const before = decodeCursor(numberSchema, cursor)
        const filter = {
          ...(destination === undefined ? {} : { destination }),
          ...(status === undefined ? {} : { status }),
        }
        const rows = await ledger.list({ ...filter, limit: limit + 1, ...(before === undefined ? {} : { before }) })
        const page = rows.slice(0, limit)
        const last = page.at(-1)
        const total = count === 'exact' ? { count: await countMatching(context, filter) } : {}
        const next = rows.length > limit && last !== undefined ? encodeCursor(last.number) : null
        return ok({ items: page.map(view), next, ...total })
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/deliveries/:id',
      tag: 'deliveries',
      summary: 'Shows a delivery.',
      params: z.strictObject({ id: z.string().min(1).max(200) }),
      answers: answers('The row of the ledger.', deliverySchema),
      handle: async ({ params: { id } }) => {
        const row = await ledger.get(id)
        if (row === null) throw new OnefoldError('not_found', { detail: `There is no delivery ${id}.` })
        return ok(view(row))
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/api/v1/deliveries/retry',
      tag: 'deliveries',
      summary:
        'Makes deliveries due at once; all parts given must match. Without a status: failed, refused and dead ones.',
      body: retrySchema,
      answers: answers('How many are due again.', z.strictObject({ retried: z.int() })),
      handle: async ({ body }) => ok({ retried: await ledger.retry(retryQuery(body), clock.now()) }),
    }),
  ]
}

function retryQuery({ from, to, ...rest }: z.output<typeof retrySchema>): RetryQuery {
  const given = Object.entries(rest).filter(([, value]) => value !== undefined)
  return {
    ...Object.fromEntries(given),
    ...(from === undefined ? {} : { from: Date.parse(from) }),
    ...(to === undefined ? {} : { to: Date.parse(to) }),
  }
}

async function countMatching(
  { deps: { ledger } }: ApiContext,
  filter: { destination?: string; status?: string },
): Promise<number> {
  const counts = await ledger.counts()
  return counts
    .filter((row) => filter.destination === undefined || row.destination === filter.destination)
    .filter((row) => filter.status === undefined || row.status === filter.status)
    .reduce((sum, row) => sum + row.count, 0)
}

function view({ number: _number, ...row }: LedgerRow) {
  return {
    ...row,
    nextAttemptAt: instant(row.nextAttemptAt),
    createdAt: instantOf(row.createdAt),
    updatedAt: instantOf(row.updatedAt),
  }
}
