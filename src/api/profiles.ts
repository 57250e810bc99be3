// Profiles as the API shows them: how a reference finds one, and how its state is read. Reads of the state store come in
// batches, because a list of 500 profiles must not be 500 round trips.

import type { IdentifierRow, ProfileRow, StateReader } from '../pipeline/state-store.ts'
import { decodeState, presentConsent, presentTraits } from '../profile/read.ts'
import { normaliseIdentifier } from '../resolve/kinds.ts'
import { OnefoldError } from '../spec/errors.ts'
import { formatIdentifier, type Identifier, parseIdentifier } from '../spec/identifier.ts'
import { liveSegments } from '../spec/segment.ts'
import type { Source } from '../spec/source.ts'

export interface ProfileView {
  id: string
  traits: Record<string, unknown>
  identifiers: Identifier[]
  segments: string[]
  consent: Record<string, boolean>
  firstSeen: string | null
  lastSeen: string | null
}

/** RFC 3339 in UTC; null where there is no such moment. */
export function instant(ms: number | null): string | null {
  return ms === null || Math.abs(ms) > 8.64e15 ? null : new Date(ms).toISOString()
}

/** The same for a moment that is always there. */
export function instantOf(ms: number): string {
  return new Date(ms).toISOString()
}

/** Every form under which the state may keep it: a number without country code is read as each source's region would. */
export function candidates(identifier: Identifier, sources: readonly Source[]): Identifier[] {
  const regions = new Set(sources.map((source) => source.region))
  const found = [undefined, ...regions].map((region) => normaliseIdentifier(identifier, region))
  const known = new Map<string, Identifier>()
  for (const candidate of found) if (candidate !== null) known.set(formatIdentifier(candidate), candidate)
  return [...known.values()]
}

export interface FoundProfile {
  row: ProfileRow
  /** The identifier that was asked for; of a profile id, the identifier whose birth id it is. */
  identifier: Identifier
}

/** Between two reads the pipeline may merge the profile away; then the identifier says where to. */
const MOVES_FOLLOWED_MAX = 5

/** The profile of a reference: a profile id, present or former, or `kind:value`. Null for none. */
export async function findProfile(state: StateReader, reference: string): Promise<FoundProfile | null> {
  for (let move = 0; move < MOVES_FOLLOWED_MAX; move++) {
    const identifier = await findIdentifier(state, reference)
    if (identifier === null || identifier.profile === 0) return null
    const [row] = await state.profiles([identifier.profile])
    if (row?.alive) return { row, identifier: { kind: identifier.kind, value: identifier.value } }
  }
  return null
}

/** The identifier that a reference names, in any profile or none; one in a profile is preferred. */
export async function findIdentifier(state: StateReader, reference: string): Promise<IdentifierRow | null> {
  const identifier = parseIdentifier(reference)
  if (identifier === null) return state.identifierByBirthId(reference)
  const { sources } = identifier.kind === 'phone' ? await state.catalogue() : { sources: [] }
  const rows = await state.identifiersByValue(candidates(identifier, sources))
  return rows.find((row) => row.profile !== 0) ?? rows[0] ?? null
}

/** Throws `not_found`. */
export async function requireProfile(state: StateReader, reference: string): Promise<FoundProfile> {
  const found = await findProfile(state, reference)
  if (found === null) throw new OnefoldError('not_found', { detail: `There is no profile ${reference}.` })
  return found
}

/** In the order given. */
export async function viewProfiles(state: StateReader, rows: readonly ProfileRow[]): Promise<ProfileView[]> {
  if (rows.length === 0) return []
  const segments = liveSegments((await state.catalogue()).segments)
  const slugs = new Map(segments.map((segment) => [segment.id, segment.slug]))
  const numbers = new Set(rows.flatMap((row) => [row.id, ...row.identifiers]))
  const identifiers = new Map((await state.identifiersById([...numbers])).map((row) => [row.id, row]))
  return rows.map((row) => {
    const folded = decodeState(row.state)
    const own = row.identifiers.map((id) => identifiers.get(id)).filter((found) => found !== undefined)
    return {
      id: identifiers.get(row.id)?.birthId ?? '',
      traits: Object.fromEntries([...presentTraits(folded)].map(([name, { value }]) => [name, value])),
      identifiers: own.map(({ kind, value }) => ({ kind, value })),
      segments: row.memberships.flatMap(([segment]) => slugs.get(segment) ?? []).sort(),
      consent: Object.fromEntries(presentConsent(folded, row.identifiers)),
      firstSeen: instant(folded.firstAt),
      lastSeen: instant(folded.lastAt),
    }
  })
}

/** Public ids by profile number. */
export async function publicIds(state: StateReader, profiles: readonly number[]): Promise<Map<number, string>> {
  const numbers = [...new Set(profiles)].filter((number) => number !== 0)
  const rows = numbers.length === 0 ? [] : await state.identifiersById(numbers)
  return new Map(rows.map((row) => [row.id, row.birthId]))
}
