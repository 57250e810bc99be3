// The contract of the destination store.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DestinationStore } from '../../src/activate/port.ts'
import type { Destination } from '../../src/spec/destination.ts'

export function destination(slug: string, changes: Partial<Destination> = {}): Destination {
  return {
    slug,
    type: 'actions-webhook',
    settings: { sharedSecret: 'hunter2 is the secret' },
    enabled: true,
    segments: ['vip'],
    subscriptions: [
      { partnerAction: 'send', subscribe: 'type = "track"', mapping: { url: 'http://x/' }, enabled: true },
    ],
    createdAt: 1000,
    updatedAt: 1000,
    ...changes,
  }
}

export function describeDestinationStore(name: string, make: () => DestinationStore | Promise<DestinationStore>): void {
  describe(`destination store: ${name}`, () => {
    it('puts, gets, lists by slug and removes', async () => {
      const store = await make()
      await store.put(destination('b', { name: 'Büro 😀', settings: JSON.parse('{"__proto__":{"x":1}}') }))
      await store.put(destination('a'))
      assert.deepEqual(
        (await store.list()).map((row) => row.slug),
        ['a', 'b'],
      )
      assert.deepEqual(await store.get('a'), { ...destination('a'), startsAt: null })
      assert.equal((await store.get('b'))?.name, 'Büro 😀')
      assert.deepEqual(Object.keys((await store.get('b'))!.settings), ['__proto__'])
      assert.equal(await store.get('c'), null)
      assert.equal(await store.remove('a'), true)
      assert.equal(await store.remove('a'), false)
      assert.equal((await store.list()).length, 1)
    })

    it('keeps createdAt and the start of an existing one', async () => {
      const store = await make()
      await store.put(destination('a'), { offset: 4, ordinal: 1 })
      await store.put(destination('a', { createdAt: 2000, updatedAt: 2000, type: 'slack' }), { offset: 9, ordinal: 1 })
      const stored = await store.get('a')
      assert.deepEqual(stored?.startsAt, { offset: 4, ordinal: 1 })
      assert.deepEqual([stored?.createdAt, stored?.updatedAt, stored?.type], [1000, 2000, 'slack'])
    })

    it('starts anew when it is enabled again, and when it is removed and made again', async () => {
      const store = await make()
      await store.put(destination('a'), { offset: 4, ordinal: 1 })
      await store.put(destination('a', { enabled: false }), { offset: 6, ordinal: 1 })
      assert.deepEqual((await store.get('a'))?.startsAt, { offset: 4, ordinal: 1 })
      await store.put(destination('a'), { offset: 9, ordinal: 3 })
      assert.deepEqual((await store.get('a'))?.startsAt, { offset: 9, ordinal: 3 })
      await store.remove('a')
      await store.put(destination('a'), { offset: 12, ordinal: 1 })
      assert.deepEqual((await store.get('a'))?.startsAt, { offset: 12, ordinal: 1 })
    })

    it('tells of every change by another revision', async () => {
      const store = await make()
      const seen = [await store.revision()]
      await store.put(destination('a'))
      seen.push(await store.revision())
      await store.put(destination('a', { enabled: false }))
      seen.push(await store.revision())
      await store.remove('a')
      seen.push(await store.revision())
      assert.equal(new Set(seen).size, 4)
      assert.equal(await store.revision(), seen[3])
    })
  })
}
