// Unmodified SDKs of both families send to a door that they know by its host alone.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { Analytics } from '@segment/analytics-node'
import { openDoor } from '../../test/support/door.ts'
import type { CanonicalEvent } from '../spec/event.ts'

const find = (events: CanonicalEvent[], type: string) => events.find((event) => event.type === type)

describe('SDKs', () => {
  it('takes every call of @segment/analytics-node', async () => {
    const door = await openDoor()
    const errors: unknown[] = []
    const analytics = new Analytics({ writeKey: 'wk-crm', host: door.url, flushAt: 4 })
    analytics.on('error', (error) => errors.push(error))
    const past = new Date('2020-02-29T10:00:00.123Z')
    analytics.track({ anonymousId: 'a1', event: 'Viewed', properties: { n: 1 }, timestamp: past })
    analytics.identify({ userId: 'u1', anonymousId: 'a1', traits: { email: 'Jane@X.com' } })
    analytics.page({ userId: 'u1', name: 'Home', category: 'Top', properties: { path: '/' } })
    analytics.screen({ userId: 'u1', name: 'Start' })
    analytics.group({ userId: 'u1', groupId: 'g1', traits: { plan: 'pro' } })
    analytics.alias({ userId: 'u1', previousId: 'a1' })
    await analytics.closeAndFlush()
    const events = await door.events()
    assert.deepEqual(errors, [])
    assert.equal(await door.rejected.count(), 0)
    assert.deepEqual(events.map(({ type }) => type).sort(), ['alias', 'group', 'identify', 'page', 'screen', 'track'])
    const track = find(events, 'track')
    assert.deepEqual([track?.event, track?.anonymousId, track?.properties], ['Viewed', 'a1', { n: 1 }])
    assert.equal(track?.originalTimestamp, '2020-02-29T10:00:00.123Z')
    assert.match(track?.timestamp ?? '', /^2020-02-29T/)
    assert.match(track?.messageId ?? '', /^node-next-/)
    assert.deepEqual(find(events, 'identify')?.traits, { email: 'Jane@X.com' })
    assert.deepEqual([find(events, 'page')?.name, find(events, 'page')?.category], ['Home', 'Top'])
    assert.equal(find(events, 'group')?.groupId, 'g1')
    assert.equal(find(events, 'alias')?.previousId, 'a1')
    // A server's address is nobody's.
    assert.equal('ip' in (track?.context ?? {}), false)
    await door.close()
  })

  it('takes every call of @rudderstack/rudder-sdk-node: gzip as a form, Basic alone, traits in context', async () => {
    const door = await openDoor()
    const analytics = new RudderAnalytics('wk-crm', { dataPlaneUrl: door.url, flushAt: 20, logLevel: 'silent' })
    const past = new Date('2020-02-29T10:00:00.123Z')
    analytics.track({ anonymousId: 'a1', event: 'Viewed', timestamp: past })
    analytics.identify({ userId: 42 as never, traits: { email: 'jane@x.com' } })
    analytics.page({ userId: 'u1', name: 'Home', properties: { path: '/' } })
    analytics.screen({ userId: 'u1', name: 'Start' })
    analytics.group({ userId: 'u1', groupId: 'g1', traits: { plan: 'pro' } })
    analytics.alias({ userId: 'u1', previousId: 'a1' })
    while ((await door.events()).length < 6) {
      analytics.flush()
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const events = await door.events()
    assert.equal(await door.rejected.count(), 0)
    assert.deepEqual(events.map(({ type }) => type).sort(), ['alias', 'group', 'identify', 'page', 'screen', 'track'])
    // The SDK says when the call was made, too; the date that the caller gave is the one that counts.
    assert.match(find(events, 'track')?.timestamp ?? '', /^2020-02-29T/)
    assert.deepEqual(find(events, 'identify')?.traits, { email: 'jane@x.com' })
    assert.equal(find(events, 'identify')?.userId, '42')
    await door.close()
  })
})
