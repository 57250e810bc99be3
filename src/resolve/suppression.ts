// Suppression: whether an event is that of a suppressed person. Pure; the door and the pipeline ask the same question.
import type { Identifier } from '../spec/identifier.ts'
import { kindOf } from './kinds.ts'

/** What is known of an identifier: one that may not identify says nothing about anybody. */
export type Standing = 'free' | 'suppressed' | 'ineligible'

/**
 * A suppressed person's event is one that carries an identifier of theirs that names a person, or whose owner (the highest rank)
 * is theirs. A device alone does not suppress whoever else uses it. `identifiers` highest rank first.
 */
export function isOfSuppressed(
  identifiers: readonly Identifier[],
  standingOf: (one: Identifier, index: number) => Standing,
): boolean {
  let isOwner = true
  for (const [index, identifier] of identifiers.entries()) {
    const standing = standingOf(identifier, index)
    if (standing === 'ineligible') continue
    if (standing === 'suppressed' && (isOwner || kindOf(identifier.kind).class === 'known')) return true
    isOwner = false
  }
  return false
}
