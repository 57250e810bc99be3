// Reading a state: what the registers say now. Survivorship only reads; it never changes what was folded.
import type { JsonValue } from '../spec/event.ts'
import { isLater, type ProfileState, type Register } from './state.ts'

export { decodeState } from './codec.ts'

export interface PresentTrait {
  value: JsonValue
  /** ms */
  at: number
  offset: number
  source: string
}

/** The surviving value of every trait that has one: the newest over all sources; a tombstone that is newest removes it. */
export function presentTraits(state: ProfileState): Map<string, PresentTrait> {
  const present = new Map<string, PresentTrait>()
  for (const [name, registers] of state.traits) {
    const trait = survivor(registers)
    if (trait !== null && trait.value !== null) present.set(name, trait)
  }
  return present
}

/** The surviving register of one trait, tombstones included. */
export function survivor(registers: ReadonlyMap<string, Register>): PresentTrait | null {
  let best: PresentTrait | null = null
  for (const [source, register] of registers) {
    if (best === null || isLater(register, best)) best = { ...register, source }
  }
  return best
}

/**
 * The profile's answer per purpose: no, if the latest answer of any of its identifiers is no. `identifiers` are the profile's
 * own; answers filed under others (an identifier that was refused) are not its.
 */
export function presentConsent(state: ProfileState, identifiers: readonly number[]): Map<string, boolean> {
  const present = new Map<string, boolean>()
  for (const identifier of identifiers) {
    for (const [purpose, { value }] of state.consent.get(identifier) ?? []) {
      present.set(purpose, value === true && (present.get(purpose) ?? true))
    }
  }
  return present
}
