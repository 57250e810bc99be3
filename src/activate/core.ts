// The part of @segment/actions-core that is used here, with its types. It is loaded by `createRequire`, because its ES module
// build cannot be loaded by Node, and first when it is needed: it costs 28 MB and 90 ms.
import { createRequire } from 'node:module'
import type { CanonicalEvent } from '../spec/event.ts'

export interface InputField {
  label?: string
  description?: string
  type?: string
  required?: unknown
  default?: unknown
  choices?: unknown
  multiple?: boolean
  dynamic?: unknown
  format?: string
  unsafe_hidden?: boolean
}

export interface ActionDefinition {
  title: string
  description?: string
  defaultSubscription?: string
  fields?: Record<string, InputField>
  performBatch?: unknown
  hooks?: Record<string, unknown>
  syncMode?: unknown
}

export interface Preset {
  name: string
  partnerAction: string
  type?: string
  subscribe?: string
  eventSlug?: string
  mapping?: Record<string, unknown>
}

export interface DestinationDefinition {
  name: string
  slug: string
  description?: string
  authentication?: { scheme?: string; fields?: Record<string, InputField> }
  actions: Record<string, ActionDefinition>
  presets?: Preset[]
  audienceConfig?: unknown
  extendRequest?: ((data: unknown) => Record<string, unknown> | undefined) | undefined
}

/** A response of the destination's server, after actions-core has read its body. */
export interface CoreResponse {
  status: number
  content?: string
  headers?: { get(name: string): string | null }
}

export interface CoreSubscription {
  partnerAction: string
  subscribe: string
  mapping: Record<string, unknown>
}

export interface CoreDestination {
  responses: CoreResponse[]
  validateSettings(settings: object): void
  onEvent(event: CanonicalEvent, settings: object, options: object): Promise<{ output?: unknown; data?: unknown }[]>
}

export interface Core {
  Destination: new (definition: DestinationDefinition) => CoreDestination
  /** Resolves a mapping; throws on a directive it does not know. */
  transform(mapping: object, data: object): unknown
}

export const require = createRequire(import.meta.url)
const CATALOG = '@segment/action-destinations'

export function loadCore(): Core {
  return require('@segment/actions-core') as Core
}

/** The definition kept in `dist/destinations/<directory>` of the catalogue's package. */
export function loadDefinition(directory: string): DestinationDefinition {
  return (require(`${CATALOG}/dist/destinations/${directory}/index.js`) as { default: DestinationDefinition }).default
}

/** File of the package that registers every destination. */
export function catalogPath(): string {
  return require.resolve(`${CATALOG}/dist/destinations/index.js`)
}
