// Identity by hand: merge and split. A merge joins the profiles of two identifiers, and takes back the splits that keep them
// apart; a split is a cannot-link between the identifiers asked for and all others of the profile. Both can be tried dry.
import { z } from 'zod'
import type { HandDecisionRow, ProfileRow } from '../../pipeline/state-store.ts'
import { OnefoldError } from '../../spec/errors.ts'
import { formatIdentifier, type Identifier, parseIdentifier } from '../../spec/identifier.ts'
import { type ApiContext, PENDING } from '../context.ts'
import { partsAfterSplit } from '../dry-split.ts'
import {
  candidates,
  type FoundProfile,
  findIdentifier,
  findProfile,
  requireProfile,
  viewProfiles,
} from '../profiles.ts'
import { type Answer, defineRoute, ok, type Route } from '../route.ts'
import { identifierInputSchema, identifierSchema, profileSchema } from '../schemas.ts'

export const byHandShape = {
  reason: z.string().max(2000).default(''),
  author: z.string().max(200).default(''),
}
const dryRunShape = { dryRun: z.boolean().default(false) }
const dryRunQuery = z.strictObject({ dryRun: z.enum(['true', 'false']).optional() })
const referenceSchema = z.string().min(1).max(1000)
const mergeSchema = z.strictObject({
  profiles: z.tuple([referenceSchema, referenceSchema]),
  ...byHandShape,
  ...dryRunShape,
})
const splitSchema = z.strictObject({
  profile: referenceSchema,
  identifiers: z.array(identifierInputSchema).min(1).max(10_000),
  ...byHandShape,
  ...dryRunShape,
})
type SplitInput = z.output<typeof splitSchema>

const outcomeSchema = z.strictObject({
  dryRun: z.boolean(),
  offset: z.int().nullable().meta({ description: 'Of the decision; null for a dry run.' }),
  applied: z.boolean().nullable().meta({ description: 'Whether the profiles are now as asked; null for a dry run.' }),
  lifts: z.array(z.int()).meta({ description: 'Offsets of the splits that the merge takes back.' }),
  profiles: z.array(profileSchema).meta({ description: 'The profiles as they are now.' }),
  would: z
    .array(z.array(identifierSchema))
    .optional()
    .meta({ description: 'Dry run: identifiers of each profile after it.' }),
})

export function identityRoutes(context: ApiContext): Route[] {
  const answers = [{ status: 200, description: 'Done, or what would be done.', schema: outcomeSchema }, PENDING]
  return [
    defineRoute({
      method: 'POST',
      path: '/api/v1/identity/merge',
      tag: 'identity',
      summary: 'Joins two profiles, and takes back the splits that keep them apart.',
      query: dryRunQuery,
      body: mergeSchema,
      answers,
      handle: async ({ body, query }) =>
        context.decider.inTurn('identity', () =>
          merge(context, { ...body, dryRun: body.dryRun || query.dryRun === 'true' }),
        ),
    }),
    defineRoute({
      method: 'POST',
      path: '/api/v1/identity/split',
      tag: 'identity',
      summary: 'Takes identifiers out of a profile, as if they had never been linked to its others.',
      query: dryRunQuery,
      body: splitSchema,
      answers,
      handle: async ({ body, query }) =>
        context.decider.inTurn('identity', () =>
          split(context, { ...body, dryRun: body.dryRun || query.dryRun === 'true' }),
        ),
    }),
  ]
}

/** One side of a merge. An identifier that a split left in no profile can be merged back all the same. */
interface MergeSide {
  row: ProfileRow | null
  identifier: Identifier
  identifiers: Identifier[]
}

async function mergeSide(context: ApiContext, reference: string, pointer: string): Promise<MergeSide> {
  const { state } = context.deps
  const found = await findProfile(state, reference)
  if (found !== null) return { ...found, identifiers: await identifiersOf(context, found) }
  const known = await findIdentifier(state, reference)
  if (known === null) throw new OnefoldError('not_found', { detail: `There is no profile ${reference}.`, pointer })
  const identifier = { kind: known.kind, value: known.value }
  return { row: null, identifier, identifiers: [identifier] }
}

