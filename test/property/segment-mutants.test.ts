// The evaluators' property, asked about broken evaluators: it must catch every one. The faults are in segments/mutants.ts.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { evaluateReference } from '../../src/segment/reference.ts'
import { printSegment } from '../../src/segment/sql.ts'
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
import { importMutated, MUTANTS, type Mutant } from './segments/mutants.ts'
import { seededNumbers } from './segments/subjects.ts'
import { makeWorld } from './segments/worlds.ts'

/**
 * One seed for good: a fault that shows at one event in thousands, such as a bound that is off by one, is met by most seeds and not by
 * all, and a red run must mean that the property has lost its power. The property itself takes a new seed each time.
 */
const SEED = 1
const RUNS_MAX = 3000
console.log(`world and definitions: seed ${SEED}`)
const world = makeWorld(120, SEED)
const history = await openHistory(world)
after(() => history.close())

async function breakEvaluators(mutant: Mutant): Promise<Evaluators> {
  const sound = { evaluateReference, compileSegment, ClauseIndex, printSegment }
  const broken = await importMutated(mutant.evaluator === 'SQL' ? 'sql.ts' : 'streaming.ts', mutant)
  return { ...sound, ...broken }
}

for (const mutant of MUTANTS.filter(({ by }) => by === 'trees')) {
  test(`caught in ${mutant.evaluator}: ${mutant.rule}`, async () => {
    const evaluators = await breakEvaluators(mutant)
    const result = fc.check(
      fc.property(definitions, place, later, fc.nat(), (definition, at, wait, order) => {
        const prefix = prefixAt(world, at, wait)
        const expected = membersByReference(definition, SEGMENTS, world, prefix, evaluators)
        if (mutant.evaluator === 'SQL') {
          return sameMembers(membersBySql(definition, SEGMENTS, history, prefix, evaluators), expected)
        }
        const answer = membersByStreaming(definition, SEGMENTS, world, prefix, seededNumbers(order), evaluators)
        return sameMembers(answer.members, expected) && answer.lateChanges.length === 0
      }),
      { numRuns: RUNS_MAX, seed: SEED, endOnFailure: true },
    )
    assert.ok(result.failed, `${RUNS_MAX} runs did not notice`)
    console.log(`${mutant.evaluator}, ${mutant.rule}: caught after ${result.numRuns} runs`)
  })
}

function sameMembers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((member, index) => member === b[index])
}
