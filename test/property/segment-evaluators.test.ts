// Reference = streaming = SQL, on a real engine, for random definitions over random worlds at random prefixes of the log; and
// no answer changes by time alone before the instant that the streaming evaluator announced.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { checkDefinition } from '../../src/segment/check.ts'
import { evaluateReference } from '../../src/segment/reference.ts'
import { printClauseTimestamps, printSegment } from '../../src/segment/sql.ts'
import { ClauseIndex, compileSegment } from '../../src/segment/streaming.ts'
import {
  type Evaluators,
  membersByReference,
  membersBySql,
  membersByStreaming,
  prefixAt,
} from './segments/agreement.ts'
import { definitions, later, place, SEGMENTS } from './segments/definitions.ts'
import { openHistory } from './segments/history.ts'
import { Clauses, foldEvents, seededNumbers } from './segments/subjects.ts'
import { makeWorld } from './segments/worlds.ts'

const SEED = randomInt(2 ** 31)
const RUNS = 400
const PROFILES = 120
const EVALUATORS: Evaluators = { evaluateReference, compileSegment, ClauseIndex, printSegment }

console.log(`world and definitions: seed ${SEED}`)
const world = makeWorld(PROFILES, SEED)
const history = await openHistory(world)
after(() => history.close())

test('reference, streaming and SQL name the same members, and no change comes unannounced', () => {
  const seen = { some: 0, all: 0, none: 0, timed: 0 }
  fc.assert(
    fc.property(definitions, place, later, fc.nat(), (input, at, wait, order) => {
      const definition = checkDefinition(input, { segments: SEGMENTS })
      const prefix = prefixAt(world, at, wait)
      const expected = membersByReference(definition, SEGMENTS, world, prefix, EVALUATORS)
      const shuffle = seededNumbers(order)
      const streaming = membersByStreaming(definition, SEGMENTS, world, prefix, shuffle, EVALUATORS)
      assert.deepEqual(streaming.members, expected, 'streaming')
      assert.deepEqual(streaming.lateChanges, [], 'a change that was not announced')
      assert.deepEqual(membersBySql(definition, SEGMENTS, history, prefix, EVALUATORS), expected, 'SQL')
      const alive = world.profiles.filter((profile) => profile.alive).length
      seen[expected.length === 0 ? 'none' : expected.length === alive ? 'all' : 'some'] += 1
      if (streaming.timed > 0) seen.timed += 1
    }),
    { numRuns: RUNS, seed: SEED },
  )
  const share = (count: number) => `${((100 * count) / RUNS).toFixed(0)} %`
  console.log(
    `members: some ${share(seen.some)}, all ${share(seen.all)}, none ${share(seen.none)}; timed ${share(seen.timed)}`,
  )
  // A generator that made only trivial definitions would prove nothing.
  assert.ok(seen.some > RUNS / 4, 'too few definitions tell profiles apart')
})

test('timestamps that SQL gives for a backfill are those that the stream would have kept', () => {
  fc.assert(
    fc.property(fc.array(definitions, { minLength: 1, maxLength: 3 }), place, (inputs, at) => {
      const clauses = new Clauses()
      for (const input of inputs) compileSegment(checkDefinition(input, { segments: SEGMENTS }), SEGMENTS, clauses.id)
      if (clauses.all.length === 0) return
      const { offset } = prefixAt(world, at, 0)
      const index = new ClauseIndex<number>()
      for (const [id, clause] of clauses.all.entries()) index.add(clause, id)
      const expected: unknown[] = []
      const sets = [...new Set(world.events.map((event) => event.set))].sort((a, b) => a - b)
      for (const set of sets) {
        const own = world.events.filter((event) => event.set === set && event.offset < offset)
        const state = foldEvents(own, index, clauses.keepOf, () => 0)
        for (const id of clauses.all.keys()) if (state.clauses.has(id)) expected.push([set, id, state.clauses.get(id)])
      }
      assert.deepEqual(pagedTimestamps(clauses, offset), expected)
    }),
    { numRuns: 60, seed: SEED },
  )
})

/** Read in pages of 50 sets, as a backfill does. */
function pagedTimestamps(clauses: Clauses, below: number): unknown[] {
  const found: unknown[] = []
  for (let afterSet = 0; ; ) {
    const { query, params } = printClauseTimestamps(clauses.all, { below, afterSet, setsMax: 50 })
    const rows = history.rows(query, params)
    for (const [set, clause, timestamps] of rows)
      found.push([Number(set), Number(clause), (timestamps as unknown[]).map(Number)])
    const last = rows.at(-1)
    if (last === undefined) return found
    afterSet = Number(last[0])
  }
}
