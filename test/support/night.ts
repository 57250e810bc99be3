// Worlds of yesterday: a log whose records were received hours ago, of which the pipeline has seen the first part, and what must come
// of it by the meaning of a rolling window alone. The expectation shares no code with the product.
import { join } from 'node:path'
import { logBackfill } from '../../src/pipeline/log-backfill.ts'
import { Pipeline } from '../../src/pipeline.ts'
import type { Decision } from '../../src/spec/decision.ts'
import type { LogRecord } from '../../src/spec/log-record.ts'
import { openSqliteDestinationStore } from '../../src/store/sqlite/destinations.ts'
import { openSqliteLog } from '../../src/store/sqlite/log.ts'
import { openSqliteState } from '../../src/store/sqlite/state.ts'
import { createSecretBox, loadOrMakeSecret } from '../../src/util/secret-box.ts'
import { hookInput, WRITE_KEY } from './spine.ts'

/** An event of a person: when it happened and when the door received it, ms. */
export interface Seen {
  user: string
  at: number
  receivedAt: number
}

export interface Told {
  user: string
  segment: string
  kind: string
  /** Log time, ms. */
  at: number
}

export interface NightOptions {
  people: number
  /** An hour for a night; all else is in these units. */
  unitMs: number
  /** Segment slug -> its window, as the language writes it and in units. */
  windows: Record<string, { within: string; units: number }>
  random: () => number
}

export interface Night {
  /** What the pipeline saw before it went down, and what it did not. */
  day: Seen[]
  queue: Seen[]
  openedAt: number
}

/** When things happen, in units after the log began; `now` is the present. */
const HOURS = { down: 8, quiet: 16, lastFrom: 18.6, lastTo: 19, now: 30 }

/** Draws who is seen when: everybody by day, most in the queue, a fifth so late that they are members still. */
export function drawNight({ people, unitMs, random }: NightOptions): Night {
  const openedAt = Date.now() - HOURS.now * unitMs
  const all: Seen[] = []
  const see = (user: string, from: number, to: number, lateMax: number) => {
    const receivedAt = Math.floor(openedAt + 1000 + (from + random() * (to - from)) * unitMs)
    all.push({ user, receivedAt, at: receivedAt - Math.floor(random() * lateMax * unitMs) })
  }
  for (let person = 0; person < people; person++) {
    const user = `n${person}`
    see(user, 0, HOURS.down, 0)
    if (person % 3 !== 0) see(user, HOURS.down - 1, HOURS.down, 0)
    for (let count = 0; count < person % 5; count++) see(user, HOURS.down, HOURS.quiet, count === 3 ? 3 : 0)
    if (person % 5 === 4) see(user, HOURS.lastFrom, HOURS.lastTo, 0)
  }
  all.sort((a, b) => a.receivedAt - b.receivedAt)
  const wentDown = openedAt + HOURS.down * unitMs
  const [day, queue] = [
    all.filter((seen) => seen.receivedAt < wentDown),
    all.filter((seen) => seen.receivedAt >= wentDown),
  ]
  return { day, queue, openedAt }
}

/** Writes the log, lets the pipeline see the day, and puts a hook that is told everything from the beginning. */
export async function writeNight(night: Night, options: NightOptions, dataDir: string, toolUrl: string): Promise<void> {
  const slugs = Object.keys(options.windows)
  const secret = createSecretBox(loadOrMakeSecret(join(dataDir, 'secret.key')))
  const destinations = openSqliteDestinationStore(join(dataDir, 'destinations.db'), { secretBox: secret })
  const { openedAt } = night
  const stamps = { slug: 'night', createdAt: openedAt, updatedAt: openedAt }
  await destinations.put({ ...hookInput(`${toolUrl}/night`, slugs), ...stamps }, { offset: 0, ordinal: 0 })
  await destinations.close()
  const log = openSqliteLog(dataDir, { role: 'writer' })
  const state = openSqliteState(dataDir, { role: 'writer' })
  try {
    const pipeline = await Pipeline.open({ log, state, backfill: logBackfill(log, state) })
    // The segments are there, backfills and all, before anybody is seen.
    await log.append(openingRecords(options, openedAt))
    await pipeline.drain()
    await log.append(night.day.map(eventRecord))
    await pipeline.drain()
    await log.append(night.queue.map(eventRecord))
  } finally {
    await state.close()
    await log.close()
  }
}

function openingRecords({ windows }: NightOptions, receivedAt: number): LogRecord[] {
  const source = { slug: 'default', name: 'Default', kind: 'server', writeKey: WRITE_KEY, enabled: true } as const
  const decisions: Decision[] = [
    { decision: 'genesis', birthKey: 'ab'.repeat(32), dedupeHours: 24, dedupeIdsMax: 1_000_000 },
    { decision: 'source', source },
    ...Object.entries(windows).map(([slug, { within }]): Decision => {
      return { decision: 'segment', slug, name: slug, definition: { event: 'Seen', within } }
    }),
  ]
  return decisions.map((decision) => ({ type: 'decision', receivedAt, decision }))
}

function eventRecord({ user, at, receivedAt }: Seen, index: number): LogRecord {
  const [timestamp, received] = [new Date(at).toISOString(), new Date(receivedAt).toISOString()]
  const times = { timestamp, originalTimestamp: timestamp, sentAt: received, receivedAt: received }
  const event = { type: 'track', event: 'Seen', messageId: `${user}-${receivedAt}-${index}`, userId: user } as const
  return { type: 'event', receivedAt, source: 'default', event: { ...event, ...times, context: {}, integrations: {} } }
}

/**
 * What must be told when log time has come to `until`: an event counts from its receipt until its window has passed over it, and a
 * person is a member while any of hers counts.
 */
export function expectTold(seen: readonly Seen[], windows: Record<string, number>, until: number): Told[] {
  const told: Told[] = []
  const people = Map.groupBy(seen, ({ user }) => user)
  for (const [segment, windowMs] of Object.entries(windows)) {
    for (const [user, events] of people) {
      const spans = events
        .map(({ at, receivedAt }) => ({ from: receivedAt, to: at + windowMs }))
        .filter(({ from, to }) => from < to)
        .sort((a, b) => a.from - b.from)
      let open: { from: number; to: number } | null = null
      const close = () => {
        if (open === null) return
        told.push({ user, segment, kind: 'segment_entered', at: open.from })
        told.push({ user, segment, kind: 'segment_exited', at: open.to })
      }
      for (const span of spans) {
        if (open !== null && span.from < open.to) open.to = Math.max(open.to, span.to)
        else {
          close()
          open = { ...span }
        }
      }
      close()
    }
  }
  return told.filter(({ at }) => at <= until)
}

/** What one has and the other lacks; both empty when all is as it must be. */
export function differences(
  actual: readonly Told[],
  expected: readonly Told[],
): { extra: string[]; missing: string[] } {
  const [has, wants] = [toldLines(actual), toldLines(expected)]
  return { extra: without(has, wants), missing: without(wants, has) }
}

function toldLines(told: readonly Told[]): string[] {
  return told.map(({ user, segment, kind, at }) => `${new Date(at).toISOString()} ${segment} ${kind} ${user}`).sort()
}

/** As bags: what is there twice must be wanted twice. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>()
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1)
  return lines.filter((line) => {
    const count = left.get(line) ?? 0
    left.set(line, count - 1)
    return count <= 0
  })
}
