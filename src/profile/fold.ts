// The fold: what one event contributes to a state, and the merge of two states. Pure. `foldFact` into a state equals merging the
// state of that fact alone; test/property holds it to that, and the merge to its laws (identity, commutes, associates).
import type { JsonValue } from '../spec/event.ts'
import { emptyState, isLater, type ProfileState, type Register } from './state.ts'

/** The contribution of one event. */
export interface Fact {
  /** `timestamp`, ms. */
  at: number
  offset: number
  source: string
  /** False for what was decided by hand: it is a fact, but nothing that the person did. */
  isEvent: boolean
  /** Traits set by an identify call; a null value removes the trait. */
  traits: [name: string, value: JsonValue][]
  /** Clauses the event matches, with how many timestamps each keeps. */
  clauses: readonly { id: number; keep: number }[]
  /** Answers given, for each of the identifiers. */
  consent: { identifiers: readonly number[]; answers: readonly [purpose: string, answer: boolean][] } | null
}

/** Folds the fact into the state, in place. */
export function foldFact(state: ProfileState, fact: Fact): void {
  const { at, offset } = fact
  if (fact.isEvent) countEvent(state, at, offset)
  for (const [name, value] of fact.traits) {
    setLater(bucket(state.traits, name), fact.source, { at, offset, value })
  }
  for (const { id, keep } of fact.clauses) insertTimestamp(column(state, id), at, keep)
  if (fact.consent !== null) {
    for (const identifier of fact.consent.identifiers) {
      const answers = bucket(state.consent, identifier)
      for (const [purpose, value] of fact.consent.answers) setLater(answers, purpose, { at, offset, value })
    }
  }
}

function countEvent(state: ProfileState, at: number, offset: number): void {
  state.count += 1
  if (at < state.firstAt) state.firstAt = at
  if (at > state.lastAt) state.lastAt = at
  if (offset < state.firstOffset) state.firstOffset = offset
  if (offset > state.lastOffset) state.lastOffset = offset
}

/** Merges `other` into `into`, in place; `other` is left as it is. `keepOf` gives how many timestamps a clause keeps. */
export function mergeStates(into: ProfileState, other: ProfileState, keepOf: (clause: number) => number): void {
  into.count += other.count
  into.firstAt = Math.min(into.firstAt, other.firstAt)
  into.lastAt = Math.max(into.lastAt, other.lastAt)
  into.firstOffset = Math.min(into.firstOffset, other.firstOffset)
  into.lastOffset = Math.max(into.lastOffset, other.lastOffset)
  mergeRegisters(into.traits, other.traits)
  mergeRegisters(into.consent, other.consent)
  for (const [id, timestamps] of other.clauses) {
    into.clauses.set(id, mergeTimestamps(into.clauses.get(id) ?? [], timestamps, keepOf(id)))
  }
}

/** The merge of any number of states, as a new state. */
export function mergeAll(states: Iterable<ProfileState>, keepOf: (clause: number) => number): ProfileState {
  const merged = emptyState()
  for (const state of states) mergeStates(merged, state, keepOf)
  return merged
}

/** Adds old timestamps (a backfill's) to one clause. */
export function foldTimestamps(state: ProfileState, clause: number, timestamps: readonly number[], keep: number): void {
  state.clauses.set(clause, mergeTimestamps(state.clauses.get(clause) ?? [], timestamps, keep))
}

function column(state: ProfileState, clause: number): number[] {
  let timestamps = state.clauses.get(clause)
  if (timestamps === undefined) {
    timestamps = []
    state.clauses.set(clause, timestamps)
  }
  return timestamps
}

/** Keeps the list sorted, newest first. Events mostly come in order, so the search starts at the newest. */
function insertTimestamp(timestamps: number[], at: number, keep: number): void {
  let index = 0
  while (index < timestamps.length && timestamps[index]! > at) index++
  if (index >= keep) return
  timestamps.splice(index, 0, at)
  if (timestamps.length > keep) timestamps.length = keep
}

function mergeTimestamps(a: readonly number[], b: readonly number[], keep: number): number[] {
  const merged: number[] = []
  let i = 0
  let j = 0
  while (merged.length < keep && (i < a.length || j < b.length)) {
    const takeA = j >= b.length || (i < a.length && a[i]! >= b[j]!)
    merged.push(takeA ? a[i++]! : b[j++]!)
  }
  return merged
}

function mergeRegisters<K, L>(into: Map<K, Map<L, Register>>, other: Map<K, Map<L, Register>>): void {
  for (const [key, registers] of other) {
    const own = bucket(into, key)
    for (const [inner, register] of registers) setLater(own, inner, register)
  }
}

function setLater<K>(registers: Map<K, Register>, key: K, register: Register): void {
  const present = registers.get(key)
  if (present === undefined || isLater(register, present)) registers.set(key, register)
}

function bucket<K, L>(map: Map<K, Map<L, Register>>, key: K): Map<L, Register> {
  let registers = map.get(key)
  if (registers === undefined) {
    registers = new Map()
    map.set(key, registers)
  }
  return registers
}
