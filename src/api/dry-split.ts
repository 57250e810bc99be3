// What a split would leave: the resolver run over the profile's own sets and merges, with the new cannot-link beside those in
// force. It is the same function that the pipeline will run, so the preview differs only where refused links of neighbours play in.
import type { HandDecisionRow, IdentifierRow, ProfileRow, SetRow, StateReader } from '../pipeline/state-store.ts'
import { isBlocked, kindOf } from '../resolve/kinds.ts'
import { type CannotLinks, type Member, type OrderedLink, resolveAll, type Trust } from '../resolve/resolver.ts'
import { formatIdentifier, type Identifier } from '../spec/identifier.ts'

/** Above it the answer would keep the API's thread busy for too long; then the two sides are told as they were asked for. */
const SETS_MAX = 5000

/** Identifiers of each profile that there would be, oldest first. One that nothing else holds is in none. */
export async function partsAfterSplit(
  state: StateReader,
  profile: ProfileRow,
  sides: { a: readonly Identifier[]; b: readonly Identifier[] },
): Promise<Identifier[][]> {
  if (profile.sets.length > SETS_MAX) return [[...sides.a], [...sides.b]]
  const [sets, { handDecisions }] = await Promise.all([state.sets(profile.sets), state.catalogue()])
  const numbers = new Set([...profile.identifiers, ...sets.flatMap((set) => set.identifiers)])
  const rows = await state.identifiersById([...numbers])
  const inForce = handDecisions.filter((row) => !row.lifted)
  const asked = { kind: 'split' as const, a: sides.a.map(formatIdentifier), b: sides.b.map(formatIdentifier) }
  const splits = [...inForce.filter((row) => row.kind === 'split'), asked]
  const links = [...setLinks(sets, rows, inForce), ...mergeLinks(rows, inForce)].sort((x, y) => x.offset - y.offset)
  const { groups } = resolveAll(links, cannotLinks(rows, splits))
  const byId = new Map(rows.map((row) => [row.id, row]))
  return [...new Set(groups.values())]
    .sort((x, y) => x.root - y.root)
    .map(({ members }) => members.flatMap(({ id }) => plain(byId.get(id))))
}

function setLinks(sets: readonly SetRow[], rows: readonly IdentifierRow[], inForce: readonly HandDecisionRow[]) {
  const quarantined = new Set(inForce.filter((row) => row.kind === 'quarantine').flatMap((row) => row.a))
  const eligible = rows.filter((row) => !isBlocked(row) && !quarantined.has(formatIdentifier(row)))
  const members = new Map(eligible.map((row) => [row.id, memberOf(row)]))
  return sets.map(
    (set): OrderedLink => ({
      offset: set.firstOffset,
      trust: set.trust as Trust,
      members: set.identifiers.map((id) => members.get(id)).filter((member) => member !== undefined),
    }),
  )
}

function mergeLinks(rows: readonly IdentifierRow[], inForce: readonly HandDecisionRow[]): OrderedLink[] {
  const byText = new Map(rows.map((row) => [formatIdentifier(row), row]))
  return inForce.flatMap((decision) => {
    const [one, other] = [byText.get(decision.a[0] ?? ''), byText.get(decision.b[0] ?? '')]
    if (decision.kind !== 'merge' || one === undefined || other === undefined) return []
    return [{ offset: decision.offset, trust: 'hand' as const, members: [memberOf(one), memberOf(other)] }]
  })
}

function memberOf(row: IdentifierRow): Member {
  return { id: row.id, kind: kindOf(row.kind), firstAt: row.firstAt, suppressed: row.suppressed }
}

function cannotLinks(rows: readonly IdentifierRow[], splits: readonly Pick<HandDecisionRow, 'a' | 'b'>[]): CannotLinks {
  const ids = new Map(rows.map((row) => [formatIdentifier(row), row.id]))
  const sides = new Map<number, { split: number; side: 'a' | 'b' }[]>()
  for (const [split, decision] of splits.entries()) {
    for (const side of ['a', 'b'] as const) {
      for (const text of decision[side]) {
        const id = ids.get(text)
        if (id !== undefined) sides.set(id, [...(sides.get(id) ?? []), { split, side }])
      }
    }
  }
  return { isEmpty: () => sides.size === 0, sidesOf: (id) => sides.get(id) }
}

function plain(row: IdentifierRow | undefined): Identifier[] {
  return row === undefined ? [] : [{ kind: row.kind, value: row.value }]
}
