// One destination type of the catalogue, ready to be called: with the cures that hosting it needs, the guard on the way out,
// an idempotency key on every request, and an outcome instead of an exception. It keeps no state between calls.
import type { Subscription } from '../spec/destination.ts'
import { OnefoldError } from '../spec/errors.ts'
import type { CanonicalEvent } from '../spec/event.ts'
import { type Attempt, failed, succeeded } from './attempt.ts'
import { definitionOf, findEntry } from './catalog.ts'
import { type CoreDestination, type CoreResponse, type DestinationDefinition, loadCore } from './core.ts'
import type { OutboundAgent } from './outbound.ts'

export interface SendInput {
  event: CanonicalEvent
  settings: Record<string, unknown>
  subscription: Pick<Subscription, 'partnerAction' | 'subscribe' | 'mapping'>
  idempotencyKey: string
}

export interface HostedDestination {
  type: string
  /** As people and `integrations` objects call it. */
  name: string
  /** Never throws: what went wrong is in the attempt. */
  send(input: SendInput): Promise<Attempt>
}

export interface HostOptions {
  agent: OutboundAgent
  /** ms until the head of a response, and again until its end. */
  timeoutMs: number
  now: () => number
}

const RESPONSE_BYTES_MAX = 4 * 1024 * 1024

/** Throws OnefoldError `invalid_request` for a type that is unknown or cannot be guarded. */
export function openDestination(type: string, options: HostOptions): HostedDestination {
  const definition = definitionOf(type)
  if (findEntry(type)?.bypassesGuard) {
    const detail = `${definition.name} opens connections that the guard against private addresses cannot see.`
    throw new OnefoldError('invalid_request', { pointer: '/type', detail })
  }
  // An instance serves one call at a time, because it gathers responses per instance and not per call.
  const idle: Instance[] = []
  return {
    type,
    name: definition.name,
    async send(input) {
      const instance = idle.pop() ?? makeInstance(definition, options)
      instance.key = input.idempotencyKey
      try {
        const mapping = withRequiredDefaults(definition, input.subscription)
        const results = await instance.destination.onEvent(
          // Copies, because the engine coerces payloads in place and refreshes tokens within the settings.
          structuredClone(input.event),
          { ...structuredClone(input.settings), subscription: { ...input.subscription, mapping } },
          callOptions(),
        )
        const attempt = succeeded(results, instance.destination.responses.at(-1))
        instance.destination.responses = []
        idle.push(instance)
        return attempt
      } catch (error) {
        // Not used again: a request that timed out may still answer, into the responses of another call.
        return failed(error, instance.destination.responses.at(-1), options.now())
      }
    },
  }
}

interface Instance {
  destination: CoreDestination
  key: string
}

function makeInstance(definition: DestinationDefinition, options: HostOptions): Instance {
  const core = loadCore()
  const instance: { key: string } = { key: '' }
  const extendRequest = (bundle: unknown) => {
    const own = definition.extendRequest?.(bundle) ?? {}
    return {
      ...own,
      headers: { ...plainHeaders(own['headers']), 'Idempotency-Key': instance.key },
      agent: options.agent,
      timeout: own['timeout'] ?? options.timeoutMs,
      size: RESPONSE_BYTES_MAX,
      // The engine reads a clone of each response and leaves the other half unread, which stalls beyond some 128 KB until the
      // timeout. So it is told not to clone, and actions that read a body are given what was read.
      skipResponseCloning: true,
      afterResponse: [...((own['afterResponse'] as unknown[]) ?? []), restoreBody],
    }
  }
  // Named by its slug: the engine makes URIs of the name, and "Braze Cohorts:Sync" is none.
  const destination = new core.Destination({ ...definition, name: definition.slug, extendRequest })
  return Object.assign(instance, { destination })
}

function restoreBody(_request: unknown, _options: unknown, response: CoreResponse): CoreResponse {
  const content = response.content ?? ''
  return Object.assign(response, {
    text: async () => content,
    json: async () => JSON.parse(content) as unknown,
    clone: () => response,
  })
}

// The engine takes a record or a Headers object.
function plainHeaders(headers: unknown): Record<string, unknown> {
  if (typeof headers !== 'object' || headers === null) return {}
  if (Symbol.iterator in headers) return Object.fromEntries(headers as Iterable<[string, unknown]>)
  return { ...headers }
}

/**
 * Required fields that the mapping says nothing of get the action's default, as the catalogue's own editor would have written
 * them. Optional ones do not: nothing leaves that the mapping does not name.
 */
function withRequiredDefaults(
  definition: DestinationDefinition,
  subscription: SendInput['subscription'],
): Record<string, unknown> {
  const fields = definition.actions[subscription.partnerAction]?.fields ?? {}
  const absent = Object.entries(fields).filter(
    ([key, field]) =>
      field.required === true && field.default !== undefined && !Object.hasOwn(subscription.mapping, key),
  )
  return { ...Object.fromEntries(absent.map(([key, field]) => [key, field.default])), ...subscription.mapping }
}

// Fresh for every call: the engine appends to `tags`.
function callOptions(): object {
  const nothing = () => {}
  const statsClient = {
    incr: nothing,
    histogram: nothing,
    set: nothing,
    observe: nothing,
    _name: nothing,
    _tags: nothing,
  }
  const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, crit: nothing, log: nothing }
  return { features: {}, statsContext: { statsClient, tags: [] }, logger }
}
