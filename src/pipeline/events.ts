// One event through the core: de-duplicate, resolve to a profile, fold, match to segments. No reads and no clock: everything it
// touches is in hand, and `now` is log time. Events are taken strictly in offset order, so that batch borders change nothing.
import { type Fact, foldFact } from '../profile/fold.ts'
import { emptyState } from '../profile/state.ts'
import type { Trust } from '../resolve/resolver.ts'
import { isOfSuppressed, type Standing } from '../resolve/suppression.ts'
import { consentIsProfileFact, consentPreferences } from '../spec/consent.ts'
import { type CanonicalEvent, eventName, eventProperties } from '../spec/event.ts'
import { formatIdentifier, type Identifier } from '../spec/identifier.ts'
import type { SourceKind } from '../spec/source.ts'
import type { VerdictCode } from '../spec/verdict.ts'
import type { Deduplicator } from './dedupe.ts'
import type { IdentifierEntry, ProfileEntry, SetEntry } from './entries.ts'
import { type Linked, linkSet } from './grouping.ts'
import { judgeMemberships } from './membership.ts'
import type { Run } from './run.ts'
import { UNSEEN } from './state-store.ts'
import { setKey } from './working-set.ts'

export interface IncomingEvent {
  source: string
  sourceKind: SourceKind
  event: CanonicalEvent
  /** Highest rank first. */
  identifiers: readonly Identifier[]
  /** Entries of the identifiers that existed when the batch was loaded; an event before this one may have made others. */
  entries: (IdentifierEntry | undefined)[]
}

/** Takes the event at the draft's offset. */
export function takeEvent(run: Run, incoming: IncomingEvent, dedupe: Deduplicator): void {
  const { draft } = run
  const give = (code: VerdictCode, set = 0, profile = 0) => {
    draft.verdicts.push({ offset: draft.offset, code, set, profile })
  }
  const refusal = refusalOf(run, incoming, dedupe)
  if (refusal !== null) {
    give(refusal)
    return
  }
  const at = Date.parse(incoming.event.timestamp)
  const entries = incoming.identifiers.map((identifier, index) => {
    const known = incoming.entries[index] ?? run.working.identifier(formatIdentifier(identifier))
    if (known !== undefined && known.row.firstAt === UNSEEN) run.see(known, at)
    return known ?? run.bear(identifier, at)
  })
  const { set, profile } = fileEvent(run, incoming, entries, at)
  give(profile === null ? 'no_identifier' : 'accepted', set.id, profile?.id ?? 0)
}

/** Why the event is not filed at all; null where it is. */
function refusalOf(run: Run, incoming: IncomingEvent, dedupe: Deduplicator): VerdictCode | null {
  const { source, event, identifiers, entries } = incoming
  if (dedupe.isDuplicate(source, event.messageId, run.draft.logTime)) return 'duplicate'
  if (identifiers.length === 0) return 'no_identifier'
  const isSuppressed = isOfSuppressed(identifiers, (one, index) => standingOf(run, entries[index], one))
  return isSuppressed ? 'suppressed' : null
}

/** Files the event under its set, folds it into set and profile, and judges the segments it can change. */
function fileEvent(
  run: Run,
  incoming: IncomingEvent,
  entries: IdentifierEntry[],
  at: number,
): { set: SetEntry; profile: ProfileEntry | null } {
  const { working, draft } = run
  const key = setKey(
    incoming.source,
    incoming.sourceKind,
    entries.map(({ row }) => row.id),
  )
  const known = working.set(key)
  const set = known ?? bearSet(run, key, incoming.source, incoming.sourceKind, entries)
  const linked = known === undefined ? linkSet(run, entries, incoming.sourceKind, set) : null
  const profile = linked?.profile ?? ownerProfile(run, set)
  if (known === undefined && profile !== null) profile.sets.push(set.id)
  const fact = factOf(run, incoming, set, at)
  foldFact(set.state, fact)
  draft.sets.add(set)
  if (profile === null) return { set, profile }
  foldFact(profile.state, fact)
  draft.touch(profile)
  if (fact.traits.length > 0) profile.traits = null
  if (fact.traits.length > 0 || fact.consent !== null) draft.touchSnapshot(profile)
  judge(run, profile, fact, linked)
  return { set, profile }
}

function judge(run: Run, profile: ProfileEntry, fact: Fact, linked: Linked | null): void {
  const { registry, draft } = run
  const now = draft.logTime
  if (linked !== null && (linked.fresh.length > 0 || linked.priors.length !== 1)) {
    const { priors, fresh } = linked
    judgeMemberships(run, profile, { segments: registry.live, priors, fresh, now, whole: true })
    return
  }
  const segments = registry.touchedBy(fact.clauses, fact.traits, fact.consent !== null)
  if (segments.length === 0) return
  judgeMemberships(run, profile, { segments, priors: [profile.memberships], fresh: [], now, whole: false })
}

function ownerProfile(run: Run, set: SetEntry): ProfileEntry | null {
  if (set.owner === 0) return null
  const { profile } = run.working.identifierById(set.owner).row
  return profile === 0 ? null : run.working.profile(profile)
}

/** A new, empty set. */
export function bearSet(
  run: Run,
  key: string,
  source: string,
  trust: Trust,
  entries: readonly IdentifierEntry[],
): SetEntry {
  const set: SetEntry = {
    id: run.counters.nextSet++,
    key,
    source,
    trust,
    identifiers: entries.map(({ row }) => row.id),
    firstOffset: run.draft.offset,
    owner: 0,
    refused: [],
    state: emptyState(),
  }
  run.working.addSet(set)
  run.draft.sets.add(set)
  return set
}

function factOf(run: Run, incoming: IncomingEvent, set: SetEntry, at: number): Fact {
  const { event, source, sourceKind } = incoming
  const name = eventName(event)
  const answers = consentIsProfileFact(event, sourceKind) ? consentPreferences(event) : null
  return {
    at,
    offset: run.draft.offset,
    source,
    isEvent: true,
    traits: event.type === 'identify' ? Object.entries(event.traits ?? {}) : [],
    clauses: name === null ? NO_CLAUSES : matchClauses(run, name, event, at),
    consent: answers === null || answers.length === 0 ? null : { identifiers: set.identifiers, answers },
  }
}

const NO_CLAUSES: Fact['clauses'] = []

function matchClauses(run: Run, name: string, event: CanonicalEvent, at: number): Fact['clauses'] {
  const { index, watched } = run.registry
  // Most events are watched by no segment: their properties need not be put together.
  return watched.has(name) ? index.matching(name, eventProperties(event), at) : NO_CLAUSES
}

function standingOf(run: Run, held: IdentifierEntry | undefined, identifier: Identifier): Standing {
  const entry = held ?? run.working.identifier(formatIdentifier(identifier))
  if (entry === undefined) return 'free'
  if (!run.working.isEligible(entry)) return 'ineligible'
  return entry.row.suppressed ? 'suppressed' : 'free'
}
