// Depth and size of hostile values, against the plain way of measuring them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { excerpt, excerptText, isDeeper, isLarger, jsonBytes } from './measure.ts'

const SEED = Number(process.hrtime.bigint() % 2_147_483_647n)
console.log(`seed ${SEED}`)

function depth(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depth))
}

describe('measure', () => {
  it('agrees with the plain way for any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat(300), (value, limit) => {
        const bytes = Buffer.byteLength(JSON.stringify(value))
        assert.equal(jsonBytes(value), bytes)
        assert.equal(isLarger(value, limit), bytes > limit)
        assert.equal(isDeeper(value, limit % 10), depth(value) > limit % 10)
      }),
      { seed: SEED },
    )
  })

  it('never takes a bound for less than the text', () => {
    // Every unit of these prints as six bytes, or as more than it looks.
    for (const value of ['\u0001'.repeat(50), '\ud800'.repeat(50), { ['\u0000'.repeat(9)]: -1.234567890123456e-300 }]) {
      assert.equal(isLarger(value, jsonBytes(value) - 1), true)
      assert.equal(isLarger(value, jsonBytes(value)), false)
    }
  })

  it('bears any depth', () => {
    const deep: unknown = JSON.parse(`${'[{"a":'.repeat(500_000)}1${'}]'.repeat(500_000)}`)
    assert.equal(isDeeper(deep, 64), true)
    assert.ok(excerpt(deep).length < 200)
  })

  it('excerpts without the write key, well-formed, and cut', () => {
    assert.equal(excerpt({ writeKey: 'secret', a: 1 }), '{"writeKey":"…","a":1}')
    assert.equal(excerptText('{"writeKey" : "secret'), '{"writeKey" : "…')
    assert.equal(excerptText('😀'.repeat(9000)).length, 8192)
    assert.equal(excerptText(`x${'😀'.repeat(9000)}`).isWellFormed(), true)
    assert.equal(excerpt(JSON.parse('{"__proto__":{"a":1}}')), '{"__proto__":{"a":1}}')
  })
})
