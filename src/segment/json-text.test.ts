// What the analytics engine could not read is rewritten; all else is JSON.stringify's.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '../spec/event.ts'
import { jsonText } from './json-text.ts'

const CASES: [value: JsonValue, text: string][] = [
  [{ a: [1, -0, 1.5, null, true, 'é'] }, '{"a":[1,0,1.5,null,true,"é"]}'],
  [{ a: 1e20, b: -(2 ** 63), c: 2 ** 53 - 1 }, '{"a":1e+20,"b":-9.223372036854776e+18,"c":9007199254740991}'],
  [{ '\ud800': 'x\udc00', ok: ['\ud800'] }, '{"\ufffd":"x\ufffd","ok":["\ufffd"]}'],
  [JSON.parse('{"__proto__":{"\\ud800":1}}'), '{"__proto__":{"\ufffd":1}}'],
]

for (const [value, text] of CASES) test(`the text of ${text}`, () => assert.equal(jsonText(value), text))

test('large numbers come back as the same doubles', () => {
  for (const value of [1e20, 2 ** 64, 2 ** 63, Number.MAX_VALUE, -1e25])
    assert.equal(JSON.parse(jsonText(value)), value)
})
