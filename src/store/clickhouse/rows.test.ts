// Rows as they are sent: the fast path of properties writes what `jsonText` writes.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { jsonText } from '../../segment/json-text.ts'
import type { JsonObject } from '../../spec/event.ts'
import { eventLine, propertiesText, searchText } from './rows.ts'

describe('rows of history', () => {
  it('writes properties as jsonText does, whatever they hold', () => {
    const number = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.constantFrom(2 ** 53, 2 ** 64, 1e20, -1e20, 1e21, 123456789012345),
    )
    const leaf = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('\ud800', '\udfff', 'a', '\\', 'u', 'd8') }),
      number,
      fc.boolean(),
    )
    const key = fc.string({ unit: fc.constantFrom('a', '.', '\ud83d', '__proto__', '9'.repeat(16)) })
    const { object } = fc.letrec((tie) => ({
      object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      value: fc.oneof({ maxDepth: 3 }, leaf, tie('object'), fc.array(tie('value'), { maxLength: 3 })),
    }))
    fc.assert(fc.property(object, (value) => propertiesText(value as JsonObject) === jsonText(value as JsonObject)))
  })

  it('writes one line a row, in well-formed text', () => {
    const row = {
      offset: 1,
      source: 's',
      messageId: '\ud800\n',
      type: 'track',
      event: 'E\u2028\n',
      timestamp: -5,
      receivedAt: 0,
    }
    const line = eventLine({ ...row, set: 1, profile: 0, payload: '{"a":"\\ud800"}', properties: { a: '\ud800\n' } })
    assert.equal(line.indexOf('\n'), line.length - 1)
    assert.ok(line.isWellFormed())
    const columns = JSON.parse(line) as unknown[]
    assert.deepEqual(columns.slice(5, 7), [-5, '1970-01-01 00:00:00.000'])
    assert.equal(columns[9], '{"a":"\\ud800"}')
    assert.deepEqual(columns[10], { a: '\ufffd\n' })
    assert.equal(columns[11], JSON.stringify(columns[10]))
  })

  it('searches values, not names', () => {
    const facts = { profile: 1, version: 1, alive: true, id: 'x', consent: {}, segments: [], firstSeen: 0, lastSeen: 0 }
    const text = searchText({
      ...facts,
      traits: { Name: 'JANE', n: [1, { deep: 'Ä' }], no: null },
      identifiers: [['email', 'A@b']],
    })
    assert.equal(text, 'a@b\njane\n1\nä')
  })
})
