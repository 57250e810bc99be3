// What SDKs ask for before they send: settings, source configuration, and the permission of the browser.
import assert from 'node:assert/strict'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { basic, openDoor } from '../../test/support/door.ts'
import { safeHost } from './documents.ts'

type Door = Awaited<ReturnType<typeof openDoor>>

// fetch forbids setting Host and drops Origin in places.
function send(port: number, method: string, path: string, headers: Record<string, string> = {}, body = '') {
  return new Promise<{ status: number | undefined; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    const sent = httpRequest({ port, host: '127.0.0.1', method, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('documents', () => {
  let door: Door
  let proxied: Door
  before(async () => {
    door = await openDoor()
    proxied = await openDoor({ trustedProxies: ['127.0.0.1'] })
  })
  after(async () => {
    await door.close()
    await proxied.close()
  })
  const settings = '/v1/projects/wk-web/settings'
  const segment = (body: string) => JSON.parse(body).integrations['Segment.io']

  it('keeps Segment’s SDKs here: host, scheme, and no metrics', async () => {
    const answer = await send(door.port, 'GET', settings, { host: 'cdp.example.com' })
    assert.equal(answer.status, 200)
    assert.deepEqual(JSON.parse(answer.body), {
      integrations: { 'Segment.io': { apiKey: 'wk-web', apiHost: 'cdp.example.com/v1', protocol: 'http' } },
      metrics: { sampleRate: 0 },
      plan: {},
      edgeFunction: {},
      middlewareSettings: {},
      enabledMiddleware: {},
      remotePlugins: [],
    })
    assert.match(answer.headers['content-type'] ?? '', /^application\/json/)
  })

  it('believes a proxy’s host and scheme where the proxy is trusted, and there alone', async () => {
    const headers = { host: 'inner:8080', 'x-forwarded-host': 'cdp.example.com', 'x-forwarded-proto': 'https' }
    const trusted = segment((await send(proxied.port, 'GET', settings, headers)).body)
    assert.deepEqual(trusted, { apiKey: 'wk-web', apiHost: 'cdp.example.com/v1' })
    const other = segment((await send(door.port, 'GET', settings, headers)).body)
    assert.deepEqual(other, { apiKey: 'wk-web', apiHost: 'inner:8080/v1', protocol: 'http' })
  })

  it('prints no host that is none', async () => {
    for (const host of ['evil.com/x?', 'a"b', '<script>', 'a b', 'user@evil.com', 'x'.repeat(300), '']) {
      const { apiHost } = segment((await send(door.port, 'GET', settings, { host })).body)
      assert.equal(apiHost, `127.0.0.1:${door.port}/v1`, host)
    }
    assert.equal(safeHost('[::1]:8080', '::1', 1), '[::1]:8080')
    assert.equal(safeHost(undefined, '::1', 80), '[::1]:80')
    assert.equal(safeHost('localhost:8080', '::1', 1), 'localhost:8080')
  })

  it('answers 404 as JSON, with CORS, for keys that nobody has or that are disabled', async () => {
    for (const key of ['nobody', 'wk-old', '__proto__', '%00']) {
      const answer = await send(door.port, 'GET', `/v1/projects/${key}/settings`, { origin: 'https://shop.example' })
      assert.equal(answer.status, 404)
      assert.equal(JSON.parse(answer.body).success, false)
      assert.equal(answer.headers['access-control-allow-origin'], 'https://shop.example')
    }
  })

  it('gives RudderStack’s SDKs their source, with and without slash, by Basic or query', async () => {
    for (const path of ['/sourceConfig', '/sourceConfig/', '/sourceConfig/?p=npm&v=3.34.1&writeKey=wk-web']) {
      const answer = await send(door.port, 'GET', path, path.includes('?') ? {} : basic('wk-web'))
      assert.equal(answer.status, 200)
      const { source } = JSON.parse(answer.body)
      assert.deepEqual([source.id, source.writeKey, source.enabled, source.destinations], ['web', 'wk-web', true, []])
      assert.equal(source.config.statsCollection.metrics.enabled, false)
    }
    assert.equal((await send(door.port, 'GET', '/sourceConfig/', basic('nobody'))).status, 404)
    const disabled = await send(door.port, 'GET', '/sourceConfig/?writeKey=wk-old')
    assert.equal(JSON.parse(disabled.body).source.enabled, false)
  })

  it('passes for unblocked: HEAD answers 200 without a redirect', async () => {
    for (const path of ['/sourceConfig', '/sourceConfig/', '/sourceConfig/?view=ad']) {
      assert.equal((await send(door.port, 'HEAD', path)).status, 200)
    }
  })

  it('lets any origin ask, with the headers SDKs send and those a page adds', async () => {
    const headers = {
      origin: 'https://shop.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,x-own',
    }
    for (const path of [
      '/v1/t',
      '/v1/batch?x=1',
      '/v1/m',
      '/v1/identify/',
      settings,
      '/sourceConfig/',
      '/rsaMetrics',
    ]) {
      const answer = await send(door.port, 'OPTIONS', path, headers)
      assert.ok(answer.status === 204 || answer.status === 200, path)
      assert.equal(answer.headers['access-control-allow-origin'], 'https://shop.example')
      assert.equal(answer.headers['access-control-allow-credentials'], 'true')
      const allowed = (answer.headers['access-control-allow-headers'] ?? '').toLowerCase()
      for (const name of [
        'authorization',
        'content-type',
        'x-retry-count',
        'anonymousid',
        'rsa-retry-reason',
        'x-own',
      ]) {
        assert.ok(allowed.includes(name), name)
      }
      assert.match(answer.headers['access-control-allow-methods'] ?? '', /GET.*HEAD.*POST.*OPTIONS/)
      assert.ok(Number(answer.headers['access-control-max-age']) >= 900)
    }
  })

  it('does not let any origin ask for what is no SDK’s', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'PUT' }
    for (const path of ['/api/v1/sources/x', '/v1/spaces/default/collections/users/profiles/user_id:1/traits', '/']) {
      const answer = await send(door.port, 'OPTIONS', path, headers)
      assert.equal(answer.status, 404)
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    }
  })

  it('lets the page read every answer, errors too', async () => {
    const headers = { origin: 'https://shop.example' }
    const bodies = ['{', '{}', JSON.stringify({ writeKey: 'wk-web' })]
    for (const body of bodies) {
      const answer = await send(door.port, 'POST', '/v1/t', headers, body)
      assert.equal(answer.status, 400)
      assert.equal(answer.headers['access-control-allow-origin'], 'https://shop.example')
      assert.equal(answer.headers['access-control-allow-credentials'], 'true')
      assert.match(answer.headers['access-control-expose-headers'] ?? '', /Retry-After/)
      assert.match(answer.headers.vary ?? '', /Origin/)
    }
  })

  it('takes the address of the person from a trusted proxy, and from nobody else', async () => {
    const forwarded = { 'x-forwarded-for': '6.6.6.6, 203.0.113.7', 'user-agent': 'Shop/1' }
    const body = JSON.stringify({ writeKey: 'wk-web', event: 'E', anonymousId: 'a' })
    await send(proxied.port, 'POST', '/v1/t', forwarded, body)
    assert.deepEqual((await proxied.events()).at(-1)?.context, { ip: '203.0.113.7', userAgent: 'Shop/1' })
    await send(proxied.port, 'POST', '/v1/t', { 'x-forwarded-for': 'not an address' }, body)
    assert.deepEqual((await proxied.events()).at(-1)?.context, {})
    await send(door.port, 'POST', '/v1/t', forwarded, body)
    assert.deepEqual((await door.events()).at(-1)?.context, { ip: '127.0.0.1', userAgent: 'Shop/1' })
  })
})
