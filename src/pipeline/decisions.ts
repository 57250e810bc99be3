// One decision through the core. Small ones change the registry; those that bind the resolver (merge, split, quarantine, lift) re-run
// the neighbourhood they can change. A decision is a transaction of its own, because its reads depend on what it says.
import { foldFact } from '../profile/fold.ts'
import { normaliseIdentifier } from '../resolve/kinds.ts'
import { allReferences } from '../segment/references.ts'
import type { Decision, DecisionOf } from '../spec/decision.ts'
import { formatIdentifier, type Identifier, parseIdentifier } from '../spec/identifier.ts'
import type { Condition } from '../spec/segment.ts'
import { startBackfill } from './backfill.ts'
import type { IdentifierEntry } from './entries.ts'
import { bearSet } from './events.ts'
import { type Disturbed, linkSet, regroup } from './grouping.ts'
import { judgeMemberships } from './membership.ts'
import { loadNeighbourhood } from './neighbourhood.ts'
import type { Run } from './run.ts'
import { type HandDecisionRow, type StateStore, UNSEEN } from './state-store.ts'
import { setKey } from './working-set.ts'

/** Sets that hold what was decided by hand about single identifiers; no source can have this slug. */
const HAND_SOURCE = '@hand'
/** What nobody satisfies. */
const NOBODY: Condition = { any: [] }

type Handler<K extends Decision['decision']> = (run: Run, decision: DecisionOf<K>, store: StateStore) => Promise<void>
type Handlers = { [K in Decision['decision']]: Handler<K> }

/** Takes the decision at the draft's offset. */
export async function takeDecision(run: Run, decision: Decision, store: StateStore): Promise<void> {
  const handler = HANDLERS[decision.decision] as (run: Run, decision: Decision, store: StateStore) => Promise<void>
  await handler(run, decision, store)
}

const HANDLERS: Handlers = {
  genesis: async ({ registry, draft }, { birthKey, dedupeHours, dedupeIdsMax }) => {
    registry.genesis = { birthKey, dedupeHours, dedupeIdsMax }
    draft.genesis = registry.genesis
  },
  source: async ({ registry, draft }, { source }) => {
    registry.sources.set(source.slug, source)
    draft.sources.push(source)
  },
  source_removed: async ({ registry, draft }, { slug }) => {
    if (registry.sources.delete(slug)) draft.sourcesRemoved.push(slug)
  },
  segment: async (run, { slug, name, definition }) => {
    const { registry, draft } = run
    const before = registry.segmentBySlug(slug)
    const renamedOnly = before !== null && JSON.stringify(before.definition) === JSON.stringify(definition)
    if (renamedOnly) before.name = name
    const segment = renamedOnly ? before : registry.putSegment({ slug, name, definition }, draft.offset)
    draft.segments.add(segment)
    if (renamedOnly) return
    startBackfill(run, segment)
    rejudgeReferring(run, slug)
  },
  segment_removed: async (run, { slug }) => {
    const { registry, draft } = run
    const present = registry.segmentBySlug(slug)
    if (present === null) return
    // Destinations are told its members' exits first: it answers no for everybody, and goes when all have been asked.
    const segment = registry.putSegment({ slug, name: present.name, definition: NOBODY }, draft.offset, 'removing')
    draft.segments.add(segment)
    startBackfill(run, segment)
    rejudgeReferring(run, slug)
  },
  merge: async (run, decision, store) => {
    const texts = textsOf(decision.identifiers)
    const lifted = decision.lifts.flatMap((offset) => lift(run, offset))
    addHandDecision(run, decision, 'merge', [texts[0]!], [texts[1]!])
    // Taking splits back re-runs the neighbourhood, and this merge with it; without any, it is one more link.
    if (lifted.length > 0) await rerun(run, [...lifted, ...texts], store)
    else await linkByHand(run, decision.identifiers)
  },
  split: async (run, decision, store) => {
    const a = textsOf(decision.a)
    // Nobody can be kept apart from themselves.
    const b = textsOf(decision.b).filter((text) => !a.includes(text))
    addHandDecision(run, decision, 'split', a, b)
    await rerun(run, [...a, ...b], store)
  },
  quarantine: async (run, decision, store) => {
    const texts = textsOf(decision.identifiers)
    addHandDecision(run, decision, 'quarantine', texts, [])
    await rerun(run, texts, store)
  },
  lift: async (run, { offsets }, store) => {
    const lifted = offsets.flatMap((offset) => lift(run, offset))
    run.registry.bindHandDecisions()
    if (lifted.length > 0) await rerun(run, lifted, store)
  },
  suppress: (run, { identifiers }) => setSuppressed(run, identifiers, true),
  unsuppress: (run, { identifiers }) => setSuppressed(run, identifiers, false),
  consent: async (run, { identifiers, purposes }) => {
    const answers = Object.entries(purposes)
    for (const entry of await bearAll(run, identifiers)) await foldConsent(run, entry, answers)
  },
}

