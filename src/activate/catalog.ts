// The catalogue host: what destinations there are, what each asks for, and which of its settings are secret. Definitions are
// loaded one at a time, when they are asked for.

import { OnefoldError } from '../spec/errors.ts'
import type { JsonObject } from '../spec/event.ts'
import index from './catalog-index.json' with { type: 'json' }
import type { CatalogEntry } from './catalog-index.ts'
import { type DestinationDefinition, type InputField, loadDefinition } from './core.ts'

/** What stands for a secret wherever settings are shown; given back unchanged it means "keep the secret". */
export const SECRET_MASK = '••••••••'

const entries = new Map<string, CatalogEntry>(index.map((entry) => [entry.type, entry]))

export function listCatalog(): CatalogEntry[] {
  return [...entries.values()]
}

export function findEntry(type: string): CatalogEntry | null {
  return entries.get(type) ?? null
}

/** Throws OnefoldError `invalid_request` for a type that is not in the catalogue. */
export function definitionOf(type: string): DestinationDefinition {
  const entry = entries.get(type)
  if (entry === undefined) {
    const detail = `There is no destination of type ${JSON.stringify(type)}; see GET /api/v1/catalog/destinations.`
    throw new OnefoldError('invalid_request', { pointer: '/type', detail })
  }
  return loadDefinition(entry.directory)
}

/** Settings, actions with their fields, and presets of a type, as JSON; null for an unknown one. */
export function describeType(type: string): JsonObject | null {
  const entry = entries.get(type)
  if (entry === undefined) return null
  const definition = loadDefinition(entry.directory)
  const actions = Object.entries(definition.actions).map(([slug, action]) => ({
    slug,
    title: action.title,
    description: action.description ?? '',
    defaultSubscription: action.defaultSubscription ?? null,
    fields: describeFields(action.fields),
    hasBatch: action.performBatch !== undefined,
    hooks: Object.keys(action.hooks ?? {}),
  }))
  const authentication = definition.authentication
  const settings = { scheme: authentication?.scheme ?? null, fields: describeFields(authentication?.fields) }
  // Definitions hold functions (dynamic fields, hooks); a round trip through JSON drops them.
  const described = { ...entry, settings, actions, presets: definition.presets ?? [] }
  return JSON.parse(JSON.stringify(described)) as JsonObject
}

function describeFields(fields: Record<string, InputField> = {}): object[] {
  return Object.entries(fields).map(([key, field]) => ({ key, ...field, dynamic: field.dynamic !== undefined }))
}

/** The settings with every secret replaced by `SECRET_MASK`. Of an unknown type everything is secret. */
export function maskSettings(type: string, settings: Record<string, unknown>): Record<string, unknown> {
  return mapSettings(settings, (key, value) => (isSecret(type, key) && value !== '' ? SECRET_MASK : value))
}

/** The settings with every mask put back to the secret that `stored` holds. */
export function unmaskSettings(
  settings: Record<string, unknown>,
  stored: Record<string, unknown>,
): Record<string, unknown> {
  return mapSettings(settings, (key, value) =>
    value === SECRET_MASK && Object.hasOwn(stored, key) ? stored[key] : value,
  )
}

/** Every text that must appear in no log, row or answer: secret settings, and headers that a mapping sends. */
export function secretsOf(type: string, settings: Record<string, unknown>, mappings: readonly object[]): string[] {
  const secret = Object.entries(settings).filter(([key]) => isSecret(type, key))
  const headers = mappings.map((mapping) => ('headers' in mapping ? mapping.headers : null))
  return [...new Set([...textsIn(secret.map(([, value]) => value)), ...textsIn(headers)])]
}

// The tokens of an authorization are never fields of a definition.
function isSecret(type: string, key: string): boolean {
  const entry = entries.get(type)
  if (entry === undefined || key === 'oauth') return true
  const fields = loadDefinition(entry.directory).authentication?.fields ?? {}
  return Object.hasOwn(fields, key) ? fields[key]?.type === 'password' : true
}

// Through entries, because a key may be `__proto__`.
function mapSettings(
  settings: Record<string, unknown>,
  map: (key: string, value: unknown) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, map(key, value)]))
}

const SECRET_CHARACTERS_MIN = 6

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.length >= SECRET_CHARACTERS_MIN ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsIn)
}
