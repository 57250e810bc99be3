// A table of stamps: what came in, and what it becomes or why it is refused. Received at noon unless a row says otherwise.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../spec/event.ts'
import { formatInstant, INSTANT_MAX, INSTANT_MIN, parseInstant } from './instant.ts'
import { type StampContext, stamp } from './stamp.ts'

const SEED = Number(process.hrtime.bigint() % 2_147_483_647n)
const NOON = '2026-11-23T12:00:00.000Z'

function at(more: Partial<StampContext> = {}): StampContext {
  return {
    sourceKind: 'server',
    receivedAt: Date.parse(NOON),
    receivedAtText: NOON,
    type: null,
    sentAt: null,
    context: null,
    integrations: null,
    ip: '203.0.113.9',
    userAgent: 'Agent/1',
    messageIdLengthMax: 100,
    ...more,
  }
}

function accept(raw: object, more: Partial<StampContext> = {}) {
  const stamped = stamp({ type: 'page', userId: 'u', ...raw }, at(more))
  assert.ok('ok' in stamped, JSON.stringify(stamped))
  return stamped.ok
}

function refuse(raw: unknown, more: Partial<StampContext> = {}) {
  const stamped = stamp(raw, at(more))
  assert.ok('rejected' in stamped, JSON.stringify(stamped))
  return [stamped.rejected, stamped.pointer]
}

