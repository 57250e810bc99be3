// The contract of the feed of refusals, run by every store of it.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { RejectedFeed, Rejection } from '../../src/log/port.ts'
import type { Skip } from './event-log.ts'

export interface FeedPlace {
  /** Opens the feed of this place as its writer; after `close`, once more. */
  writer(options?: { rejectionsMax?: number; bytesMax?: number }): RejectedFeed
  reader(): RejectedFeed
  remove(): void
}

export function rejection(n: number, body = `{"n":${n}}`): Rejection {
  return { receivedAt: n, source: 'web', code: 'invalid_event', message: `no. ${n}`, body }
}

const BODY_BYTES_MAX = 64 * 1024
const HOSTILE_TEXTS = [
  'a\u0000b\u0000',
  '\ud800 and \udfff\ud800',
  '\ud83d\ude00',
  '{"__proto__":{"admin":true}}',
  "'); DROP TABLE rejections; --",
  '',
  '\u2028\u2029\r\n\t\\"',
]

export function describeRejectedFeed(name: string, make: () => FeedPlace, options: { skip?: Skip[] } = {}): void {
  describe(`rejected feed: ${name}`, () => {
    let place: FeedPlace
    let feed: RejectedFeed
    beforeEach(() => {
      place = make()
      feed = place.writer()
    })
    afterEach(async () => {
      await feed.close()
      place.remove()
    })
    const test = (title: string, body: () => Promise<void>) => {
      const skip = options.skip?.find(({ tests }) => tests.includes(title))
      it(title, skip ? { skip: skip.reason } : {}, body)
    }
    const reopen = async (open?: { rejectionsMax?: number; bytesMax?: number }) => {
      await feed.close()
      feed = place.writer(open)
    }
    describeContents({ test, feed: () => feed })
    describeBounds({ test, feed: () => feed, place: () => place, reopen })
  })
}

interface Context {
  test: (title: string, body: () => Promise<void>) => void
  feed: () => RejectedFeed
}

function describeContents({ test, feed }: Context): void {
  test('an empty feed', async () => {
    await feed().append([])
    assert.equal(await feed().count(), 0)
    assert.deepEqual(await feed().list({ limit: 10 }), [])
    assert.deepEqual(await feed().list({ limit: 10, before: 5 }), [])
  })

  test('lists the newest first, page by page, without gaps', async () => {
    await feed().append([0, 1, 2].map((n) => rejection(n)))
    for (let n = 3; n < 10; n += 1) await feed().append([rejection(n)])
    assert.equal(await feed().count(), 10)
    const seen: number[] = []
    let before: number | undefined
    for (;;) {
      const page = await feed().list({ limit: 4, ...(before === undefined ? {} : { before }) })
      if (page.length === 0) break
      assert.ok(page.length <= 4)
      seen.push(...page.map(({ receivedAt }) => receivedAt))
      before = page.at(-1)!.id
    }
    assert.deepEqual(seen, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    assert.deepEqual(await feed().list({ limit: 0 }), [])
    assert.deepEqual(await feed().list({ limit: 10, before: 0 }), [])
  })

  test('keeps every field, and leaves out those that were not given', async () => {
    const full: Rejection = { ...rejection(1), source: null, pointer: '/batch/0/userId', messageId: 'm-1' }
    await feed().append([full, rejection(2)])
    const [second, first] = await feed().list({ limit: 2 })
    assert.deepEqual(first, { ...full, id: first!.id })
    assert.deepEqual(second, { ...rejection(2), id: second!.id })
    assert.ok(second!.id > first!.id)
  })

  test('hostile text comes back exactly', async () => {
    const sent = HOSTILE_TEXTS.map((text, n) => ({
      ...rejection(n, text),
      message: text,
      messageId: text,
      source: text,
    }))
    await feed().append(sent)
    const back = (await feed().list({ limit: 100 })).reverse()
    assert.deepEqual(
      back.map(({ id, ...rest }) => rest),
      sent,
    )
  })

  test('cuts a body to its stored maximum, and never through a character', async () => {
    const whole = 'x'.repeat(BODY_BYTES_MAX)
    await feed().append([rejection(0, whole), rejection(1, `${whole}y`), rejection(2, `x${'😀'.repeat(50_000)}`)])
    const [pairs, longer, fits] = (await feed().list({ limit: 3 })).map(({ body }) => body)
    assert.equal(fits, whole)
    assert.equal(longer, whole)
    assert.equal(pairs, `x${'😀'.repeat((BODY_BYTES_MAX - 4) / 4)}`)
  })

  test('what a caller does later to a rejection changes nothing in the feed', async () => {
    const mine = rejection(1)
    await feed().append([mine])
    mine.body = 'changed'
    assert.equal((await feed().list({ limit: 1 }))[0]?.body, rejection(1).body)
  })
}

interface BoundsContext extends Context {
  place: () => FeedPlace
  reopen: (open?: { rejectionsMax?: number; bytesMax?: number }) => Promise<void>
}

function describeBounds({ test, feed, place, reopen }: BoundsContext): void {
  test('is bounded by count: the oldest go first, and ids are not used again', async () => {
    const bounded = place().writer({ rejectionsMax: 200 })
    let lastId = 0
    for (let n = 0; n < 600; n += 3) {
      await bounded.append([n, n + 1, n + 2].map((i) => rejection(i)))
      const count = await bounded.count()
      assert.ok(count <= 200 && count >= Math.min(n + 3, 190), `${count} after ${n + 3}`)
      const listed = await bounded.list({ limit: 1000 })
      assert.deepEqual(
        listed.map(({ receivedAt }) => receivedAt),
        Array.from({ length: count }, (_, i) => n + 2 - i),
      )
      assert.ok(listed[0]!.id > lastId)
      lastId = listed[0]!.id
    }
    await bounded.append(Array.from({ length: 1000 }, (_, i) => rejection(1000 + i)))
    const newest = await bounded.list({ limit: 1 })
    assert.equal(newest[0]?.receivedAt, 1999)
    assert.ok((await bounded.count()) <= 200)
    await bounded.close()
  })

  test('a feed opened again has everything, and a reader sees it', async () => {
    await feed().append([rejection(1), rejection(2)])
    const before = await feed().list({ limit: 10 })
    await reopen()
    assert.deepEqual(await feed().list({ limit: 10 }), before)
    const reader = place().reader()
    await feed().append([rejection(3)])
    assert.equal(await reader.count(), 3)
    assert.deepEqual(await reader.list({ limit: 10 }), await feed().list({ limit: 10 }))
    await reader.close()
  })

  test('a full disk refuses the whole append', async () => {
    await reopen({ bytesMax: 300_000 })
    await feed().append([rejection(1)])
    const large = Array.from({ length: 10 }, (_, n) => rejection(n, 'x'.repeat(60_000)))
    await assert.rejects(feed().append(large), { name: 'OnefoldError', code: 'storage_unavailable' })
    assert.equal(await feed().count(), 1)
    await feed().append([rejection(2)])
    assert.equal(await feed().count(), 2)
  })
}
