// Everything that is no SDK's goes to the API over a Unix socket, streaming both ways.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { basic, openDoor } from '../../test/support/door.ts'

type Door = Awaited<ReturnType<typeof openDoor>>
type Answer = (request: IncomingMessage, response: ServerResponse) => void

describe('forwarding', () => {
  const folder = mkdtempSync(join(tmpdir(), 'forward-'))
  const apiSocket = join(folder, 'api.sock')
  let door: Door
  let api: Server
  let answer: Answer = (_request, response) => response.end()
  before(async () => {
    door = await openDoor({ apiSocket })
    api = createServer((request, response) => answer(request, response))
    await new Promise<void>((resolve) => api.listen(apiSocket, resolve))
  })
  after(async () => {
    await door.close()
    api.close()
    rmSync(folder, { recursive: true })
  })

  it('hands on method, path, headers and body, and hands back status, headers and body', async () => {
    let seen: unknown
    answer = (request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        seen = [request.method, request.url, request.headers.authorization, request.headers['x-forwarded-host'], body]
        response.writeHead(201, { 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2'], 'x-own': 'yes' })
        response.end('made')
      })
    }
    const path = '/api/v1/profiles/email:a%2F..%2Fb@x.com/events?limit=1&q=%E2%82%AC'
    const response = await fetch(door.url + path, {
      method: 'PUT',
      body: 'body',
      headers: { authorization: 'Bearer t' },
    })
    assert.equal(response.status, 201)
    assert.equal(await response.text(), 'made')
    assert.equal(response.headers.get('x-own'), 'yes')
    assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2'])
    assert.deepEqual(seen, ['PUT', path, 'Bearer t', `127.0.0.1:${door.port}`, 'body'])
    assert.ok(door.counters.forwarded > 0)
  })

  it('frames a body without length, whatever the method', async () => {
    const bodies: string[] = []
    answer = (request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        bodies.push(`${request.method} ${body}`)
        response.end()
      })
    }
    for (const method of ['DELETE', 'GET', 'PATCH']) {
      await new Promise<void>((resolve, reject) => {
        const headers = { 'transfer-encoding': 'chunked', 'x-forwarded-for': '6.6.6.6' }
        const sent = httpRequest({ port: door.port, host: '127.0.0.1', method, path: '/x', headers }, (response) => {
          response.resume().on('end', resolve)
        })
        sent.on('error', reject)
        sent.end('GET /smuggled HTTP/1.1\r\n\r\n')
      })
    }
    assert.deepEqual(
      bodies,
      ['DELETE', 'GET', 'PATCH'].map((method) => `${method} GET /smuggled HTTP/1.1\r\n\r\n`),
    )
  })

  it('says itself who asked, and drops what belongs to one hop', async () => {
    let seen: IncomingMessage['headers'] = {}
    answer = (request, response) => {
      seen = request.headers
      response.writeHead(200, {
        'keep-alive': 'timeout=99',
        connection: 'keep-alive, x-hop',
        'x-hop': '1',
        'x-end': '2',
      })
      response.end('ok')
    }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        connection: 'x-secret',
        'x-secret': '1',
        'x-forwarded-for': '6.6.6.6',
        'x-forwarded-proto': 'https',
      }
      const sent = httpRequest({ port: door.port, host: '127.0.0.1', path: '/x', headers }, resolve)
      sent.on('error', reject)
      sent.end()
    })
    response.resume()
    assert.deepEqual(
      [seen['x-secret'], seen['x-forwarded-for'], seen['x-forwarded-proto']],
      [undefined, '127.0.0.1', 'http'],
    )
    assert.deepEqual([response.headers['x-hop'], response.headers['x-end']], [undefined, '2'])
    assert.notEqual(response.headers['keep-alive'], 'timeout=99')
  })

  it('streams: the first part arrives while the rest is not yet written', async () => {
    let finish = () => {}
    answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
      finish = () => response.end('data: 2\n\n')
    }
    const response = await fetch(`${door.url}/api/v1/live`)
    const reader = response.body?.getReader()
    assert.equal(new TextDecoder().decode((await reader?.read())?.value), 'data: 1\n\n')
    finish()
    assert.equal(new TextDecoder().decode((await reader?.read())?.value), 'data: 2\n\n')
    assert.equal((await reader?.read())?.done, true)
  })

  it('hands back an answer that comes before the body is read', async () => {
    answer = (_request, response) => {
      response.writeHead(401, { 'content-type': 'application/json' })
      response.end('{}')
    }
    const response = await fetch(`${door.url}/api/v1/x`, { method: 'POST', body: 'x'.repeat(3_000_000) })
    assert.deepEqual([response.status, await response.text()], [401, '{}'])
  })

  it('does not ask twice where the API says 503, and hands that back', async () => {
    let asked = 0
    answer = (_request, response) => {
      asked += 1
      response.writeHead(503, { 'retry-after': '1' })
      response.end('not ready')
    }
    const response = await fetch(`${door.url}/readyz`)
    assert.deepEqual([response.status, await response.text(), asked], [503, 'not ready', 1])
  })

  it('lets go of the API when the client leaves', async () => {
    const left = new Promise<void>((resolve) => {
      answer = (_request, response) => {
        response.writeHead(200)
        response.write('first')
        response.on('close', resolve)
      }
    })
    const controller = new AbortController()
    const response = await fetch(`${door.url}/api/v1/live`, { signal: controller.signal })
    await response.body?.getReader().read()
    controller.abort()
    await left
  })

  it('breaks off where the API breaks off, and says 503 where it says nothing', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half', () => response.destroy())
    }
    const broken = await fetch(`${door.url}/x`)
    await assert.rejects(broken.text())
    answer = (request) => request.socket.destroy()
    const silent = await fetch(`${door.url}/x`)
    assert.equal(silent.status, 503)
    assert.equal(silent.headers.get('content-type'), 'application/problem+json')
    assert.equal(((await silent.json()) as { code: string }).code, 'api_unavailable')
  })

  it('says 503 while the socket is away, and collects all the same', async () => {
    const alone = await openDoor({ apiSocket: join(folder, 'nobody.sock') })
    assert.equal((await fetch(`${alone.url}/readyz`)).status, 503)
    assert.equal((await alone.post('/v1/page', { userId: 'u' }, basic('wk-crm'))).status, 200)
    await alone.close()
  })

  it('says 404 where there is no API, for wrong paths and wrong methods', async () => {
    const alone = await openDoor()
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/v1/track'],
      ['PUT', '/v1/batch'],
      ['DELETE', '/x'],
    ] as const) {
      const response = await fetch(alone.url + path, { method })
      assert.equal(response.status, 404)
      assert.equal(((await response.json()) as { code: string }).code, 'not_found')
    }
    assert.equal((await fetch(`${alone.url}/%zz`)).status, 400)
    await alone.close()
  })
})
