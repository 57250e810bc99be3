// Profiles: search, one profile, its events, its traits with where each came from, and how it was put together.
import { z } from 'zod'
import type { ProfileRow } from '../../pipeline/state-store.ts'
import { decodeState, survivor } from '../../profile/read.ts'
import { OnefoldError } from '../../spec/errors.ts'
import { type ApiContext, answers } from '../context.ts'
import type { ApiDeps } from '../deps.ts'
import { identityView } from '../identity-view.ts'
import { decodeCursor, encodeCursor, listQuery, pageOf, pageSchema, viewQuery } from '../lists.ts'
import { findProfile, instantOf, requireProfile, viewProfiles } from '../profiles.ts'
import { defineRoute, ok, type Route } from '../route.ts'
import { eventSchema, identitySchema, profileSchema, traitSchema } from '../schemas.ts'
import { readTimeline, viewEvent } from '../timeline.ts'

export const referenceParams = z.strictObject({
  ref: z.string().min(1).meta({ description: 'A profile id, or `kind:value` (percent-encoded).' }),
})
const placeSchema = z.strictObject({ timestamp: z.number(), offset: z.int() })
const viewOnly = z.strictObject(viewQuery)

export function profileRoutes(context: ApiContext): Route[] {
  const { deps } = context
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/profiles',
      tag: 'profiles',
      summary: 'Searches profiles: an exact identifier or profile id first, then text in identifiers and traits.',
      query: z.strictObject({ ...listQuery, ...viewQuery, q: z.string().max(500).optional() }),
      answers: answers('Profiles; without `q` the newest first.', pageSchema(profileSchema)),
      handle: async ({ query }) => {
        const page = query.q?.trim() ? await search(deps, query.q.trim(), query) : await newest(deps, query)
        return ok(page)
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/profiles/:ref',
      tag: 'profiles',
      summary: 'Shows a profile; every profile id ever shown finds the profile that has that identifier now.',
      params: referenceParams,
      query: viewOnly,
      answers: answers('The profile.', profileSchema),
      handle: async ({ params: { ref } }) => {
        const { row } = await requireProfile(deps.state, ref)
        const [view] = await viewProfiles(deps.state, [row])
        return ok(view)
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/profiles/:ref/events',
      tag: 'profiles',
      summary: 'Events of a profile, of every call type, newest first.',
      params: referenceParams,
      query: z.strictObject({ ...listQuery, ...viewQuery }),
      answers: answers('The events.', pageSchema(eventSchema)),
      handle: async ({ params: { ref }, query }) => ok(await events(deps, ref, query)),
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/profiles/:ref/identity',
      tag: 'profiles',
      summary: 'How the profile was put together: identifiers, identifier sets, refused links.',
      params: referenceParams,
      query: viewOnly,
      answers: answers('Identifiers, sets and refusals.', identitySchema),
      handle: async ({ params: { ref } }) =>
        ok(await identityView(deps.state, (await requireProfile(deps.state, ref)).row)),
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/profiles/:ref/traits',
      tag: 'profiles',
      summary: 'Traits with value, source, time, the rule that chose it, and the values that lost.',
      params: referenceParams,
      query: z.strictObject({ ...listQuery, ...viewQuery }),
      answers: answers('The traits, by name.', pageSchema(traitSchema)),
      handle: async ({ params: { ref }, query }) =>
        ok(pageOf(traits((await requireProfile(deps.state, ref)).row), query)),
    }),
  ]
}

async function events(
  deps: ApiDeps,
  ref: string,
  query: { limit: number; cursor?: string | undefined; count?: string | undefined },
) {
  const before = decodeCursor(placeSchema, query.cursor)
  const { row } = await requireProfile(deps.state, ref)
  const page = await readTimeline(deps, row.sets, { before, limit: query.limit })
  return {
    items: page.items.map((item) => viewEvent(item.event, item.source, item.offset)),
    next: page.next === null ? null : encodeCursor(page.next),
    ...(query.count === 'exact' ? { count: decodeState(row.state).count } : {}),
    ...(page.partial ? { partial: true } : {}),
  }
}

