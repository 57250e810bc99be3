// The door and hostile input: sizes, depth, encodings, senders that break off. Always the documented answer, never a 5xx.
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { basic, openDoor } from '../../test/support/door.ts'

type Door = Awaited<ReturnType<typeof openDoor>>

const track = (more: object = {}) => ({ type: 'track', event: 'Tested', userId: 'u1', ...more })

describe('hostile input', () => {
  let door: Door
  before(async () => {
    door = await openDoor()
  })
  after(() => door.close())

  it('answers 5 MB with 400, and the client receives that', async () => {
    const body = JSON.stringify(track({ properties: { filler: 'x'.repeat(5_000_000) } }))
    const answer = await door.post('/v1/track', body, basic('wk-crm'))
    assert.deepEqual([answer.status, answer.body.code], [400, 'request_too_large'])
    const filed = (await door.rejected.list({ limit: 1 }))[0]
    assert.equal(filed?.code, 'request_too_large')
    assert.match(filed?.body ?? '', /^\{"type":"track"/)
  })

  it('answers a chunked body without length that is too large, on a connection that goes on', async () => {
    const statuses: (number | undefined)[] = []
    for (let round = 0; round < 2; round += 1) statuses.push(await sendChunked(door.port, 6 * 1024 * 1024))
    assert.deepEqual(statuses, [400, 400])
  })

  it('answers a gzip bomb with 400', async () => {
    const bomb = gzipSync(Buffer.alloc(200_000_000, 0x20))
    assert.ok(bomb.length < 300_000)
    const answer = await door.post('/v1/batch', bomb, { ...basic('wk-crm'), 'content-encoding': 'gzip' })
    assert.deepEqual([answer.status, answer.body.code], [400, 'request_too_large'])
  })

  it('answers an event of 40 KB with 400, and stores its neighbours', async () => {
    const large = track({ properties: { filler: 'x'.repeat(40_000) } })
    const single = await door.post('/v1/track', large, basic('wk-crm'))
    assert.deepEqual([single.status, single.body.code], [400, 'event_too_large'])
    const before = (await door.events()).length
    assert.equal((await door.post('/v1/batch', { batch: [track(), large, track()] }, basic('wk-crm'))).status, 200)
    assert.equal((await door.events()).length, before + 2)
  })

  it('takes an event of 32 KB exactly, and counts bytes rather than characters', async () => {
    const around = JSON.stringify(track({ properties: { filler: '' } })).length
    const fill = (filler: string) => track({ properties: { filler } })
    const statuses: number[] = []
    for (const filler of ['x'.repeat(32_768 - around), 'x'.repeat(32_769 - around), 'ü'.repeat(17_000)]) {
      statuses.push((await door.post('/v1/track', fill(filler), basic('wk-crm'))).status)
    }
    assert.deepEqual(statuses, [200, 400, 400])
  })

  it('answers depth 20,000 with 400, in a single event and in a batch', async () => {
    const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`
    const arrays = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    for (const value of [deep, arrays]) {
      const event = `{"type":"track","event":"E","userId":"u","properties":{"p":${value}}}`
      const single = await door.post('/v1/track', event, basic('wk-crm'))
      assert.deepEqual([single.status, single.body.code], [400, 'event_too_deep'])
      const before = (await door.events()).length
      const batch = `{"batch":[${event},{"type":"page","userId":"u"}]}`
      assert.equal((await door.post('/v1/batch', batch, basic('wk-crm'))).status, 200)
      assert.equal((await door.events()).length, before + 1)
      const shared = `{"context":{"p":${value}},"batch":[{"type":"page","userId":"u"}]}`
      assert.equal((await door.post('/v1/batch', shared, basic('wk-crm'))).body.code, 'event_too_deep')
      // Beside the events, depth is nobody's.
      const aside = `{"junk":${value},"batch":[{"type":"page","userId":"u"}]}`
      assert.equal((await door.post('/v1/batch', aside, basic('wk-crm'))).status, 200)
    }
  })

  it('keeps strange keys and characters as data', async () => {
    const properties =
      '{"a.b":1,"a":{"b":2},"__proto__":{"polluted":1},"constructor":{"prototype":1},"nul":"\\u0000","lone":"\\ud800"}'
    const body = `{"event":"E","userId":"u","properties":${properties},"traits":${properties},"context":${properties}}`
    assert.equal((await door.post('/v1/track', body, basic('wk-crm'))).status, 200)
    const event = (await door.events()).at(-1)
    assert.deepEqual(JSON.stringify(event?.properties), JSON.stringify(JSON.parse(properties)))
    assert.equal(JSON.stringify(event?.context), JSON.stringify(JSON.parse(properties)))
    assert.equal(({} as { polluted?: number }).polluted, undefined)
  })

  it('does not let a shared context be copied into gigabytes', async () => {
    const batch = Array.from({ length: 2500 }, () => ({ type: 'page', userId: 'u' }))
    const context = { filler: 'x'.repeat(20_000) }
    const answer = await door.post('/v1/batch', { batch, context }, basic('wk-crm'))
    assert.deepEqual([answer.status, answer.body.code], [400, 'request_too_large'])
  })

  it('survives senders that break off, and serves the next one', async () => {
    const broken = [
      'POST /v1/batch HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"batch":',
      'POST /v1/batch HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"bat',
      'POST /v1/batch HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'nonsense\r\n\r\n',
    ]
    for (const text of broken) {
      await new Promise<void>((resolve) => {
        const socket = connect(door.port, '127.0.0.1', () => {
          socket.write(text)
          setTimeout(() => socket.destroy(), 20)
        })
        socket.on('error', () => {})
        socket.on('close', () => resolve())
      })
    }
    assert.equal((await door.post('/v1/track', track(), basic('wk-crm'))).status, 200)
  })

  it('never answers 5xx to bytes that mean nothing', async () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const bytes = Uint8Array.from({ length: seed * 3 }, (_, index) => (index * 7919 + seed * 104_729) % 256)
      for (const encoding of ['identity', 'gzip', 'br']) {
        const answer = await door.post('/v1/batch', bytes, { ...basic('wk-crm'), 'content-encoding': encoding })
        assert.equal(answer.status, 400)
      }
    }
  })
})

function sendChunked(port: number, bytes: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...basic('wk-crm') }
    const request = httpRequest({ port, host: '127.0.0.1', path: '/v1/batch', method: 'POST', headers })
    request.on('error', reject)
    request.on('response', (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    for (let sent = 0; sent < bytes; sent += 65_536) request.write(Buffer.alloc(65_536, 0x20))
    request.end()
  })
}
