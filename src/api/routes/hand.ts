// The other decisions by hand: quarantine, taking decisions back, consent; and the list of what was decided by hand.
import { z } from 'zod'
import type { HandDecisionRow } from '../../pipeline/state-store.ts'
import { OnefoldError } from '../../spec/errors.ts'
import { formatIdentifier, type Identifier, parseIdentifier } from '../../spec/identifier.ts'
import { type ApiContext, answers, PENDING } from '../context.ts'
import { listQuery, listQuerySchema, pageOf, pageSchema } from '../lists.ts'
import { candidates, instantOf, requireProfile, viewProfiles } from '../profiles.ts'
import { type Answer, defineRoute, ok, type Route } from '../route.ts'
import { HAND_KINDS, handDecisionSchema, identifierInputSchema, profileSchema } from '../schemas.ts'
import { byHandShape, identifiersOf, toIdentifier } from './identity.ts'
import { referenceParams } from './profiles.ts'

const quarantineSchema = z.strictObject({
  identifiers: z.array(identifierInputSchema).min(1).max(10_000),
  ...byHandShape,
})
const liftSchema = z.strictObject({ decisions: z.array(z.int().min(0)).min(1).max(1000), ...byHandShape })
const consentSchema = z.strictObject({
  purposes: z
    .record(z.string().min(1).max(200), z.boolean())
    .refine((purposes) => Object.keys(purposes).length > 0, 'at least one purpose is needed'),
  ...byHandShape,
})

export function handRoutes(context: ApiContext): Route[] {
  return [...listRoutes(context), ...decisionRoutes(context), consentRoute(context)]
}

function listRoutes(context: ApiContext): Route[] {
  const { state } = context.deps
  const newestFirst = async () => (await state.catalogue()).handDecisions.sort((a, b) => b.offset - a.offset)
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/identity/decisions',
      tag: 'identity',
      summary: 'Lists merges, splits and quarantines by hand, newest first.',
      query: z.strictObject({ ...listQuery, kind: z.enum(HAND_KINDS).optional() }),
      answers: answers('The decisions.', pageSchema(handDecisionSchema)),
      handle: async ({ query }) => {
        const rows = await newestFirst()
        return ok(pageOf(rows.filter((row) => query.kind === undefined || row.kind === query.kind).map(view), query))
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/identity/quarantines',
      tag: 'identity',
      summary: 'Lists the quarantines in force: identifiers that link nobody.',
      query: listQuerySchema,
      answers: answers('The quarantines, newest first.', pageSchema(handDecisionSchema)),
      handle: async ({ query }) => {
        const rows = await newestFirst()
        return ok(pageOf(rows.filter((row) => row.kind === 'quarantine' && !row.lifted).map(view), query))
      },
    }),
  ]
}

function decisionRoutes(context: ApiContext): Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/api/v1/identity/quarantine',
      tag: 'identity',
      summary: 'Makes identifiers link nobody, from their first event on.',
      body: quarantineSchema,
      answers: [...answers('The decision.', handDecisionSchema), PENDING],
      handle: async ({ body }) => context.decider.inTurn('identity', () => quarantine(context, body)),
    }),
    defineRoute({
      method: 'POST',
      path: '/api/v1/identity/lift',
      tag: 'identity',
      summary: 'Takes decisions by hand back, by their offsets.',
      body: liftSchema,
      answers: [...answers('The decisions taken back.', z.array(handDecisionSchema)), PENDING],
      handle: async ({ body }) => context.decider.inTurn('identity', () => lift(context, body)),
    }),
  ]
}

function consentRoute(context: ApiContext): Route {
  const { state } = context.deps
  return defineRoute({
    method: 'POST',
    path: '/api/v1/profiles/:ref/consent',
    tag: 'profiles',
    summary: 'Records consent by hand, for every identifier of the profile.',
    params: referenceParams,
    body: consentSchema,
    answers: [...answers('The profile.', profileSchema), PENDING],
    handle: async ({ params: { ref }, body }) => {
      const found = await requireProfile(state, ref)
      // All identifiers, because one that still says no outweighs every yes.
      const identifiers = await identifiersOf(context, found)
      return context.decider.decide({ decision: 'consent', identifiers, ...body }, async () => {
        const { row } = await requireProfile(state, formatIdentifier(found.identifier))
        const [profile] = await viewProfiles(state, [row])
        return ok(profile)
      })
    },
  })
}

async function quarantine(context: ApiContext, input: z.output<typeof quarantineSchema>): Promise<Answer> {
  const { state } = context.deps
  const { sources, handDecisions } = await state.catalogue()
  const identifiers: Identifier[] = []
  for (const [index, given] of input.identifiers.entries()) {
    const found = candidates(toIdentifier(given), sources)
    const [first] = found
    if (first === undefined) {
      throw new OnefoldError('invalid_request', {
        detail: 'No identifier can have this value.',
        pointer: `/identifiers/${index}`,
      })
    }
    // One that was never seen may be put under quarantine too: it then links nobody when it comes.
    const known = await state.identifiersByValue(found)
    identifiers.push(...(known.length === 0 ? [first] : known.map(({ kind, value }) => ({ kind, value }))))
  }
  const inForce = new Set(
    handDecisions.filter((row) => row.kind === 'quarantine' && !row.lifted).flatMap((row) => row.a),
  )
  const added = identifiers.filter((identifier) => !inForce.has(formatIdentifier(identifier)))
  if (added.length === 0) throw new OnefoldError('conflict', { detail: 'All of these are under quarantine already.' })
  const { reason, author } = input
  return context.decider.decide({ decision: 'quarantine', identifiers: added, reason, author }, async (offset) =>
    ok((await decided(context, [offset]))[0]),
  )
}

async function lift(context: ApiContext, input: z.output<typeof liftSchema>): Promise<Answer> {
  const offsets = [...new Set(input.decisions)]
  const { handDecisions } = await context.deps.state.catalogue()
  for (const [index, offset] of input.decisions.entries()) {
    const row = handDecisions.find((candidate) => candidate.offset === offset)
    const pointer = `/decisions/${index}`
    if (row === undefined) {
      throw new OnefoldError('not_found', { detail: `There is no decision by hand at offset ${offset}.`, pointer })
    }
    if (row.lifted) throw new OnefoldError('conflict', { detail: `Decision ${offset} is taken back already.`, pointer })
  }
  const { reason, author } = input
  return context.decider.decide({ decision: 'lift', offsets, reason, author }, async () =>
    ok(await decided(context, offsets)),
  )
}

async function decided(context: ApiContext, offsets: readonly number[]) {
  const { handDecisions } = await context.deps.state.catalogue()
  return handDecisions.filter((row) => offsets.includes(row.offset)).map(view)
}

function view(row: HandDecisionRow) {
  const read = (texts: readonly string[]) => texts.map(parseIdentifier).filter((identifier) => identifier !== null)
  return { ...row, a: read(row.a), b: read(row.b), at: instantOf(row.at) }
}
