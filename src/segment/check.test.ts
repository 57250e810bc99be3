// Refusals of the checker, as a table: what somebody wrote, where the fault is, and a word of what is said about it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OnefoldError } from '../spec/errors.ts'
import { type Condition, conditionSchema } from '../spec/segment.ts'
import { checkDefinition, DEFINITION_DEPTH_MAX } from './check.ts'

const SEGMENTS = new Map<string, Condition>([
  ['vip', { trait: 'plan', eq: 'vip' }],
  ['round', { segment: 'mine' }],
])
const leaf = { trait: 'a', eq: 1 }

function nested(depth: number): unknown {
  let condition: unknown = leaf
  for (let level = 0; level < depth; level++) condition = { not: condition }
  return condition
}

const REFUSED: [input: unknown, pointer: string, says: RegExp][] = [
  [null, '', /object is needed here, not null/],
  [[], '', /not a list/],
  [{}, '', /one of all, any, not/],
  [{ all: [{ evnt: 'x' }] }, '/all/0', /Did you mean `event`/],
  [{ event: 'x', wher: {} }, '/wher', /Did you mean `where`/],
  [{ event: 'x', where: { trait: 'a', eq: 1 } }, '/where', /one of all, any, not, property/],
  [{ trait: 'a', startWith: 'x' }, '/startWith', /Did you mean `startsWith`/],
  [{ trait: 'a' }, '', /comparison is missing/],
  [{ trait: 'a', eq: { b: 1 } }, '/eq', /not an object/],
  [{ trait: 'a', in: ['x', []] }, '/in/1', /not a list/],
  [{ trait: 'a', in: [] }, '/in', /empty/],
  [{ trait: 'a', exists: 'yes' }, '/exists', /true or false/],
  [{ trait: 'a', gt: true }, '/gt', /number or a string/],
  [{ trait: 'a', gt: Number.POSITIVE_INFINITY }, '/gt', /finite/],
  [{ trait: 'a', matches: '(?<=a)b' }, '/matches', /not valid RE2/],
  [{ trait: 'a', matches: '\\pL{500}' }, '/matches', /too large/],
  [{ trait: 'a', withinLast: '30' }, '/withinLast', /no duration/],
  [{ trait: 'a', before: '2026-02-30' }, '/before', /no instant/],
  [{ trait: 'a', eq: '\ud800' }, '/eq', /surrogate/],
  [{ trait: 'a..b', eq: 1 }, '/trait', /part of the path is empty/],
  [{ trait: 7, eq: 1 }, '/trait', /string is needed/],
  [{ all: [] }, '/all', /empty/],
  [{ all: Array(101).fill(leaf) }, '/all', /at most 100/],
  [{ any: Array(6).fill({ all: Array(100).fill(leaf) }) }, '/any/4/all/94', /at most 500 conditions/],
  [{ all: Array(3).fill({ any: Array(67).fill({ event: 'A' }) }) }, '', /201 event conditions where 200/],
  [{ all: Array(51).fill({ trait: 'a', before: '2026-01-01' }) }, '', /51 comparisons with/],
  [{ all: [leaf], any: [leaf] }, '', /both `all` and `any`/],
  [{ 'a/b~c': 1, trait: 'a', eq: 1 }, '/a~1b~0c', /not known/],
  [JSON.parse('{"__proto__":{"trait":"a"},"trait":"a","eq":1}'), '/__proto__', /not known/],
  [{ event: '' }, '/event', /empty/],
  [{ event: ['x', 1] }, '/event/1', /string is needed/],
  [{ event: 'x', within: '0d' }, '/within', /no duration/],
  [{ event: 'x', within: { from: '2026-02-01', to: '2026-01-01' } }, '/within', /must lie before/],
  [{ event: 'x', within: { from: '2026-02-01' } }, '/within/to', /string is needed/],
  [{ event: 'x', count: {} }, '/count', /needs an operator/],
  [{ event: 'x', count: { gte: 1000 } }, '/count', /up to 999/],
  [{ event: 'x', count: { exists: true } }, '/count/exists', /not known/],
  [{ event: 'x', sum: { property: 'a', gt: 1 } }, '/sum', /not supported in this version/],
  [{ sequence: [] }, '/sequence', /not supported/],
  [{ segment: 'vp' }, '/segment', /Did you mean `vip`/],
  [{ segment: 'V I P' }, '/segment', /no slug/],
  [{ all: [leaf, { segment: 'mine' }] }, '/all/1/segment', /own definition/],
  [{ segment: 'round' }, '/segment', /circle/],
  [{ identifier: '' }, '/identifier', /empty/],
  [{ consent: 1 }, '/consent', /string is needed/],
  [nested(20_000), '/not'.repeat(DEFINITION_DEPTH_MAX), /nest at most/],
]

for (const [input, pointer, says] of REFUSED) {
  test(`refused at '${pointer.slice(0, 60)}': ${says.source}`, () => {
    assert.throws(
      () => checkDefinition(input, { segments: SEGMENTS, slug: 'mine' }),
      (error) => {
        assert.ok(error instanceof OnefoldError)
        assert.equal(error.code, 'invalid_request')
        assert.equal(error.pointer, pointer)
        assert.match(error.detail ?? '', says)
        return true
      },
    )
  })
}

test('an accepted definition is frozen, equal to its input, and valid by the schema of the vocabulary', () => {
  const input = {
    all: [
      {
        event: 'Page Viewed',
        where: { property: 'path', startsWith: '/d' },
        within: '30d',
        count: { gte: 2, in: [2, 3] },
      },
      { not: { event: ['A', 'B'], within: { from: '2026-01-01', to: '2026-02-01T00:00:00Z' } } },
      { any: [{ segment: 'vip' }, { consent: 'ads' }, { identifier: 'email' }, { trait: 'a.b', in: ['x', 1, null] }] },
    ],
  }
  const checked = checkDefinition(input, { segments: SEGMENTS })
  assert.deepEqual(checked, input)
  assert.deepEqual(conditionSchema.parse(JSON.parse(JSON.stringify(checked))), input)
  assert.throws(() => Object.assign(checked, { all: [] }), TypeError)
  assert.throws(() => Object.assign((checked as { all: object[] }).all[0]!, { event: 'Z' }), TypeError)
})

test('a definition that would grow without end by references is refused, and so is one that would make others grow', () => {
  const segments = new Map<string, Condition>([['s0', leaf]])
  for (let level = 1; level < 9; level++) {
    segments.set(`s${level}`, { all: [{ segment: `s${level - 1}` }, { segment: `s${level - 1}` }] })
  }
  const twice = { all: [{ segment: 's8' }, { segment: 's8' }] }
  assert.throws(() => checkDefinition(twice, { segments }), /conditions where 1000 are allowed/)
  assert.throws(
    () => checkDefinition({ all: Array(50).fill(leaf) }, { segments, slug: 's0' }),
    /`s\d`.*conditions where 1000 are allowed/,
  )
})
