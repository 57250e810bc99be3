// `onefold doctor`: checks this machine and the settings before or after something goes wrong. Every check says what it found and,
// when it fails, what to do. It changes nothing but a file it removes again.
import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Config, ConfigError, loadConfig } from '../config.ts'
import { EXIT } from './exit.ts'
import { data, json, paint } from './output.ts'

export interface Check {
  name: string
  ok: boolean
  found: string
  /** What to do; only where it failed. */
  fix?: string
}

const NODE_MAJOR_MIN = 24
const FREE_BYTES_MIN = 1024 ** 3
/** A cold catalogue on a slow disk takes long; a hang must still end. */
const CHILD_MS_MAX = 120_000

/** Exits with 1 when a check fails. */
export async function doctor(options: { json?: boolean }): Promise<void> {
  const checks: Check[] = []
  const add = (check: Check) => {
    checks.push(check)
    if (!options.json) data(line(check))
  }
  add(checkNode())
  const { config, check } = checkSettings()
  add(check)
  if (config !== null) {
    add(checkFolder(config.dataDir))
    add(await checkDisk(config.dataDir))
    add(await checkPort(config))
  }
  add(await checkSqlite())
  add(await checkEngine(config))
  add(await checkCatalogue())
  const failed = checks.filter(({ ok }) => !ok).length
  if (options.json) json({ ok: failed === 0, checks })
  else data(failed === 0 ? paint('green', 'all well') : paint('red', `${failed} of ${checks.length} checks failed`))
  if (failed > 0) process.exitCode = EXIT.failed
}

function line({ name, ok, found, fix }: Check): string {
  const mark = ok ? paint('green', '✓') : paint('red', '✗')
  return `${mark} ${name.padEnd(12)} ${found}${fix === undefined ? '' : `\n  → ${fix}`}`
}

function checkNode(): Check {
  const ok = Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN
  const check = { name: 'node', ok, found: process.version }
  return ok
    ? check
    : { ...check, fix: `Run "npm ci" in the project folder, or install Node ${NODE_MAJOR_MIN} or newer.` }
}

function checkSettings(): { config: Config | null; check: Check } {
  try {
    const config = loadConfig()
    const token = config.adminToken === '' ? 'no admin token set' : 'admin token set'
    return { config, check: { name: 'settings', ok: true, found: `all valid; ${token}` } }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const fix = 'Correct or unset it; src/config.ts lists every setting.'
    return { config: null, check: { name: 'settings', ok: false, found: error.message, fix } }
  }
}

function checkFolder(folder: string): Check {
  const place = existing(folder)
  const name = 'data folder'
  try {
    if (!statSync(place).isDirectory()) throw new Error(`${place} is no folder`)
    accessSync(place, constants.W_OK | constants.X_OK)
    if (place !== folder) return { name, ok: true, found: `${folder} will be made on the first start` }
    const probe = mkdtempSync(join(folder, '.doctor-'))
    try {
      writeFileSync(join(probe, 'probe'), 'written', { flush: true })
    } finally {
      rmSync(probe, { recursive: true, force: true })
    }
    return { name, ok: true, found: `${folder} is writable` }
  } catch (error) {
    const found = `${folder} cannot be written: ${messageOf(error)}`
    return { name, ok: false, found, fix: 'Give this user the folder, or set ONEFOLD_DATA_DIR to another.' }
  }
}

/** The folder itself, or the nearest above it that is there. */
function existing(folder: string): string {
  let place = folder
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place)
  return place
}

async function checkDisk(folder: string): Promise<Check> {
  const { bavail, bsize } = await statfs(existing(folder))
  const free = bavail * bsize
  const found = `${(free / 1024 ** 3).toFixed(1)} GiB free`
  if (free >= FREE_BYTES_MIN) return { name: 'disk', ok: true, found }
  return { name: 'disk', ok: false, found, fix: 'Free at least 1 GiB, or set ONEFOLD_DATA_DIR to a larger disk.' }
}

