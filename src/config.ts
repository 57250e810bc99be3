// Every setting, once: its type, its default, and one sentence. The only file that reads process.env.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

interface Setting {
  /** Name in the environment; a secret may also come from a file named by `<NAME>_FILE`. */
  name: string
  fallback: string
  secret?: boolean
  says: string
}

export const ROLES = ['collect', 'process', 'deliver', 'api'] as const
export type Role = (typeof ROLES)[number]

export const SETTINGS = [
  { name: 'PORT', fallback: '8080', says: 'TCP port of the HTTP server.' },
  { name: 'HOST', fallback: '127.0.0.1', says: 'Address the HTTP server listens on.' },
  {
    name: 'ONEFOLD_DATA_DIR',
    fallback: './data',
    says: 'Folder that holds the log, the state, the ledger and history.',
  },
  {
    name: 'ONEFOLD_ADMIN_TOKEN',
    fallback: '',
    secret: true,
    says: 'Admin token; without it the first start makes one and prints it once.',
  },
  {
    name: 'ONEFOLD_WRITE_KEY',
    fallback: '',
    secret: true,
    says: 'Write key of the default source; without it the first start makes one.',
  },
  {
    name: 'ONEFOLD_OUTBOUND_ALLOW',
    fallback: '',
    says: 'Comma-separated CIDRs that deliveries may reach although they are private.',
  },
  { name: 'ONEFOLD_ROLES', fallback: ROLES.join(','), says: 'Comma-separated roles this process tree plays.' },
  {
    name: 'ONEFOLD_TRUSTED_PROXIES',
    fallback: '',
    says: 'Comma-separated addresses or CIDRs whose X-Forwarded-For is believed.',
  },
  { name: 'ONEFOLD_EVENT_BYTES_MAX', fallback: '32768', says: 'Largest event accepted, in bytes of JSON.' },
  {
    name: 'ONEFOLD_REQUEST_BYTES_MAX',
    fallback: '4194304',
    says: 'Largest request accepted, in bytes after inflating.',
  },
  {
    name: 'ONEFOLD_LOG_BYTES_MAX',
    fallback: '0',
    says: 'Largest size of the log file; beyond it the door answers 503. 0 for none.',
  },
  {
    name: 'ONEFOLD_LOG_LEVEL',
    fallback: 'info',
    says: 'Level of the log lines on stderr: fatal, error, warn, info, debug, trace or silent.',
  },
  {
    name: 'ONEFOLD_SECRET_KEY',
    fallback: '',
    secret: true,
    says: 'Key that encrypts destination secrets at rest; without it one is made in the data folder.',
  },
  {
    name: 'CLICKHOUSE_URL',
    fallback: '',
    secret: true,
    says: 'ClickHouse server for history; without it the embedded engine runs as a child process.',
  },
  {
    name: 'DATABASE_URL',
    fallback: '',
    secret: true,
    says: 'PostgreSQL for the state; not supported yet, must be empty.',
  },
  { name: 'KAFKA_BROKERS', fallback: '', says: 'Kafka brokers for the log; not supported yet, must be empty.' },
] as const satisfies readonly Setting[]

export interface Config {
  port: number
  host: string
  dataDir: string
  adminToken: string
  writeKey: string
  outboundAllow: string[]
  roles: Role[]
  trustedProxies: string[]
  eventBytesMax: number
  requestBytesMax: number
  logBytesMax: number
  logLevel: string
  secretKey: string
  clickhouseUrl: string
}

/** A setting that cannot be used; its message says which and why. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** Reads and checks the environment. Throws ConfigError. */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  refuseUnknown(environment)
  const text = (name: (typeof SETTINGS)[number]['name']) => readSetting(environment, name)
  for (const name of ['DATABASE_URL', 'KAFKA_BROKERS'] as const) {
    if (text(name) !== '')
      throw new ConfigError(`${name} is set, but this version keeps everything in the data folder; unset it`)
  }
  return {
    port: wholeNumber('PORT', text('PORT'), 0, 65_535),
    host: text('HOST'),
    dataDir: resolve(text('ONEFOLD_DATA_DIR')),
    adminToken: text('ONEFOLD_ADMIN_TOKEN'),
    writeKey: text('ONEFOLD_WRITE_KEY'),
    outboundAllow: list(text('ONEFOLD_OUTBOUND_ALLOW')),
    roles: list(text('ONEFOLD_ROLES')).map(asRole),
    trustedProxies: list(text('ONEFOLD_TRUSTED_PROXIES')),
    eventBytesMax: wholeNumber('ONEFOLD_EVENT_BYTES_MAX', text('ONEFOLD_EVENT_BYTES_MAX'), 1024, 4_194_304),
    requestBytesMax: wholeNumber('ONEFOLD_REQUEST_BYTES_MAX', text('ONEFOLD_REQUEST_BYTES_MAX'), 65_536, 67_108_864),
    logBytesMax: wholeNumber('ONEFOLD_LOG_BYTES_MAX', text('ONEFOLD_LOG_BYTES_MAX'), 0, Number.MAX_SAFE_INTEGER),
    logLevel: text('ONEFOLD_LOG_LEVEL'),
    secretKey: text('ONEFOLD_SECRET_KEY'),
    clickhouseUrl: text('CLICKHOUSE_URL'),
  }
}

function readSetting(environment: NodeJS.ProcessEnv, name: string): string {
  const setting: Setting | undefined = SETTINGS.find((candidate) => candidate.name === name)
  if (setting === undefined) throw new Error(`no such setting: ${name}`)
  const file = setting.secret ? environment[`${name}_FILE`] : undefined
  if (file !== undefined && file !== '') {
    try {
      return readFileSync(file, 'utf8').trimEnd()
    } catch (cause) {
      throw new ConfigError(`${name}_FILE names a file that cannot be read: ${file}`, { cause })
    }
  }
  const value = environment[name]
  return value === undefined || value === '' ? setting.fallback : value
}

function refuseUnknown(environment: NodeJS.ProcessEnv): void {
  const known: string[] = SETTINGS.flatMap((setting: Setting) =>
    setting.secret ? [setting.name, `${setting.name}_FILE`] : [setting.name],
  )
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('ONEFOLD_') || known.includes(name)) continue
    const near = nearest(name, known)
    throw new ConfigError(`unknown setting ${name}${near === null ? '' : `; did you mean ${near}?`}`)
  }
}

function nearest(name: string, known: string[]): string | null {
  const ranked = known.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
  const best = ranked.sort((a, b) => a.distance - b.distance)[0]
  return best !== undefined && best.distance <= 6 ? best.candidate : null
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substituted, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new ConfigError(`${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`)
  }
  return value
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function asRole(text: string): Role {
  const role = ROLES.find((candidate) => candidate === text)
  if (role === undefined)
    throw new ConfigError(`ONEFOLD_ROLES holds ${JSON.stringify(text)}; the roles are ${ROLES.join(', ')}`)
  return role
}

/** The environment for a child process: this one's, with what was only decided at the start. */
export function childEnvironment(
  overrides: Partial<Record<(typeof SETTINGS)[number]['name'], string>>,
): NodeJS.ProcessEnv {
  return { ...process.env, ...overrides }
}