describe('time', () => {
  // [what the event says, what timestamp becomes]
  const rows: [JsonObject, string, string][] = [
    [{}, NOON, 'nothing said: now'],
    [{ timestamp: '2026-11-20T08:00:00.000Z' }, '2026-11-20T08:00:00.000Z', 'no sentAt: no correction'],
    [
      { timestamp: '2026-11-23T10:00:00.000Z', sentAt: '2026-11-23T10:00:05.000Z' },
      '2026-11-23T11:59:55.000Z',
      'a clock two hours slow',
    ],
    [
      { timestamp: '2026-11-23T15:00:00.000Z', sentAt: '2026-11-23T15:00:05.000Z' },
      '2026-11-23T11:59:55.000Z',
      'a clock three hours fast',
    ],
    [
      { timestamp: '2026-11-20T12:00:00.000Z', sentAt: NOON },
      '2026-11-20T12:00:00.000Z',
      'three days in the browser before it was sent',
    ],
    [{ timestamp: '2026-11-23T12:00:10.000Z', sentAt: NOON }, NOON, 'after it was sent: never in log time’s future'],
    [{ originalTimestamp: '2026-11-23T10:00:00.000Z', sentAt: NOON }, '2026-11-23T10:00:00.000Z', 'RudderStack'],
    [
      { originalTimestamp: '2026-11-23T11:59:59.000Z', timestamp: '2020-01-01T00:00:00.000Z', sentAt: NOON },
      '2020-01-01T00:00:00.000Z',
      'RudderStack, a date given by an import',
    ],
    [{ timestamp: '1900-01-01T00:00:00Z' }, '1900-01-01T00:00:00.000Z', '1900'],
    [{ timestamp: '2100-01-01T00:00:00Z' }, NOON, '2100 is clamped'],
    [
      { timestamp: '2100-01-01T00:00:00Z', sentAt: '2100-01-01T00:00:01Z' },
      '2026-11-23T11:59:59.000Z',
      'a clock that believes it is 2100',
    ],
    [
      { timestamp: '0001-01-01T00:00:00Z', sentAt: '9999-12-31T23:59:59Z' },
      '0001-01-01T00:00:00.000Z',
      'never before the year 1',
    ],
    [{ timestamp: '0000-01-01T00:00:00Z' }, '0001-01-01T00:00:00.000Z', 'the year 0'],
    [{ timestamp: 'yesterday' }, NOON, 'unreadable'],
    [{ timestamp: 'foo 1' }, NOON, 'what Date.parse alone would take for 2001'],
    [{ timestamp: null, originalTimestamp: '2026-11-01T00:00:00.000Z' }, '2026-11-01T00:00:00.000Z', 'null'],
    [{ timestamp: {}, sentAt: [] }, NOON, 'objects'],
    [{ timestamp: '2026-11-20T08:00:00.000Z', sentAt: 'later' }, '2026-11-20T08:00:00.000Z', 'unreadable sentAt'],
  ]
  for (const [raw, expected, name] of rows) {
    it(name, () => assert.equal(accept(raw).timestamp, expected))
  }

  it('keeps the original as it came where it is unreadable, cut', () => {
    assert.equal(accept({ timestamp: 'yesterday' }).originalTimestamp, 'yesterday')
    assert.equal(accept({ timestamp: 'x'.repeat(1000) }).originalTimestamp.length, 100)
    assert.equal(accept({ timestamp: '2100-01-01T00:00:00Z' }).originalTimestamp, '2100-01-01T00:00:00.000Z')
    assert.equal(accept({}).originalTimestamp, NOON)
    assert.equal(
      accept({ timestamp: 5, originalTimestamp: '2026-11-01' }).originalTimestamp,
      '2026-11-01T00:00:00.000Z',
    )
  })

  it('takes sentAt from the event, else from the batch, else from the clock', () => {
    const sentAt = { ms: Date.parse('2026-11-23T11:00:00Z'), text: '2026-11-23T11:00:00.000Z' }
    const own = { timestamp: '2026-11-23T10:00:00Z', sentAt: '2026-11-23T11:30:00Z' }
    assert.equal(accept(own, { sentAt }).timestamp, '2026-11-23T10:30:00.000Z')
    assert.equal(accept({ timestamp: '2026-11-23T10:00:00Z' }, { sentAt }).timestamp, '2026-11-23T11:00:00.000Z')
    assert.equal(accept({}, { sentAt }).sentAt, '2026-11-23T11:00:00.000Z')
    assert.equal(accept({}).sentAt, NOON)
  })

  it('reads what SDKs of other languages call a time', () => {
    const rows: [unknown, string | null][] = [
      ['2026-11-23T12:00:00.123456+00:00', '2026-11-23T12:00:00.123Z'],
      ['2026-11-23T12:00:00.123456789Z', '2026-11-23T12:00:00.123Z'],
      ['2026-11-23T14:00:00+02:00', NOON],
      ['2026-11-23T14:00:00+0200', NOON],
      ['2026-11-23 12:00:00', NOON],
      ['2026-11-23T12:00:00', NOON],
      ['2026-11-23T12:00Z', NOON],
      ['2026-11-23t12:00:00,5z', '2026-11-23T12:00:00.500Z'],
      ['2026-11-23', '2026-11-23T00:00:00.000Z'],
      ['0099-01-01', '0099-01-01T00:00:00.000Z'],
      [1795435200000, '2026-11-23T12:00:00.000Z'],
      [1795435200, '2026-11-23T12:00:00.000Z'],
      ['2026-13-01', null],
      ['2026-11-23T25:00:00Z', null],
      ['2026-13-01T00:00:00.000Z', null],
      ['Mon, 23 Nov 2026 12:00:00 GMT', null],
      ['1795435200000', null],
      ['', null],
      [Number.POSITIVE_INFINITY, null],
      [true, null],
    ]
    for (const [value, expected] of rows) {
      assert.equal(parseInstant(value), expected === null ? null : Date.parse(expected), String(value))
    }
    assert.equal(parseInstant(1e300), parseInstant('9999-12-31T23:59:59.999Z'))
  })
})

describe('printing', () => {
  it('agrees with Date for every instant', () => {
    console.log(`seed ${SEED}`)
    const instant = fc.oneof(fc.integer({ min: INSTANT_MIN, max: INSTANT_MAX }), fc.integer({ min: -9e7, max: 9e7 }))
    fc.assert(
      fc.property(instant, (ms) => assert.equal(formatInstant(ms), new Date(ms).toISOString())),
      { seed: SEED, examples: [[INSTANT_MIN], [INSTANT_MAX], [0], [-1]] },
    )
  })
})

