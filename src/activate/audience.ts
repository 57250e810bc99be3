// A change of a segment told as the track event that the catalogue's audience destinations understand: the name says Entered
// or Exited, a boolean property and `context.personas` say it again. Pure, and the same at every retry.
import type { Change, ChangeKind } from '../spec/change.ts'
import type { CanonicalEvent, JsonObject } from '../spec/event.ts'
import type { Identifier } from '../spec/identifier.ts'

const EVENT_NAMES: Record<ChangeKind, string> = {
  segment_entered: 'Audience Entered',
  segment_exited: 'Audience Exited',
  // A member has become known by more identifiers: destinations add those to their audience.
  segment_identifiers: 'Audience Entered',
}

export interface AudienceOptions {
  messageId: string
  /** Display name of the only destination it is for. */
  destination: string
}

export function audienceEvent(change: Omit<Change, 'offset' | 'ordinal'>, options: AudienceOptions): CanonicalEvent {
  const { segment: key, identifiers } = change
  const at = new Date(change.at).toISOString()
  const userId = first(identifiers, 'user_id')
  const anonymousId = first(identifiers, 'anonymous_id')
  const traits = contactTraits(identifiers)
  return {
    type: 'track',
    event: EVENT_NAMES[change.kind],
    messageId: options.messageId,
    timestamp: at,
    originalTimestamp: at,
    sentAt: at,
    receivedAt: at,
    ...(userId === undefined ? {} : { userId }),
    ...(anonymousId === undefined ? {} : { anonymousId }),
    properties: { audience_key: key, [key]: change.kind !== 'segment_exited', ...traits },
    context: { personas: personas(key), traits, externalIds: identifiers.map(externalId) },
    integrations: { All: false, [options.destination]: true },
  }
}

// The email stands in `properties` and in `context.traits`, because destinations differ in where they look.
function contactTraits(identifiers: readonly Identifier[]): JsonObject {
  const email = first(identifiers, 'email')
  const phone = first(identifiers, 'phone')
  return { ...(email === undefined ? {} : { email }), ...(phone === undefined ? {} : { phone }) }
}

function personas(key: string): JsonObject {
  const space = { namespace: 'default', space_id: 'default' }
  // `computation_key` must be the key of the boolean: the catalogue reads `properties[computation_key]`.
  return { computation_class: 'audience', computation_id: `aud_${key}`, computation_key: key, ...space }
}

function externalId(identifier: Identifier): JsonObject {
  return { id: identifier.value, type: identifier.kind, collection: 'users', encoding: 'none' }
}

function first(identifiers: readonly Identifier[], kind: string): string | undefined {
  return identifiers.find((identifier) => identifier.kind === kind)?.value
}
