// The state: what the events of one identifier set, or of a whole profile, come to. It is a commutative monoid: `emptyState`
// is its identity and `mergeStates` commutes and associates, so that a fold over any partition of the events, merged, is the
// fold over all of them. That is what lets a merge be taken back exactly: profiles are merges of set states, never the reverse.
import type { JsonValue } from '../spec/event.ts'

/** A value with its place in the order of facts. A null value is a tombstone: the trait was removed. */
export interface Register {
  /** `timestamp` of the fact, ms. */
  at: number
  offset: number
  value: JsonValue
}

export interface ProfileState {
  /** Events folded in. */
  count: number
  /** Least and greatest `timestamp` (ms); Infinity and -Infinity while empty. */
  firstAt: number
  lastAt: number
  firstOffset: number
  lastOffset: number
  /** trait name -> source slug -> latest value by (at, offset). */
  traits: Map<string, Map<string, Register>>
  /** clause id -> timestamps (ms) of the latest matching events, newest first, at most the clause's `keep`. */
  clauses: Map<number, number[]>
  /** identifier number -> purpose -> latest answer (a boolean) by (at, offset). */
  consent: Map<number, Map<string, Register>>
}

export function emptyState(): ProfileState {
  return {
    count: 0,
    firstAt: Number.POSITIVE_INFINITY,
    lastAt: Number.NEGATIVE_INFINITY,
    firstOffset: Number.POSITIVE_INFINITY,
    lastOffset: -1,
    traits: new Map(),
    clauses: new Map(),
    consent: new Map(),
  }
}

/** Facts are ordered by (timestamp, offset); no two facts share an offset. */
export function isLater(a: Register, b: Register): boolean {
  return a.at > b.at || (a.at === b.at && a.offset > b.offset)
}
