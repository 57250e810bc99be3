// Decisions over the API: sources, segments, identity by hand, consent, suppression. Each is committed before it is answered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApiWorld } from '../../test/support/api.ts'

test('a source is made with a write key, keeps what a change leaves out, and may not share a key', async () => {
  const world = await createApiWorld()
  const made = (await world.call('PUT', '/api/v1/sources/shop', { name: 'Shop' })).body
  assert.equal(made.kind, 'browser')
  assert.ok(made.writeKey.length >= 32)
  const changed = (await world.call('PUT', '/api/v1/sources/shop', { kind: 'server' })).body
  assert.deepEqual(changed, { ...made, kind: 'server' })
  const head = await world.log.head()
  await world.call('PUT', '/api/v1/sources/shop', { kind: 'server' })
  assert.deepEqual(await world.log.head(), head, 'putting what is there already decides nothing')
  const clash = await world.call('PUT', '/api/v1/sources/other', { writeKey: made.writeKey })
  assert.deepEqual([clash.status, clash.body.code, clash.body.pointer], [409, 'conflict', '/writeKey'])
  const wrong = await world.call('PUT', '/api/v1/sources/other', { kind: 'spaceship' })
  assert.deepEqual([wrong.status, wrong.body.pointer], [400, '/kind'])
  assert.equal((await world.call('PUT', '/api/v1/sources/NOT%20A%20SLUG', {})).status, 400)
  const slugs = (await world.call('GET', '/api/v1/sources?count=exact')).body
  assert.equal(slugs.count, 3)
  assert.equal((await world.call('DELETE', '/api/v1/sources/shop')).status, 200)
  assert.equal((await world.call('GET', '/api/v1/sources/shop')).status, 404)
})

test('a segment tells members and why; a preview counts without saving; a referenced one cannot be removed', async () => {
  const world = await createApiWorld()
  await world.send({ type: 'identify', userId: 'u1', traits: { plan: 'pro' } })
  await world.send({ type: 'identify', userId: 'u2', traits: { plan: 'free' } })
  for (const path of ['/dermatology', '/dermatology/acne']) {
    await world.send({ type: 'page', userId: 'u1', properties: { path } })
  }
  const viewed = {
    event: 'Page Viewed',
    where: { property: 'path', startsWith: '/dermatology' },
    count: { gte: 2 },
    within: '30d',
  }
  const definition = { all: [viewed, { not: { event: 'Appointment Booked', within: '30d' } }] }
  await world.writeHistory()
  const preview = (await world.call('POST', '/api/v1/segments/preview', { definition })).body
  assert.equal(preview.size, 1)
  assert.deepEqual(preview.sample[0].traits, { plan: 'pro' })
  assert.equal((await world.call('GET', '/api/v1/segments/derma')).status, 404)
  const made = (await world.call('PUT', '/api/v1/segments/derma', { name: 'Derma', definition })).body
  assert.deepEqual([made.status, made.size, made.definition], ['active', 1, definition])
  const { items } = (await world.call('GET', '/api/v1/segments/derma/members?count=exact')).body
  assert.deepEqual(items[0].segments, ['derma'])
  const why = (await world.call('GET', '/api/v1/segments/derma/members/user_id:u1')).body
  assert.equal(why.member, true)
  assert.deepEqual(
    why.why.parts.map((part: { holds: boolean }) => part.holds),
    [true, true],
  )
  assert.equal(why.why.parts[0].count, 2)
  const whyNot = (await world.call('GET', '/api/v1/segments/derma/members/user_id:u2')).body
  assert.deepEqual([whyNot.member, whyNot.since, whyNot.why.holds], [false, null, false])
  await world.call('PUT', '/api/v1/segments/pro-derma', { name: 'Both', definition: { segment: 'derma' } })
  const refused = await world.call('DELETE', '/api/v1/segments/derma')
  assert.deepEqual([refused.status, refused.body.detail], [409, 'Other segments refer to derma: pro-derma.'])
  for (const slug of ['pro-derma', 'derma'])
    assert.equal((await world.call('DELETE', `/api/v1/segments/${slug}`)).status, 200)
})

test('a wrong definition is refused with a pointer into the body; without the engine a preview says so', async () => {
  const world = await createApiWorld()
  const bad = { name: 'x', definition: { all: [{ trait: 'plan', equals: 'pro' }] } }
  const { status, body } = await world.call('PUT', '/api/v1/segments/x', bad)
  assert.equal(status, 400)
  assert.match(body.pointer, /^\/definition\/all\/0/)
  world.flow.historyUp = false
  const away = await world.call('POST', '/api/v1/segments/preview', { definition: { identifier: 'email' } })
  assert.deepEqual([away.status, away.body.code], [503, 'history_unavailable'])
})

