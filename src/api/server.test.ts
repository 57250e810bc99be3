// The server around the routes: who may ask, what hostile requests are told, health, metrics, and a document that holds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ADMIN, createApiWorld, PROFILE } from '../../test/support/api.ts'

interface Operation {
  operationId: string
  summary: string
  parameters: { in: string; name: string }[]
  requestBody?: object
  responses: object
}
type Paths = Record<string, Record<string, Operation>>

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

test('nobody without the admin token learns anything of /api, not even which addresses exist', async () => {
  const { api } = await createApiWorld()
  const urls = [
    '/api',
    '/api/v1/sources',
    '/api/v1/nothing',
    '/%61pi/v1/sources',
    '/api/v1/%zz',
    '/api/v1/sources/',
    '//api/v1/sources',
  ]
  for (const url of urls) {
    for (const headers of [{}, bearer('wrong'), bearer(''), { authorization: `Basic ${btoa(`${ADMIN}:`)}` }]) {
      const reply = await api.inject({ url, headers })
      if (url.startsWith('//')) assert.equal(reply.statusCode, 404)
      else assert.equal(reply.statusCode, 401, `${url} ${JSON.stringify(headers)}`)
      assert.equal(reply.headers['content-type'], 'application/problem+json')
    }
  }
  assert.equal((await api.inject({ url: '/api/v1/sources', headers: bearer(PROFILE) })).statusCode, 403)
  assert.equal((await api.inject({ url: '/%61pi/v1/sources', headers: bearer(ADMIN) })).statusCode, 200)
  assert.equal((await api.inject({ url: '/api/v1/nothing', headers: bearer(ADMIN) })).statusCode, 404)
  assert.equal((await api.inject({ url: '/api/v1/%zz', headers: bearer(ADMIN) })).statusCode, 400)
})

test('hostile and wrong bodies are 400 with a code, never a 5xx', async () => {
  const { api } = await createApiWorld()
  const put = (payload: string | Buffer, url = '/api/v1/segments/x') =>
    api.inject({ method: 'PUT', url, headers: bearer(ADMIN), payload })
  const deep = (open: string, inner: string, close: string, levels: number) =>
    `{"name":"x","definition":${open.repeat(levels)}${inner}${close.repeat(levels)}}`
  const bodies: [string | Buffer, string][] = [
    ['{', 'invalid_json'],
    [Buffer.from([0xff, 0xfe, 0x00]), 'invalid_json'],
    ['', 'invalid_request'],
    ['[]', 'invalid_request'],
    ['null', 'invalid_request'],
    ['{"name":"x","definition":{"identifier":"email"},"__proto__":{"a":1}}', 'invalid_request'],
    ['{"name":"x","definition":{"identifier":"email"},"more":1}', 'invalid_request'],
    [deep('{"not":', '{"identifier":"email"}', '}', 20_000), 'invalid_request'],
    [deep('[', '', ']', 90), 'invalid_request'],
    [`{"name":"${'x'.repeat(1_100_000)}"}`, 'request_too_large'],
  ]
  for (const [payload, code] of bodies) {
    const reply = await put(payload)
    assert.deepEqual([reply.statusCode, reply.json().code], [400, code], String(payload).slice(0, 60))
  }
})

test('a body is JSON whatever its type says, and a DELETE may come with a type and nothing in it', async () => {
  const { api } = await createApiWorld()
  const headers = { ...bearer(ADMIN), 'content-type': 'text/plain;charset=UTF-8' }
  const made = await api.inject({ method: 'PUT', url: '/api/v1/sources/shop', headers, payload: '{"kind":"server"}' })
  assert.equal(made.json().kind, 'server')
  const json = { ...bearer(ADMIN), 'content-type': 'application/json' }
  assert.equal((await api.inject({ method: 'DELETE', url: '/api/v1/sources/shop', headers: json })).statusCode, 200)
})

test('a misspelt, repeated or impossible query parameter is refused, and so is a foreign cursor', async () => {
  const world = await createApiWorld()
  for (const query of ['limt=5', 'limit=0', 'limit=501', 'limit=a', 'limit=1&limit=2', 'cursor=abc', 'count=about']) {
    const { status, body } = await world.call('GET', `/api/v1/sources?${query}`)
    assert.deepEqual([status, body.code], [400, 'invalid_request'], query)
    assert.match(body.pointer, /^\/(limt|limit|cursor|count)/)
  }
})

test('ready means that events flow: history may be away, the pipeline may not', async () => {
  const world = await createApiWorld()
  const ready = async () => {
    const reply = await world.api.inject('/readyz')
    return [reply.statusCode, reply.json().status]
  }
  assert.deepEqual(await ready(), [200, 'ready'])
  world.flow.parts = world.flow.parts.map((part) => ({ ...part, up: part.name !== 'history' }))
  assert.deepEqual(await ready(), [200, 'degraded'])
  world.flow.parts = [{ name: 'door', up: true }]
  assert.deepEqual(await ready(), [503, 'unavailable'], 'a part that is not there is not up')
  assert.equal((await world.api.inject('/healthz')).statusCode, 200)
  assert.deepEqual((await world.api.inject('/version')).json(), { name: 'onefold', version: '0.0.0-test' })
})

test('metrics tell the lag, and count what other processes report', async () => {
  const world = await createApiWorld()
  world.flow.isOn = false
  await world.send({ userId: 'u1', event: 'Seen' })
  const text = (await world.api.inject('/metrics')).body
  assert.match(text, /^onefold_pipeline_lag_events 1$/m)
  assert.match(text, /^onefold_pipeline_lag_seconds 1\.\d+$/m)
  assert.match(text, /^# TYPE onefold_door_commit_records_total counter\nonefold_door_commit_records_total 7$/m)
  assert.match(text, /^onefold_part_restarts 2$/m)
  assert.match(text, /^onefold_part_up\{part="door"\} 1$/m)
})

test('the document is complete: structure, parameters, unique names, and every reference resolves', async () => {
  const { api } = await createApiWorld()
  const document = (await api.inject('/openapi.json')).json()
  assert.match(document.openapi, /^3\.1\./)
  const resolve = (reference: string) =>
    reference
      .slice(2)
      .split('/')
      .reduce((node, part) => node?.[part.replaceAll('~1', '/').replaceAll('~0', '~')], document)
  const references: string[] = []
  JSON.stringify(document, (key, value) => {
    if (key === '$ref') references.push(value)
    return value
  })
  assert.ok(references.length > 20)
  for (const reference of references) assert.ok(resolve(reference), `${reference} leads nowhere`)
  const names = new Set<string>()
  for (const [path, operations] of Object.entries<Paths[string]>(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      assert.ok(!names.has(operation.operationId), `${operation.operationId} twice`)
      names.add(operation.operationId)
      assert.ok(operation.summary && Object.keys(operation.responses).length > 0, `${method} ${path}`)
      const named = operation.parameters.filter((one) => one.in === 'path').map((one) => one.name)
      assert.deepEqual(
        named,
        [...path.matchAll(/\{([A-Za-z]+)\}/g)].map((match) => match[1]),
        path,
      )
      assert.equal(['put', 'post'].includes(method), operation.requestBody !== undefined, `${method} ${path}`)
    }
  }
  const contract = [
    '/api/v1/profiles/{ref}/events',
    '/api/v1/identity/split',
    '/api/v1/segments/{slug}/members/{ref}',
    '/api/v1/jobs/{id}',
  ]
  for (const path of contract) assert.ok(path in document.paths, path)
})
