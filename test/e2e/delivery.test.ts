// Delivery against a real HTTP server: what is told, to whom, and what becomes of it.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { DeliveryWorld, Receiver } from '../support/delivery.ts'

let tool: Receiver
let world: DeliveryWorld
beforeEach(async () => {
  tool = await new Receiver().open()
  world = new DeliveryWorld()
  // The first record of a log is never an event.
  await world.event({}, 'none')
})
afterEach(() => tool.close())

const names = () => tool.received.map(({ body }) => body.event)
const webhook = (subscribe: string, extra: object = {}) => ({
  partnerAction: 'send',
  subscribe,
  mapping: { url: `${tool.url}/hook`, data: { '@path': '$.' } },
  enabled: true,
  ...extra,
})

describe('events', () => {
  it('go to the destination as they are, once, under the delivery id', async () => {
    await world.put('hook', { url: `${tool.url}/hook` })
    const offset = await world.event({ event: 'Order Completed', properties: { price: 9, 'a.b': [null, 'ü'] } })
    await world.delivery.deliveryOnce()
    await world.delivery.deliveryOnce()
    assert.equal(tool.received.length, 1)
    const { headers, body } = tool.received[0]!
    const logged = (await world.log.get([offset]))[0]!.record
    assert.deepEqual(body, logged.type === 'event' && logged.event)
    const [row] = await world.rows()
    assert.equal(headers['idempotency-key'], row!.id)
    assert.deepEqual([row!.status, row!.attempts, row!.responseStatus, row!.responseBody], ['delivered', 1, 200, '{}'])
    assert.deepEqual([row!.offset, row!.ordinal, row!.subscription], [offset, 0, '0'])
  })

  it('only those accepted, and those a subscription matches, make rows', async () => {
    await world.put('hook', { subscriptions: [webhook('event = "A"'), webhook('type = "page"', { name: 'pages' })] })
    await world.event({ event: 'A' }, 'duplicate')
    await world.event({ event: 'A' }, 'no_identifier')
    await world.event({ event: 'A' }, 'suppressed')
    await world.event({ event: 'B' })
    await world.event({ event: 'A' })
    await world.event({ type: 'page', name: 'Home' })
    await world.delivery.deliveryOnce()
    assert.deepEqual(await world.told(), ['hook event:A delivered', 'hook event:Page Viewed delivered'])
  })

  it('begin at the creation of the destination, and nothing after it is missed', async () => {
    await world.event({ event: 'before' })
    await world.put('hook', { url: `${tool.url}/hook` })
    await world.event({ event: 'after' })
    await world.delivery.deliveryOnce()
    assert.deepEqual(names(), ['after'])
  })

  it('are not sent by a disabled subscription or destination; enabling it again begins anew', async () => {
    await world.put('hook', { subscriptions: [webhook('type = "track"', { enabled: false })] })
    await world.event({ event: 'one' })
    await world.delivery.deliveryOnce()
    await world.put('hook', { enabled: false, url: `${tool.url}/hook` })
    await world.event({ event: 'two' })
    await world.delivery.deliveryOnce()
    assert.deepEqual(await world.rows(), [])
    await world.put('hook', { url: `${tool.url}/hook` })
    await world.event({ event: 'three' })
    await world.delivery.deliveryOnce()
    assert.deepEqual(names(), ['three'])
  })

  it('obey their integrations object, by display name, type or slug', async () => {
    await world.put('hook', { url: `${tool.url}/hook` })
    const cases: [object, boolean][] = [
      [{ All: false }, false],
      [{ All: false, Webhook: true }, true],
      [{ All: false, Webhook: { option: 1 } }, true],
      [{ Webhook: false }, false],
      [{ 'actions-webhook': false }, false],
      [{ hook: false }, false],
      [{ All: true, Slack: false }, true],
      [JSON.parse('{"__proto__":false,"All":true}'), true],
    ]
    for (const [integrations, sent] of cases) {
      const before = tool.received.length
      await world.event({ integrations: integrations as never })
      await world.delivery.deliveryOnce()
      assert.equal(tool.received.length - before, Number(sent), JSON.stringify(integrations))
    }
  })
})