test('a split takes identifiers out and a merge brings them back, lifting the split; both can be tried dry', async () => {
  const world = await createApiWorld()
  await world.send({ userId: 'u1', anonymousId: 'a1', event: 'Seen' })
  await world.send({ type: 'identify', userId: 'u1', traits: { email: 'family@x.com' } })
  await world.send({ anonymousId: 'a2', event: 'Seen', context: { traits: { email: 'family@x.com' } } })
  const split = { profile: 'user_id:u1', identifiers: ['email:FAMILY@x.com'], reason: 'shared' }
  const dry = (await world.call('POST', '/api/v1/identity/split', { ...split, dryRun: true })).body
  assert.equal((await world.call('GET', '/api/v1/profiles/user_id:u1')).body.identifiers.length, 4)
  const done = (await world.call('POST', '/api/v1/identity/split', split)).body
  assert.equal(done.applied, true)
  // What was said dry is what came. a2 is in no profile: all that linked it was the e-mail, which it may not be with now.
  const texts = (parts: { kind: string; value: string }[][]) =>
    parts.map((part) => part.map(({ value }) => value).sort())
  assert.deepEqual(texts(dry.would), [['a1', 'u1'], ['family@x.com']])
  assert.deepEqual(texts(dry.would), texts(done.profiles.map((one: { identifiers: object[] }) => one.identifiers)))
  const left = (await world.call('GET', '/api/v1/profiles/user_id:u1')).body.identifiers
  assert.ok(left.every((identifier: { kind: string }) => identifier.kind !== 'email'))
  await world.send({ type: 'identify', userId: 'u9', traits: { email: 'family@x.com' } })
  const merge = { profiles: ['user_id:u1', 'email:family@x.com'], reason: 'was right' }
  const tried = (await world.call('POST', '/api/v1/identity/merge?dryRun=true', merge)).body
  assert.deepEqual([tried.dryRun, tried.lifts], [true, [done.offset]])
  const decisions = (await world.call('GET', '/api/v1/identity/decisions')).body.items
  assert.deepEqual(
    decisions.map((row: { kind: string }) => row.kind),
    ['split'],
  )
})

test('a merge of two profiles is applied and answered with the one', async () => {
  const world = await createApiWorld()
  await world.send({ userId: 'u1', event: 'Seen' })
  await world.send({ type: 'identify', anonymousId: 'a1', traits: { email: 'e@x.com' } }, 'server')
  const { body } = await world.call('POST', '/api/v1/identity/merge', {
    profiles: ['user_id:u1', 'email:E@x.com'],
    reason: 'same',
  })
  assert.deepEqual([body.applied, body.profiles.length], [true, 1])
  const again = await world.call('POST', '/api/v1/identity/merge', { profiles: ['user_id:u1', 'email:e@x.com'] })
  assert.deepEqual([again.status, again.body.code], [409, 'conflict'])
})

test('an identifier that a split has left in no profile can be merged back', async () => {
  const world = await createApiWorld()
  await world.send({ type: 'identify', userId: 'u1', traits: { email: 'e@x.com' } })
  await world.call('POST', '/api/v1/identity/split', { profile: 'user_id:u1', identifiers: ['email:e@x.com'] })
  assert.equal((await world.call('GET', '/api/v1/profiles/email:e@x.com')).status, 404)
  const merge = { profiles: ['user_id:u1', 'email:E@x.com'] }
  const { body } = await world.call('POST', '/api/v1/identity/merge', merge)
  assert.deepEqual([body.applied, body.lifts.length, body.profiles[0].identifiers.length], [true, 1, 2])
  const stranger = await world.call('POST', '/api/v1/identity/merge', { profiles: ['user_id:u1', 'email:no@x.com'] })
  assert.deepEqual([stranger.status, stranger.body.pointer], [404, '/profiles/1'])
})

test('a split that changes nothing is a conflict that says why', async () => {
  const world = await createApiWorld()
  await world.send({ type: 'identify', userId: 'u1', traits: { email: 'e@x.com' } })
  const split = async (identifiers: unknown[]) =>
    world.call('POST', '/api/v1/identity/split', { profile: 'user_id:u1', identifiers })
  assert.equal((await split(['user_id:u1', { kind: 'email', value: 'e@x.com' }])).status, 409)
  const foreign = await split(['email:other@x.com'])
  assert.deepEqual([foreign.status, foreign.body.pointer], [409, '/identifiers/0'])
  assert.equal((await split([])).status, 400)
  assert.equal((await split(['no kind'])).body.pointer, '/identifiers/0')
})