describe('ids', () => {
  it('makes text of numbers, and drops null and what is blank', () => {
    assert.equal(accept({ userId: 42 }).userId, '42')
    assert.equal(accept({ userId: 0.5 }).userId, '0.5')
    assert.deepEqual('userId' in accept({ userId: null, anonymousId: 7 }), false)
    assert.deepEqual('userId' in accept({ userId: ' \u00a0\u3000', anonymousId: 'a' }), false)
    assert.equal(accept({ userId: '0' }).userId, '0')
  })

  it('cleans the edges of spaces of every script, and keeps those inside', () => {
    assert.equal(accept({ userId: '\u00a0\u2003\ufeff\u200b jane doe \u2028\u0085\t' }).userId, 'jane doe')
    assert.equal(accept({ userId: 'jose\u0301' }).userId, 'jose\u0301')
  })

  it('drops control characters and mends lone surrogates, which stores keep in different ways', () => {
    assert.equal(accept({ userId: 'a\u0000b' }).userId, 'ab')
    assert.equal(accept({ userId: '\u0000 a' }).userId, 'a')
    assert.equal(accept({ userId: 'a\ud800' }).userId, 'a\ufffd')
    assert.equal(accept({ userId: '😀' }).userId, '😀')
  })

  it('refuses ids that are no ids', () => {
    assert.deepEqual(refuse({ type: 'page', userId: {} }), ['invalid_event', '/userId'])
    assert.deepEqual(refuse({ type: 'page', userId: true }), ['invalid_event', '/userId'])
    assert.deepEqual(refuse({ type: 'page', userId: 'u', anonymousId: [] }), ['invalid_event', '/anonymousId'])
    assert.deepEqual(refuse({ type: 'page', userId: 2 ** 60 }), ['invalid_event', '/userId'])
    assert.deepEqual(refuse({ type: 'page', userId: Number.POSITIVE_INFINITY }), ['invalid_event', '/userId'])
    assert.deepEqual(refuse({ type: 'page', userId: 'x'.repeat(501) }), ['invalid_event', '/userId'])
    assert.deepEqual(refuse({ type: 'page' }), ['missing_identity', ''])
    assert.deepEqual(refuse({ type: 'page', userId: null, anonymousId: '' }), ['missing_identity', ''])
  })

  it('makes a messageId where there is none', () => {
    const made = [null, undefined, '', '  ', {}, true].map((messageId) => accept({ messageId }).messageId)
    for (const id of made) assert.match(id, /^[0-9a-f-]{36}$/)
    assert.equal(new Set(made).size, made.length)
    assert.equal(accept({ messageId: 17 }).messageId, '17')
    assert.equal(accept({ messageId: 'x'.repeat(100) }).messageId.length, 100)
    assert.deepEqual(refuse({ type: 'page', userId: 'u', messageId: 'x'.repeat(101) }), [
      'invalid_message_id',
      '/messageId',
    ])
  })
})

describe('calls', () => {
  it('refuses what is no call', () => {
    for (const raw of [null, 1, 'x', [], [{}]]) assert.deepEqual(refuse(raw), ['invalid_event', ''])
    for (const type of [undefined, null, 'Track', '__proto__', 'merge', 1, {}]) {
      assert.deepEqual(refuse({ type, userId: 'u' }), ['invalid_type', '/type'])
    }
  })

  it('lets the path decide the type', () => {
    assert.equal(accept({ type: 'nonsense' }, { type: 'screen' }).type, 'screen')
  })

  it('wants a name for track', () => {
    const row = (event: unknown) => refuse({ type: 'track', userId: 'u', event })
    for (const event of [undefined, null, '', ' \u3000']) assert.deepEqual(row(event), ['missing_event_name', '/event'])
    for (const event of [{}, [], true, 'x'.repeat(301)]) assert.deepEqual(row(event), ['invalid_event', '/event'])
    assert.equal(accept({ type: 'track', event: 'x'.repeat(300) }).event?.length, 300)
    assert.equal(accept({ type: 'track', event: 7 }).event, '7')
    assert.equal(accept({ type: 'track', event: 'a\ud800' }).event, 'a\ufffd')
    // RudderStack sends `event: null` with every other call.
    assert.equal('event' in accept({ event: null }), false)
    assert.equal('event' in accept({ event: 'E' }), false)
  })

  it('wants a groupId for group, and previousId and userId for alias', () => {
    assert.deepEqual(refuse({ type: 'group', userId: 'u' }), ['missing_group_id', '/groupId'])
    assert.deepEqual(refuse({ type: 'group', userId: 'u', groupId: ' ' }), ['missing_group_id', '/groupId'])
    assert.equal(accept({ type: 'group', groupId: 9 }).groupId, '9')
    assert.deepEqual(refuse({ type: 'alias', userId: 'u' }), ['missing_previous_id', '/previousId'])
    assert.deepEqual(refuse({ type: 'alias', anonymousId: 'a', previousId: 'p' }), ['missing_previous_id', '/userId'])
    assert.equal(accept({ type: 'alias', userId: 'old', previousId: 'old' }).previousId, 'old')
  })

  it('keeps name and category of pages and screens', () => {
    const page = accept({ name: 'Home', category: 3 })
    assert.deepEqual([page.name, page.category], ['Home', '3'])
    assert.equal('name' in accept({ name: null, category: {} }), false)
    assert.equal('name' in accept({ type: 'track', event: 'E', name: 'N' }), false)
  })

  it('keeps canonical fields alone', () => {
    const noise = { writeKey: 'k', _metadata: {}, channel: 'web', rudderId: 'r', request_ip: '1.1.1.1', version: 2 }
    const keys = Object.keys(accept({ ...noise, properties: { a: 1 }, messageId: 'm' })).sort()
    assert.deepEqual(keys, [
      ...['context', 'integrations', 'messageId', 'originalTimestamp', 'properties'],
      ...['receivedAt', 'sentAt', 'timestamp', 'type', 'userId'],
    ])
  })
})

