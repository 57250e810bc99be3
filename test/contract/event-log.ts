// The contract of the ordered log, run by every store of it. `make` gives a fresh place for one log; a store that cannot do
// something names the tests it leaves out, and why.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { EventLog, LoggedRecord } from '../../src/log/port.ts'
import type { CanonicalEvent, JsonObject } from '../../src/spec/event.ts'
import type { DecisionRecord, EventRecord, LogRecord } from '../../src/spec/log-record.ts'

export interface LogPlace {
  /** Opens the log of this place as its writer; after `close`, once more. */
  writer(options?: { bytesMax?: number }): EventLog
  /** Opens it as another process would. */
  reader(): EventLog
  remove(): void
}

export interface Skip {
  reason: string
  tests: string[]
}

export function event(receivedAt: number, properties: JsonObject = {}): EventRecord {
  const time = new Date(receivedAt).toISOString()
  const times = { timestamp: time, originalTimestamp: time, sentAt: time, receivedAt: time }
  const call = { type: 'track', messageId: `m${receivedAt}`, anonymousId: 'a', event: 'Viewed' } as const
  return {
    type: 'event',
    receivedAt,
    source: 'web',
    event: { ...call, ...times, properties, context: {}, integrations: {} } satisfies CanonicalEvent,
  }
}

export function decision(receivedAt: number, slug = 'web'): DecisionRecord {
  return { type: 'decision', receivedAt, decision: { decision: 'source_removed', slug } }
}

const offsetsOf = (records: LoggedRecord[]) => records.map(({ offset }) => offset)
const events = (from: number, count: number, properties: JsonObject = {}) =>
  Array.from({ length: count }, (_, i) => event(from + i, { ...properties, n: from + i }))

const noise = () => ({ noise: Buffer.from(crypto.getRandomValues(new Uint8Array(1500))).toString('base64') })

/** JSON that has broken stores before: each must come back exactly as it went in. */
export const HOSTILE_JSON = [
  '{"a.b":1,"a":{"b":2}}',
  '{"__proto__":{"admin":true},"constructor":{"prototype":1},"toString":null}',
  '{"lone":"\\ud800","pair":"\\ud83d\\ude00","reversed":"\\udc00\\ud800","key\\udfff":1}',
  '{"nul":"a\\u0000b","\\u0000":"\\u0000","line":"\\n\\r\\u2028\\u2029","tab":"\\t"}',
  '{"":"","empty":{},"list":[[],[[]],null,[null]]}',
  '{"big":9007199254740993,"small":5e-324,"huge":1.7976931348623157e308,"text":"9007199254740993"}',
  '{"type":"decision","receivedAt":-1,"sql":"\'; DROP TABLE blocks; --","line":"{\\"type\\":\\"decision\\""}',
]

export function describeEventLog(name: string, make: () => LogPlace, options: { skip?: Skip[] } = {}): void {
  describe(`event log: ${name}`, () => {
    let place: LogPlace
    let log: EventLog
    beforeEach(() => {
      place = make()
      log = place.writer()
    })
    afterEach(async () => {
      await log.close()
      place.remove()
    })
    const test = (title: string, body: () => Promise<void>) => {
      const skip = options.skip?.find(({ tests }) => tests.includes(title))
      it(title, skip ? { skip: skip.reason } : {}, body)
    }
    const all = async (from = 0) => log.read({ from, recordsMax: 1_000_000 })
    const context: Context = { test, log: () => log, place: () => place, all, reopen }
    describeAppend(context)
    describeReads(context)
    describeErasure(context)
    describeRetention(context)
    describePlaces(context)

    async function reopen(open?: { bytesMax?: number }): Promise<void> {
      await log.close()
      log = place.writer(open)
    }
  })
}

interface Context {
  test: (title: string, body: () => Promise<void>) => void
  log: () => EventLog
  place: () => LogPlace
  all: (from?: number) => Promise<LoggedRecord[]>
  reopen: (open?: { bytesMax?: number }) => Promise<void>
}