describe('outcomes', () => {
  it('500 then 200: the same request again under the same key, after a delay', async () => {
    tool.answer = (_request, response) => {
      response.statusCode = tool.received.length === 1 ? 500 : 200
      response.end('text')
    }
    await world.put('hook', { url: `${tool.url}/hook` })
    await world.event({})
    await world.delivery.deliveryOnce()
    const [failed] = await world.rows()
    assert.deepEqual([failed!.status, failed!.responseStatus, failed!.errorCode], ['failed', 500, 'http_500'])
    assert.equal(failed!.nextAttemptAt, world.now + 1000)
    await world.delivery.deliveryOnce()
    assert.equal(tool.received.length, 1)
    world.now += 1000
    await world.delivery.deliveryOnce()
    assert.equal((await world.rows())[0]!.status, 'delivered')
    const [first, second] = tool.received
    assert.equal(first!.headers['idempotency-key'], second!.headers['idempotency-key'])
    assert.deepEqual(first!.body, second!.body)
  })

  it('400 is refused for good; 429 waits as long as it is told', async () => {
    tool.answer = (request, response) => {
      if (request.body.event === 'busy') response.setHeader('retry-after', '30')
      response.statusCode = request.body.event === 'busy' ? 429 : 400
      response.end('no')
    }
    await world.put('hook', { url: `${tool.url}/hook` })
    await world.event({ event: 'bad' })
    await world.event({ event: 'busy' })
    await world.delivery.deliveryOnce()
    const [bad, busy] = await world.rows()
    assert.deepEqual([bad!.status, bad!.nextAttemptAt, bad!.responseBody], ['refused', null, 'no'])
    assert.deepEqual([busy!.status, busy!.nextAttemptAt], ['failed', world.now + 30_000])
  })

  it('a refused connection is tried again, with growing delays, until the row is dead; a retry by hand revives it', async () => {
    const { url } = tool
    await tool.close()
    await world.put('hook', { url: `${url}/hook?token=very-secret` })
    await world.event({})
    const delays: number[] = []
    for (let attempt = 1; attempt <= 20; attempt++) {
      await world.delivery.deliveryOnce()
      const [row] = await world.rows()
      assert.equal(row!.errorCode, 'econnrefused')
      assert.doesNotMatch(JSON.stringify(row), /very-secret/)
      if (row!.nextAttemptAt !== null) delays.push(row!.nextAttemptAt - world.now)
      world.now = row!.nextAttemptAt ?? world.now
    }
    assert.deepEqual(delays.slice(0, 4), [1000, 2000, 4000, 8000])
    assert.equal(delays.at(-1), 600_000)
    assert.equal((await world.rows())[0]!.status, 'dead')
    assert.equal(await world.ledger.retry({ cause: 'econnrefused' }, world.now), 1)
    await world.delivery.deliveryOnce()
    assert.deepEqual([(await world.rows())[0]!.status, (await world.rows())[0]!.attempts], ['failed', 1])
  })

  it('private addresses are refused in every notation, also behind a redirect', async () => {
    world = new DeliveryWorld({ outboundAllow: [] })
    await world.event({}, 'none')
    const port = new URL(tool.url).port
    const hosts = [
      '127.0.0.1',
      '127.1',
      '0x7f000001',
      '2130706433',
      '[::ffff:127.0.0.1]',
      '[::1]',
      'localhost',
      '10.0.0.1',
    ]
    for (const [at, host] of hosts.entries()) await world.put(`hook${at}`, { url: `http://${host}:${port}/x` })
    await world.event({})
    await world.delivery.deliveryOnce()
    const rows = await world.rows()
    assert.equal(rows.length, hosts.length)
    for (const row of rows) assert.deepEqual([row.status, row.errorCode], ['refused', 'outbound_refused'])
    assert.equal(tool.received.length, 0)
  })

  it('a redirect into a refused network is refused', async () => {
    tool.answer = (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
    await world.put('hook', { url: `${tool.url}/hook` })
    await world.event({})
    await world.delivery.deliveryOnce()
    assert.equal((await world.rows())[0]!.errorCode, 'outbound_refused')
  })

  it('secrets that a tool answers with are not kept', async () => {
    tool.answer = (_request, response) => response.writeHead(401).end('wrong key: hunter2-hunter2')
    await world.put('hook', { url: `${tool.url}/hook`, settings: { sharedSecret: 'hunter2-hunter2' } })
    await world.event({})
    await world.delivery.deliveryOnce()
    assert.equal((await world.rows())[0]!.responseBody, 'wrong key: •••')
    assert.ok(tool.received[0]!.headers['x-signature'])
  })

  it('a row whose event is gone, or whose subscription is, is refused', async () => {
    tool.answer = (_request, response) => response.writeHead(500).end()
    await world.put('hook', { url: `${tool.url}/hook` })
    const offset = await world.event({ event: 'redacted' })
    await world.event({ event: 'orphan' })
    await world.delivery.deliveryOnce()
    await world.log.redact([offset])
    world.now += 1000
    await world.delivery.deliveryOnce()
    await world.put('hook', { subscriptions: [] })
    world.now += 10_000
    await world.delivery.deliveryOnce()
    const codes = (await world.rows()).map((row) => `${row.status} ${row.errorCode}`)
    assert.deepEqual(codes, ['refused payload_gone', 'refused subscription_removed'])
  })
})