/** A segment that refers to another holds its definition within its own: it answers anew for everybody. */
function rejudgeReferring(run: Run, slug: string): void {
  const definitions = run.registry.definitions()
  for (const { segment } of run.registry.live) {
    if (
      segment.slug === slug ||
      segment.status === 'removing' ||
      !allReferences(segment.definition, definitions).has(slug)
    )
      continue
    segment.status = 'backfilling'
    run.draft.segments.add(segment)
    startBackfill(run, segment)
  }
}

/** As the resolver writes them, so that a decision and the sets it binds speak of the same identifiers. */
function textsOf(identifiers: readonly Identifier[]): string[] {
  return identifiers.map((identifier) => formatIdentifier(normaliseIdentifier(identifier) ?? identifier))
}

function addHandDecision(
  run: Run,
  by: { reason: string; author: string },
  kind: HandDecisionRow['kind'],
  a: string[],
  b: string[],
): void {
  const { offset, logTime } = run.draft
  const row = { offset, kind, a, b, reason: by.reason, author: by.author, at: logTime, lifted: false }
  run.registry.handDecisions.set(offset, row)
  run.registry.bindHandDecisions()
  run.draft.handDecisions.push(row)
}

/** Takes a decision by hand back; returns the identifiers it bound, or nothing if it was not in force. */
function lift(run: Run, offset: number): string[] {
  const row = run.registry.handDecisions.get(offset)
  if (row === undefined || row.lifted) return []
  row.lifted = true
  run.draft.handDecisions.push(row)
  return [...row.a, ...row.b]
}

/** Joins the profiles of two identifiers, where both have one. */
async function linkByHand(run: Run, identifiers: readonly Identifier[]): Promise<void> {
  const { working } = run
  const entries = await load(run, identifiers)
  if (entries.length < 2 || entries.some((entry) => entry.row.profile === 0 || !working.isEligible(entry))) return
  const linked = linkSet(run, entries, 'hand', null)
  if (linked === null) return
  const { profile, priors, fresh } = linked
  const segments = run.registry.live
  judgeMemberships(run, profile, { segments, priors, fresh, now: run.draft.logTime, whole: true })
}

/** Re-runs the resolver around these identifiers and judges every profile that it changed. */
async function rerun(run: Run, texts: readonly string[], store: StateStore): Promise<void> {
  const identifiers = texts.map((text) => parseIdentifier(text)).filter((identifier) => identifier !== null)
  const neighbourhood = await loadNeighbourhood(run, identifiers, store)
  const { regrouped, disturbed } = regroup(run, neighbourhood)
  for (const prior of disturbed) release(run, prior)
  for (const { profile, priors, fresh } of regrouped) {
    const now = run.draft.logTime
    judgeMemberships(run, profile, { segments: run.registry.live, priors, fresh, now, whole: true, shared: true })
  }
}

