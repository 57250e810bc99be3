// Delivery as it runs: its own loop, real time, real sockets, several destinations, restarts. No assertion is about speed.
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSqliteLedger } from '../../src/store/sqlite/ledger.ts'
import { DeliveryWorld, Receiver } from '../support/delivery.ts'

let tool: Receiver
let world: DeliveryWorld
const clock = { now: () => Date.now() }
const limits = { retryDelayMsMin: 20, stopMsMax: 200, recheckMs: 50 }
let stops: (() => Promise<void>)[] = []

beforeEach(async () => {
  tool = await new Receiver().open()
  world = new DeliveryWorld({ clock, limits })
  await world.event({}, 'none')
})
afterEach(async () => {
  for (const stop of stops) await stop()
  stops = []
  await tool.close()
})

function start(delivery = world.delivery): () => Promise<void> {
  const abort = new AbortController()
  const done = delivery.run(abort.signal)
  const stop = async () => {
    abort.abort()
    await done
  }
  stops.push(stop)
  return stop
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, 'it did not come about')
    await sleep(5)
  }
}

it('picks up destinations and events as they come, and rows retried by hand', async () => {
  tool.answer = (_request, response) => response.writeHead(tool.received.length === 1 ? 400 : 200).end()
  start()
  await world.put('hook', { url: `${tool.url}/hook` })
  await world.event({ event: 'first' })
  await until(async () => (await world.rows())[0]?.status === 'refused')
  await world.ledger.retry({ cause: 'http_400' }, Date.now())
  await until(() => tool.received.length === 2)
  await world.put('second', { url: `${tool.url}/second` })
  await world.event({ event: 'both' })
  await until(() => tool.received.length === 4)
  await world.destinations.remove('second')
  await world.event({ event: 'one' })
  await until(() => tool.received.length === 5)
  assert.equal(tool.received[4]!.path, '/hook')
  await until(async () => (await world.ledger.destinations()).length === 1)
})

it('a destination that never answers delays no other, nor does stopping wait for it', async () => {
  tool.answer = (request, response) => {
    if (request.path !== '/hang') response.end()
  }
  await world.put('hang', { url: `${tool.url}/hang` })
  await world.put('hook', { url: `${tool.url}/hook` })
  const stop = start()
  for (let i = 0; i < 100; i++) await world.event({ event: `e${i}` })
  await until(() => tool.received.filter(({ path }) => path === '/hook').length === 100)
  assert.equal(tool.received.filter(({ path }) => path === '/hang').length, 8)
  await world.put('hang', { url: `${tool.url}/hang`, enabled: false })
  await world.event({ event: 'last' })
  await until(() => tool.received.filter(({ path }) => path === '/hook').length === 101)
  await stop()
  const hanging = (await world.rows()).filter((row) => row.destination === 'hang')
  assert.ok(hanging.every((row) => row.status === 'pending'))
})

it('another delivery on the same ledger goes on where one was cut off, under the same keys', async () => {
  const ledger = openSqliteLedger(join(mkdtempSync(join(tmpdir(), 'onefold-delivery-')), 'ledger.db'))
  let dead = true
  tool.answer = (_request, response) => {
    if (!dead) response.end()
  }
  await world.put('hook', { url: `${tool.url}/hook`, segments: ['vip'] })
  const first = start(world.makeDelivery({ ledger }))
  for (let i = 0; i < 300; i++) await world.event({ event: `e${i}` })
  await world.change('segment_entered', 'vip', 'jane')
  await until(() => tool.received.length === 8)
  // Eight requests are out and unanswered: as a crash leaves them.
  await first()
  dead = false
  const before = new Map(tool.received.map(({ headers, body }) => [body.event, headers['idempotency-key']]))
  tool.received.length = 0
  start(world.makeDelivery({ ledger }))
  await until(() => tool.received.length >= 301)
  await until(async () => (await ledger.counts()).every(({ status }) => status === 'delivered'))
  assert.equal(tool.received.length, 301)
  assert.equal(new Set(tool.received.map(({ body }) => body.event)).size, 301)
  for (const { headers, body } of tool.received) {
    if (before.has(body.event)) assert.equal(headers['idempotency-key'], before.get(body.event))
  }
  for (const stop of stops.splice(0)) await stop()
  await ledger.close()
})

it('a ledger that fails for a while loses nothing', async () => {
  const { ledger } = world
  let failing = 0
  const flaky = new Proxy(ledger, {
    get(target, name: keyof typeof ledger) {
      const method = target[name] as (...values: unknown[]) => Promise<unknown>
      return async (...values: unknown[]) => {
        if ((name === 'plan' || name === 'settle' || name === 'due') && failing++ % 3 === 0) throw new Error('disk')
        return method.apply(target, values)
      }
    },
  })
  const sleepBriefly = (ms: number, signal?: AbortSignal) =>
    sleep(Math.min(ms, 5), undefined, { signal }).catch(() => {})
  await world.put('hook', { url: `${tool.url}/hook` })
  start(world.makeDelivery({ ledger: flaky, sleep: sleepBriefly as never }))
  for (let i = 0; i < 200; i++) await world.event({ event: `e${i}` })
  await until(async () => (await world.rows()).filter((row) => row.status === 'delivered').length === 200)
  assert.equal(tool.received.length, 200)
})
