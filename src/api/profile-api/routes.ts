// Segment's Profile API, for clients written against it: the same addresses, parameters, shapes and errors. One space
// (`default`), one collection so far (`users`); what it cannot tell yet (links to accounts) is an empty list.
import { z } from 'zod'
import { OnefoldError } from '../../spec/errors.ts'
import { parseIdentifier } from '../../spec/identifier.ts'
import type { ApiContext } from '../context.ts'
import { decodeCursor, encodeCursor } from '../lists.ts'
import { type FoundProfile, requireProfile } from '../profiles.ts'
import { type Answer, defineRoute, ok, type Route } from '../route.ts'
import { jsonObjectSchema } from '../schemas.ts'
import { readEvents, readExternalIds, readMetadata, readTraits } from './views.ts'

const BASE = '/v1/spaces/:space/collections/:collection/profiles/:ref'
const paramsSchema = z.strictObject({
  space: z.string().max(100),
  collection: z.string().max(100),
  ref: z.string().min(1).meta({ description: '`kind:value`, percent-encoded; or a profile id.' }),
})
const LIMIT_DEFAULT = 10
const LIMIT_MAX = 200

/** Segment ignores parameters it does not know, so these objects are not strict: its clients may send more. */
const pageQuery = {
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT),
  next: z.string().max(2000).optional().meta({ description: 'The `next` of the cursor before.' }),
}
const listed = z.string().max(5000).optional().meta({ description: 'Names, separated by commas.' })
const traitsQuery = z.object({
  ...pageQuery,
  include: listed,
  class: z.enum(['audience', 'computed_trait']).optional(),
  verbose: z.enum(['true', 'false']).optional(),
})
const momentSchema = z.union([z.iso.datetime({ offset: true }), z.iso.date()])
const eventsQuery = z.object({
  ...pageQuery,
  include: listed,
  exclude: listed,
  start: momentSchema.optional(),
  end: momentSchema.optional(),
  sort: z
    .string()
    .regex(/^(asc|desc)$/i, 'sort is asc or desc')
    .optional(),
})
const pageQuerySchema = z.object(pageQuery)

const cursorSchema = z.strictObject({ url: z.string(), has_more: z.boolean(), next: z.string(), limit: z.int() })
const dataSchema = z.strictObject({ data: z.array(z.looseObject({})), cursor: cursorSchema })

interface Page<T> {
  shown: T
  /** Place of the next page; null at the end. */
  next: unknown
}

export function profileApiRoutes(context: ApiContext): Route[] {
  const { deps } = context
  const common = { method: 'GET', tag: 'profile api', access: 'profile', params: paramsSchema } as const
  const data = [{ status: 200, description: 'A page.', schema: dataSchema }]
  return [
    defineRoute({
      ...common,
      path: `${BASE}/traits`,
      summary: 'Traits of a profile, and its audiences as true.',
      query: traitsQuery,
      answers: [
        {
          status: 200,
          description: 'A page of traits.',
          schema: z.strictObject({ traits: jsonObjectSchema, cursor: cursorSchema }),
        },
      ],
      handle: async ({ params, query, url }) => {
        const { row } = await find(context, params)
        const skip = decodeCursor(z.int().min(0), query.next) ?? 0
        const all = await readTraits(deps, row, {
          include: names(query.include),
          class: query.class,
          verbose: query.verbose === 'true',
        })
        const end = skip + query.limit
        const page = { shown: Object.fromEntries(all.slice(skip, end)), next: end < all.length ? end : null }
        return ok({ traits: page.shown, cursor: cursorOf(url, page, query.limit) })
      },
    }),
    defineRoute({
      ...common,
      path: `${BASE}/external_ids`,
      summary: 'Identifiers of a profile.',
      query: pageQuerySchema,
      answers: data,
      handle: async ({ params, query, url }) => {
        const { row } = await find(context, params)
        return slice(await readExternalIds(deps, row), query, url)
      },
    }),
    defineRoute({
      ...common,
      path: `${BASE}/events`,
      summary: 'Events of the last 14 days.',
      query: eventsQuery,
      answers: data,
      handle: async ({ params, query, url }) => {
        const { row } = await find(context, params)
        const events = await readEvents(deps, row, {
          include: names(query.include),
          exclude: names(query.exclude),
          start: query.start === undefined ? undefined : Date.parse(query.start),
          end: query.end === undefined ? undefined : Date.parse(query.end),
          ascending: query.sort?.toLowerCase() === 'asc',
        })
        return slice(events, query, url)
      },
    }),
    defineRoute({
      ...common,
      path: `${BASE}/metadata`,
      summary: 'First and last message of a profile.',
      answers: [{ status: 200, description: 'Metadata.', schema: z.strictObject({ metadata: jsonObjectSchema }) }],
      handle: async ({ params }) => ok({ metadata: await readMetadata(deps, (await find(context, params)).row) }),
    }),
    defineRoute({
      ...common,
      path: `${BASE}/links`,
      summary: 'Accounts of a profile; none, until accounts are kept.',
      query: pageQuerySchema,
      answers: data,
      handle: async ({ params, query, url }) => {
        await find(context, params)
        return slice([], query, url)
      },
    }),
  ]
}

async function find(context: ApiContext, params: z.output<typeof paramsSchema>): Promise<FoundProfile> {
  const { space, collection, ref } = params
  if (space !== 'default' || collection !== 'users')
    throw new OnefoldError('not_found', { detail: 'No such collection.' })
  // Segment writes its own profile id as `use_…`; ours is taken as it is.
  if (parseIdentifier(ref) === null && ref.includes(':')) {
    throw new OnefoldError('invalid_request', { detail: 'An identifier is written kind:value.' })
  }
  return requireProfile(context.deps.state, ref)
}

function names(text: string | undefined): Set<string> | null {
  const found = (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  return found.length === 0 ? null : new Set(found)
}

function slice(all: readonly object[], query: { limit: number; next?: string | undefined }, url: string): Answer {
  const skip = decodeCursor(z.int().min(0), query.next) ?? 0
  const end = skip + query.limit
  const page: Page<readonly object[]> = { shown: all.slice(skip, end), next: end < all.length ? end : null }
  return ok({ data: page.shown, cursor: cursorOf(url, page, query.limit) })
}

/** `url` leads to this page, `next` to the one after it: as clients of Segment read them. */
function cursorOf(url: string, page: Page<unknown>, limit: number) {
  const next = page.next === null ? '' : encodeCursor(page.next)
  return { url, has_more: page.next !== null, next, limit }
}
