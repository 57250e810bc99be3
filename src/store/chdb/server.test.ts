// The shim as the real client sees it, over a real engine: credentials, typed errors, parameters, settings, compression.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { type Engine, openEngine } from './engine.ts'
import { type Shim, startShim } from './server.ts'

type Options = NonNullable<Parameters<typeof createClient>[0]>

describe('shim of the embedded engine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onefold-shim-'))
  const clients: ClickHouseClient[] = []
  let engine: Engine
  let shim: Shim

  before(async () => {
    engine = await openEngine(folder)
    shim = await startShim({ engine, user: 'onefold', password: 'p:@/é', port: 0 })
  })
  after(async () => {
    for (const client of clients) await client.close()
    await shim.close()
    await engine.close()
    rmSync(folder, { recursive: true, force: true })
  })

  function connect(more: Options = {}): ClickHouseClient {
    const client = createClient({
      url: `http://127.0.0.1:${shim.port}`,
      username: 'onefold',
      password: 'p:@/é',
      log: { level: ClickHouseLogLevel.OFF },
      ...more,
    })
    clients.push(client)
    return client
  }

  async function rows(client: ClickHouseClient, query: string, more: object = {}): Promise<unknown[]> {
    return (await client.query({ query, format: 'JSONEachRow', ...more })).json()
  }

  const fails = (code: string, type: string) => (error: unknown) =>
    error instanceof ClickHouseError && error.code === code && error.type === type

  it('asks for user and password, for everything but a ping', async () => {
    for (const wrong of [{ password: 'p' }, { username: 'default' }, { password: '' }])
      await assert.rejects(rows(connect(wrong), 'SELECT 1'), fails('516', 'AUTHENTICATION_FAILED'))
    const response = await fetch(`http://127.0.0.1:${shim.port}/?query=SELECT%201`)
    assert.equal(response.status, 401)
    assert.equal((await fetch(`http://127.0.0.1:${shim.port}/ping`)).status, 200)
    assert.deepEqual(await connect().ping(), { success: true })
    assert.deepEqual(await connect().ping({ select: true }), { success: true })
  })

  it('answers faults as ClickHouse words them', async () => {
    const client = connect()
    await assert.rejects(rows(client, 'SELECT * FROM nowhere'), fails('60', 'UNKNOWN_TABLE'))
    await assert.rejects(rows(client, 'SELECT FROM WHERE'), fails('62', 'SYNTAX_ERROR'))
    await assert.rejects(rows(client, "SELECT * FROM file('/etc/passwd')"), fails('497', 'ACCESS_DENIED'))
    await assert.rejects(rows(client, 'SELECT {x:UInt8}'), fails('456', 'UNKNOWN_QUERY_PARAMETER'))
    await assert.rejects(
      rows(client, 'SELECT 1', { clickhouse_settings: { nope: 1 } }),
      fails('115', 'UNKNOWN_SETTING'),
    )
    await assert.rejects(rows(client, "SELECT throwIf(1, 'mine')"), /mine/)
    assert.deepEqual(await rows(client, 'SELECT 1 AS n'), [{ n: 1 }])
  })

  it('binds parameters exactly, in the address and in a form', async () => {
    const texts = ["it's", 'a\\b', 'x\ty\nz', '\0', '', '{x:String}', '; DROP TABLE t', '\\N', 'é😀\u2028', '%00+&=']
    for (const use_multipart_params of [false, true]) {
      const client = connect({ use_multipart_params })
      for (const text of texts)
        assert.deepEqual(await rows(client, 'SELECT {t:String} AS t', { query_params: { t: text } }), [{ t: text }])
      const query_params = { a: texts, n: null, i: -5, f: 1.5, b: true }
      assert.deepEqual(
        await rows(
          client,
          'SELECT {a:Array(String)} AS a, {n:Nullable(String)} AS n, {i:Int64} AS i, {f:Float64} AS f, {b:Bool} AS b',
          {
            query_params,
          },
        ),
        [query_params],
      )
    }
  })

  it('binds lists longer than the engine takes in one statement by default', async () => {
    const client = connect({ use_multipart_params_auto: true })
    const sets = Array.from({ length: 100_000 }, (_, i) => 1_000_000 + i)
    const query = 'SELECT count() AS n FROM numbers(1000000, 100000) WHERE number IN {sets:Array(UInt64)}'
    assert.deepEqual(await rows(client, query, { query_params: { sets } }), [{ n: 100_000 }])
  })

  it('keeps parameters and settings of concurrent statements apart', async () => {
    const client = connect({ max_open_connections: 12 })
    const query = "SELECT {v:UInt32} AS v, getSetting('max_block_size') AS s, sleepEachRow(0.001) AS z"
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, v) => {
        const clickhouse_settings = v % 3 === 0 ? {} : { max_block_size: String(1000 + v) }
        return rows(client, query, { query_params: { v }, clickhouse_settings })
      }),
    )
    for (const [v, answer] of answers.entries()) {
      const expected = v % 3 === 0 ? 65409 : 1000 + v
      assert.deepEqual(answer, [{ v, s: expected, z: 0 }])
    }
    // A parameter that a former statement of the session had is not there for the next one.
    for (let i = 0; i < 4; i++)
      await assert.rejects(rows(client, 'SELECT {v:UInt32}'), fails('456', 'UNKNOWN_QUERY_PARAMETER'))
  })

  it('sets back what a refused setting value left', async () => {
    const client = connect()
    const clickhouse_settings = { max_block_size: 'many' }
    for (let i = 0; i < 4; i++) await assert.rejects(rows(client, 'SELECT 1', { clickhouse_settings }), ClickHouseError)
    for (let i = 0; i < 4; i++) assert.deepEqual(await rows(client, 'SELECT 1 AS n'), [{ n: 1 }])
  })

  it('takes and gives bodies in gzip, and rows in both formats', async () => {
    const client = connect({ compression: { request: true, response: true } })
    await client.command({ query: 'CREATE TABLE t (a UInt32, b String) ENGINE = MergeTree ORDER BY a' })
    const text = 'x'.repeat(100_000)
    const inserted = await client.insert({ table: 't', values: [{ a: 1, b: text }, { a: 2 }], format: 'JSONEachRow' })
    assert.equal(inserted.summary?.written_rows, '2')
    await client.insert({ table: 't', values: [[3, 'z']], format: 'JSONCompactEachRow', columns: ['a', 'b'] })
    await client.insert({ table: 't', values: [], format: 'JSONEachRow' })
    assert.deepEqual(await rows(client, 'SELECT a, length(b) AS n FROM t ORDER BY a'), [
      { a: 1, n: 100_000 },
      { a: 2, n: 0 },
      { a: 3, n: 1 },
    ])
    const bad = client.insert({ table: 't', values: [{ a: 'x' }], format: 'JSONEachRow' })
    await assert.rejects(bad, (error) => error instanceof ClickHouseError && ['6', '27', '72'].includes(error.code))
    await client.command({ query: 'DROP TABLE t' })
  })

  it('refuses a body that is no gzip, and goes on', async () => {
    const authorization = `Basic ${Buffer.from('onefold:p:@/é').toString('base64')}`
    const headers = { authorization, 'content-encoding': 'gzip' }
    const response = await fetch(`http://127.0.0.1:${shim.port}/`, { method: 'POST', headers, body: 'no gzip' })
    assert.equal(response.status, 500)
    assert.equal(response.headers.get('x-clickhouse-exception-code'), '354')
    assert.deepEqual(await rows(connect(), 'SELECT 1 AS n'), [{ n: 1 }])
  })
})
