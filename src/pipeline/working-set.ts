// The working set: the rows the pipeline has in hand, decoded, between the state store and the core. `prefetch` loads in a few
// batch-shaped reads all that a run of events can touch, so that the pass over the events itself never waits.
import { decodeState } from '../profile/codec.ts'
import { isBlocked } from '../resolve/kinds.ts'
import type { CannotLinks, Group, Member } from '../resolve/resolver.ts'
import { formatIdentifier, type Identifier } from '../spec/identifier.ts'
import type { Kind } from '../spec/kind.ts'
import { GenerationCache } from '../util/generation-cache.ts'
import { type IdentifierEntry, newProfile, type ProfileEntry, type SetEntry } from './entries.ts'
import type { Registry } from './registry.ts'
import type { IdentifierRow, ProfileRow, SetRow, StateStore } from './state-store.ts'

export function setKey(source: string, trust: string, identifiers: readonly number[]): string {
  return `${source}\0${trust}\0${[...identifiers].sort((a, b) => a - b).join(',')}`
}

/** The rules for a kind of identifier. */
export type KindOf = (name: string) => Kind

/** One event as `prefetch` needs it. */
export interface Touch {
  source: string
  sourceKind: string
  identifiers: readonly Identifier[]
  /** Filled by `prefetch`: the entry of each identifier that exists, looked up once. */
  entries: (IdentifierEntry | undefined)[]
}

export class WorkingSet {
  readonly #store: StateStore
  readonly #registry: Registry
  readonly #kind: KindOf
  readonly #byText: GenerationCache<string, IdentifierEntry>
  readonly #byId: GenerationCache<number, IdentifierEntry>
  readonly #sets: GenerationCache<string, SetEntry>
  readonly #setsById: GenerationCache<number, SetEntry>
  readonly #profiles: GenerationCache<number, ProfileEntry>
  /** Sides of splits by identifier number: what the resolver reads. */
  readonly cannotLinks: CannotLinks

  constructor(store: StateStore, registry: Registry, entriesMax: number, kind: KindOf) {
    this.#store = store
    this.#registry = registry
    this.#kind = kind
    this.#byText = new GenerationCache(entriesMax)
    this.#byId = new GenerationCache(entriesMax)
    this.#sets = new GenerationCache(entriesMax)
    this.#setsById = new GenerationCache(entriesMax)
    this.#profiles = new GenerationCache(entriesMax)
    this.cannotLinks = {
      isEmpty: () => registry.sidesOf.size === 0,
      sidesOf: (id) => registry.sidesOf.get(this.identifierById(id).text),
    }
  }

