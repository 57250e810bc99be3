// The neighbourhood of some identifiers: every set, identifier and profile whose grouping a decision about them can change. Sets that
// were refused belong to it, because without the decision's opposite they might not be; what only a blocked value shares does not, since
// such a value never links.
import { formatIdentifier, type Identifier, parseIdentifier } from '../spec/identifier.ts'
import type { IdentifierEntry, SetEntry } from './entries.ts'
import type { Neighbourhood } from './grouping.ts'
import type { Run } from './run.ts'
import type { StateStore } from './state-store.ts'

/** Loads it whole: the closure over shared identifiers and merges by hand. A few hundred sets as a rule, never the events. */
export async function loadNeighbourhood(
  run: Run,
  seeds: readonly Identifier[],
  store: StateStore,
): Promise<Neighbourhood> {
  const { working, registry } = run
  const merges = [...registry.handDecisions.values()].filter(({ kind }) => kind === 'merge')
  const identifiers = new Map<number, IdentifierEntry>()
  const sets = new Map<number, SetEntry>()
  const seedTexts = new Set(seeds.map(formatIdentifier))
  let frontier = await entriesOf(run, seeds)
  while (frontier.length > 0) {
    frontier = await withHousemates(run, frontier)
    frontier = frontier.filter(({ row }) => !identifiers.has(row.id))
    for (const entry of frontier) identifiers.set(entry.row.id, entry)
    // What is quarantined links nobody before or after, unless this very decision is about it.
    const linking = frontier.filter(
      (entry) => working.isEligible(entry) || (seedTexts.has(entry.text) && !entry.blocked),
    )
    const reached = new Set<number>()
    for (const row of await store.setsCarrying(linking.map(({ row }) => row.id))) {
      if (sets.has(row.id)) continue
      sets.set(row.id, working.adoptSet(row))
      for (const id of row.identifiers) reached.add(id)
    }
    const texts = new Set(frontier.map(({ text }) => text))
    const named = merges.filter(({ a, b }) => texts.has(a[0]!) || texts.has(b[0]!)).flatMap(({ a, b }) => [...a, ...b])
    await working.loadIdentifiersById([...reached].filter((id) => !identifiers.has(id)))
    const byMerge = await entriesOf(run, parseAll(named))
    const next = [...[...reached].map((id) => working.identifierById(id)), ...byMerge]
    frontier = [...new Set(next)].filter(({ row }) => !identifiers.has(row.id))
  }
  return {
    identifiers,
    sets: [...sets.values()].sort((a, b) => a.id - b.id),
    merges: mergesAmong(run, new Map([...identifiers.values()].map((entry) => [entry.text, entry]))),
  }
}

/** These, and everybody in the profiles that hold them: a member may have come in by what no longer counts. */
async function withHousemates(run: Run, entries: readonly IdentifierEntry[]): Promise<IdentifierEntry[]> {
  const { working } = run
  const profiles = new Set(entries.map(({ row }) => row.profile))
  profiles.delete(0)
  await working.loadProfiles(profiles)
  const members = [...profiles].flatMap((id) => working.profile(id).identifiers)
  await working.loadIdentifiersById(members)
  return [...new Set([...entries, ...members.map((id) => working.identifierById(id))])]
}

function mergesAmong(run: Run, byText: ReadonlyMap<string, IdentifierEntry>): Neighbourhood['merges'] {
  const among: Neighbourhood['merges'] = []
  for (const { kind, lifted, offset, a, b } of run.registry.handDecisions.values()) {
    if (kind !== 'merge' || lifted) continue
    const members = [...a, ...b].map((text) => byText.get(text)).filter((entry) => entry !== undefined)
    if (members.length === 2) among.push({ offset, members })
  }
  return among
}

async function entriesOf(run: Run, identifiers: readonly Identifier[]): Promise<IdentifierEntry[]> {
  await run.working.loadIdentifiers(identifiers)
  const entries = identifiers.map((identifier) => run.working.identifier(formatIdentifier(identifier)))
  return entries.filter((entry) => entry !== undefined)
}

function parseAll(texts: readonly string[]): Identifier[] {
  return texts.map((text) => parseIdentifier(text)).filter((identifier) => identifier !== null)
}
