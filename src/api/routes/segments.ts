// Segments: definitions, which are decisions, and previews of definitions that nobody has saved.
import { z } from 'zod'
import type { BackfillRow } from '../../pipeline/state-store.ts'
import { directReferences } from '../../segment/references.ts'
import { OnefoldError } from '../../spec/errors.ts'
import { type Condition, conditionSchema, liveSegments, type Segment, segmentInputSchema } from '../../spec/segment.ts'
import { slugSchema } from '../../spec/source.ts'
import { type ApiContext, answers, PENDING } from '../context.ts'
import { listQuerySchema, pageOf, pageSchema } from '../lists.ts'
import { viewProfiles } from '../profiles.ts'
import { type Answer, defineRoute, ok, type Route } from '../route.ts'
import { sameJson } from '../same-json.ts'
import { profileShape, segmentSchema } from '../schemas.ts'

const SAMPLE_DEFAULT = 10
const SAMPLE_MAX = 100
const params = z.strictObject({ slug: slugSchema })

/** The definition is checked by the language itself, which points at the fault; the document shows its full schema. */
const bodySchema = z.strictObject({ name: z.string().min(1).max(200), definition: z.unknown() })
const sampleShape = { sample: z.int().min(0).max(SAMPLE_MAX).default(SAMPLE_DEFAULT) }
const previewSchema = z.strictObject({ definition: z.unknown(), ...sampleShape })
const previewDocumented = z.strictObject({ definition: conditionSchema, ...sampleShape })
const { id, identifiers, traits } = profileShape
const previewAnswer = z.strictObject({ size: z.int(), sample: z.array(z.strictObject({ id, identifiers, traits })) })

export function segmentRoutes(context: ApiContext): Route[] {
  return [...readRoutes(context), ...writeRoutes(context), previewRoute(context)]
}

function readRoutes(context: ApiContext): Route[] {
  const { state } = context.deps
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/segments',
      tag: 'segments',
      summary: 'Lists the segments.',
      query: listQuerySchema,
      answers: answers('The segments, by slug.', pageSchema(segmentSchema)),
      handle: async ({ query }) => {
        const { segments: all, backfills } = await state.catalogue()
        const segments = liveSegments(all)
        const ordered = segments.sort((a, b) => (a.slug < b.slug ? -1 : 1))
        const page = pageOf(ordered, query)
        return ok({ ...page, items: page.items.map((segment) => view(context, segment, backfills)) })
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/segments/:slug',
      tag: 'segments',
      summary: 'Shows a segment.',
      params,
      answers: answers('The segment.', segmentSchema),
      handle: async ({ params: { slug } }) => ok(await show(context, slug)),
    }),
  ]
}

function writeRoutes(context: ApiContext): Route[] {
  return [
    defineRoute({
      method: 'PUT',
      path: '/api/v1/segments/:slug',
      tag: 'segments',
      summary: 'Creates a segment or changes its definition.',
      params,
      body: bodySchema,
      bodyDocumented: segmentInputSchema,
      answers: [...answers('The segment; `job` tells of a backfill under way.', segmentSchema), PENDING],
      handle: async ({ params: { slug }, body }) => context.decider.inTurn('segments', () => put(context, slug, body)),
    }),
    defineRoute({
      method: 'DELETE',
      path: '/api/v1/segments/:slug',
      tag: 'segments',
      summary: 'Removes a segment that no other segment refers to.',
      params,
      answers: [...answers('The segment that was removed.', segmentSchema), PENDING],
      handle: async ({ params: { slug } }) => context.decider.inTurn('segments', () => remove(context, slug)),
    }),
  ]
}

function previewRoute(context: ApiContext): Route {
  return defineRoute({
    method: 'POST',
    path: '/api/v1/segments/preview',
    tag: 'segments',
    summary: 'How many profiles a definition would hold, and a few of them. Saves nothing.',
    body: previewSchema,
    bodyDocumented: previewDocumented,
    answers: answers('Size and sample.', previewAnswer),
    handle: async ({ body }) => {
      const { state, history, clock } = context.deps
      const segments = liveSegments((await state.catalogue()).segments)
      const known = definitionsOf(segments)
      const definition = check(context, body.definition, known)
      const { next, logTime } = await state.position()
      // Time goes on while no event comes, so the clock counts; log time counts when it is ahead of this machine's clock.
      const scope = { segments: known, offset: next, now: Math.max(logTime, clock.now()) }
      const { size, profiles } = await history.evaluate(definition, scope, body.sample)
      const rows = (await state.profiles(profiles)).filter((row) => row.alive)
      const sample = (await viewProfiles(state, rows)).map(({ id, identifiers, traits }) => ({
        id,
        identifiers,
        traits,
      }))
      return ok({ size, sample })
    },
  })
}

async function put(context: ApiContext, slug: string, body: z.output<typeof bodySchema>): Promise<Answer> {
  const segments = liveSegments((await context.deps.state.catalogue()).segments)
  const definition = check(context, body.definition, definitionsOf(segments), slug)
  const { name } = body
  const present = segments.find((candidate) => candidate.slug === slug)
  if (present !== undefined && present.name === name && sameJson(present.definition, definition)) {
    return ok(await show(context, slug))
  }
  return context.decider.decide({ decision: 'segment', slug, name, definition }, async () =>
    ok(await show(context, slug)),
  )
}

async function remove(context: ApiContext, slug: string): Promise<Answer> {
  const segment = await show(context, slug)
  const segments = liveSegments((await context.deps.state.catalogue()).segments)
  const referring = segments.filter((other) => other.slug !== slug && directReferences(other.definition).has(slug))
  if (referring.length > 0) {
    const names = referring.map((other) => other.slug).join(', ')
    throw new OnefoldError('conflict', { detail: `Other segments refer to ${slug}: ${names}.` })
  }
  return context.decider.decide({ decision: 'segment_removed', slug }, async () => ok(segment))
}

function check(
  context: ApiContext,
  input: unknown,
  segments: ReadonlyMap<string, Condition>,
  slug?: string,
): Condition {
  try {
    return context.deps.segments.checkDefinition(input, slug === undefined ? { segments } : { segments, slug })
  } catch (error) {
    if (!(error instanceof OnefoldError)) throw error
    const pointer = `/definition${error.pointer ?? ''}`
    throw new OnefoldError(error.code, { detail: error.message, pointer, cause: error })
  }
}

function definitionsOf(segments: readonly Segment[]): Map<string, Condition> {
  return new Map(segments.map((segment) => [segment.slug, segment.definition]))
}

/** Throws `not_found`. */
export async function requireSegment(context: ApiContext, slug: string): Promise<Segment> {
  const segments = liveSegments((await context.deps.state.catalogue()).segments)
  const segment = segments.find((candidate) => candidate.slug === slug)
  if (segment === undefined) throw new OnefoldError('not_found', { detail: `There is no segment ${slug}.` })
  return segment
}

async function show(context: ApiContext, slug: string) {
  const segment = await requireSegment(context, slug)
  const { backfills } = await context.deps.state.catalogue()
  return view(context, segment, backfills)
}

function view(context: ApiContext, segment: Segment, backfills: readonly BackfillRow[]) {
  const { slug, name, definition, status, size, activationOffset: version } = segment
  const description = context.deps.segments.describe(definition)
  const isBackfilling = backfills.some((row) => row.segment === segment.id)
  return {
    slug,
    name,
    definition,
    status,
    size,
    version,
    description,
    ...(isBackfilling ? { job: `segment:${slug}` } : {}),
  }
}
