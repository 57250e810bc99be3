// Segments from end to end: events in over HTTP, a person enters, leaves by an event and by time alone, and every change is one row
// of the ledger and reaches a real HTTP server under a stable key. Then segments that are defined after their events.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Spine, WAIT_MS_MAX } from '../support/spine.ts'
import { until } from '../support/tree.ts'

/** The segment that must always work, as the contract words it. */
const DERMATOLOGY = {
  all: [
    {
      event: 'Page Viewed',
      where: { property: 'path', startsWith: '/dermatology' },
      count: { gte: 2 },
      within: '30d',
    },
    { not: { event: 'Appointment Booked', within: '30d' } },
  ],
}
const SHORT_MS = 3000

let messages = 0
const page = (userId: string, path: string, more: object = {}) => ({
  type: 'page',
  messageId: `page-${++messages}`,
  userId,
  properties: { path },
  ...more,
})
const track = (userId: string, event: string, properties: object = {}, more: object = {}) => ({
  type: 'track',
  messageId: `track-${++messages}`,
  userId,
  event,
  properties,
  ...more,
})

describe('segments', () => {
  let spine: Spine
  before(async () => {
    spine = await Spine.open()
  })
  after(() => spine.close())

  const why = (slug: string, user: string) => spine.ask('GET', `/api/v1/segments/${slug}/members/user_id:${user}`)
  const isMember = async (slug: string, user: string) => (await why(slug, user)).member
  const size = async (slug: string) => (await spine.ask('GET', `/api/v1/segments/${slug}`)).size
  const bodiesOf = (slug: string) => spine.tool.received.filter(({ path }) => path === `/${slug}`)

  it('dermatology: entered by the second page view, left by booking, told once each under a stable key', async () => {
    await spine.segment('derm', DERMATOLOGY)
    await spine.hook('clinic', { segments: ['derm'], subscribe: 'event = "Appointment Booked"' })
    await spine.send(page('ann', '/dermatology'), page('ann', '/home'), page('bob', '/dermatology/acne'))
    await spine.settled()
    const once = await why('derm', 'ann')
    assert.equal(once.member, false)
    assert.equal(once.why.holds, false)
    assert.deepEqual(
      once.why.parts.map((part: { holds: boolean }) => part.holds),
      [false, true],
    )
    assert.equal(once.why.parts[0].count, 1)

    // The first answer to the entry fails, so that its key is seen twice.
    let failures = 0
    spine.tool.answer = (request, response) => {
      const isFirst = request.body.event === 'Audience Entered' && failures++ === 0
      response.writeHead(isFirst ? 503 : 200).end('{}')
    }
    await spine.send(page('ann', '/dermatology/acne'))
    assert.deepEqual(await spine.told('clinic', 1), ['segment_entered:derm delivered'])
    const twice = await why('derm', 'ann')
    assert.equal(twice.member, true)
    assert.equal(twice.why.parts[0].count, 2)
    assert.ok(typeof twice.since === 'string')
    assert.deepEqual([await size('derm'), await isMember('derm', 'bob')], [1, false])

    await spine.send(track('ann', 'Appointment Booked'))
    const told = await spine.told('clinic', 3)
    assert.deepEqual(told.sort(), [
      'event:Appointment Booked delivered',
      'segment_entered:derm delivered',
      'segment_exited:derm delivered',
    ])
    const left = await why('derm', 'ann')
    assert.deepEqual([left.member, left.since, await size('derm')], [false, null, 0])
    assert.deepEqual(
      left.why.parts.map((part: { holds: boolean }) => part.holds),
      [true, false],
    )

    const requests = bodiesOf('clinic')
    const [entered, retried] = requests.filter(({ body }) => body.event === 'Audience Entered')
    assert.ok(entered !== undefined && retried !== undefined)
    assert.equal(requests.length, 4)
    assert.deepEqual(retried.body, entered.body)
    const keys = requests.map(({ headers }) => headers['idempotency-key'])
    assert.equal(retried.headers['idempotency-key'], entered.headers['idempotency-key'])
    assert.deepEqual(
      new Set(keys),
      new Set((await spine.deliveries('clinic')).map((row) => row.id)),
      'the key is the id of the row',
    )
    assert.equal(entered.body.userId, 'ann')
    assert.equal(entered.body.properties['derm'], true)
    const exited = requests.find(({ body }) => body.event === 'Audience Exited')
    assert.equal(exited?.body.properties['derm'], false)
  })

  it('a window of seconds loses its member by time alone, at the due instant, once', async (context) => {
    await spine.segment('lately', { event: 'Video Watched', within: `${SHORT_MS / 1000}s` })
    await spine.hook('lately', { segments: ['lately'] })
    const timestamp = new Date().toISOString()
    const sent = { timestamp, sentAt: timestamp }
    await spine.send(track('cleo', 'Video Watched', {}, sent))
    const told = await spine.told('lately', 2)
    assert.deepEqual(told, ['segment_entered:lately delivered', 'segment_exited:lately delivered'])
    const [entered, exited] = bodiesOf('lately').map(({ body }) => body)
    const [event] = await spine.events('user_id:cleo')
    const due = Date.parse(event.timestamp) + SHORT_MS
    assert.equal(Date.parse(exited?.timestamp ?? ''), due, 'log time of the exit is the instant it was due')
    assert.ok(Date.parse(entered?.timestamp ?? '') < due)
    const row = (await spine.deliveries('lately'))[1]
    context.diagnostic(`told ${Date.parse(row.updatedAt) - due} ms after it was due`)
    assert.equal(await isMember('lately', 'cleo'), false)
    assert.equal((await why('lately', 'cleo')).why.holds, false)
    assert.equal(bodiesOf('lately').length, 2)
  })

  it('a segment defined after its events is answered at once, filled from history, and equals its preview', async (context) => {
    const people = Array.from({ length: 40 }, (_, index) => `late-${index}`)
    const events = people.flatMap((user, index) => [
      track(user, 'Course Opened', { level: index % 4 }),
      ...(index % 2 === 0 ? [track(user, 'Course Opened', { level: 3 })] : []),
      ...(index % 5 === 0 ? [track(user, 'Course Closed')] : []),
    ])
    await spine.send(...events)
    await spine.settled()
    const definition = {
      all: [
        { event: 'Course Opened', where: { property: 'level', gte: 2 }, within: '30d' },
        { not: { event: 'Course Closed' } },
      ],
    }
    const expected = people.filter((_, index) => (index % 2 === 0 || index % 4 >= 2) && index % 5 !== 0).sort()
    await spine.hook('courses', { segments: ['courses'] })
    const asked = performance.now()
    const answer = await spine.api('PUT', '/api/v1/segments/courses', { name: 'Courses', definition })
    const answered = performance.now()
    assert.equal(answer.status, 200)
    await until('the segment is filled', WAIT_MS_MAX, async () => {
      const { status } = await spine.ask('GET', '/api/v1/segments/courses')
      return status === 'active'
    })
    context.diagnostic(
      `answered after ${(answered - asked).toFixed()} ms, filled after ${(performance.now() - asked).toFixed()} ms`,
    )
    const { items } = await spine.ask('GET', '/api/v1/segments/courses/members?limit=500')
    assert.deepEqual(usersOf(items), expected)
    assert.equal(await size('courses'), expected.length)
    const preview = await spine.ask('POST', '/api/v1/segments/preview', { definition, sample: 100 })
    assert.equal(preview.size, expected.length)
    assert.deepEqual(usersOf(preview.sample), expected)
    const told = await spine.told('courses', expected.length)
    assert.deepEqual(
      told,
      expected.map(() => 'segment_entered:courses delivered'),
    )
    assert.deepEqual(
      bodiesOf('courses')
        .map(({ body }) => body.userId)
        .sort(),
      expected,
    )
  })

  it('a preview sees an event soon after it was accepted', async (context) => {
    const definition = { event: 'Preview Asked' }
    const ask = () => spine.ask('POST', '/api/v1/segments/preview', { definition })
    assert.equal((await ask()).size, 0)
    const waits: string[] = []
    for (let round = 1; round <= 5; round++) {
      await spine.send(track(`reader-${round}`, 'Preview Asked'))
      const accepted = performance.now()
      await until('the preview holds it', WAIT_MS_MAX, async () => (await ask()).size === round)
      waits.push((performance.now() - accepted).toFixed())
    }
    context.diagnostic(`seen ${waits.join(', ')} ms after acceptance`)
  })

  it('the same messageId counts once, in one batch and across; late events count when they happened; gzip is read', async () => {
    await spine.segment('thrice', { event: 'Cup Drunk', count: { gte: 3 } })
    await spine.segment('old', { event: 'Cup Drunk', within: { from: '2020-01-01', to: '2021-01-01' } })
    await spine.segment('fresh', { event: 'Cup Drunk', where: { property: 'late', eq: true }, within: '30d' })
    const cup = track('dora', 'Cup Drunk')
    await spine.send(cup, cup, { ...cup })
    await spine.send(cup)
    await spine.send(track('dora', 'Cup Drunk'))
    await spine.settled()
    assert.equal(await isMember('thrice', 'dora'), false)
    assert.equal((await spine.events('user_id:dora')).length, 2)

    const happened = (timestamp: string) => ({ timestamp, sentAt: new Date().toISOString() })
    const late = track('dora', 'Cup Drunk', { late: true }, happened('2020-06-01T10:00:00.000Z'))
    const zipped = gzipSync(JSON.stringify({ batch: [late, track('dora', 'Cup Refused')] }))
    const answer = await spine.post('/v1/batch', zipped, { 'content-encoding': 'gzip' })
    assert.deepEqual(answer, { status: 200, body: { success: true } })
    await spine.settled()
    // Their backfills wait for history, so memberships may be told a little after the event.
    await until('the segments are filled', WAIT_MS_MAX, async () => {
      const slugs = await Promise.all(
        ['thrice', 'old', 'fresh'].map((slug) => spine.ask('GET', `/api/v1/segments/${slug}`)),
      )
      return slugs.every(({ status }) => status === 'active')
    })
    const member = await Promise.all(['thrice', 'old', 'fresh'].map((slug) => isMember(slug, 'dora')))
    assert.deepEqual(member, [true, true, false])
    const events = await spine.events('user_id:dora')
    assert.equal(events.length, 4)
    assert.equal(events.at(-1).originalTimestamp, '2020-06-01T10:00:00.000Z')
    const { count } = await spine.ask('GET', '/api/v1/profiles/user_id:dora/events?count=exact')
    assert.equal(count, 4)
    await until('history knows the late one and no duplicate', WAIT_MS_MAX, async () => {
      const previews = [
        { event: 'Cup Drunk', count: { eq: 3 } },
        { event: 'Cup Drunk', count: { gte: 4 } },
      ]
      const asked = previews.map((definition) => spine.ask('POST', '/api/v1/segments/preview', { definition }))
      const [three, more] = await Promise.all(asked)
      return three.size === 1 && more.size === 0
    })
  })

  it('nothing of all this was a fault to the tree', () => assert.deepEqual(spine.faults(), []))
})

function usersOf(profiles: { identifiers: { kind: string; value: string }[] }[]): string[] {
  return profiles.flatMap(({ identifiers }) => identifiers.map(({ value }) => value)).sort()
}
