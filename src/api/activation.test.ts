// Destinations, deliveries, the rejected feed and the feed of events over the API.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApiWorld } from '../../test/support/api.ts'
import type { Delivery } from '../spec/delivery.ts'

const webhook = {
  type: 'actions-webhook',
  settings: { sharedSecret: 'hush' },
  segments: ['vip'],
  subscriptions: [{ partnerAction: 'send', subscribe: 'type = "track"', mapping: { url: 'https://x.test' } }],
}

test('a destination never shows its secret, and keeps it when the mask is sent back', async () => {
  const world = await createApiWorld()
  const made = (await world.call('PUT', '/api/v1/destinations/hook', webhook)).body
  assert.equal(made.settings.sharedSecret, '••••••••')
  assert.match(made.warnings[0], /no segment vip/)
  const { warnings: _warnings, slug: _slug, createdAt: _created, updatedAt: _updated, ...input } = made
  await world.call('PUT', '/api/v1/destinations/hook', { ...input, enabled: false })
  const stored = await world.deps.destinations.get('hook')
  assert.deepEqual([stored?.settings, stored?.enabled], [{ sharedSecret: 'hush' }, false])
  const wrong = await world.call('PUT', '/api/v1/destinations/hook', { ...webhook, type: 'nothing' })
  assert.deepEqual([wrong.status, wrong.body.pointer], [400, '/type'])
  assert.equal((await world.call('GET', '/api/v1/destinations')).body.items.length, 1)
  assert.equal((await world.call('DELETE', '/api/v1/destinations/hook')).status, 200)
  assert.equal((await world.call('GET', '/api/v1/destinations/hook')).status, 404)
})

test('the catalogue is listed and described', async () => {
  const world = await createApiWorld()
  assert.equal((await world.call('GET', '/api/v1/catalog/destinations?q=WEB')).body.items[0].type, 'actions-webhook')
  assert.equal((await world.call('GET', '/api/v1/catalog/destinations/actions-webhook')).body.name, 'Webhook')
  assert.equal((await world.call('GET', '/api/v1/catalog/destinations/nothing')).status, 404)
})

const delivery = (id: string, status: Delivery['status']): Delivery => ({
  id,
  destination: 'hook',
  subscription: '0',
  offset: 1,
  ordinal: 0,
  subject: 'event:Seen',
  profileId: null,
  status,
  attempts: 1,
  nextAttemptAt: null,
  createdAt: Date.parse('2026-03-01T00:00:00Z'),
  updatedAt: Date.parse('2026-03-01T00:00:00Z'),
  responseStatus: 500,
  errorCode: 'http_500',
  errorMessage: null,
  responseBody: null,
})

test('deliveries are paged newest first, counted, and retried by what failed them', async () => {
  const world = await createApiWorld()
  const rows = [delivery('a', 'dead'), delivery('b', 'delivered'), delivery('c', 'failed')]
  await world.ledger.plan('hook', rows, { offset: 2, ordinal: 0 })
  const first = (await world.call('GET', '/api/v1/deliveries?limit=2&count=exact')).body
  const second = (await world.call('GET', `/api/v1/deliveries?limit=2&cursor=${first.next}`)).body
  assert.deepEqual(
    [...first.items, ...second.items].map((row) => row.id),
    ['c', 'b', 'a'],
  )
  assert.deepEqual([first.count, second.next], [3, null])
  assert.equal((await world.call('GET', '/api/v1/deliveries?status=dead&destination=hook')).body.items[0].id, 'a')
  assert.equal((await world.call('GET', '/api/v1/deliveries/a')).body.errorCode, 'http_500')
  assert.equal(
    (await world.call('POST', '/api/v1/deliveries/retry', {})).status,
    400,
    'all is never meant by saying nothing',
  )
  const retried = await world.call('POST', '/api/v1/deliveries/retry', {
    cause: 'http_500',
    from: '2026-01-01T00:00:00Z',
  })
  assert.deepEqual(retried.body, { retried: 2 })
})

test('the rejected feed joins the refusals of the door and of the pipeline, in pages that lose none', async () => {
  const world = await createApiWorld()
  for (let index = 0; index < 3; index++) {
    world.clock.at += 1000
    const receivedAt = world.clock.at
    const message = 'A track call needs a name.'
    await world.rejected.append([{ receivedAt, source: 'browser', code: 'missing_event_name', message, body: '{}' }])
    await world.send({ userId: 'anonymous', event: `Nobody ${index}` })
  }
  const seen: string[] = []
  let url = '/api/v1/rejected?limit=2'
  for (;;) {
    const { body } = await world.call('GET', url)
    seen.push(...body.items.map((item: { stage: string }) => item.stage))
    if (body.next === null) break
    url = `/api/v1/rejected?limit=2&cursor=${body.next}`
  }
  assert.deepEqual(seen, ['pipeline', 'door', 'pipeline', 'door', 'pipeline', 'door'])
  const only = (await world.call('GET', '/api/v1/rejected?code=no_identifier')).body.items
  assert.equal(only.length, 3)
  assert.match(only[0].body, /Nobody 2/)
  assert.equal((await world.call('GET', '/api/v1/rejected?stage=door&count=exact')).body.count, 3)
})

test('the feed of events goes on from where it was read, with verdicts and filters', async () => {
  const world = await createApiWorld()
  await world.send({ userId: 'u1', event: 'One' })
  const start = (await world.call('GET', '/api/v1/events?limit=1')).body
  assert.equal(start.items[0].event, 'One')
  await world.send({ userId: 'u1', event: 'Two', messageId: 'same' })
  await world.send({ userId: 'u1', event: 'Two', messageId: 'same' })
  await world.send({ type: 'page', anonymousId: 'a1' })
  const more = (await world.call('GET', `/api/v1/events?after=${start.next}`)).body
  assert.deepEqual(
    more.items.map((item: { event: string; verdict: string }) => [item.event, item.verdict]),
    [
      ['Two', 'accepted'],
      ['Two', 'duplicate'],
      ['Page Viewed', 'accepted'],
    ],
  )
  assert.deepEqual((await world.call('GET', `/api/v1/events?after=${more.next}`)).body, { items: [], next: more.next })
  const mine = (await world.call('GET', '/api/v1/events?after=-1&user=a1')).body.items
  assert.deepEqual(
    mine.map((item: { type: string }) => item.type),
    ['page'],
  )
  const paged = (await world.call('GET', '/api/v1/events?after=-1&limit=1&event=Two')).body
  assert.equal(paged.items.length, 1)
  assert.equal(
    (await world.call('GET', `/api/v1/events?after=${paged.next}&event=Two`)).body.items[0].verdict,
    'duplicate',
  )
})
