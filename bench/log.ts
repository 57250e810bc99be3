// Measures the log on disk: appends of 1, 50 and 500 events with an fsync each, the bytes an event takes in the file, and
// reads. Run: node bench/log.ts [folder]. Prints one table; a ratio within one run says more than a figure across machines.
import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventLog } from '../src/log/port.ts'
import type { CanonicalEvent } from '../src/spec/event.ts'
import type { LogRecord } from '../src/spec/log-record.ts'
import { openSqliteLog } from '../src/store/sqlite/log.ts'

const SHAPES = [
  { size: 1, appends: 600 },
  { size: 50, appends: 600 },
  { size: 500, appends: 300 },
]
const READ_SLICE = 1000
const PATHS = ['/', '/dermatology', '/dermatology/acne', '/cardiology', '/booking', '/pricing', '/blog/winter-skin']

let clock = Date.now()
const pick = <T>(values: readonly T[]): T => values[Math.floor(Math.random() * values.length)]!

/** A page view as the browser SDK sends it: random ids, few distinct agents and paths. */
function webEvent(): LogRecord {
  clock += Math.floor(Math.random() * 5)
  const time = new Date(clock).toISOString()
  const event: CanonicalEvent = {
    type: 'page',
    messageId: randomUUID(),
    timestamp: time,
    originalTimestamp: time,
    sentAt: time,
    receivedAt: time,
    anonymousId: randomUUID(),
    properties: { path: pick(PATHS), search: '', n: Math.floor(Math.random() * 1000) },
    context: { userAgent: `Mozilla/5.0 (X11; Linux x86_64) Chrome/1${pick([28, 29, 30])}.0`, library: { name: 'web' } },
    integrations: {},
  }
  return { type: 'event', receivedAt: clock, source: 'web', event }
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0
}
const median = (values: readonly number[]) => quantile(values, 0.5)

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function readAll(log: EventLog, next: number): Promise<void> {
  for (let from = 0; from < next; from += READ_SLICE) await log.read({ from, recordsMax: READ_SLICE })
}

async function measure(parent: string, size: number, appends: number) {
  const folder = mkdtempSync(join(parent, 'onefold-bench-'))
  const log = openSqliteLog(folder, { role: 'writer' })
  const groups = Array.from({ length: appends }, () => Array.from({ length: size }, webEvent))
  const jsonBytes = Buffer.byteLength(JSON.stringify(groups)) / (size * appends)
  const times: number[] = []
  for (const group of groups) times.push(await timed(() => log.append(group)))
  const total = times.reduce((sum, ms) => sum + ms, 0)
  const reads: number[] = []
  for (let run = 0; run < 5; run += 1) reads.push(await timed(() => readAll(log, size * appends)))
  const heads = await timed(async () => {
    for (let i = 0; i < 1000; i += 1) await log.head()
  })
  await log.close()
  const stored = statSync(join(folder, 'log.db')).size / (size * appends)
  rmSync(folder, { recursive: true })
  return {
    'events per append': size,
    'append, ms (median)': Number(median(times).toFixed(2)),
    'append, ms (p99)': Number(quantile(times, 0.99).toFixed(2)),
    'appended events/s': Math.round((size * appends * 1000) / total),
    'read events/s': Math.round((size * appends * 1000) / median(reads)),
    'JSON B/event': Math.round(jsonBytes),
    'stored B/event': Math.round(stored),
    'head, µs': Number(heads.toFixed(2)),
  }
}

/** What the disk itself takes to make 4 KiB durable: the floor under every append. */
function fsyncFloor(parent: string): number {
  const path = join(parent, `onefold-bench-${process.pid}`)
  const file = openSync(path, 'w')
  const times: number[] = []
  for (let i = 0; i < 300; i += 1) {
    const start = performance.now()
    writeSync(file, Buffer.alloc(4096))
    fsyncSync(file)
    times.push(performance.now() - start)
  }
  closeSync(file)
  rmSync(path)
  return median(times)
}

const parent = process.argv[2] ?? tmpdir()
console.log(`write and fsync of 4 KiB, median: ${fsyncFloor(parent).toFixed(2)} ms`)
const rows: Awaited<ReturnType<typeof measure>>[] = []
for (const { size, appends } of SHAPES) rows.push(await measure(parent, size, appends))
console.table(rows)