function describeAppend({ test, log, all, reopen }: Context): void {
  test('offsets start at 0 and have no gaps, whatever the size of an append', async () => {
    assert.deepEqual(await log().head(), { next: 0, receivedAt: 0 })
    const sizes = [1, 3, 1, 2500, 7]
    let next = 0
    for (const size of sizes) {
      assert.equal(await log().append(events(next, size)), next)
      next += size
      assert.deepEqual(await log().head(), { next, receivedAt: next - 1 })
    }
    const records = await all()
    assert.deepEqual(offsetsOf(records), [...Array(next).keys()])
    assert.deepEqual(records[2503]?.record, event(2503, { n: 2503 }))
  })

  test('appends called together each get their own offsets', async () => {
    const firsts = await Promise.all([1, 1, 1, 1].map((receivedAt) => log().append(events(receivedAt, 1))))
    assert.deepEqual(firsts, [0, 1, 2, 3])
  })

  test('an append of nothing gives the next offset and writes nothing', async () => {
    await log().append(events(1, 2))
    assert.equal(await log().append([]), 2)
    assert.deepEqual(await log().head(), { next: 2, receivedAt: 2 })
  })

  test('keeps every type of record', async () => {
    const records: LogRecord[] = [decision(1), event(1), { type: 'tick', receivedAt: 2 }, event(2)]
    await log().append(records)
    assert.deepEqual(
      (await all()).map(({ record }) => record),
      records,
    )
  })

  test('an append that cannot be encoded leaves nothing behind', async () => {
    await log().append(events(10, 2))
    const backwards = [event(20), event(19)]
    const noTime = [event(20), { ...event(20), receivedAt: Number.NaN }]
    const unknown = [event(20), { type: 'other', receivedAt: 20 } as unknown as LogRecord]
    const cyclic: JsonObject = {}
    cyclic['self'] = cyclic
    for (const records of [[event(9)], backwards, noTime, unknown, [event(20), event(21, cyclic)]]) {
      await assert.rejects(log().append(records))
    }
    assert.deepEqual(await log().head(), { next: 2, receivedAt: 11 })
    assert.equal(await log().append([event(12)]), 2)
    assert.equal((await all()).length, 3)
  })

  test('hostile JSON comes back exactly', async () => {
    const records = HOSTILE_JSON.map((text) => event(5, JSON.parse(text) as JsonObject))
    await log().append(records)
    for (const record of records) await log().append([record])
    const back = (await all()).map(({ record }) => record)
    assert.deepEqual(back, [...records, ...records])
    // deepEqual does not look at `__proto__` or at the order of keys; the text does.
    const texts = back.map((record) => record.type === 'event' && JSON.stringify(record.event.properties))
    const sent = HOSTILE_JSON.map((text) => JSON.stringify(JSON.parse(text)))
    assert.deepEqual(texts, [...sent, ...sent])
    assert.equal(Object.hasOwn({}, 'admin'), false)
    assert.deepEqual(await log().decisions(), [])
  })

  test('what a caller does later to a record changes nothing in the log', async () => {
    const mine = event(1, { n: { deep: 1 } })
    await log().append([mine])
    mine.event.properties = { n: 'changed' }
    const [read] = await all()
    if (read?.record.type === 'event') read.record.event.properties = { n: 'changed too' }
    assert.deepEqual(await all(), [{ offset: 0, record: event(1, { n: { deep: 1 } }) }])
  })

  test('a full disk refuses the whole append, and takes appends again once space is freed', async () => {
    await reopen({ bytesMax: 400_000 })
    let next = 0
    const fill = async (size: number) => {
      for (;;) {
        await log().append(Array.from({ length: size }, () => event(1, noise())))
        next += size
      }
    }
    for (const size of [2000, 10, 1]) {
      await assert.rejects(fill(size), { name: 'OnefoldError', code: 'storage_unavailable', status: 503 })
      assert.deepEqual((await log().head()).next, next)
      assert.deepEqual(offsetsOf(await all()), [...Array(next).keys()])
    }
    assert.ok(next > 50, `only ${next} events fitted`)
    await log().saveCursor('reader', next)
    await log().retain(2)
    assert.equal(await log().append(events(3, 20)), next)
    await reopen()
    assert.deepEqual(await log().head(), { next: next + 20, receivedAt: 22 })
  })
}

