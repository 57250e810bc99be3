// The door over HTTP: every path, every way to show a key, the answers of the contract.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { basic, openDoor } from '../../test/support/door.ts'
import { OnefoldError } from '../spec/errors.ts'
import { CALL_TYPES } from '../spec/event.ts'
import { MemoryLog } from '../store/memory/log.ts'
import { MemoryRejectedFeed } from '../store/memory/rejected.ts'

type Door = Awaited<ReturnType<typeof openDoor>>

const track = (more: object = {}) => ({ type: 'track', event: 'Tested', userId: 'u1', ...more })

describe('collection', () => {
  let door: Door
  before(async () => {
    door = await openDoor()
  })
  after(() => door.close())

  const last = async () => (await door.events()).at(-1)
  const newest = async () => (await door.rejected.list({ limit: 1 }))[0]

  it('serves every path of single calls, the call taken from the path', async () => {
    for (const type of CALL_TYPES) {
      for (const path of [`/v1/${type}`, `/v1/${type[0]}`, `/v1/${type}/`, `//v1/${type}`]) {
        const body = { event: 'E', userId: 'u', groupId: 'g', previousId: 'p', type: 'nonsense', messageId: path }
        const answer = await door.post(path, body, basic('wk-crm'))
        assert.deepEqual([answer.status, answer.body], [200, { success: true }], path)
        const event = await last()
        assert.equal(event?.type, type)
        assert.equal(event?.messageId, path)
      }
    }
  })

  it('serves every path of batches', async () => {
    for (const path of ['/v1/b', '/v1/batch', '/v1/import']) {
      const before = (await door.events()).length
      const answer = await door.post(path, { batch: [track(), track()], writeKey: 'wk-web' })
      assert.deepEqual([answer.status, answer.body], [200, { success: true }])
      assert.equal((await door.events()).length, before + 2)
    }
  })

  it('answers telemetry and keeps none of it', async () => {
    const before = (await door.events()).length
    for (const path of ['/v1/m', '/rsaMetrics']) {
      assert.equal((await door.post(path, '{"series":[]}', { 'content-type': 'text/plain' })).status, 200)
      assert.equal((await door.post(path, 'no json')).status, 200)
    }
    assert.equal((await door.events()).length, before)
  })

  it('reads JSON whatever the Content-Type says', async () => {
    const types = [
      'text/plain',
      'application/json;charset=UTF-8',
      'application/x-www-form-urlencoded',
      'json',
      ';;',
      '',
    ]
    for (const type of types) {
      const answer = await door.post('/v1/t', track({ messageId: `ct ${type}` }), {
        ...basic('wk-crm'),
        'content-type': type,
      })
      assert.equal(answer.status, 200, type)
      assert.equal((await last())?.messageId, `ct ${type}`.trim())
    }
  })

  it('takes a key from Basic, from the body, from the query, past an Authorization header that says nothing', async () => {
    const cases: [string, object, Record<string, string>][] = [
      ['', {}, basic('wk-web')],
      ['', {}, { authorization: `Basic ${Buffer.from('wk-web').toString('base64')}` }],
      ['', {}, { authorization: `bAsIc ${Buffer.from('wk-web:secret').toString('base64')}` }],
      ['', { writeKey: 'wk-web' }, { authorization: 'Bearer token' }],
      ['', { writeKey: 'wk-web' }, { authorization: '' }],
      ['', { writeKey: 'wk-web' }, { authorization: 'Basic ' }],
      ['', { writeKey: 'wk-web' }, { authorization: 'Basic Og==' }],
      ['', { writeKey: 'wk-web' }, basic('unknown')],
      ['', { writeKey: 'wk-web' }, { authorization: 'Digest username="x"' }],
      ['?writeKey=wk-web', {}, {}],
      ['?writeKey=wk-web&writeKey=x', { writeKey: 'unknown' }, basic('unknown')],
    ]
    for (const [query, body, headers] of cases) {
      assert.equal((await door.post(`/v1/track${query}`, track(body), headers)).status, 200, JSON.stringify(headers))
      assert.equal((await door.post(`/v1/batch${query}`, { batch: [track()], ...body }, headers)).status, 200)
    }
  })

  it('refuses unknown, missing and disabled keys with 400, and files that without content', async () => {
    const unknown = await door.post('/v1/track', track({ writeKey: 'wk-nobody' }))
    assert.equal(unknown.status, 400)
    assert.deepEqual(unknown.body, {
      success: false,
      code: 'invalid_write_key',
      message: 'An invalid write key was provided.',
    })
    const filed = await newest()
    assert.deepEqual([filed?.source, filed?.code, filed?.body], [null, 'invalid_write_key', ''])
    assert.match(filed?.message ?? '', /begins with "wk-n"/)
    assert.equal((await door.post('/v1/track', track())).body.code, 'missing_write_key')
    assert.equal((await door.post('/v1/track', track({ writeKey: '__proto__' }))).body.code, 'invalid_write_key')
    const disabled = await door.post('/v1/track', track({ writeKey: 'wk-old' }))
    assert.deepEqual([disabled.status, disabled.body.code], [400, 'source_disabled'])
    assert.equal((await newest())?.source, 'old')
  })

  it('inflates gzip, deflate, br and zstd, and refuses what is none of them', async () => {
    const bytes = Buffer.from(JSON.stringify(track({ messageId: 'inflated' })))
    const encodings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync }
    for (const [encoding, compress] of Object.entries(encodings)) {
      const answer = await door.post('/v1/track', compress(bytes), { ...basic('wk-crm'), 'content-encoding': encoding })
      assert.equal(answer.status, 200, encoding)
    }
    const headers = { ...basic('wk-crm'), 'content-encoding': 'identity' }
    assert.equal((await door.post('/v1/track', bytes, headers)).status, 200)
    const refused: [Uint8Array, string][] = [
      [bytes, 'gzip'],
      [gzipSync(bytes).subarray(0, 20), 'gzip'],
      [bytes, 'compress'],
    ]
    for (const [body, encoding] of refused) {
      const answer = await door.post('/v1/track', body, { ...basic('wk-crm'), 'content-encoding': encoding })
      assert.deepEqual([answer.status, answer.body.code], [400, 'invalid_encoding'])
    }
  })

  it('refuses broken JSON with 400, and files it under a known key alone', async () => {
    const count = await door.rejected.count()
    for (const body of ['', '{', '{"a":1', 'null x', '\u0000', '{"a":\u0001}']) {
      const answer = await door.post('/v1/track', body)
      assert.deepEqual([answer.status, answer.body.code], [400, 'invalid_json'], body)
    }
    assert.equal(await door.rejected.count(), count)
    const answer = await door.post('/v1/batch', '{"batch":[{"writeKey":"secret"},', basic('wk-crm'))
    assert.deepEqual([answer.status, answer.body.code], [400, 'invalid_json'])
    const filed = await newest()
    assert.deepEqual([filed?.source, filed?.code], ['crm', 'invalid_json'])
    assert.equal(filed?.body, '{"batch":[{"writeKey":"…"},')
  })

  it('refuses bodies of another shape', async () => {
    const cases: [string, string, string][] = [
      ['/v1/track', '[]', 'missing_write_key'],
      ['/v1/track?writeKey=wk-crm', '[]', 'invalid_body'],
      ['/v1/track?writeKey=wk-crm', '"text"', 'invalid_body'],
      ['/v1/track?writeKey=wk-crm', 'null', 'invalid_body'],
      ['/v1/batch?writeKey=wk-crm', '{}', 'invalid_body'],
      ['/v1/batch?writeKey=wk-crm', '{"batch":{}}', 'invalid_body'],
      ['/v1/batch?writeKey=wk-crm', '{"batch":[]}', 'empty_batch'],
    ]
    for (const [path, body, code] of cases) {
      const answer = await door.post(path, body)
      assert.deepEqual([answer.status, answer.body.code], [400, code], body)
    }
  })

  it('stores the good ones of a batch and files the bad ones before it answers', async () => {
    const [events, rejected] = [(await door.events()).length, await door.rejected.count()]
    const batch: unknown[] = Array.from({ length: 97 }, (_, n) => track({ messageId: `good ${n}` }))
    batch.splice(
      50,
      0,
      'text',
      { type: 'track', userId: 'u', messageId: 'nameless' },
      { type: 'nonsense', userId: 'u' },
    )
    const answer = await door.post('/v1/batch', { batch }, basic('wk-crm'))
    assert.deepEqual([answer.status, answer.body], [200, { success: true }])
    assert.equal((await door.events()).length, events + 97)
    assert.equal(await door.rejected.count(), rejected + 3)
    const filed = (await door.rejected.list({ limit: 3 })).map(({ code, messageId, source }) => [
      code,
      messageId,
      source,
    ])
    assert.deepEqual(filed, [
      ['invalid_type', undefined, 'crm'],
      ['missing_event_name', 'nameless', 'crm'],
      ['invalid_event', undefined, 'crm'],
    ])
  })

  it('answers a bad single event with 400 and files it', async () => {
    const answer = await door.post('/v1/track', { userId: 'u', messageId: 'm' }, basic('wk-crm'))
    assert.deepEqual(answer.body, {
      success: false,
      code: 'missing_event_name',
      message: 'A track call needs a non-empty event name.',
      pointer: '/event',
    })
    assert.equal(answer.status, 400)
    assert.deepEqual(JSON.parse((await newest())?.body ?? ''), { userId: 'u', messageId: 'm' })
  })

  it('refuses what exceeds 2500 events, in one entry', async () => {
    const [events, rejected] = [(await door.events()).length, await door.rejected.count()]
    const batch = Array.from({ length: 2600 }, () => track())
    assert.equal((await door.post('/v1/batch', { batch }, basic('wk-crm'))).status, 200)
    assert.equal((await door.events()).length, events + 2500)
    assert.equal(await door.rejected.count(), rejected + 1)
    assert.equal((await newest())?.code, 'batch_too_long')
  })

  it('counts', () => {
    assert.ok(door.counters.requests > 50)
    assert.ok(door.counters.accepted > 2500)
    assert.ok((door.counters.rejected.invalid_json ?? 0) > 0)
    assert.ok(door.counters.commits <= door.counters.commitRecords)
  })
})

