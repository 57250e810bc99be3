// Hostile and broken input against the whole product: the documented answer each, never a 5xx, good neighbours stored and soon seen
// by a preview, refusals in the feed with their reason; and after all of it the tree is well.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type Answer, basic, Spine, WAIT_MS_MAX } from '../support/spine.ts'
import { until } from '../support/tree.ts'

const OK: Answer = { status: 200, body: { success: true } }

describe('bad input', () => {
  let spine: Spine
  const waits: number[] = []
  before(async () => {
    spine = await Spine.open()
  })
  after(() => spine.close())

  const refused = (answer: Answer, code: string) => {
    assert.deepEqual([answer.status, answer.body.success, answer.body.code], [400, false, code])
    assert.equal(typeof answer.body.message, 'string')
  }
  const listed = async (code: string): Promise<Answer['body'][]> =>
    (await spine.ask('GET', `/api/v1/rejected?code=${code}&limit=500`)).items
  const preview = (definition: object, sample = 100) =>
    spine.ask('POST', '/api/v1/segments/preview', { definition, sample })

  /** The preview finds exactly these users' events of the case, and they are whole in the timeline. */
  async function seen(name: string, users: readonly string[], where?: object): Promise<void> {
    const definition = { event: 'Sent', where: { all: [{ property: 'case', eq: name }, ...(where ? [where] : [])] } }
    const accepted = performance.now()
    await until(`the preview of ${name} holds ${users.length}`, WAIT_MS_MAX, async () => {
      const { size } = await preview(definition)
      assert.ok(size <= users.length, `${name}: ${size} of ${users.length}`)
      return size === users.length
    })
    waits.push(performance.now() - accepted)
    const { sample } = await preview(definition)
    // At most a hundred are shown.
    const shown = new Set<string>(sample.map(userOf))
    assert.equal(shown.size, Math.min(users.length, 100))
    assert.deepEqual(
      [...shown].filter((user) => !users.includes(user)),
      [],
    )
  }

  it('a body that is no JSON, no object, too large or a bomb', async () => {
    for (const body of ['{"batch":[', '', 'nul\u0000l', '{"a":1}}', '\ufeff', 'NaN', `{"a":${'9'.repeat(10)}`]) {
      refused(await spine.post('/v1/batch', body), 'invalid_json')
    }
    refused(await spine.post('/v1/track', Uint8Array.of(0xff, 0xfe, 0x00, 0x80)), 'invalid_json')
    for (const body of ['[]', '1', '"text"', 'null', 'true']) {
      refused(await spine.post('/v1/track', body), 'invalid_body')
    }
    refused(await spine.post('/v1/batch', '{"batch":{}}'), 'invalid_body')
    refused(await spine.post('/v1/batch', '{"batch":[]}'), 'empty_batch')
    const large = JSON.stringify({ batch: [sent('large', 'u1')], padding: 'x'.repeat(5 * 1024 * 1024) })
    refused(await spine.post('/v1/batch', large), 'request_too_large')
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024, '['), { level: 9 })
    assert.ok(bomb.length < 1024 * 1024, 'small on the wire')
    refused(await spine.post('/v1/batch', bomb, { 'content-encoding': 'gzip' }), 'request_too_large')
    refused(await spine.post('/v1/batch', 'no gzip', { 'content-encoding': 'gzip' }), 'invalid_encoding')
    refused(await spine.post('/v1/batch', '{}', { 'content-encoding': 'compress' }), 'invalid_encoding')
    const truncated = gzipSync(JSON.stringify({ batch: [sent('cut', 'u1')] })).subarray(0, 40)
    refused(await spine.post('/v1/batch', truncated, { 'content-encoding': 'gzip' }), 'invalid_encoding')
    assert.equal((await listed('invalid_json')).length, 8)
    assert.equal((await listed('request_too_large')).length, 2)
    assert.equal((await listed('invalid_encoding')).length, 3)
    for (const item of await listed('invalid_body')) assert.deepEqual([item.stage, item.source], ['door', 'default'])
  })

  it('a wrong key is refused and told, and what it sent is not kept', async () => {
    const body = JSON.stringify(sent('stranger', 'mallory'))
    refused(await spine.post('/v1/track', body, { authorization: basic('no-such-key') }), 'invalid_write_key')
    refused(await spine.post('/v1/track', body, { authorization: '' }), 'missing_write_key')
    refused(await spine.post('/v1/track', body, { authorization: basic('__proto__') }), 'invalid_write_key')
    const items = [...(await listed('invalid_write_key')), ...(await listed('missing_write_key'))]
    assert.deepEqual(
      items.map(({ source, body: kept }) => [source, kept]),
      [
        [null, ''],
        [null, ''],
        [null, ''],
      ],
    )
  })

  it('3 bad events of 100, and every other way in which one event is bad', async () => {
    const batch = Array.from({ length: 100 }, (_, index): object => sent('hundred', `h${index}`))
    batch[10] = { ...sent('hundred', 'h10'), userId: undefined }
    batch[50] = { ...sent('hundred', 'h50'), event: '' }
    batch[90] = { ...sent('hundred', 'h90'), properties: 'none', messageId: 'bad-90' }
    assert.deepEqual(await spine.post('/v1/batch', JSON.stringify({ batch })), OK)
    const good = Array.from({ length: 100 }, (_, index) => index).filter((index) => ![10, 50, 90].includes(index))
    await seen(
      'hundred',
      good.map((index) => `h${index}`),
    )
    assert.equal((await listed('missing_identity')).length, 1)
    assert.equal((await listed('missing_event_name')).length, 1)
    const [shapeless] = await listed('invalid_event')
    assert.deepEqual([shapeless.messageId, shapeless.pointer], ['bad-90', '/properties'])
    assert.match(shapeless.body, /"hundred"|none/)

    const others: [unknown, string][] = [
      [null, 'invalid_event'],
      [[], 'invalid_event'],
      ['track', 'invalid_event'],
      [{ ...sent('ways', 'w1'), type: 'constructor' }, 'invalid_type'],
      [{ ...sent('ways', 'w1'), type: 'group' }, 'missing_group_id'],
      [{ ...sent('ways', 'w1'), type: 'alias' }, 'missing_previous_id'],
      [{ ...sent('ways', 'w1'), messageId: 'm'.repeat(101) }, 'invalid_message_id'],
      [{ ...sent('ways', 'w1'), userId: ['w1'] }, 'invalid_event'],
    ]
    const before = await Promise.all(others.map(([, code]) => listed(code)))
    assert.deepEqual(
      await spine.post('/v1/batch', JSON.stringify({ batch: [...others.map(([event]) => event), sent('ways', 'w0')] })),
      OK,
    )
    await seen('ways', ['w0'])
    for (const [index, [, code]] of others.entries()) {
      const added = others.filter(([, other]) => other === code).length
      assert.equal((await listed(code)).length, before[index]!.length + added, code)
    }
    // Alone on its path, a bad event is the answer.
    refused(await spine.post('/v1/track', JSON.stringify({ ...sent('ways', 'w1'), event: null })), 'missing_event_name')
  })

  it('an event of 40 KB, and nesting 20,000 deep', async () => {
    const fat = sent('sized', 'fat', { text: 'x'.repeat(40 * 1024) })
    refused(await spine.post('/v1/track', JSON.stringify(fat)), 'event_too_large')
    const deep = `{"batch":[${JSON.stringify(sent('sized', 'thin'))},{"type":"track","userId":"deep","event":"Sent","properties":{"case":"sized","a":${'['.repeat(20_000)}${']'.repeat(20_000)}}},${JSON.stringify(fat)}]}`
    assert.deepEqual(await spine.post('/v1/batch', deep), OK)
    const objects = `{"type":"track","userId":"deep","event":"Sent","properties":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`
    refused(await spine.post('/v1/track', objects), 'event_too_deep')
    await seen('sized', ['thin'])
    assert.equal((await listed('event_too_large')).length, 2)
    const items = await listed('event_too_deep')
    assert.equal(items.length, 2)
    for (const { body } of items) assert.ok(body.length < 20_000)
  })

  it('__proto__, NUL, lone surrogates and keys with dots are data, and their neighbours are too', async () => {
    // As text: JavaScript would read these from an object literal otherwise.
    const odd = [
      '{"case":"odd","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
      '{"case":"odd","nul":"a\\u0000b","\\u0000":1}',
      '{"case":"odd","half":"\\ud83d","\\udc00":"\\udc00","list":["\\ud800"]}',
      '{"case":"odd","a.b":1,"a":{"b":2}}',
      '{"case":"odd","":0,"$":1,"a\\"b`c":"\'; DROP TABLE events; --","empty":{},"none":null,"list":[[],{},null]}',
      `{"case":"odd","big":${'9'.repeat(400)},"tiny":1e-400,"whole":18446744073709551616,"minus":-0.0}`,
      '{"case":"odd","a":"text"}',
      '{"case":"odd","a":[1,"two",{"three":3}]}',
    ]
    const events = odd.map(
      (properties, index) => `{"type":"track","userId":"o${index}","event":"Sent","properties":${properties}}`,
    )
    assert.deepEqual(await spine.post('/v1/batch', `{"batch":[${events.join()}]}`), OK)
    const users = odd.map((_, index) => `o${index}`)
    await seen('odd', users)
    await seen('odd', ['o3'], { property: 'a.b', eq: 2 })
    await seen('odd', [], { property: 'polluted', exists: true })
    await seen('odd', ['o1'], { property: 'nul', eq: 'a\u0000b' })
    const [surrogates] = await spine.events('user_id:o2')
    assert.equal(surrogates.properties.half, '\ud83d', 'the timeline shows what was sent')
    const [dotted] = await spine.events('user_id:o3')
    assert.deepEqual(dotted.properties, { case: 'odd', 'a.b': 1, a: { b: 2 } })
    const { text } = await spine.tree.get('/api/v1/profiles/user_id:o0/events')
    assert.match(text, /"__proto__":\{"polluted":true\}/)

    const traits = '{"__proto__":{"x":1},"half":"\\ud83d","nul":"\\u0000","a.b":1,"a":{"b":2},"plan":"odd"}'
    assert.deepEqual(await spine.post('/v1/identify', `{"userId":"o-traits","traits":${traits}}`), OK)
    const profile = await spine.profile('user_id:o-traits')
    assert.deepEqual([profile.traits['half'], profile.traits['a.b'], profile.traits['a']], ['\ud83d', 1, { b: 2 }])
    await until(
      'a preview by trait finds it',
      WAIT_MS_MAX,
      async () => (await preview({ trait: 'plan', eq: 'odd' })).size === 1,
    )
  })

  it('shapes that a column store finds hard: clashing paths, strange keys, thousands of them, and depth below the limit', async () => {
    const nested = (levels: number, inner: unknown): unknown =>
      levels === 0 ? inner : { d: nested(levels - 1, inner) }
    const hard: object[] = [
      { 'a.b.c': 1, a: { 'b.c': 2 }, 'a.b': { c: 3 } },
      { '.': 1, 'a.': 2, '.a': 3, 'a..b': 4, ' ': 5, 'a\nb': 6, ä: 7, '\u202e': 8 },
      { a: { '': { '': 1 } }, b: [[[[]]], [{}], [{ '': [] }]] },
      { ['k'.repeat(10_000)]: 1, [`${'long.'.repeat(2000)}end`]: 2 },
      { nested: nested(58, [1, 'two', null]) },
      { case: 'shapes', text: '\u2028'.repeat(3000), quoted: '\\"\'`\t\r\n\b\f\u0007' },
      { value: 1 },
      { value: 'one' },
      { value: true },
      { value: { is: 'an object' } },
      { value: [{ is: 1 }, { is: 'mixed' }, 2] },
      { when: '2026-01-01', and: '2026-01-01T00:00:00Z', uuid: '00000000-0000-0000-0000-000000000000', ip: '::1' },
      { timestamp: 1, event: 2, type: 3, offset: 4, properties: { properties: 5 } },
      ...Array.from({ length: 100 }, (_, event) =>
        Object.fromEntries(Array.from({ length: 30 }, (_, key) => [`unique_${event}_${key}`, key])),
      ),
    ]
    const batch = hard.map((properties, index) => sent('shapes', `s${index}`, properties))
    assert.deepEqual(await spine.post('/v1/batch', JSON.stringify({ batch })), OK)
    await seen(
      'shapes',
      batch.map(({ userId }) => userId),
    )
    await seen('shapes', ['s6'], { property: 'value', eq: 1 })
    await seen('shapes', ['s7'], { property: 'value', eq: 'one' })
    await seen('shapes', ['s9'], { property: 'value.is', eq: 'an object' })
    await seen('shapes', ['s112'], { property: 'unique_99_29', eq: 29 })
    const [shown] = await spine.events('user_id:s0')
    assert.deepEqual(shown.properties, { case: 'shapes', ...hard[0] })
  })

  it('timestamps of 1900 and 2100, over more than a hundred months, and such as are none', async () => {
    const sentAt = new Date().toISOString()
    const when = (user: string, timestamp: unknown) => ({ ...sent('times', user), timestamp, sentAt })
    const months = Array.from({ length: 150 }, (_, index) => new Date(Date.UTC(2010, index, 15)).toISOString())
    const stranger = [0, -1, 1e300, 'yesterday', '2026-02-30T99:99:99Z', {}, [], true, '', null, '9'.repeat(5000)]
    const batch = [
      when('t1900', '1900-01-01T00:00:00Z'),
      when('t2100', '2100-01-01T00:00:00Z'),
      ...months.map((month, index) => when(`t${index}`, month)),
      ...stranger.map((time, index) => when(`odd${index}`, time)),
    ]
    assert.deepEqual(await spine.post('/v1/batch', JSON.stringify({ batch })), OK)
    await seen(
      'times',
      batch.map(({ userId }) => userId),
    )
    const [[past], [future]] = await Promise.all([spine.events('user_id:t1900'), spine.events('user_id:t2100')])
    assert.match(past.timestamp, /^1900-01-01T00:00:0/)
    assert.equal(future.timestamp, future.receivedAt, 'nothing happens after it was received')
    assert.equal(future.originalTimestamp, '2100-01-01T00:00:00.000Z')
    const years = {
      event: 'Sent',
      where: { property: 'case', eq: 'times' },
      within: { from: '2010-01-01', to: '2022-07-01' },
    }
    assert.equal((await preview(years)).size, months.length)
  })

  it('ids that are numbers are text, null is none, and what names nobody is told by the pipeline', async () => {
    const batch = [
      { ...sent('ids', ''), userId: 4711 },
      { ...sent('ids', ''), userId: null, anonymousId: 815 },
      { ...sent('ids', ''), userId: 1.5, anonymousId: null },
      { ...sent('ids', ''), userId: null, anonymousId: null },
      { ...sent('ids', ''), userId: 2 ** 53 + 2 },
      { ...sent('ids', ''), userId: 'unknown' },
      { ...sent('ids', ''), userId: '00000000-0000-0000-0000-000000000000' },
      { ...sent('ids', ''), userId: 'i-good', anonymousId: 'n/a' },
      { ...sent('ids', ''), userId: 'x'.repeat(501) },
    ]
    const identityBefore = (await listed('missing_identity')).length
    assert.deepEqual(await spine.post('/v1/batch', JSON.stringify({ batch })), OK)
    await seen('ids', ['4711', '815', '1.5', 'i-good'])
    assert.equal((await listed('missing_identity')).length, identityBefore + 1)
    const nobody = await listed('no_identifier')
    assert.deepEqual(
      nobody.map(({ stage }) => stage),
      ['pipeline', 'pipeline'],
    )
    assert.equal((await spine.api('GET', '/api/v1/profiles/user_id:unknown')).status, 404)
  })

  it('addresses and bodies of the API answer with a problem, never a 5xx', async () => {
    const calls: [string, string, unknown?][] = [
      ['GET', '/api/v1/profiles/user_id:%00'],
      ['GET', `/api/v1/profiles/${encodeURIComponent("user_id:'; DROP TABLE identifiers; --")}`],
      ['GET', '/api/v1/profiles/__proto__'],
      ['GET', '/api/v1/profiles/%'],
      ['GET', `/api/v1/profiles?q=${encodeURIComponent('\u0000')}`],
      ['GET', '/api/v1/profiles?cursor=x'],
      ['GET', '/api/v1/segments/__proto__'],
      ['POST', '/api/v1/segments/preview', { definition: { event: 'Sent', where: { property: 'a', matches: '(' } } }],
      ['POST', '/api/v1/segments/preview', { definition: { not: null } }],
      ['POST', '/api/v1/segments/preview', []],
      ['PUT', '/api/v1/segments/UPPER', { name: 'x', definition: { identifier: 'email' } }],
      ['POST', '/api/v1/identity/merge', { profiles: ['user_id:h1'] }],
      ['DELETE', '/api/v1/nothing'],
    ]
    for (const [method, path, body] of calls) {
      const { status } = await spine.api(method, path, body)
      assert.ok(status < 500, `${method} ${path}: ${status}`)
    }
  })

  it('after all of it the tree is well, and history has refused nothing', async (context) => {
    context.diagnostic(`previews held the good ones after ${waits.map((wait) => wait.toFixed()).join(', ')} ms`)
    const { body } = await spine.api('GET', '/readyz')
    assert.deepEqual(body, {
      status: 'ready',
      parts: body.parts.map(({ name }: { name: string }) => ({ name, up: true })),
    })
    const { text } = await spine.tree.get('/metrics')
    const restarts = text.split('\n').filter((line) => /_restarts_total [1-9]/.test(line))
    assert.deepEqual([restarts, spine.faults()], [[], []])
    assert.deepEqual(await listed('history_refused'), [])
    await spine.send(sent('last', 'after-all'))
    await seen('last', ['after-all'])
  })
})

function sent(name: string, userId: string, more: object = {}) {
  return { type: 'track', userId, event: 'Sent', properties: { case: name, ...more } }
}

function userOf({ identifiers }: { identifiers: { value: string }[] }): string {
  return identifiers[0]?.value ?? ''
}
