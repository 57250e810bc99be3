// Makes catalog-index.json: what there is in the installed catalogue, so that listing it loads none of its 214 definitions
// (110 MB). To be run after every change of the catalogue's version: `node src/activate/catalog-index.ts`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { catalogPath, loadDefinition } from './core.ts'

export interface CatalogEntry {
  /** The catalogue's slug. */
  type: string
  name: string
  directory: string
  description: string
  actions: string[]
  presets: number
  hasAudience: boolean
  /** It connects by a client of its own, past the guard on the way out. */
  bypassesGuard: boolean
}

// Clients of their own: Kafka, SFTP, AWS, and request clients made without the destination's `extendRequest`.
const OWN_CLIENTS = /createRequestClient|lib\/AWS|@aws-sdk|kafkajs|ssh2|aws4/
const REGISTRATION = /^register\('[0-9a-f]{24}', '\.\/([^']+)'\)/gm

export function buildIndex(): CatalogEntry[] {
  const registered = readFileSync(catalogPath(), 'utf8').matchAll(REGISTRATION)
  const entries = [...registered].map(([, directory]) => describe(directory!))
  return entries.sort((a, b) => (a.type < b.type ? -1 : 1))
}

function describe(directory: string): CatalogEntry {
  const definition = loadDefinition(directory)
  return {
    type: definition.slug,
    name: definition.name,
    directory,
    description: definition.description ?? '',
    actions: Object.keys(definition.actions),
    presets: definition.presets?.length ?? 0,
    hasAudience: definition.audienceConfig !== undefined,
    bypassesGuard: sources(join(dirname(catalogPath()), directory)).some((text) => OWN_CLIENTS.test(text)),
  }
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js') && !file.includes('__tests__'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
}

if (import.meta.main) {
  const target = join(dirname(fileURLToPath(import.meta.url)), 'catalog-index.json')
  writeFileSync(target, `${JSON.stringify(buildIndex(), null, 2)}\n`)
}