describe('closing', () => {
  it('ends the requests it has, and waits for no connection that carries none', async () => {
    const door = await openDoor()
    const silent = connect(door.port, '127.0.0.1')
    const broken = new Promise<void>((resolve) => silent.once('close', () => resolve()))
    silent.on('error', () => {})
    await new Promise((resolve) => silent.once('connect', resolve))
    const answer = door.post('/v1/track', track(), basic('wk-crm'))
    while (door.counters.requests === 0) await new Promise((resolve) => setImmediate(resolve))
    await door.close()
    await broken
    assert.equal((await answer).status, 200)
  })
})

describe('when storage fails', () => {
  it('answers 503 with code and message while the log refuses, and 200 afterwards', async () => {
    let full = true
    class FullLog extends MemoryLog {
      override async append(...records: Parameters<MemoryLog['append']>) {
        if (full) throw new OnefoldError('storage_unavailable')
        return super.append(...records)
      }
    }
    const door = await openDoor({ log: new FullLog() })
    const refused = await door.post('/v1/track', track(), basic('wk-crm'))
    assert.deepEqual([refused.status, refused.body.code], [503, 'storage_unavailable'])
    assert.equal(refused.body.success, false)
    full = false
    assert.equal((await door.post('/v1/track', track(), basic('wk-crm'))).status, 200)
    assert.equal((await door.events()).length, 1)
    assert.equal(door.counters.accepted, 1)
    await door.close()
  })

  it('answers 503 where a refusal cannot be filed', async () => {
    class FullFeed extends MemoryRejectedFeed {
      override async append(): Promise<void> {
        throw new Error('disk I/O error')
      }
    }
    const door = await openDoor({ rejected: new FullFeed() })
    const answer = await door.post('/v1/batch', { batch: [track(), 1] }, basic('wk-crm'))
    assert.deepEqual([answer.status, answer.body.code], [503, 'storage_unavailable'])
    await door.close()
  })

  it('drops the events of the suppressed, and keeps nothing of them', async () => {
    const door = await openDoor({ isSuppressed: (event) => event.userId === 'gone' })
    const answer = await door.post('/v1/track', track({ userId: 'gone', messageId: 'm' }), basic('wk-crm'))
    assert.deepEqual([answer.status, answer.body.code], [400, 'suppressed'])
    assert.equal((await door.events()).length, 0)
    const filed = (await door.rejected.list({ limit: 1 }))[0]
    assert.deepEqual([filed?.code, filed?.body, filed?.messageId], ['suppressed', '', undefined])
    await door.close()
  })
})