async function merge(context: ApiContext, input: z.output<typeof mergeSchema>): Promise<Answer> {
  const { state } = context.deps
  const [a, b] = await Promise.all([
    mergeSide(context, input.profiles[0], '/profiles/0'),
    mergeSide(context, input.profiles[1], '/profiles/1'),
  ])
  if (formatIdentifier(a.identifier) === formatIdentifier(b.identifier) || (a.row !== null && a.row.id === b.row?.id)) {
    throw new OnefoldError('conflict', { detail: 'Both are the same profile already.' })
  }
  const [left, right] = [a.identifiers, b.identifiers]
  const { handDecisions } = await state.catalogue()
  const lifts = handDecisions.filter((row) => separates(row, left, right)).map((row) => row.offset)
  if (input.dryRun) {
    const profiles = await viewProfiles(
      state,
      [a.row, b.row].filter((row) => row !== null),
    )
    return ok({ dryRun: true, offset: null, applied: null, lifts, profiles, would: [[...left, ...right]] })
  }
  const { reason, author } = input
  const identifiers: [Identifier, Identifier] = [a.identifier, b.identifier]
  return context.decider.decide({ decision: 'merge', identifiers, lifts, reason, author }, async (offset) => {
    const numbers = (await state.identifiersByValue(identifiers)).map((row) => row.profile)
    const applied = numbers.length === 2 && numbers[0] !== 0 && numbers[0] === numbers[1]
    return ok({ dryRun: false, offset, applied, lifts, profiles: await profilesOf(context, identifiers) })
  })
}

/** An un-lifted split with one profile on either side. */
function separates(row: HandDecisionRow, left: readonly Identifier[], right: readonly Identifier[]): boolean {
  if (row.kind !== 'split' || row.lifted) return false
  const sideOf = (side: readonly string[]) => {
    const known = new Set(side)
    return (identifiers: readonly Identifier[]) => identifiers.some((one) => known.has(formatIdentifier(one)))
  }
  const [inA, inB] = [sideOf(row.a), sideOf(row.b)]
  return (inA(left) && inB(right)) || (inA(right) && inB(left))
}

async function split(context: ApiContext, input: SplitInput): Promise<Answer> {
  const { state } = context.deps
  const found = await requireProfile(state, input.profile)
  const all = await identifiersOf(context, found)
  const a = await asked(context, input.identifiers, all)
  const taken = new Set(a.map(formatIdentifier))
  const b = all.filter((identifier) => !taken.has(formatIdentifier(identifier)))
  if (b.length === 0) {
    throw new OnefoldError('conflict', { detail: 'These are all identifiers of the profile; nothing would be left.' })
  }
  if (input.dryRun) {
    const profiles = await viewProfiles(state, [found.row])
    const would = await partsAfterSplit(state, found.row, { a, b })
    return ok({ dryRun: true, offset: null, applied: null, lifts: [], profiles, would })
  }
  const { reason, author } = input
  return context.decider.decide({ decision: 'split', a, b, reason, author }, async (offset) => {
    const [one, other] = await Promise.all([profileNumbers(context, a), profileNumbers(context, b)])
    const applied = one.every((number) => !other.includes(number))
    const profiles = await profilesOf(context, [...a, ...b])
    return ok({ dryRun: false, offset, applied, lifts: [], profiles })
  })
}

/** The identifiers asked for, in the profile's own form. */
async function asked(
  context: ApiContext,
  inputs: readonly (string | Identifier)[],
  all: readonly Identifier[],
): Promise<Identifier[]> {
  const own = new Map(all.map((identifier) => [formatIdentifier(identifier), identifier]))
  const { sources } = await context.deps.state.catalogue()
  const taken = new Map<string, Identifier>()
  for (const [index, input] of inputs.entries()) {
    const identifier = toIdentifier(input)
    const found = candidates(identifier, sources)
      .map((candidate) => own.get(formatIdentifier(candidate)))
      .find((candidate) => candidate !== undefined)
    if (found === undefined) {
      const detail = `${formatIdentifier(identifier)} is not an identifier of this profile.`
      throw new OnefoldError('conflict', { detail, pointer: `/identifiers/${index}` })
    }
    taken.set(formatIdentifier(found), found)
  }
  return [...taken.values()]
}

export function toIdentifier(input: string | Identifier): Identifier {
  const identifier = typeof input === 'string' ? parseIdentifier(input) : input
  if (identifier === null) throw new OnefoldError('invalid_request', { detail: 'An identifier is written kind:value.' })
  return identifier
}

export async function identifiersOf(context: ApiContext, found: FoundProfile): Promise<Identifier[]> {
  const rows = await context.deps.state.identifiersById(found.row.identifiers)
  return rows.map(({ kind, value }) => ({ kind, value }))
}

async function profileNumbers(context: ApiContext, identifiers: readonly Identifier[]): Promise<number[]> {
  const rows = await context.deps.state.identifiersByValue(identifiers)
  return [...new Set(rows.map((row) => row.profile))].filter((number) => number !== 0)
}

async function profilesOf(context: ApiContext, identifiers: readonly Identifier[]) {
  const { state } = context.deps
  const numbers = await profileNumbers(context, identifiers)
  return viewProfiles(state, await state.profiles(numbers))
}