/** Takes a profile that is no more as it was off the sizes of its segments, and tells the exit of identifiers that nobody holds now. */
function release(run: Run, { memberships, released }: Disturbed): void {
  const { registry, draft } = run
  for (const { segment } of registry.live) {
    if (!memberships.has(segment.id)) continue
    run.resize(segment, -1)
    if (released.length > 0) draft.change('segment_exited', segment.slug, released[0]!, released, draft.logTime)
  }
}

async function setSuppressed(run: Run, identifiers: readonly Identifier[], suppressed: boolean): Promise<void> {
  const { working, draft, registry } = run
  const profiles = new Set<number>()
  for (const entry of await bearAll(run, identifiers)) {
    entry.row.suppressed = suppressed
    entry.member.suppressed = suppressed
    draft.identifiers.add(entry)
    if (entry.row.profile !== 0) profiles.add(entry.row.profile)
  }
  for (const id of profiles) {
    const profile = working.profile(id)
    profile.suppressed = profile.identifiers.some((member) => working.identifierById(member).row.suppressed)
    draft.touchSnapshot(profile)
    const priors = [profile.memberships]
    judgeMemberships(run, profile, { segments: registry.live, priors, fresh: [], now: draft.logTime, whole: true })
  }
}

/** Files an answer by hand under a set of that one identifier, so that it is a fact like any other. */
async function foldConsent(run: Run, entry: IdentifierEntry, answers: [string, boolean][]): Promise<void> {
  const { working, draft, registry } = run
  const key = setKey(HAND_SOURCE, 'server', [entry.row.id])
  await working.loadSetsByKey([key])
  const known = working.set(key)
  const set = known ?? bearSet(run, key, HAND_SOURCE, 'server', [entry])
  const linked = known === undefined ? linkSet(run, [entry], 'server', set) : null
  const at = draft.logTime
  const consent = { identifiers: [entry.row.id], answers }
  const fact = { at, offset: draft.offset, source: HAND_SOURCE, isEvent: false, traits: [], clauses: [], consent }
  foldFact(set.state, fact)
  draft.sets.add(set)
  const profile = linked?.profile ?? (entry.row.profile === 0 ? null : working.profile(entry.row.profile))
  if (profile === null) return
  if (known === undefined) profile.sets.push(set.id)
  foldFact(profile.state, fact)
  draft.touchSnapshot(profile)
  const priors = linked?.priors ?? [profile.memberships]
  judgeMemberships(run, profile, { segments: registry.live, priors, fresh: [], now: at, whole: true })
}

/** The entries of identifiers that exist, with the profiles that hold them and everybody in those. */
async function load(run: Run, identifiers: readonly Identifier[]): Promise<IdentifierEntry[]> {
  const normalised = identifiers.map((identifier) => normaliseIdentifier(identifier)).filter((one) => one !== null)
  await run.working.loadIdentifiers(normalised)
  const entries = normalised.map((identifier) => run.working.identifier(formatIdentifier(identifier)))
  const known = entries.filter((entry) => entry !== undefined)
  const held = known.map(({ row }) => row.profile).filter((profile) => profile !== 0)
  await run.working.loadProfiles(held)
  await run.working.loadIdentifiersById(held.flatMap((profile) => run.working.profile(profile).identifiers))
  return known
}

/** The same, making those that nobody has seen yet: suppression and consent may be told before any event. */
async function bearAll(run: Run, identifiers: readonly Identifier[]): Promise<IdentifierEntry[]> {
  const known = new Map((await load(run, identifiers)).map((entry) => [entry.text, entry]))
  for (const identifier of identifiers) {
    const normal = normaliseIdentifier(identifier)
    if (normal === null || known.has(formatIdentifier(normal))) continue
    known.set(formatIdentifier(normal), run.bear(normal, UNSEEN))
  }
  return [...known.values()]
}