describe('objects', () => {
  it('drops null and the empty array that PHP sends for an empty object', () => {
    const event = accept({ properties: null, traits: [], context: [], integrations: null })
    assert.equal('properties' in event || 'traits' in event, false)
    assert.deepEqual([event.context, event.integrations], [{}, {}])
  })

  it('refuses anything else that is no object', () => {
    for (const field of ['properties', 'traits', 'context', 'integrations']) {
      for (const value of ['text', 1, true, [1]]) {
        assert.deepEqual(refuse({ type: 'page', userId: 'u', [field]: value }), ['invalid_event', `/${field}`])
      }
    }
  })

  it('lays an identify’s traits over context.traits, and leaves other calls alone', () => {
    const raw = { type: 'identify', traits: { a: 1, b: null }, context: { traits: { a: 0, b: 2, c: 3 } } }
    assert.deepEqual(accept(raw).traits, { a: 1, b: null, c: 3 })
    assert.deepEqual(accept({ ...raw, traits: null }).traits, { a: 0, b: 2, c: 3 })
    assert.deepEqual(accept({ ...raw, context: { traits: 'text' } }).traits, { a: 1, b: null })
    assert.deepEqual(accept({ ...raw, type: 'group', groupId: 'g' }).traits, { a: 1, b: null })
  })

  it('merges the batch’s context and integrations under the event’s', () => {
    const batch = { context: { ip: '1.2.3.4', a: 1 }, integrations: { All: false } }
    const event = accept({ context: { a: 2 }, integrations: { Webhook: true } }, batch)
    assert.deepEqual(event.context, { ip: '1.2.3.4', a: 2 })
    assert.deepEqual(event.integrations, { All: false, Webhook: true })
    assert.deepEqual(batch, { context: { ip: '1.2.3.4', a: 1 }, integrations: { All: false } })
  })

  it('keeps __proto__ as data in whatever it merges', () => {
    const raw = JSON.parse(
      '{"type":"identify","userId":"u","traits":{"__proto__":{"x":1}},"context":{"traits":{"a":1}}}',
    )
    const { traits } = accept(raw)
    assert.equal(JSON.stringify(traits), '{"a":1,"__proto__":{"x":1}}')
    assert.equal(Object.getPrototypeOf(traits), Object.prototype)
    const own = JSON.parse('{"type":"page","__proto__":{"userId":"u"}}')
    assert.deepEqual(refuse(own), ['missing_identity', ''])
  })
})

describe('the connection', () => {
  it('gives address and user agent to what the person’s own device sent, and never overwrites', () => {
    const filled = { ip: '203.0.113.9', userAgent: 'Agent/1' }
    assert.deepEqual(accept({}, { sourceKind: 'browser' }).context, filled)
    assert.deepEqual(accept({}, { sourceKind: 'mobile' }).context, filled)
    assert.deepEqual(accept({}, { sourceKind: 'server' }).context, {})
    assert.deepEqual(accept({ context: { direct: true } }).context, { direct: true, ...filled })
    assert.deepEqual(accept({ context: { direct: 'true' } }).context, { direct: 'true' })
    const given = { ip: '0.0.0.0', userAgent: 'Own/1' }
    assert.deepEqual(accept({ context: given }, { sourceKind: 'browser' }).context, given)
    assert.deepEqual(accept({ context: { ip: null } }, { sourceKind: 'browser' }).context, {
      ip: null,
      userAgent: 'Agent/1',
    })
    assert.deepEqual(accept({}, { sourceKind: 'browser', ip: null, userAgent: null }).context, {})
  })
})
