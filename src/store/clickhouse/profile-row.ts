// The snapshot row of one profile: its state as history shows it. Traits by survivorship, consent by the strictest answer,
// exactly as the streaming evaluator and the API read them.
import type { HistoryProfileRow } from '../../history/port.ts'
import type { IdentifierRow, ProfileRow } from '../../pipeline/state-store.ts'
import { decodeState, presentConsent, presentTraits } from '../../profile/read.ts'

/** `identifiers` holds at least the profile's own and its oldest; `slugs` gives segments by id. */
export function profileRow(
  profile: ProfileRow,
  identifiers: ReadonlyMap<number, IdentifierRow>,
  slugs: ReadonlyMap<number, string>,
): HistoryProfileRow {
  const state = decodeState(profile.state)
  const own = profile.identifiers.map((id) => identifiers.get(id)).filter((row) => row !== undefined)
  return {
    profile: profile.id,
    version: profile.changedIn,
    // A suppressed person is in no segment and found by no search.
    alive: profile.alive && !profile.suppressed,
    id: identifiers.get(profile.id)?.birthId ?? '',
    // fromEntries defines own properties, so a trait named __proto__ stays a trait.
    traits: Object.fromEntries([...presentTraits(state)].map(([name, { value }]) => [name, value])),
    identifiers: own.map(({ kind, value }) => [kind, value]),
    consent: Object.fromEntries(presentConsent(state, profile.identifiers)),
    segments: profile.memberships.map(([segment]) => slugs.get(segment)).filter((slug) => slug !== undefined),
    firstSeen: Number.isFinite(state.firstAt) ? state.firstAt : 0,
    lastSeen: Number.isFinite(state.lastAt) ? state.lastAt : 0,
  }
}