function describeReads({ test, log, all }: Context): void {
  // Offsets 0-2, 3-7, 8, 9-14.
  const four = async () => {
    for (const [from, size] of [
      [0, 3],
      [3, 5],
      [8, 1],
      [9, 6],
    ] as const)
      await log().append(events(from, size))
  }

  test('reads any range across the borders of appends', async () => {
    await four()
    for (let from = 0; from <= 16; from += 1) {
      for (const recordsMax of [0, 1, 4, 5, 100]) {
        for (const below of [undefined, 0, 3, 9, 10, 15, 99]) {
          const expected = [...Array(15).keys()].filter((n) => n >= from && n < (below ?? 99)).slice(0, recordsMax)
          const got = await log().read({ from, recordsMax, ...(below === undefined ? {} : { below }) })
          assert.deepEqual(offsetsOf(got), expected, `from ${from}, at most ${recordsMax}, below ${below}`)
        }
      }
    }
    assert.deepEqual((await log().read({ from: 9, recordsMax: 1 }))[0]?.record, event(9, { n: 9 }))
  })

  test('an empty log has nothing to read', async () => {
    assert.deepEqual(await all(), [])
    assert.deepEqual(await log().decisions(), [])
    assert.deepEqual(await log().get([0, 1]), [])
    assert.equal(await log().tail(), 0)
    assert.equal(await log().redact([0]), 0)
    assert.equal(await log().retain(10), 0)
  })

  test('decisions come without the events between them', async () => {
    await log().append([decision(1, 'a'), event(1), decision(1, 'b')])
    await log().append(events(2, 3))
    await log().append([event(5), decision(5, 'c'), { type: 'tick', receivedAt: 5 }])
    const found = await log().decisions()
    assert.deepEqual(found, [
      { offset: 0, record: decision(1, 'a') },
      { offset: 2, record: decision(1, 'b') },
      { offset: 7, record: decision(5, 'c') },
    ])
    assert.deepEqual(offsetsOf(await log().decisions({ from: 1 })), [2, 7])
    assert.deepEqual(offsetsOf(await log().decisions({ below: 7 })), [0, 2])
    assert.deepEqual(offsetsOf(await log().decisions({ from: 2, below: 3 })), [2])
    assert.deepEqual(offsetsOf(await log().decisions({ from: 3, below: 7 })), [])
  })

  test('gets records at offsets asked in any order', async () => {
    await four()
    const got = await log().get([14, 0, 8, 3, 7, 3, 15, 1e9, -1, 0.5])
    assert.deepEqual(
      new Map(got.map(({ offset, record }) => [offset, record])),
      new Map([0, 3, 7, 8, 14].map((n) => [n, event(n, { n })])),
    )
    assert.equal(got.length, 5)
    assert.deepEqual(await log().get([]), [])
  })
}

function describeErasure({ test, log, all, reopen }: Context): void {
  test('redacts the payload and keeps the offset and its time', async () => {
    await log().append([decision(1), ...events(2, 4)])
    await log().append(events(6, 3))
    await all()
    assert.equal(await log().redact([6, 2, 2, 99]), 2)
    const redacted = (offset: number, receivedAt: number) => ({ offset, record: { type: 'redacted', receivedAt } })
    const expected = [redacted(2, 3), redacted(6, 7)]
    assert.deepEqual(await log().get([2, 6]), expected)
    assert.equal((await all()).length, 8)
    assert.deepEqual((await all())[3]?.record, event(4, { n: 4 }))
    assert.equal(await log().redact([2, 6]), 0)
    await reopen()
    assert.deepEqual(await log().get([2, 6]), expected)
  })

  test('a decision or a tick among the offsets refuses the whole redaction', async () => {
    await log().append(events(1, 2))
    await log().append([event(3), decision(3), { type: 'tick', receivedAt: 3 }])
    const before = await all()
    for (const offsets of [
      [0, 3],
      [2, 4],
    ]) {
      await assert.rejects(log().redact(offsets), { name: 'OnefoldError', code: 'invalid_request' })
      assert.deepEqual(await all(), before)
    }
  })
}

