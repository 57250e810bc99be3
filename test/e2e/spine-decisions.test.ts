// Decisions by hand, over HTTP, against the whole product: what a merge joins a split takes apart again without a trace, a
// quarantine unlinks and its lifting links again, and of a suppressed person one exit is told and then nothing.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Sent } from '../support/delivery.ts'
import { type Answer, Spine, WAIT_MS_MAX } from '../support/spine.ts'
import { until } from '../support/tree.ts'

type Shown = Answer['body']

const TWO_PEOPLE = [
  { type: 'track', anonymousId: 'a-phone', event: 'Order Completed', properties: { n: 1 }, messageId: 's1' },
  {
    type: 'identify',
    userId: 'una',
    anonymousId: 'a-phone',
    traits: { email: 'una@x.com', plan: 'free', age: 30 },
  },
  { type: 'identify', anonymousId: 'b-tablet', traits: { email: 'duo@x.com', plan: 'pro', city: 'Bonn' } },
  { type: 'track', anonymousId: 'b-tablet', event: 'Order Completed', properties: { n: 2 } },
]

describe('decisions by hand', () => {
  let spine: Spine
  before(async () => {
    spine = await Spine.open()
  })
  after(() => spine.close())

  const bodiesOf = (slug: string) =>
    spine.tool.received.filter(({ path }) => path === `/${slug}`).map(({ body }) => body)

  /** Everything the API shows of a person; when a membership began is what was told when, and no part of the law. */
  async function draw(ref: string): Promise<Shown> {
    const path = `/api/v1/profiles/${encodeURIComponent(ref)}`
    const profile = await spine.ask('GET', path)
    const { sets, ...identity } = await spine.ask('GET', `${path}/identity`)
    const { items: events, count } = await spine.ask('GET', `${path}/events?limit=500&count=exact`)
    const { items: traits } = await spine.ask('GET', `${path}/traits`)
    return { profile, traits, events, count, identity, sets: sets.filter((set: Shown) => set.events > 0) }
  }

  it('two profiles merged and split again have back exactly what was theirs', async () => {
    await spine.segment('buyers', { event: 'Order Completed', count: { gte: 2 }, within: '30d' })
    await spine.segment('pros', { trait: 'plan', eq: 'pro' })
    await spine.hook('shop', { segments: ['buyers', 'pros'] })
    await spine.send(...TWO_PEOPLE)
    await spine.settled()
    await spine.told('shop', 1)
    const [una, duo] = [await draw('user_id:una'), await draw('email:duo@x.com')]
    assert.notEqual(una.profile.id, duo.profile.id)
    const ids = { profiles: [una.profile.id, duo.profile.id], reason: 'the same person', author: 'test' }

    const dry = await spine.ask('POST', '/api/v1/identity/merge', { ...ids, dryRun: true })
    assert.deepEqual([dry.dryRun, dry.offset, dry.would.length, dry.would[0].length], [true, null, 1, 5])
    assert.deepEqual(
      [await draw('user_id:una'), await draw('email:duo@x.com')],
      [una, duo],
      'a dry run changes nothing',
    )

    const merged = await spine.ask('POST', '/api/v1/identity/merge', ids)
    assert.deepEqual([merged.applied, merged.profiles.length], [true, 1])
    const joined = await draw(una.profile.id)
    assert.equal(joined.profile.id, una.profile.id, 'the older profile lends its id')
    assert.equal((await draw(duo.profile.id)).profile.id, una.profile.id, 'the younger id still finds the person')
    assert.equal(joined.count, una.count + duo.count)
    assert.equal(joined.profile.traits.city, 'Bonn')
    assert.deepEqual(joined.profile.segments, ['buyers', 'pros'])
    assert.deepEqual(messageIds(joined), [...messageIds(una), ...messageIds(duo)].sort())

    const cut = {
      profile: una.profile.id,
      identifiers: ['email:duo@x.com', 'anonymous_id:b-tablet'],
      reason: 'they are two',
    }
    const drySplit = await spine.ask('POST', '/api/v1/identity/split', { ...cut, dryRun: true })
    assert.equal(drySplit.would.length, 2)
    assert.deepEqual(await draw('user_id:una'), joined)
    const split = await spine.ask('POST', '/api/v1/identity/split', cut)
    assert.deepEqual([split.applied, split.profiles.length], [true, 2])
    assert.deepEqual([await draw('user_id:una'), await draw('email:duo@x.com')], [una, duo])
    assert.deepEqual(await draw(duo.profile.id), duo, 'the former id is back')

    // One transition per profile whose answer changed; a split is the mirror of the merge, and each part is told by its own ids.
    await spine.told('shop', 6)
    const told = bodiesOf('shop').map(changeLine)
    const [ofUna, ofDuo] = ['a-phone una una@x.com', 'b-tablet duo@x.com']
    const ofBoth = 'a-phone b-tablet duo@x.com una una@x.com'
    assert.deepEqual(told.sort(), [
      `Audience Entered buyers: ${ofBoth}`,
      `Audience Entered pros: ${ofBoth}`,
      `Audience Entered pros: ${ofDuo}`,
      `Audience Exited buyers: ${ofUna}`,
      `Audience Exited buyers: ${ofDuo}`,
      `Audience Exited pros: ${ofUna}`,
    ])
    const { items } = await spine.ask('GET', '/api/v1/identity/decisions')
    assert.deepEqual(
      items.map(({ kind }: Shown) => kind),
      ['split', 'merge'],
    )
  })

  it('a quarantine takes a shared e-mail out of the links, and lifting it brings them back', async () => {
    const traits = { email: 'reception@x.com' }
    await spine.send(
      { type: 'identify', anonymousId: 'desk-1', traits },
      { type: 'identify', anonymousId: 'desk-2', traits },
      { type: 'track', anonymousId: 'desk-1', event: 'Letter Read' },
    )
    await spine.settled()
    const one = await draw('anonymous_id:desk-1')
    assert.equal((await draw('anonymous_id:desk-2')).profile.id, one.profile.id)
    const decision = await spine.ask('POST', '/api/v1/identity/quarantine', { identifiers: ['email:RECEPTION@x.com'] })
    assert.equal(decision.kind, 'quarantine')
    const [first, second] = [await draw('anonymous_id:desk-1'), await draw('anonymous_id:desk-2')]
    assert.notEqual(first.profile.id, second.profile.id)
    assert.deepEqual([first.count, second.count], [2, 1])
    await spine.send({ type: 'identify', anonymousId: 'desk-3', traits })
    await spine.settled()
    assert.deepEqual((await draw('anonymous_id:desk-3')).profile.identifiers.length, 1, 'it links nobody new either')

    await spine.ask('POST', '/api/v1/identity/lift', { decisions: [decision.offset] })
    const whole = await draw('anonymous_id:desk-1')
    assert.equal(whole.profile.id, one.profile.id)
    assert.equal(whole.count, 4)
    assert.equal((await draw('anonymous_id:desk-3')).profile.id, one.profile.id)
  })

  it('a suppressed person leaves with one Exited, nothing more is stored or sent, and it can be ended', async () => {
    await spine.segment('readers', { event: 'Story Read', within: '30d' })
    await spine.hook('press', { segments: ['readers'], subscribe: 'event = "Story Read"' })
    const read = (messageId: string) => ({
      type: 'track',
      userId: 'sue',
      anonymousId: 'sue-phone',
      event: 'Story Read',
      messageId,
    })
    await spine.send({ type: 'identify', userId: 'sue', traits: { email: 'sue@x.com' } }, read('read-1'))
    assert.deepEqual((await spine.told('press', 2)).sort(), [
      'event:Story Read delivered',
      'segment_entered:readers delivered',
    ])
    const before = await draw('user_id:sue')
    assert.deepEqual(before.profile.segments, ['readers'])

    const answer = await spine.ask('PUT', '/api/v1/suppressions/email:SUE@x.com', { reason: 'asked by letter' })
    assert.deepEqual([answer.suppressed, answer.identifiers.length], [true, 3])
    assert.equal((await spine.told('press', 3)).at(-1), 'segment_exited:readers delivered')
    await spine.send(read('read-2'), { type: 'identify', anonymousId: 'sue-phone', traits: { city: 'Ulm' } })
    await spine.settled()
    const { items } = await spine.ask('GET', '/api/v1/rejected?code=suppressed')
    assert.equal(items.length, 2, 'both were refused, and that alone is kept')
    for (const { body, messageId } of items) assert.deepEqual([body, messageId], [null, undefined])
    const during = await draw('user_id:sue')
    assert.deepEqual(during.profile.segments, [])
    assert.deepEqual(
      [during.count, during.events, during.profile.traits],
      [before.count, before.events, before.profile.traits],
    )
    assert.equal((await spine.ask('GET', '/api/v1/segments/readers')).size, 0)
    const why = await spine.ask('GET', '/api/v1/segments/readers/members/user_id:sue')
    assert.equal(why.member, false)

    await spine.ask('DELETE', '/api/v1/suppressions/user_id:sue')
    await until('she is a member again', WAIT_MS_MAX, async () => {
      return (await spine.ask('GET', '/api/v1/segments/readers/members/user_id:sue')).member
    })
    await spine.send(read('read-3'))
    const told = await spine.told('press', 5)
    assert.deepEqual(told.sort(), [
      'event:Story Read delivered',
      'event:Story Read delivered',
      'segment_entered:readers delivered',
      'segment_entered:readers delivered',
      'segment_exited:readers delivered',
    ])
    const messages = bodiesOf('press').map(({ event, messageId }) => (event === 'Story Read' ? messageId : event))
    assert.deepEqual(messages.sort(), ['Audience Entered', 'Audience Entered', 'Audience Exited', 'read-1', 'read-3'])
    const after = await draw('user_id:sue')
    assert.equal(after.count, before.count + 1, 'what came while suppressed was never stored')
  })

  it('nothing of all this was a fault to the tree', () => assert.deepEqual(spine.faults(), []))
})

function messageIds({ events }: Shown): string[] {
  return events.map(({ messageId }: Shown) => messageId).sort()
}

/** What a destination is told of a change, and by which identifiers. */
function changeLine({ event, properties, context }: Sent): string {
  const ids = (context['externalIds'] as { id: string }[]).map(({ id }) => id).sort()
  return `${event} ${properties['audience_key']}: ${ids.join(' ')}`
}
