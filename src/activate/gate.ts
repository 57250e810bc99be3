// The one place that says whether an event may go to a destination at all, before any subscription is asked: the event's own
// `integrations` object, and later the consent that a destination needs. Pure.
import { type CanonicalEvent, isJsonObject } from '../spec/event.ts'

/** `names`: every name by which the event may speak of the destination (display name, type, slug, given name). */
export function mayReceive(event: CanonicalEvent, names: readonly string[]): boolean {
  return integrationsAllow(event.integrations, names) && consentAllows(event)
}

// A name that is mentioned decides, a refusal before a permission; else `All` does. Options objects are permissions.
function integrationsAllow(integrations: unknown, names: readonly string[]): boolean {
  if (!isJsonObject(integrations)) return true
  const mentioned = names.filter((name) => Object.hasOwn(integrations, name)).map((name) => integrations[name])
  if (mentioned.some((answer) => answer === false)) return false
  return mentioned.length > 0 || integrations['All'] !== false
}

// A destination that is mapped to no consent category receives everything (Segment's rule), and none can be mapped yet.
function consentAllows(_event: CanonicalEvent): boolean {
  return true
}
