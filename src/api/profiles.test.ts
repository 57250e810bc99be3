// Profiles over the API: found by any form of an identifier and by every id ever shown, with their events as soon as the
// pipeline has committed them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApiWorld } from '../../test/support/api.ts'

test('a profile is found by identifier, by an e-mail in another case, by a number as its region writes it, and by id', async () => {
  const world = await createApiWorld()
  await world.send({ type: 'identify', userId: 'u/1:x', traits: { email: 'jane@x.com', phone: '030 12345678' } })
  const { body: jane } = await world.call('GET', '/api/v1/profiles/user_id:u%2F1%3Ax')
  assert.deepEqual(jane.traits, { email: 'jane@x.com', phone: '030 12345678' })
  for (const reference of [
    'user_id:u/1:x',
    'email:JANE@X.com',
    'email%3Ajane%40x.com',
    'phone:030%2012345678',
    'phone:%2B493012345678',
    jane.id,
  ]) {
    const { status, body } = await world.call('GET', `/api/v1/profiles/${reference}`)
    assert.equal(status, 200, reference)
    assert.equal(body.id, jane.id)
  }
  assert.equal((await world.call('GET', '/api/v1/profiles/user_id:nobody')).status, 404)
  assert.equal((await world.call('GET', '/api/v1/profiles/nobody')).status, 404)
  assert.equal((await world.call('GET', `/api/v1/profiles/user_id:${'x'.repeat(1500)}`)).status, 404)
})

test('the id of a profile that was merged away still finds the person', async () => {
  const world = await createApiWorld()
  await world.send({ anonymousId: 'a1', event: 'Seen' })
  await world.send({ userId: 'u1', event: 'Bought' })
  const before = (await world.call('GET', '/api/v1/profiles/user_id:u1')).body
  await world.send({ type: 'identify', userId: 'u1', anonymousId: 'a1' })
  const after = (await world.call('GET', `/api/v1/profiles/${before.id}`)).body
  assert.notEqual(after.id, before.id)
  assert.equal(after.identifiers.length, 2)
})

test('the timeline is never behind: what history lacks comes from the log, and pages do not overlap', async () => {
  const world = await createApiWorld()
  for (let index = 0; index < 5; index++)
    await world.send({ userId: 'u1', event: `Old ${index}`, properties: { index } })
  await world.writeHistory()
  // A late event sorts by when it happened, in whichever store it is.
  await world.send({ userId: 'u1', event: 'Late', timestamp: new Date(world.clock.at - 1_500).toISOString() })
  await world.send({ userId: 'u1', event: 'New' })
  await world.send({ userId: 'other', event: 'Foreign' })
  const seen: string[] = []
  let url = '/api/v1/profiles/user_id:u1/events?limit=3&count=exact'
  for (;;) {
    const { body } = await world.call('GET', url)
    assert.equal(body.count, 7)
    assert.equal(body.partial, undefined)
    seen.push(...body.items.map((item: { event: string }) => item.event))
    if (body.next === null) break
    url = `/api/v1/profiles/user_id:u1/events?limit=3&count=exact&cursor=${body.next}`
  }
  assert.deepEqual(seen, ['New', 'Old 4', 'Old 3', 'Late', 'Old 2', 'Old 1', 'Old 0'])
})

test('the timeline answers from the log alone while history is away, and leaves out what was redacted', async () => {
  const world = await createApiWorld()
  const secret = await world.send({ userId: 'u1', event: 'Secret' })
  await world.send({ type: 'page', userId: 'u1', name: 'Home', properties: { path: '/' } })
  await world.writeHistory()
  await world.log.redact([secret])
  const read = async () => (await world.call('GET', '/api/v1/profiles/user_id:u1/events')).body
  const [withHistory, ...rest] = (await read()).items
  assert.deepEqual(rest, [])
  assert.equal(withHistory.event, 'Page Viewed')
  assert.equal(withHistory.source, 'server')
  world.flow.historyUp = false
  assert.deepEqual(await read(), { items: [withHistory], next: null })
})

test('search finds an exact identifier first, then text; and while history is away still the exact one', async () => {
  const world = await createApiWorld()
  await world.send({ type: 'identify', userId: 'jane', traits: { name: 'Jane' } })
  await world.send({ type: 'identify', userId: 'u2', traits: { name: 'Mary Jane' } })
  await world.writeHistory()
  const search = async (q: string) => (await world.call('GET', `/api/v1/profiles?q=${encodeURIComponent(q)}`)).body
  assert.deepEqual(
    (await search('jane')).items.map((item: { traits: object }) => item.traits),
    [{ name: 'Jane' }, { name: 'Mary Jane' }],
  )
  assert.equal((await world.call('GET', '/api/v1/profiles?q=JANE&limit=1&count=exact')).body.count, 2)
  world.flow.historyUp = false
  const alone = await search('jane')
  assert.equal(alone.items.length, 1)
  assert.equal(alone.partial, true)
})

test('all profiles are listed newest first, in pages, with a count', async () => {
  const world = await createApiWorld()
  for (const id of ['a', 'b', 'c', 'd', 'e']) await world.send({ userId: id, event: 'Seen' })
  const first = (await world.call('GET', '/api/v1/profiles?limit=3&count=exact')).body
  const second = (await world.call('GET', `/api/v1/profiles?limit=3&cursor=${first.next}`)).body
  const values = [...first.items, ...second.items].map((item) => item.identifiers[0].value)
  assert.deepEqual(values, ['e', 'd', 'c', 'b', 'a'])
  assert.equal(first.count, 5)
  assert.equal(second.next, null)
})

test('traits tell where each value came from and what it beat; hostile names are names', async () => {
  const world = await createApiWorld()
  await world.send({ type: 'identify', userId: 'u1', traits: { plan: 'free', gone: 1 } }, 'browser')
  await world.send({ type: 'identify', userId: 'u1', traits: { plan: 'pro', gone: null } })
  const { body } = await world.call('GET', '/api/v1/profiles/user_id:u1/traits')
  assert.equal(body.items.length, 1)
  const [plan] = body.items
  assert.deepEqual([plan.value, plan.source, plan.losing[0].value], ['pro', 'server', 'free'])
})

test('identity shows the sets, their owners and the links that were refused', async () => {
  const world = await createApiWorld()
  await world.send({ type: 'identify', userId: 'u1', traits: { email: 'shared@x.com' } })
  await world.send({ type: 'identify', userId: 'u2', traits: { email: 'shared@x.com' } })
  const { body } = await world.call('GET', '/api/v1/profiles/user_id:u2/identity')
  assert.deepEqual(
    body.identifiers.map((row: { value: string }) => row.value),
    ['u2'],
  )
  assert.deepEqual(body.refusals, [
    { set: body.sets[0].set, identifier: { kind: 'email', value: 'shared@x.com' }, reason: 'limit' },
  ])
  assert.deepEqual(body.sets[0].owner, { kind: 'user_id', value: 'u2' })
})