function describeRetention({ test, log, all, reopen }: Context): void {
  test('a cursor is null until saved, and moves both ways', async () => {
    assert.equal(await log().cursor('history'), null)
    await log().saveCursor('history', 7)
    await log().saveCursor("o'hara; --", 3)
    await log().saveCursor('history', 5)
    assert.equal(await log().cursor('history'), 5)
    assert.equal(await log().cursor("o'hara; --"), 3)
    for (const bad of [-1, 0.5, Number.NaN]) await assert.rejects(log().saveCursor('history', bad))
    await reopen()
    assert.equal(await log().cursor('history'), 5)
  })

  test('removes whole appends that are old and that every cursor has passed', async () => {
    for (const time of [10, 20, 30, 40]) await log().append([event(time), event(time + 5)])
    await log().saveCursor('slow', 3)
    await log().saveCursor('fast', 8)
    assert.equal(await log().retain(10), 0)
    assert.equal(await log().retain(15), 0, 'its last record is not older')
    assert.equal(await log().retain(100), 2, 'the slow cursor holds the second one')
    assert.equal(await log().tail(), 2)
    assert.deepEqual(offsetsOf(await all()), [2, 3, 4, 5, 6, 7])
    assert.deepEqual(offsetsOf(await log().get([1, 2])), [2])
    assert.equal(await log().redact([0, 1]), 0)
    await log().saveCursor('slow', 8)
    assert.equal(await log().retain(30), 4)
    await reopen()
    assert.equal(await log().tail(), 4)
    assert.deepEqual(offsetsOf(await all()), [4, 5, 6, 7])
  })

  test('decisions stay where retention removes the events around them', async () => {
    await log().append([decision(1, 'genesis'), event(1)])
    await log().append([event(2), event(2)])
    await log().append([event(3), decision(3, 'late'), { type: 'tick', receivedAt: 3 }])
    await log().append([event(4)])
    assert.equal(await log().retain(4), 7)
    assert.equal(await log().tail(), 7)
    assert.deepEqual(offsetsOf(await all()), [0, 5, 7])
    assert.deepEqual(await log().decisions(), [
      { offset: 0, record: decision(1, 'genesis') },
      { offset: 5, record: decision(3, 'late') },
    ])
    assert.deepEqual(offsetsOf(await log().get([0, 1, 4, 5, 6])), [0, 5])
    assert.deepEqual(offsetsOf(await log().read({ from: 1, recordsMax: 1 })), [5])
    assert.equal(await log().retain(4), 7)
    await assert.rejects(log().redact([4, 5]), { code: 'invalid_request' })
  })

  test('offsets and log time go on after everything old is removed', async () => {
    await log().append(events(1, 5))
    await log().append(events(6, 5))
    await log().retain(1000)
    assert.deepEqual(await log().head(), { next: 10, receivedAt: 10 })
    await reopen()
    assert.deepEqual(await log().head(), { next: 10, receivedAt: 10 })
    assert.equal(await log().append([event(11)]), 10)
  })

  test('a removal of many appends reaches the end', async () => {
    // Megabytes that do not compress: a store may work in steps.
    for (let i = 0; i < 40; i += 1)
      await log().append(Array.from({ length: 100 }, (_, n) => event(i * 100 + n, noise())))
    assert.equal(await log().retain(3900), 3900)
    assert.deepEqual(
      offsetsOf(await all()),
      [...Array(100).keys()].map((n) => 3900 + n),
    )
  })
}

function describePlaces({ test, log, place, all, reopen }: Context): void {
  test('a log opened again has everything', async () => {
    await log().append([decision(1), ...events(2, 3)])
    await log().append(events(5, 1200))
    const before = await all()
    await reopen()
    assert.deepEqual(await all(), before)
    assert.deepEqual(await log().head(), { next: 1204, receivedAt: 1204 })
    assert.equal(await log().append([event(2000)]), 1204)
  })

  test('a reader sees what the writer appends, redacts and removes', async () => {
    const reader = place().reader()
    try {
      assert.deepEqual(await reader.head(), { next: 0, receivedAt: 0 })
      await log().append(events(1, 4))
      assert.deepEqual(await reader.head(), { next: 4, receivedAt: 4 })
      assert.deepEqual(await reader.read({ from: 0, recordsMax: 10 }), await all())
      await log().redact([1])
      assert.deepEqual(await reader.read({ from: 0, recordsMax: 10 }), await all())
      await log().append(events(5, 4))
      await reader.saveCursor('mine', 4)
      assert.equal(await log().cursor('mine'), 4)
      await log().retain(100)
      assert.equal(await reader.tail(), 4)
      assert.deepEqual(offsetsOf(await reader.read({ from: 0, recordsMax: 10 })), [4, 5, 6, 7])
    } finally {
      await reader.close()
    }
  })
}
