// Segment's Profile API as its clients see it: addresses, Basic authentication, shapes, paging, errors.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ADMIN, type ApiWorld, createApiWorld, PROFILE } from '../../../test/support/api.ts'

const BASE = '/v1/spaces/default/collections/users/profiles'

async function get(world: ApiWorld, path: string, user = PROFILE) {
  const authorization = `Basic ${Buffer.from(`${user}:`).toString('base64')}`
  const reply = await world.api.inject({
    url: path.startsWith('/v1') ? path : `${BASE}/${path}`,
    headers: { authorization },
  })
  return { status: reply.statusCode, body: reply.json(), headers: reply.headers }
}

async function jane(): Promise<ApiWorld> {
  const world = await createApiWorld()
  const identify = { type: 'identify', userId: 'u1', messageId: 'first' } as const
  await world.send({ ...identify, traits: { email: 'jane@x.com', plan: 'pro', age: 42 } })
  await world.send({ userId: 'u1', event: 'Order Completed', messageId: 'last', properties: { total: 5 } })
  await world.call('PUT', '/api/v1/segments/pros', { name: 'Pros', definition: { trait: 'plan', eq: 'pro' } })
  return world
}

test('traits come with a cursor, audiences as true, and pages that follow each other', async () => {
  const world = await jane()
  const { status, body, headers } = await get(world, 'email:Jane%40X.com/traits')
  assert.equal(status, 200)
  assert.deepEqual(body.traits, { age: 42, email: 'jane@x.com', plan: 'pro', pros: true })
  assert.deepEqual(body.cursor, { url: `${BASE}/email:Jane%40X.com/traits`, has_more: false, next: '', limit: 10 })
  assert.ok(headers['request-id'])
  const first = (await get(world, 'user_id:u1/traits?limit=3')).body
  const rest = (await get(world, `user_id:u1/traits?limit=3&next=${first.cursor.next}`)).body
  assert.deepEqual({ ...first.traits, ...rest.traits }, body.traits)
  assert.deepEqual((await get(world, 'user_id:u1/traits?class=audience')).body.traits, { pros: true })
  assert.deepEqual((await get(world, 'user_id:u1/traits?include=age,none')).body.traits, { age: 42 })
  const verbose = (await get(world, 'user_id:u1/traits?include=age&verbose=true')).body.traits.age
  assert.deepEqual([verbose.value, verbose.source_id], [42, 'server'])
})

test('external ids, metadata, events and links', async () => {
  const world = await jane()
  const ids = (await get(world, 'user_id:u1/external_ids')).body.data
  assert.deepEqual(
    ids.map((row: Record<string, unknown>) => [
      row['type'],
      row['id'],
      row['source_id'],
      row['first_message_id'],
      row['collection'],
    ]),
    [
      ['user_id', 'u1', 'server', 'first', 'users'],
      ['email', 'jane@x.com', 'server', 'first', 'users'],
    ],
  )
  const { metadata } = (await get(world, 'user_id:u1/metadata')).body
  assert.deepEqual([metadata.first_message_id, metadata.last_message_id, metadata.expires_at], ['first', 'last', null])
  const events = (await get(world, 'user_id:u1/events')).body.data
  assert.deepEqual(
    events.map((row: { message_id: string }) => row.message_id),
    ['last', 'first'],
  )
  assert.deepEqual([events[0].properties, events[0].external_ids.length], [{ total: 5 }, 2])
  const ascending = (await get(world, 'user_id:u1/events?sort=ASC&exclude=identify')).body.data
  assert.deepEqual(
    ascending.map((row: { message_id: string }) => row.message_id),
    ['last'],
  )
  world.clock.at += 15 * 86_400_000
  assert.deepEqual((await get(world, 'user_id:u1/events')).body.data, [], 'fourteen days and no more')
  assert.deepEqual((await get(world, 'user_id:u1/links')).body.data, [])
})

test('errors have the shape of the Profile API', async () => {
  const world = await jane()
  const codes = async (path: string, user?: string) => {
    const { status, body } = await get(world, path, user)
    return [status, body.error?.code]
  }
  assert.deepEqual(await codes('user_id:nobody/traits'), [404, 'not_found'])
  assert.deepEqual(await codes('user_id:u1/traits', 'wrong'), [401, 'authentication_error'])
  assert.deepEqual(await codes('user_id:u1/nothing', 'wrong'), [401, 'authentication_error'])
  assert.deepEqual(await codes('user_id:u1/traits?limit=201'), [400, 'validation_error'])
  assert.deepEqual(await codes('/v1/spaces/other/collections/users/profiles/user_id:u1/traits'), [404, 'not_found'])
  assert.deepEqual(await codes('user_id:u1/traits', ADMIN), [200, undefined], 'a token may hold colons and blanks')
  const bare = await world.api.inject(`${BASE}/user_id:u1/traits`)
  assert.match(String(bare.headers['www-authenticate']), /^Basic/)
})
