// A door on a free port before a log in memory, for tests that speak HTTP to it.
import type { AddressInfo } from 'node:net'
import pino from 'pino'
import { createClock } from '../../src/collect/clock.ts'
import { createCounters } from '../../src/collect/counters.ts'
import { buildDoor, DOOR_LIMITS, type DoorDeps } from '../../src/collect/door.ts'
import { GroupCommit } from '../../src/collect/group-commit.ts'
import { SourceDirectory } from '../../src/collect/sources.ts'
import type { EventLog, RejectedFeed } from '../../src/log/port.ts'
import type { CanonicalEvent } from '../../src/spec/event.ts'
import type { Source } from '../../src/spec/source.ts'
import { MemoryLog } from '../../src/store/memory/log.ts'
import { MemoryRejectedFeed } from '../../src/store/memory/rejected.ts'

export const SOURCES: Source[] = [
  { slug: 'web', name: 'Web', kind: 'browser', writeKey: 'wk-web', enabled: true },
  { slug: 'app', name: 'App', kind: 'mobile', writeKey: 'wk-app', enabled: true },
  { slug: 'crm', name: 'CRM', kind: 'server', writeKey: 'wk-crm', enabled: true },
  { slug: 'old', name: 'Old', kind: 'server', writeKey: 'wk-old', enabled: false },
]

type Overrides = Partial<Omit<DoorDeps, 'commit'>> & { log?: EventLog; rejected?: RejectedFeed }

export async function openDoor(overrides: Overrides = {}) {
  const log = overrides.log ?? new MemoryLog()
  const rejected = overrides.rejected ?? new MemoryRejectedFeed()
  const logger = pino({ level: 'silent' })
  const clock = overrides.clock ?? createClock(logger)
  const sources = new SourceDirectory()
  for (const source of SOURCES) sources.apply({ decision: 'source', source })
  const counters = createCounters()
  const commit = await GroupCommit.open(log, clock, counters)
  const app = await buildDoor({
    limits: { eventBytesMax: 32_768, requestBytesMax: 4_194_304, ...DOOR_LIMITS },
    trustedProxies: [],
    apiSocket: null,
    logger,
    sources,
    ...overrides,
    clock,
    rejected,
    commit,
    counters,
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    port,
    log,
    rejected,
    sources,
    counters,
    clock,
    commit,
    close: () => app.close(),
    /** Every event in the log, oldest first. */
    async events(): Promise<CanonicalEvent[]> {
      const logged = await log.read({ from: 0, recordsMax: 1_000_000 })
      return logged.flatMap(({ record }) => (record.type === 'event' ? [record.event] : []))
    },
    /** Sends a body as it is; objects as JSON. */
    async post(path: string, body: unknown, headers: Record<string, string> = {}) {
      const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
      const response = await fetch(url + path, { method: 'POST', body: bytes as string, headers })
      return { status: response.status, headers: response.headers, body: (await response.json()) as Answer }
    },
  }
}

export interface Answer {
  success: boolean
  code?: string
  message?: string
  pointer?: string
}

/** The Authorization header of a write key. */
export function basic(writeKey: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}` }
}
