// Measures delivery to one local webhook: a backlog of events in real files, delivered by a process of its own to a receiver in
// another, against the bare engine calling the same receiver with the same concurrency. Prints events/s, CPU and memory, and
// what an idle second costs. Run: node bench/delivery.ts [events]
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createDelivery } from '../src/activate/delivery.ts'
import { openDestination } from '../src/activate/hosted.ts'
import { createOutboundAgent } from '../src/activate/outbound.ts'
import type { CanonicalEvent } from '../src/spec/event.ts'
import type { LogRecord } from '../src/spec/log-record.ts'
import { openSqliteDestinationStore } from '../src/store/sqlite/destinations.ts'
import { openSqliteLedger } from '../src/store/sqlite/ledger.ts'
import { openSqliteLog } from '../src/store/sqlite/log.ts'
import { openSqliteState } from '../src/store/sqlite/state.ts'
import { createSecretBox } from '../src/util/secret-box.ts'
import { EMPTY } from '../test/support/delivery.ts'

const SELF = fileURLToPath(import.meta.url)
const ALLOW = ['127.0.0.0/8']
const BATCH = 500
const secretBox = createSecretBox('bench')
const [role = '2000', first = '', second = ''] = process.argv.slice(2)

function event(number: number): CanonicalEvent {
  const at = new Date().toISOString()
  const times = { timestamp: at, originalTimestamp: at, sentAt: at, receivedAt: at }
  const properties = { product_id: `p${number}`, price: 10.5, name: 'Lamp', path: '/lamps/desk', tags: ['a', 'b'] }
  const base = {
    type: 'track' as const,
    event: 'Product Viewed',
    messageId: `bench-${number}`,
    userId: `u${number % 500}`,
  }
  return { ...base, ...times, properties, context: { library: { name: 'bench' } }, integrations: {} }
}

async function feed(dir: string, url: string, events: number): Promise<void> {
  const log = openSqliteLog(dir, { role: 'writer' })
  const state = openSqliteState(dir, { role: 'writer' })
  const destinations = openSqliteDestinationStore(join(dir, 'destinations.db'), { secretBox })
  const mapping = { url, method: 'POST', data: { '@path': '$.' } }
  const subscriptions = [{ partnerAction: 'send', subscribe: 'type = "track"', mapping, enabled: true }]
  const input = { type: 'actions-webhook', settings: {}, enabled: true, segments: [], subscriptions }
  const now = Date.now()
  await destinations.put({ ...input, slug: 'hook', createdAt: now, updatedAt: now }, { offset: 0, ordinal: 0 })
  for (let at = 0; at < events; at += BATCH) {
    const records = Array.from(
      { length: BATCH },
      (_, i): LogRecord => ({ type: 'event', receivedAt: now, source: 'web', event: event(at + i) }),
    )
    const offset = await log.append(records)
    const expected = await state.position()
    const verdicts = records.map((_, i) => ({ offset: offset + i, code: 'accepted' as const, set: 0, profile: 0 }))
    const position = { next: offset + BATCH, logTime: now, commit: expected.commit + 1, ordinal: 0 }
    await state.commit({ ...EMPTY, expected, position, verdicts })
  }
  await Promise.all([log.close(), state.close(), destinations.close()])
}

function measure<T>(body: () => Promise<T>): Promise<{ seconds: number; cpuSeconds: number }> {
  const [start, cpu] = [performance.now(), process.cpuUsage()]
  return body().then(() => {
    const used = process.cpuUsage(cpu)
    return { seconds: (performance.now() - start) / 1000, cpuSeconds: (used.user + used.system) / 1e6 }
  })
}

async function deliver(dir: string, events: number): Promise<object> {
  const ledger = openSqliteLedger(join(dir, 'ledger.db'))
  const delivery = createDelivery({
    log: openSqliteLog(dir, { role: 'reader' }),
    state: openSqliteState(dir, { role: 'reader' }),
    destinations: openSqliteDestinationStore(join(dir, 'destinations.db'), { secretBox, readOnly: true }),
    ledger,
    outboundAllow: ALLOW,
    logger: { info() {}, warn() {}, error: (fields, message) => console.error(message, fields) },
  })
  const abort = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const busy = await measure(async () => {
    running = delivery.run(abort.signal)
    const delivered = async () => (await ledger.counts()).find(({ status }) => status === 'delivered')?.count ?? 0
    while ((await delivered()) < events) await sleep(10)
  })
  const memory = process.memoryUsage().rss
  const idle = await measure(() => sleep(2000))
  abort.abort()
  await running
  return { ...busy, rssMb: Math.round(memory / 1e6), idleCpuPercent: (idle.cpuSeconds / idle.seconds) * 100 }
}

async function bare(url: string, events: number): Promise<object> {
  const hosted = openDestination('actions-webhook', {
    agent: createOutboundAgent(ALLOW),
    timeoutMs: 10_000,
    now: Date.now,
  })
  const mapping = { url, method: 'POST', data: { '@path': '$.' } }
  const subscription = { partnerAction: 'send', subscribe: 'type = "track"', mapping }
  let next = 0
  const worker = async () => {
    while (next < events)
      await hosted.send({ event: event(next), settings: {}, subscription, idempotencyKey: `k${next++}` })
  }
  const busy = await measure(() => Promise.all(Array.from({ length: 8 }, worker)))
  return { ...busy, rssMb: Math.round(process.memoryUsage().rss / 1e6) }
}

function receive(): void {
  const server = http.createServer((request, response) => request.resume().on('end', () => response.end('ok')))
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => child.once('message', resolve).once('error', reject))
}

async function main(events: number): Promise<void> {
  const receiver = fork(SELF, ['receive'])
  const url = `http://127.0.0.1:${await answerOf(receiver)}/hook`
  const dir = mkdtempSync(join(tmpdir(), 'onefold-bench-delivery-'))
  await feed(dir, url, events)
  const results: Record<string, object> = {}
  for (const [name, target] of [
    ['bare', url],
    ['deliver', dir],
  ] as const) {
    results[name] = (await answerOf(fork(SELF, [name, target, String(events)]))) as object
  }
  console.table(results)
  receiver.disconnect()
  rmSync(dir, { recursive: true })
}

if (role === 'receive') receive()
else if (role === 'bare') process.send?.(await bare(first, Number(second)), () => process.exit())
else if (role === 'deliver') process.send?.(await deliver(first, Number(second)), () => process.exit())
else await main(Math.ceil(Number(role) / BATCH) * BATCH)
