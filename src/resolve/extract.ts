// Extraction: which identifiers an event carries. Pure. Blocked values are extracted as well, so that the set under which the
// event is filed stays the same when a rule changes; only the resolver asks whether they count.
import { type CanonicalEvent, isJsonObject, type JsonObject, type JsonValue } from '../spec/event.ts'
import { formatIdentifier, type Identifier } from '../spec/identifier.ts'
import type { SourceKind } from '../spec/source.ts'
import { compareRank, isDefaultKind, normaliseIdentifier } from './kinds.ts'

/** More identifiers than this on one event are left out, the lowest rank first. */
export const IDENTIFIERS_PER_EVENT_MAX = 32

export interface ExtractContext {
  sourceKind: SourceKind
  region: string | undefined
  /** External kinds registered so far. */
  isRegistered: (kind: string) => boolean
}

export interface Extraction {
  /** Distinct, highest rank first. */
  identifiers: Identifier[]
  /** External kinds that this event registers. */
  newKinds: string[]
}

const NO_KINDS: string[] = []
const EXTERNAL_KIND = /^[a-z][a-z0-9_.-]{0,99}$/

/** Identifiers of the event after normalising. Defaults of where to look follow Segment's Unify. */
export function extractIdentifiers(event: CanonicalEvent, context: ExtractContext): Extraction {
  const found: Identifier[] = []
  const add = (kind: string, value: JsonValue | undefined) => {
    if (typeof value !== 'string' && typeof value !== 'number') return
    const identifier = normaliseIdentifier({ kind, value: String(value) }, context.region)
    if (identifier !== null) found.push(identifier)
  }
  add('user_id', event.userId)
  add('anonymous_id', event.anonymousId)
  // A group's traits are the account's, so its e-mail names no person.
  if (event.type === 'identify') addContacts(event.traits, add)
  addContacts(event.context['traits'], add)
  addDevice(event.context['device'], add)
  addAnalyticsCookie(event.context['integrations'], add)
  const newKinds = addExternalIds(event.context['externalIds'], context, add)
  return { identifiers: rankDistinct(found), newKinds }
}

type Add = (kind: string, value: JsonValue | undefined) => void

function addContacts(traits: JsonValue | undefined, add: Add): void {
  if (!isJsonObject(traits)) return
  add('email', traits['email'])
  add('phone', traits['phone'])
}

function addDevice(device: JsonValue | undefined, add: Add): void {
  if (!isJsonObject(device) || typeof device['type'] !== 'string') return
  const system = device['type'].toLowerCase()
  if (system !== 'ios' && system !== 'android') return
  add(`${system}.id`, device['id'])
  add(`${system}.push_token`, device['token'])
  if (device['adTrackingEnabled'] === true) add(`${system}.idfa`, device['advertisingId'])
}

function addAnalyticsCookie(integrations: JsonValue | undefined, add: Add): void {
  if (!isJsonObject(integrations)) return
  const analytics = integrations['Google Analytics']
  if (isJsonObject(analytics)) add('ga_client_id', analytics['clientId'])
}

function addExternalIds(list: JsonValue | undefined, context: ExtractContext, add: Add): string[] {
  if (!Array.isArray(list)) return NO_KINDS
  const newKinds: string[] = []
  for (const item of list.slice(0, IDENTIFIERS_PER_EVENT_MAX)) {
    if (!isJsonObject(item) || !isUserId(item)) continue
    const kind = item['type'] as string
    if (!isDefaultKind(kind) && !context.isRegistered(kind) && !newKinds.includes(kind)) {
      // A public key could register a kind for every visitor: only a server source's word makes one.
      if (context.sourceKind !== 'server') continue
      newKinds.push(kind)
    }
    add(kind, item['id'])
  }
  return newKinds
}

function isUserId(item: JsonObject): boolean {
  const { type, collection, encoding } = item
  if (typeof type !== 'string' || !EXTERNAL_KIND.test(type)) return false
  return (collection ?? 'users') === 'users' && (encoding ?? 'none') === 'none'
}

function rankDistinct(found: Identifier[]): Identifier[] {
  if (found.length < 2) return found
  const distinct = new Map(found.map((identifier) => [formatIdentifier(identifier), identifier]))
  return [...distinct.values()].sort(compareRank).slice(0, IDENTIFIERS_PER_EVENT_MAX)
}
