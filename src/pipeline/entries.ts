// The decoded rows that the pipeline works on between two commits. They mirror the state store's rows; `Draft` gathers which of them
// one transaction must write.

import { presentConsent, presentTraits } from '../profile/read.ts'
import { emptyState, type ProfileState } from '../profile/state.ts'
import type { Group, Member } from '../resolve/resolver.ts'
import type { StreamingSubject } from '../segment/subject.ts'
import type { JsonValue } from '../spec/event.ts'
import type { IdentifierRow, Refusal } from './state-store.ts'

export interface IdentifierEntry {
  row: IdentifierRow
  /** `kind:value` */
  text: string
  member: Member
  blocked: boolean
}

export interface SetEntry {
  id: number
  key: string
  source: string
  trust: string
  identifiers: number[]
  firstOffset: number
  owner: number
  refused: Refusal[]
  state: ProfileState
}

export interface ProfileEntry {
  id: number
  alive: boolean
  identifiers: number[]
  sets: number[]
  state: ProfileState
  memberships: Map<number, number>
  nextTimer: number | null
  suppressed: boolean
  changedIn: number
  /** Present traits, until a trait changes. */
  traits: Map<string, JsonValue> | null
  /** The profile as the resolver sees it, until its identifiers change: a large one is not put together for every event. */
  group: Group | null
}

export function newProfile(id: number): ProfileEntry {
  return {
    id,
    alive: true,
    identifiers: [],
    sets: [],
    state: emptyState(),
    memberships: new Map(),
    nextTimer: null,
    suppressed: false,
    changedIn: 0,
    traits: null,
    group: null,
  }
}

const NO_TIMESTAMPS: readonly number[] = []

/** The profile as the streaming evaluator sees it; what few segments ask for is worked out when one asks. */
export class ProfileSubject implements StreamingSubject {
  readonly #profile: ProfileEntry
  readonly #kindOf: (identifier: number) => string

  constructor(profile: ProfileEntry, kindOf: (identifier: number) => string) {
    this.#profile = profile
    this.#kindOf = kindOf
  }

  get traits(): Map<string, JsonValue> {
    const profile = this.#profile
    profile.traits ??= new Map([...presentTraits(profile.state)].map(([name, trait]) => [name, trait.value]))
    return profile.traits
  }

  get identifierKinds(): Set<string> {
    return new Set(this.#profile.identifiers.map(this.#kindOf))
  }

  get consent(): Map<string, boolean> {
    return presentConsent(this.#profile.state, this.#profile.identifiers)
  }

  timestamps(clause: number): readonly number[] {
    return this.#profile.state.clauses.get(clause) ?? NO_TIMESTAMPS
  }
}
