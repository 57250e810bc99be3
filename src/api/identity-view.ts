// How a profile was put together, for people who ask why: its identifiers, the identifier sets it owns, and the links refused.
import type { IdentifierRow, ProfileRow, StateReader } from '../pipeline/state-store.ts'
import { decodeState } from '../profile/read.ts'
import { instant, instantOf } from './profiles.ts'

/** A profile behind a call centre's phone may own many more; nobody reads them all in one answer. */
const SETS_SHOWN_MAX = 1000

export async function identityView(state: StateReader, row: ProfileRow) {
  const sets = await state.sets(row.sets.slice(0, SETS_SHOWN_MAX))
  const numbers = new Set([row.id, ...row.identifiers, ...sets.flatMap((set) => [...set.identifiers, set.owner])])
  for (const set of sets) for (const refusal of set.refused) numbers.add(refusal.identifier)
  numbers.delete(0)
  const rows = new Map((await state.identifiersById([...numbers])).map((found) => [found.id, found]))
  const present = (ids: readonly number[]) => ids.map((id) => rows.get(id)).filter((found) => found !== undefined)
  return {
    id: rows.get(row.id)?.birthId ?? '',
    identifiers: present(row.identifiers).map((identifier) => ({
      ...plain(identifier),
      profileId: identifier.birthId,
      firstSeen: instantOf(identifier.firstAt),
      suppressed: identifier.suppressed,
    })),
    sets: sets.map((set) => {
      const { count, firstAt, lastAt } = decodeState(set.state)
      const owner = rows.get(set.owner)
      return {
        set: set.id,
        source: set.source,
        trust: set.trust,
        identifiers: present(set.identifiers).map(plain),
        owner: owner === undefined ? null : plain(owner),
        events: count,
        firstOffset: set.firstOffset,
        firstSeen: instant(firstAt),
        lastSeen: instant(lastAt),
      }
    }),
    refusals: sets.flatMap((set) =>
      set.refused.flatMap(({ identifier, reason }) =>
        present([identifier]).map((found) => ({ set: set.id, identifier: plain(found), reason })),
      ),
    ),
    truncated: row.sets.length > SETS_SHOWN_MAX,
  }
}

function plain({ kind, value }: IdentifierRow) {
  return { kind, value }
}