function traits(row: ProfileRow) {
  const folded = decodeState(row.state)
  return [...folded.traits]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, registers]) => {
      const winner = survivor(registers)
      // A trait whose newest value is null has been removed; it is not shown, as it is not in the profile.
      if (winner === null || winner.value === null) return []
      const losing = [...registers]
        .filter(([source]) => source !== winner.source)
        .map(([source, { value, at }]) => ({ value, source, at: instantOf(at) }))
      return [{ name, value: winner.value, source: winner.source, at: instantOf(winner.at), rule: 'newest', losing }]
    })
}

const PROBE_KINDS = ['user_id', 'email', 'phone', 'anonymous_id']
const SEARCH_MAX = 5000
const cursorSchema = z.int().min(0)

interface ListInput {
  limit: number
  cursor?: string | undefined
  count?: 'exact' | undefined
}

/** Exact finds come from the state, so a person is found by identifier even while the analytics engine is away. */
async function search(deps: ApiDeps, q: string, query: ListInput) {
  const skip = decodeCursor(cursorSchema, query.cursor) ?? 0
  const exact = await exactProfiles(deps, q)
  const wanted = query.count === 'exact' ? SEARCH_MAX : Math.min(skip + query.limit + 1, SEARCH_MAX)
  let partial = false
  const text = await deps.history.search(q, wanted).catch((error: unknown) => {
    if (!(error instanceof OnefoldError) || error.code !== 'history_unavailable') throw error
    partial = true
    return []
  })
  // Beyond the most that is looked for there may be more, and then a count would be no count.
  if (text.length === SEARCH_MAX) partial = true
  const numbers = [...new Set([...exact, ...text])]
  const shown = numbers.slice(skip, skip + query.limit)
  const rows = new Map((await deps.state.profiles(shown)).filter((row) => row.alive).map((row) => [row.id, row]))
  const ordered = shown.map((number) => rows.get(number)).filter((row) => row !== undefined)
  return {
    items: await viewProfiles(deps.state, ordered),
    next: numbers.length > skip + query.limit ? encodeCursor(skip + query.limit) : null,
    ...(query.count === 'exact' ? { count: numbers.length } : {}),
    ...(partial ? { partial: true } : {}),
  }
}

async function exactProfiles(deps: ApiDeps, q: string): Promise<number[]> {
  const { kinds } = await deps.state.catalogue()
  const references = [q, ...[...PROBE_KINDS, ...kinds].map((kind) => `${kind}:${q}`)]
  const found = await Promise.all(references.map((reference) => findProfile(deps.state, reference)))
  return [...new Set(found.flatMap((profile) => (profile === null ? [] : [profile.row.id])))]
}

const SCAN_NUMBERS = 1000
const SCAN_MAX = 50_000

/** All profiles, newest first, by going down the numbers; a page may be short where most numbers are of merged profiles. */
async function newest(deps: ApiDeps, query: ListInput) {
  const { nextIdentifier } = await deps.state.catalogue()
  const start = decodeCursor(cursorSchema, query.cursor) ?? nextIdentifier
  const rows: ProfileRow[] = []
  let high = start
  while (high > 1 && rows.length < query.limit && start - high < SCAN_MAX) {
    const low = Math.max(1, high - SCAN_NUMBERS)
    const numbers = Array.from({ length: high - low }, (_, index) => low + index)
    const alive = (await deps.state.profiles(numbers)).filter((row) => row.alive).sort((a, b) => b.id - a.id)
    const room = query.limit - rows.length
    rows.push(...alive.slice(0, room))
    high = alive.length > room ? rows.at(-1)!.id : low
  }
  return {
    items: await viewProfiles(deps.state, rows),
    next: high > 1 ? encodeCursor(high) : null,
    ...(query.count === 'exact' ? { count: (await deps.state.counts()).profiles } : {}),
  }
}
