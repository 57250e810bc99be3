// Changes of segments told to destinations, present members included, against a real HTTP server.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, it } from 'node:test'
import { DeliveryWorld, EMPTY, Receiver } from '../support/delivery.ts'

let tool: Receiver
let world: DeliveryWorld
beforeEach(async () => {
  tool = await new Receiver().open()
  world = new DeliveryWorld()
  await world.event({}, 'none')
})
afterEach(() => tool.close())

const told = () => tool.received.map(({ body }) => `${body.userId} ${body.event}`)

it('tells Entered and Exited as track events through the same subscriptions', async () => {
  await world.put('hook', { url: `${tool.url}/hook`, segments: ['vip'] })
  await world.event({ type: 'identify' })
  await world.change('segment_entered', 'vip', 'jane')
  await world.change('segment_entered', 'other', 'jane')
  await world.delivery.deliveryOnce()
  await world.change('segment_exited', 'vip', 'jane')
  await world.delivery.deliveryOnce()
  assert.deepEqual(told(), ['jane Audience Entered', 'jane Audience Exited'])
  const [entered, exited] = tool.received.map(({ body }) => body)
  assert.ok(entered !== undefined && exited !== undefined)
  assert.deepEqual(entered.properties, { audience_key: 'vip', vip: true, email: 'jane@example.com' })
  assert.equal(exited.properties.vip, false)
  assert.deepEqual(entered.context.personas, {
    computation_class: 'audience',
    computation_id: 'aud_vip',
    computation_key: 'vip',
    namespace: 'default',
    space_id: 'default',
  })
  assert.equal(entered.context.traits.email, 'jane@example.com')
  assert.equal(entered.messageId, 'change-1-1')
  assert.equal(entered.timestamp, new Date(world.now).toISOString())
  assert.deepEqual(entered.integrations, { All: false, Webhook: true })
  assert.deepEqual(await world.told(), ['hook segment_entered:vip delivered', 'hook segment_exited:vip delivered'])
  assert.equal((await world.rows())[0]!.profileId, 'p_jane')
})

it('tells what happened between the creation of the destination and its first sight', async () => {
  await world.segment('vip')
  await world.put('hook', { url: `${tool.url}/hook`, segments: ['vip'] })
  await world.event({ type: 'identify' })
  await world.change('segment_entered', 'vip', 'jane')
  await world.change('segment_exited', 'vip', 'jane')
  await world.event({ type: 'identify' })
  await world.delivery.deliveryOnce()
  assert.deepEqual(told(), ['jane Audience Entered', 'jane Audience Exited'])
})

it('tells present members once when a destination begins to list the segment', async () => {
  const vip = await world.segment('vip')
  await world.profile('ann', { memberships: [[vip.id, world.now - 5000]] })
  await world.profile('bob', { memberships: [[vip.id, world.now - 4000]] })
  await world.profile('suppressed', { memberships: [[vip.id, world.now - 4000]], suppressed: true })
  await world.put('hook', { url: `${tool.url}/hook`, segments: ['vip'] })
  await world.delivery.deliveryOnce()
  await world.event({ type: 'identify' })
  await world.change('segment_exited', 'vip', 'ann')
  await world.delivery.deliveryOnce()
  assert.deepEqual(told().sort(), ['ann Audience Entered', 'ann Audience Exited', 'bob Audience Entered'])
  assert.equal(tool.received[0]!.body.timestamp, new Date(world.now - 5000).toISOString())
  await world.makeDelivery().deliveryOnce()
  assert.equal(tool.received.length, 3)
})

it('does not tell an entry twice that both the members and the stream hold', async () => {
  const vip = await world.segment('vip')
  await world.put('hook', { url: `${tool.url}/hook`, segments: ['vip'] })
  await world.event({ type: 'identify' })
  await world.profile('ann', { memberships: [[vip.id, world.now]] })
  await world.change('segment_entered', 'vip', 'ann')
  await world.delivery.deliveryOnce()
  await world.profile('bob', { memberships: [[vip.id, world.now]] })
  await world.change('segment_entered', 'vip', 'bob')
  await world.delivery.deliveryOnce()
  assert.deepEqual(told(), ['ann Audience Entered', 'bob Audience Entered'])
})

