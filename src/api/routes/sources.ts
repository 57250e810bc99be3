// Sources: where events come from. A source is a decision, so putting one is logged and takes force at its offset.
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { OnefoldError } from '../../spec/errors.ts'
import { type Source, type SourceInput, slugSchema, sourceInputSchema, sourceSchema } from '../../spec/source.ts'
import { type ApiContext, answers, PENDING } from '../context.ts'
import { listQuerySchema, pageOf, pageSchema } from '../lists.ts'
import { defineRoute, ok, type Route } from '../route.ts'
import { sameJson } from '../same-json.ts'

const WRITE_KEY_BYTES = 24
const params = z.strictObject({ slug: slugSchema })

export function sourceRoutes(context: ApiContext): Route[] {
  const { state } = context.deps
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/sources',
      tag: 'sources',
      summary: 'Lists the sources.',
      query: listQuerySchema,
      answers: answers('The sources, by slug.', pageSchema(sourceSchema)),
      handle: async ({ query }) => ok(pageOf((await state.catalogue()).sources, query)),
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/sources/:slug',
      tag: 'sources',
      summary: 'Shows a source.',
      params,
      answers: answers('The source.', sourceSchema),
      handle: async ({ params: { slug } }) => ok(await requireSource(context, slug)),
    }),
    defineRoute({
      method: 'PUT',
      path: '/api/v1/sources/:slug',
      tag: 'sources',
      summary: 'Creates or changes a source; what is left out stays as it is, and a write key is made for a new one.',
      params,
      body: sourceInputSchema,
      bodyOptional: true,
      answers: [...answers('The source.', sourceSchema), PENDING],
      handle: async ({ params: { slug }, body }) => context.decider.inTurn('sources', () => put(context, slug, body)),
    }),
    defineRoute({
      method: 'DELETE',
      path: '/api/v1/sources/:slug',
      tag: 'sources',
      summary: 'Removes a source: its write key is refused from then on; its events stay.',
      params,
      answers: [...answers('The source that was removed.', sourceSchema), PENDING],
      handle: async ({ params: { slug } }) =>
        context.decider.inTurn('sources', async () => {
          const source = await requireSource(context, slug)
          return context.decider.decide({ decision: 'source_removed', slug }, async () => ok(source))
        }),
    }),
  ]
}

async function requireSource(context: ApiContext, slug: string): Promise<Source> {
  const { sources } = await context.deps.state.catalogue()
  const source = sources.find((candidate) => candidate.slug === slug)
  if (source === undefined) throw new OnefoldError('not_found', { detail: `There is no source ${slug}.` })
  return source
}

async function put(context: ApiContext, slug: string, input: SourceInput) {
  const { sources } = await context.deps.state.catalogue()
  const present = sources.find((candidate) => candidate.slug === slug)
  const base = present ?? newSource(slug)
  const region = input.region ?? base.region
  const source: Source = {
    slug,
    name: input.name ?? base.name,
    kind: input.kind ?? base.kind,
    writeKey: input.writeKey ?? base.writeKey,
    ...(region === undefined ? {} : { region }),
    enabled: input.enabled ?? base.enabled,
  }
  const holder = sources.find((candidate) => candidate.slug !== slug && candidate.writeKey === source.writeKey)
  if (holder !== undefined) {
    // One key for two sources would make it a matter of chance how far an event is trusted.
    throw new OnefoldError('conflict', { detail: `Source ${holder.slug} has this write key.`, pointer: '/writeKey' })
  }
  if (present !== undefined && sameJson(present, source)) return ok(present)
  return context.decider.decide({ decision: 'source', source }, async () => ok(source))
}

/** The least trusting kind is the default: a key that is public by mistake then joins no two known people. */
function newSource(slug: string): Source {
  return {
    slug,
    name: slug,
    kind: 'browser',
    writeKey: randomBytes(WRITE_KEY_BYTES).toString('base64url'),
    enabled: true,
  }
}