test('a quarantine is listed, and taken back by its offset', async () => {
  const world = await createApiWorld()
  await world.send({ type: 'identify', userId: 'u1', traits: { email: 'info@x.com' } })
  const made = (
    await world.call('POST', '/api/v1/identity/quarantine', { identifiers: ['email:INFO@x.com'], reason: 'desk' })
  ).body
  assert.deepEqual([made.kind, made.a], ['quarantine', [{ kind: 'email', value: 'info@x.com' }]])
  assert.equal((await world.call('GET', '/api/v1/identity/quarantines')).body.items.length, 1)
  const twice = await world.call('POST', '/api/v1/identity/quarantine', { identifiers: ['email:info@x.com'] })
  assert.equal(twice.status, 409)
  const lifted = (await world.call('POST', '/api/v1/identity/lift', { decisions: [made.offset] })).body
  assert.equal(lifted[0].lifted, true)
  assert.equal((await world.call('POST', '/api/v1/identity/lift', { decisions: [made.offset] })).status, 409)
  assert.equal((await world.call('POST', '/api/v1/identity/lift', { decisions: [0] })).status, 404)
})

test('consent by hand counts for every identifier of the profile', async () => {
  const world = await createApiWorld()
  await world.send({ type: 'identify', userId: 'u1', anonymousId: 'a1' })
  const { body } = await world.call('POST', '/api/v1/profiles/user_id:u1/consent', { purposes: { marketing: true } })
  assert.deepEqual(body.consent, { marketing: true })
  assert.equal((await world.call('POST', '/api/v1/profiles/user_id:u1/consent', { purposes: {} })).status, 400)
})

test('a person is suppressed under all identifiers, also before anything was seen, and listed until it ends', async () => {
  const world = await createApiWorld()
  await world.send({ type: 'identify', userId: 'u1', traits: { email: 'e@x.com' } })
  const put = (await world.call('PUT', '/api/v1/suppressions/email:E@x.com')).body
  assert.equal(put.identifiers.length, 2)
  await world.call('PUT', '/api/v1/suppressions/user_id:not/seen:yet', { reason: 'asked by letter' })
  const { items } = (await world.call('GET', '/api/v1/suppressions?count=exact')).body
  assert.deepEqual(items.map((row: { identifier: { value: string } }) => row.identifier.value).sort(), [
    'e@x.com',
    'not/seen:yet',
    'u1',
  ])
  await world.send({ userId: 'u1', event: 'Refused' })
  const refused = (await world.call('GET', '/api/v1/rejected?code=suppressed')).body.items
  assert.deepEqual([refused.length, refused[0].stage, refused[0].body], [1, 'pipeline', null])
  assert.equal((await world.call('DELETE', '/api/v1/suppressions/user_id:not%2Fseen:yet')).status, 200)
  assert.equal((await world.call('DELETE', '/api/v1/suppressions/user_id:not%2Fseen:yet')).status, 404)
})

test('a decision that the pipeline does not reach in time is answered with a job, which tells when it is done', async () => {
  const world = await createApiWorld()
  world.flow.isOn = false
  const late = await world.call('PUT', '/api/v1/sources/shop', {})
  assert.deepEqual([late.status, late.body.code], [202, 'decision_timeout'])
  const job = (await world.call('GET', String(late.headers['location']))).body
  assert.equal(job.state, 'waiting')
  world.flow.isOn = true
  await world.send({ userId: 'u1', event: 'Wake' })
  assert.equal((await world.call('GET', `/api/v1/jobs/${late.body.job}`)).body.state, 'done')
  for (const id of ['decision:999999', 'segment:none', 'nothing']) {
    assert.equal((await world.call('GET', `/api/v1/jobs/${id}`)).status, 404)
  }
})

test('two puts of one segment at the same moment take turns', async () => {
  const world = await createApiWorld()
  const put = (slug: string, other: string) =>
    world.call('PUT', `/api/v1/segments/${slug}`, { name: slug, definition: { segment: other } })
  await world.call('PUT', '/api/v1/segments/a', { name: 'a', definition: { identifier: 'email' } })
  await world.call('PUT', '/api/v1/segments/b', { name: 'b', definition: { identifier: 'email' } })
  const statuses = (await Promise.all([put('a', 'b'), put('b', 'a')])).map((reply) => reply.status)
  assert.deepEqual(statuses.sort(), [200, 400], 'one of them would close a circle')
})
