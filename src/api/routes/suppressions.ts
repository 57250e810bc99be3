// Suppressions: nothing of a suppressed person is stored or sent. One may be suppressed before anything was seen of him.
import { z } from 'zod'
import { OnefoldError } from '../../spec/errors.ts'
import { formatIdentifier, type Identifier, parseIdentifier } from '../../spec/identifier.ts'
import { type ApiContext, answers, PENDING } from '../context.ts'
import { listQuerySchema, pageOf, pageSchema } from '../lists.ts'
import { candidates, findProfile, instantOf } from '../profiles.ts'
import { defineRoute, ok, type Route } from '../route.ts'
import { identifierSchema, suppressionSchema } from '../schemas.ts'
import { byHandShape, identifiersOf } from './identity.ts'
import { referenceParams } from './profiles.ts'

const answerSchema = z.strictObject({ suppressed: z.boolean(), identifiers: z.array(identifierSchema) })

export function suppressionRoutes(context: ApiContext): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/suppressions',
      tag: 'suppressions',
      summary: 'Lists the identifiers that are suppressed.',
      query: listQuerySchema,
      answers: answers('The identifiers, longest suppressed first.', pageSchema(suppressionSchema)),
      handle: async ({ query }) => {
        const rows = await context.suppressions.list()
        return ok(
          pageOf(
            rows.map((row) => ({ ...row, since: instantOf(row.since) })),
            query,
          ),
        )
      },
    }),
    defineRoute({
      method: 'PUT',
      path: '/api/v1/suppressions/:ref',
      tag: 'suppressions',
      summary: 'Suppresses a person: all identifiers of the profile, or an identifier nobody has yet.',
      params: referenceParams,
      body: z.strictObject(byHandShape),
      bodyOptional: true,
      answers: [...answers('Who is suppressed.', answerSchema), PENDING],
      handle: async ({ params: { ref }, body }) =>
        context.decider.inTurn('identity', async () => {
          const identifiers = await personOf(context, ref)
          const held = await suppressedAmong(context, identifiers)
          const answer = ok({ suppressed: true, identifiers })
          if (held.length === identifiers.length) return answer
          return context.decider.decide({ decision: 'suppress', identifiers, ...body }, async () => answer)
        }),
    }),
    defineRoute({
      method: 'DELETE',
      path: '/api/v1/suppressions/:ref',
      tag: 'suppressions',
      summary: 'Ends the suppression of a person.',
      params: referenceParams,
      answers: [...answers('Who is suppressed no more.', answerSchema), PENDING],
      handle: async ({ params: { ref } }) =>
        context.decider.inTurn('identity', async () => {
          const identifiers = await suppressedAmong(context, await personOf(context, ref))
          if (identifiers.length === 0) throw new OnefoldError('not_found', { detail: `${ref} is not suppressed.` })
          const decision = { decision: 'unsuppress', identifiers, reason: '', author: '' } as const
          return context.decider.decide(decision, async () => ok({ suppressed: false, identifiers }))
        }),
    }),
  ]
}

async function personOf(context: ApiContext, reference: string): Promise<Identifier[]> {
  const { state } = context.deps
  const found = await findProfile(state, reference)
  if (found !== null) {
    const identifiers = await identifiersOf(context, found)
    return identifiers.length === 0 ? [found.identifier] : identifiers
  }
  const identifier = parseIdentifier(reference)
  if (identifier === null) throw new OnefoldError('not_found', { detail: `There is no profile ${reference}.` })
  const possible = candidates(identifier, (await state.catalogue()).sources)
  if (possible.length === 0) throw new OnefoldError('invalid_request', { detail: 'No identifier can have this value.' })
  const known = await state.identifiersByValue(possible)
  return known.length === 0 ? possible : known.map(({ kind, value }) => ({ kind, value }))
}

async function suppressedAmong(context: ApiContext, identifiers: readonly Identifier[]): Promise<Identifier[]> {
  const suppressed = new Set((await context.suppressions.list()).map((row) => formatIdentifier(row.identifier)))
  return identifiers.filter((identifier) => suppressed.has(formatIdentifier(identifier)))
}
