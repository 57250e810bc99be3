// Destinations and the catalogue they are made from. Secrets go in and never come out: what is shown is masked, and a masked
// value that is sent back keeps the secret it stands for.

import { z } from 'zod'
import { headPlace } from '../../activate/place.ts'
import { type Destination, type DestinationInput, destinationInputSchema } from '../../spec/destination.ts'
import { OnefoldError } from '../../spec/errors.ts'
import { liveSegments } from '../../spec/segment.ts'
import { slugSchema } from '../../spec/source.ts'
import { type ApiContext, answers } from '../context.ts'
import type { ApiDeps } from '../deps.ts'
import { listQuery, listQuerySchema, pageOf, pageSchema } from '../lists.ts'
import { instantOf } from '../profiles.ts'
import { defineRoute, ok, type Route } from '../route.ts'
import { destinationSchema, jsonObjectSchema } from '../schemas.ts'

const params = z.strictObject({ slug: slugSchema })
const catalogEntrySchema = z.looseObject({ type: z.string(), name: z.string() })

export function destinationRoutes(context: ApiContext): Route[] {
  return [...catalogRoutes(context), ...readRoutes(context), ...writeRoutes(context)]
}

function catalogRoutes({ deps: { catalog } }: ApiContext): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/catalog/destinations',
      tag: 'destinations',
      summary: 'Lists the types of destination that can be connected.',
      query: z.strictObject({ ...listQuery, q: z.string().max(200).optional() }),
      answers: answers('The types, by name.', pageSchema(catalogEntrySchema)),
      handle: async ({ query }) => {
        const text = query.q?.toLowerCase() ?? ''
        const all = catalog.listCatalog()
        const found = all.filter((entry) => `${entry.name} ${entry.type}`.toLowerCase().includes(text))
        return ok(pageOf(found, query))
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/catalog/destinations/:type',
      tag: 'destinations',
      summary: 'Shows a type: its settings, actions, mappings and presets.',
      params: z.strictObject({ type: z.string().min(1).max(100) }),
      answers: answers('The type.', jsonObjectSchema),
      handle: async ({ params: { type } }) => {
        const described = catalog.describeType(type)
        if (described === null) throw new OnefoldError('not_found', { detail: `There is no destination type ${type}.` })
        return ok(described)
      },
    }),
  ]
}

function readRoutes({ deps }: ApiContext): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/destinations',
      tag: 'destinations',
      summary: 'Lists the destinations.',
      query: listQuerySchema,
      answers: answers('The destinations, by slug.', pageSchema(destinationSchema)),
      handle: async ({ query }) => {
        const page = pageOf(await deps.destinations.list(), query)
        return ok({ ...page, items: page.items.map((item) => view(deps, item)) })
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/destinations/:slug',
      tag: 'destinations',
      summary: 'Shows a destination.',
      params,
      answers: answers('The destination.', destinationSchema),
      handle: async ({ params: { slug } }) => ok(view(deps, await requireDestination(deps, slug))),
    }),
  ]
}

function writeRoutes({ deps, decider }: ApiContext): Route[] {
  return [
    defineRoute({
      method: 'PUT',
      path: '/api/v1/destinations/:slug',
      tag: 'destinations',
      summary: 'Creates or replaces a destination. A new one is told what happens from now on.',
      params,
      body: destinationInputSchema,
      answers: answers('The destination, with warnings about what will never be told.', destinationSchema),
      handle: async ({ params: { slug }, body }) => decider.inTurn('destinations', () => put(deps, slug, body)),
    }),
    defineRoute({
      method: 'DELETE',
      path: '/api/v1/destinations/:slug',
      tag: 'destinations',
      summary: 'Removes a destination; what it was sent stays in the ledger.',
      params,
      answers: answers('The destination that was removed.', destinationSchema),
      handle: async ({ params: { slug } }) =>
        decider.inTurn('destinations', async () => {
          const shown = view(deps, await requireDestination(deps, slug))
          await deps.destinations.remove(slug)
          return ok(shown)
        }),
    }),
  ]
}

async function put(deps: ApiDeps, slug: string, input: DestinationInput) {
  // The place is taken first: what is committed from this moment on is told.
  const head = headPlace(await deps.state.position())
  const present = await deps.destinations.get(slug)
  // Of another type the stored secrets are none of its business.
  const stored = present?.type === input.type ? present.settings : {}
  const settings = deps.catalog.unmaskSettings(input.settings, stored)
  const checked = { ...input, settings }
  deps.catalog.checkDestination(checked)
  const now = deps.clock.now()
  await deps.destinations.put({ ...checked, slug, createdAt: present?.createdAt ?? now, updatedAt: now }, head)
  const segments = liveSegments((await deps.state.catalogue()).segments)
  const known = new Set(segments.map((segment) => segment.slug))
  const warnings = input.segments
    .filter((segment) => !known.has(segment))
    .map((segment) => `There is no segment ${segment}; its changes are told once there is.`)
  const shown = view(deps, await requireDestination(deps, slug))
  return ok({ ...shown, ...(warnings.length === 0 ? {} : { warnings }) })
}

async function requireDestination(deps: ApiDeps, slug: string): Promise<Destination> {
  const destination = await deps.destinations.get(slug)
  if (destination === null) throw new OnefoldError('not_found', { detail: `There is no destination ${slug}.` })
  return destination
}

function view(deps: ApiDeps, destination: Destination) {
  const { slug, type, name, enabled, segments, subscriptions, createdAt, updatedAt } = destination
  const settings = deps.catalog.maskSettings(type, destination.settings)
  return {
    slug,
    type,
    ...(name === undefined ? {} : { name }),
    settings,
    enabled,
    segments,
    subscriptions,
    createdAt: instantOf(createdAt),
    updatedAt: instantOf(updatedAt),
  }
}