  /** Lets go of what has not been used for long. Only after a commit: an entry in hand may hold unsaved changes. */
  rotate(): void {
    for (const cache of [this.#byText, this.#byId, this.#sets, this.#setsById, this.#profiles]) cache.rotate()
  }

  identifier(text: string): IdentifierEntry | undefined {
    return this.#byText.get(text)
  }

  /** The identifier of that number, which must be in hand. */
  identifierById(id: number): IdentifierEntry {
    const entry = this.#byId.get(id)
    if (entry === undefined) throw new Error(`identifier ${id} is not in hand`)
    return entry
  }

  set(key: string): SetEntry | undefined {
    return this.#sets.get(key)
  }

  /** The profile of that number, which must be in hand. */
  profile(id: number): ProfileEntry {
    const entry = this.#profiles.get(id)
    if (entry === undefined) throw new Error(`profile ${id} is not in hand`)
    return entry
  }

  profileIfHeld(id: number): ProfileEntry | undefined {
    return this.#profiles.get(id)
  }

  /** Replaces whatever stood under this number: an unborn or dead profile. */
  addProfile(id: number): ProfileEntry {
    const entry = newProfile(id)
    this.#profiles.set(id, entry)
    return entry
  }

  addIdentifier(row: IdentifierRow): IdentifierEntry {
    const text = formatIdentifier(row)
    const member: Member = {
      id: row.id,
      kind: this.#kind(row.kind),
      firstAt: row.firstAt,
      suppressed: row.suppressed,
    }
    const entry: IdentifierEntry = { row, text, member, blocked: isBlocked(row) }
    this.#byText.set(text, entry)
    this.#byId.set(row.id, entry)
    return entry
  }

  addSet(entry: SetEntry): void {
    this.#sets.set(entry.key, entry)
    this.#setsById.set(entry.id, entry)
  }

  isEligible(entry: IdentifierEntry): boolean {
    const { quarantined } = this.#registry
    return !entry.blocked && (quarantined.size === 0 || !quarantined.has(entry.text))
  }

  /** The profile that holds the identifier, as the resolver sees it; every member must be in hand. */
  groupOf = (id: number): Group | null => {
    const { profile } = this.identifierById(id).row
    if (profile === 0) return null
    const entry = this.profile(profile)
    entry.group ??= { root: profile, members: entry.identifiers.map((member) => this.identifierById(member).member) }
    return entry.group
  }

  kindOf = (id: number): string => this.identifierById(id).row.kind

  /** Loads everything that events touching these identifiers can need. */
  async prefetch(touches: readonly Touch[]): Promise<void> {
    await this.loadIdentifiers(touches.flatMap((touch) => touch.identifiers))
    const keys = new Map<string, IdentifierEntry[]>()
    const strangers: IdentifierEntry[] = []
    for (const touch of touches) {
      touch.entries = touch.identifiers.map((identifier) => this.identifier(formatIdentifier(identifier)))
      const known = touch.entries.filter((entry) => entry !== undefined)
      if (known.length < touch.entries.length) strangers.push(...known)
      else if (known.length > 0)
        keys.set(
          setKey(
            touch.source,
            touch.sourceKind,
            known.map(({ row }) => row.id),
          ),
          known,
        )
    }
    await this.loadSetsByKey([...keys.keys()])
    const profiles = new Set<number>()
    for (const [key, entries] of keys) {
      const set = this.#sets.get(key)
      if (set === undefined) strangers.push(...entries)
      else if (set.owner !== 0) profiles.add(this.identifierById(set.owner).row.profile)
    }
    for (const { row } of strangers) profiles.add(row.profile)
    await this.loadProfiles([...profiles])
    // Only a set that is new can join profiles, and only then does the resolver ask who their members are.
    const members = strangers.flatMap(({ row }) => (row.profile === 0 ? [] : this.profile(row.profile).identifiers))
    await this.loadIdentifiersById(members)
    if (this.#registry.usesIdentifiers) {
      await this.loadIdentifiersById([...profiles].flatMap((id) => this.#profiles.get(id)?.identifiers ?? []))
    }
  }

  async loadIdentifiers(identifiers: readonly Identifier[]): Promise<void> {
    const missing = new Map<string, Identifier>()
    for (const identifier of identifiers) {
      const text = formatIdentifier(identifier)
      const held = this.#byText.get(text)
      if (held === undefined) missing.set(text, identifier)
      // The two caches forget at their own pace; whoever is in hand by text is so by number.
      else if (this.#byId.get(held.row.id) === undefined) this.#byId.set(held.row.id, held)
    }
    if (missing.size === 0) return
    for (const row of await this.#store.identifiersByValue([...missing.values()])) this.#adopt(row)
  }

  async loadIdentifiersById(ids: Iterable<number>): Promise<void> {
    const missing = [...new Set(ids)].filter((id) => this.#byId.get(id) === undefined)
    if (missing.length === 0) return
    for (const row of await this.#store.identifiersById(missing)) this.#adopt(row)
  }

  async loadProfiles(ids: Iterable<number>): Promise<void> {
    const missing = [...new Set(ids)].filter((id) => id !== 0 && this.#profiles.get(id) === undefined)
    if (missing.length === 0) return
    for (const row of await this.#store.profiles(missing)) this.adoptProfile(row)
  }

  /** The entry of a row that was just read; the one in hand, where there is one, because it may be newer. */
  adoptProfile(row: ProfileRow): ProfileEntry {
    const held = this.#profiles.get(row.id)
    if (held !== undefined) return held
    const memberships = row.memberships.filter(([segment]) => this.#registry.segments.has(segment))
    const entry: ProfileEntry = {
      ...row,
      state: decodeState(row.state),
      memberships: new Map(memberships),
      traits: null,
      group: null,
    }
    this.#profiles.set(row.id, entry)
    return entry
  }

  adoptSet(row: SetRow): SetEntry {
    // One entry per set, though it is found by key and by number.
    const entry = this.#setsById.get(row.id) ?? this.#sets.get(row.key) ?? { ...row, state: decodeState(row.state) }
    this.addSet(entry)
    return entry
  }

  async loadSetsByKey(keys: string[]): Promise<void> {
    const missing = keys.filter((key) => this.#sets.get(key) === undefined)
    if (missing.length === 0) return
    for (const row of await this.#store.setsByKey(missing)) this.adoptSet(row)
  }

  /** One entry per identifier, though it is found by text and by number. */
  #adopt(row: IdentifierRow): void {
    const held = this.#byId.get(row.id) ?? this.#byText.get(formatIdentifier(row))
    if (held === undefined) this.addIdentifier(row)
    else {
      this.#byId.set(row.id, held)
      this.#byText.set(held.text, held)
    }
  }
}