async function checkPort({ host, port }: Config): Promise<Check> {
  const name = 'port'
  const fault = await listenFault(host, port)
  if (fault === null) return { name, ok: true, found: `${host}:${port} is free` }
  if (fault === 'EADDRINUSE') {
    const place = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
    if (await isOnefold(place, port)) return { name, ok: true, found: `${host}:${port} is served by Onefold` }
    const fix = 'End the process that uses it, or set PORT to another.'
    return { name, ok: false, found: `${host}:${port} is in use by something else`, fix }
  }
  const fix = 'Set HOST to an address of this machine and PORT to one that this user may use.'
  return { name, ok: false, found: `cannot listen on ${host}:${port}: ${fault}`, fix }
}

function listenFault(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => resolve(null)))
  })
}

async function isOnefold(host: string, port: number): Promise<boolean> {
  try {
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/version`
    const reply = await fetch(url, { signal: AbortSignal.timeout(3000) })
    const { name, code } = (await reply.json()) as { name?: unknown; code?: unknown }
    // The door answers for an API that is starting or away.
    return name === 'onefold' || code === 'api_unavailable'
  } catch {
    return false
  }
}

async function checkSqlite(): Promise<Check> {
  const fix = 'Use the Node 24 that "npm ci" installs.'
  try {
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(':memory:')
    const row = database.prepare('SELECT sqlite_version() AS version').get()
    database.close()
    return { name: 'sqlite', ok: true, found: String(row?.['version']) }
  } catch (error) {
    return { name: 'sqlite', ok: false, found: messageOf(error), fix }
  }
}

/** In a process of its own: a native library that fails to load may take the process with it. */
async function checkEngine(config: Config | null): Promise<Check> {
  const name = 'analytics'
  if (config !== null && config.clickhouseUrl !== '') return checkClickHouse(config.clickhouseUrl)
  const script = `import { query } from 'chdb'; process.stdout.write(query('SELECT version()', 'TabSeparated').trim())`
  const { found, fault } = await runScript(script)
  if (fault === null) return { name, ok: true, found: `embedded engine ${found}` }
  const fix = 'Run "npm ci" again. chDB runs on Linux and macOS; elsewhere set CLICKHOUSE_URL to a server.'
  return { name, ok: false, found: `the embedded engine does not load: ${fault}`, fix }
}

async function checkClickHouse(url: string): Promise<Check> {
  const name = 'analytics'
  try {
    const { createClient } = await import('@clickhouse/client')
    const client = createClient({ url, request_timeout: 5000 })
    const result = await client.query({ query: 'SELECT version() AS version', format: 'JSONEachRow' })
    const [row] = await result.json<{ version: string }>()
    await client.close()
    return { name, ok: true, found: `ClickHouse ${row?.version}` }
  } catch (error) {
    // The address may hold a password, so it is not repeated.
    const fix = 'Start the server, or correct CLICKHOUSE_URL; without it an embedded engine is used.'
    return { name, ok: false, found: `CLICKHOUSE_URL does not answer: ${messageOf(error)}`, fix }
  }
}

async function checkCatalogue(): Promise<Check> {
  const catalog = new URL('../activate/catalog.ts', import.meta.url).href
  const script = `
    const { listCatalog, describeType } = await import(${JSON.stringify(catalog)})
    if (describeType('actions-webhook') === null) throw new Error('the webhook is missing')
    process.stdout.write(String(listCatalog().length))
    process.exit(0)`
  const { found, fault } = await runScript(script)
  if (fault === null) return { name: 'catalogue', ok: true, found: `${found} types of destination` }
  const fix = 'Run "npm ci" again, so that every package is there in the version the lock file names.'
  return { name: 'catalogue', ok: false, found: `does not load: ${fault}`, fix }
}

/** From this folder, so that packages are found wherever the command is run. */
async function runScript(script: string): Promise<{ found: string; fault: string | null }> {
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script]
  const options = { cwd: import.meta.dirname, timeout: CHILD_MS_MAX }
  try {
    const { stdout } = await promisify(execFile)(process.execPath, flags, options)
    return { found: stdout.trim(), fault: null }
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : ''
    const told = stderr.split('\n').find((text) => /Error/.test(text))
    return { found: '', fault: told?.trim() ?? messageOf(error).split('\n')[0] ?? 'it ended without a word' }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
