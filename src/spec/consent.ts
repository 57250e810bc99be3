// Consent: yes or no for a purpose, folded per identifier and purpose, latest wins.
import { type CanonicalEvent, isJsonObject } from './event.ts'
import type { SourceKind } from './source.ts'

export const CONSENT_EVENT = 'Segment Consent Preference Updated'

/** `context.consent.categoryPreferences` as [purpose, answer] pairs; null where the event carries no consent object. */
export function consentPreferences(event: CanonicalEvent): [string, boolean][] | null {
  const consent = event.context['consent']
  if (!isJsonObject(consent)) return null
  const preferences = consent['categoryPreferences']
  if (!isJsonObject(preferences)) return []
  return Object.entries(preferences).filter((entry): entry is [string, boolean] => typeof entry[1] === 'boolean')
}

/** Whether the event's consent changes the profile's: the preference event, or an identify or track of a trusted source. */
export function consentIsProfileFact(event: CanonicalEvent, sourceKind: SourceKind): boolean {
  if (event.type === 'track' && event.event === CONSENT_EVENT) return true
  return sourceKind === 'server' && (event.type === 'track' || event.type === 'identify')
}
