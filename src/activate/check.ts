// What is refused when a destination is saved, because the catalogue's engine would take it and then deliver nothing, or
// something else, without an error.
import type { DestinationInput, Subscription } from '../spec/destination.ts'
import { OnefoldError } from '../spec/errors.ts'
import { isJsonObject } from '../spec/event.ts'
import { definitionOf, findEntry } from './catalog.ts'
import { type Core, type DestinationDefinition, loadCore } from './core.ts'
import { fqlFault } from './fql.ts'

/** Name of the subscription in the ledger: its own, or its place in the list. */
export function subscriptionKey(subscription: Pick<Subscription, 'name'>, at: number): string {
  return subscription.name ?? String(at)
}

/** Throws OnefoldError `invalid_request` with a pointer into the input and a detail that says what to change. */
export function checkDestination(input: DestinationInput): void {
  const definition = definitionOf(input.type)
  if (findEntry(input.type)?.bypassesGuard) {
    const detail = `${definition.name} opens connections that the guard against private addresses cannot see, so it cannot be connected yet.`
    throw new OnefoldError('invalid_request', { pointer: '/type', detail })
  }
  const core = loadCore()
  checkSettings(core, definition, input.settings)
  const keys = new Set<string>()
  input.subscriptions.forEach((subscription, at) => {
    const pointer = `/subscriptions/${at}`
    const key = subscriptionKey(subscription, at)
    if (keys.has(key)) throw invalid(`${pointer}/name`, `Another subscription is called ${JSON.stringify(key)} too.`)
    keys.add(key)
    checkSubscription(core, definition, subscription, pointer)
  })
}

function checkSettings(core: Core, definition: DestinationDefinition, settings: Record<string, unknown>): void {
  const destination = new core.Destination({ ...definition, name: definition.slug })
  try {
    // On a copy: the validator coerces values in place and drops what it does not know.
    destination.validateSettings(structuredClone(settings))
  } catch (error) {
    const path = firstPointer(error)
    throw invalid(`/settings${path}`, error instanceof Error ? error.message : String(error))
  }
}

function checkSubscription(core: Core, definition: DestinationDefinition, input: Subscription, pointer: string): void {
  if (!Object.hasOwn(definition.actions, input.partnerAction)) {
    const known = Object.keys(definition.actions).join(', ')
    throw invalid(`${pointer}/partnerAction`, `${definition.name} has no such action; it has ${known}.`)
  }
  const fault = fqlFault(input.subscribe)
  if (fault !== null) throw invalid(`${pointer}/subscribe`, `The subscription cannot be read: ${fault}.`)
  if (!isJsonObject(input.mapping)) throw invalid(`${pointer}/mapping`, 'The mapping is not an object.')
  try {
    core.transform(input.mapping, {})
  } catch (error) {
    throw invalid(`${pointer}/mapping`, `The mapping cannot be read: ${mappingFault(error)}`)
  }
}

function invalid(pointer: string, detail: string): OnefoldError {
  return new OnefoldError('invalid_request', { pointer, detail })
}

// Both of the engine's errors are lists of errors; the first is enough to find the place.
function firstPointer(error: unknown): string {
  const first = firstOf(error)
  return first instanceof Error && 'pointer' in first && typeof first.pointer === 'string' ? first.pointer : ''
}

function mappingFault(error: unknown): string {
  const first = firstOf(error) ?? error
  return first instanceof Error ? first.message : String(first)
}

function firstOf(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !(Symbol.iterator in error)) return null
  for (const inner of error as Iterable<unknown>) return inner
  return null
}