it('a segment taken off the list and put back is told again, as is a destination enabled again', async () => {
  const vip = await world.segment('vip')
  await world.profile('ann', { memberships: [[vip.id, world.now - 5000]] })
  const hook = (segments: string[], enabled = true) => world.put('hook', { url: `${tool.url}/hook`, segments, enabled })
  await hook(['vip'])
  await world.delivery.deliveryOnce()
  await hook([])
  await world.event({ type: 'identify' })
  await world.delivery.deliveryOnce()
  await hook(['vip'])
  await world.delivery.deliveryOnce()
  assert.equal(tool.received.length, 2)
  await hook(['vip'], false)
  await world.event({ type: 'identify' })
  await hook(['vip'])
  await world.delivery.deliveryOnce()
  assert.deepEqual(
    told(),
    Array.from({ length: 3 }, () => 'ann Audience Entered'),
  )
  assert.equal(new Set(tool.received.map(({ headers }) => headers['idempotency-key'])).size, 3)
})

it('an Exited never overtakes the Entered that is still being retried', async () => {
  tool.answer = (_request, response) => {
    response.statusCode = tool.received.length === 1 ? 503 : 200
    response.end()
  }
  await world.put('hook', { url: `${tool.url}/hook`, segments: ['vip'] })
  await world.event({ type: 'identify' })
  await world.change('segment_entered', 'vip', 'jane')
  await world.change('segment_exited', 'vip', 'jane')
  await world.change('segment_entered', 'vip', 'bob')
  await world.delivery.deliveryOnce()
  assert.deepEqual(told(), ['jane Audience Entered', 'bob Audience Entered'])
  world.now += 1000
  await world.delivery.deliveryOnce()
  assert.deepEqual(told().slice(2), ['jane Audience Entered', 'jane Audience Exited'])
})

it('a retried member that has left, and a person suppressed since, are not told', async () => {
  tool.answer = (_request, response) => response.writeHead(500).end()
  const vip = await world.segment('vip')
  const ann = await world.profile('ann', { memberships: [[vip.id, world.now - 5000]] })
  await world.put('hook', { url: `${tool.url}/hook`, segments: ['vip'] })
  await world.event({ userId: 'bob' }, 'accepted', await world.profile('bob'))
  await world.delivery.deliveryOnce()
  const [profile] = await world.state.profiles([ann])
  const [bob] = await world.state.profiles([ann + 2])
  const position = await world.state.position()
  await world.state.commit({
    ...EMPTY,
    expected: position,
    position: { ...position, commit: position.commit + 1 },
    profiles: [
      { ...profile!, memberships: [] },
      { ...bob!, suppressed: true },
    ],
  })
  world.now += 1000
  await world.delivery.deliveryOnce()
  const codes = (await world.rows()).map((row) => `${row.subject} ${row.status} ${row.errorCode}`)
  assert.deepEqual(codes.sort(), [
    'event:Order Completed refused suppressed',
    'segment_entered:vip refused no_longer_member',
  ])
})

it('tells a suppressed person nothing but the exit, were it tried again', async () => {
  tool.answer = (_request, response) => response.writeHead(tool.received.length === 1 ? 503 : 200).end()
  const ann = await world.profile('ann')
  await world.put('hook', { url: `${tool.url}/hook`, segments: ['vip'] })
  await world.event({ type: 'identify' })
  await world.change('segment_entered', 'vip', 'ann')
  const [profile] = await world.state.profiles([ann])
  const position = await world.state.position()
  await world.state.commit({
    ...EMPTY,
    expected: position,
    position: { ...position, commit: position.commit + 1 },
    profiles: [{ ...profile!, suppressed: true }],
  })
  await world.change('segment_exited', 'vip', 'ann')
  await world.delivery.deliveryOnce()
  world.now += 1000
  await world.delivery.deliveryOnce()
  const rows = (await world.rows()).map((row) => `${row.subject} ${row.status} ${row.errorCode}`)
  assert.deepEqual(rows.sort(), ['segment_entered:vip refused suppressed', 'segment_exited:vip delivered null'])
  assert.deepEqual(new Set(told()), new Set(['ann Audience Exited']))
})
