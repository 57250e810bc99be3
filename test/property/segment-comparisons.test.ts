// Every operator with every kind of value, as trait and as property: the three evaluators name the same profiles. And what
// that is worth: with one rule of comparison broken in one evaluator, they do not.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { checkDefinition } from '../../src/segment/check.ts'
import { evaluateReference } from '../../src/segment/reference.ts'
import { printSegment } from '../../src/segment/sql.ts'
import { ClauseIndex, compileSegment } from '../../src/segment/streaming.ts'
import { type Evaluators, membersByReference, membersBySql, membersByStreaming } from './segments/agreement.ts'
import { COMPARED_AT, comparisonDefinitions, makeComparisonWorld } from './segments/comparisons.ts'
import { openHistory } from './segments/history.ts'
import { importMutated, MUTANTS } from './segments/mutants.ts'

const SOUND: Evaluators = { evaluateReference, compileSegment, ClauseIndex, printSegment }
const NO_SEGMENTS = new Map()
const world = makeComparisonWorld()
const prefix = { offset: world.events.length + 1, now: COMPARED_AT }
const history = await openHistory(world)
after(() => history.close())

const questions = comparisonDefinitions().map((input) => {
  const definition = checkDefinition(input, { segments: NO_SEGMENTS })
  return { definition, expected: membersByReference(definition, NO_SEGMENTS, world, prefix, SOUND) }
})

test('every comparison with every value', () => {
  for (const { definition, expected } of questions) {
    const text = JSON.stringify(definition)
    assert.deepEqual(streaming(definition, SOUND), expected, `streaming: ${text}`)
    assert.deepEqual(sql(definition, SOUND), expected, `SQL: ${text}`)
  }
  console.log(`${questions.length} definitions over ${world.profiles.length} values`)
})

for (const mutant of MUTANTS.filter(({ by }) => by === 'comparisons')) {
  test(`caught in ${mutant.evaluator}: ${mutant.rule}`, async () => {
    const module = mutant.evaluator === 'SQL' ? 'sql.ts' : 'streaming.ts'
    const broken = { ...SOUND, ...(await importMutated(module, mutant)) }
    const answer = mutant.evaluator === 'SQL' ? sql : streaming
    const asked = questions.filter(({ definition }) => JSON.stringify(definition).includes(mutant.about))
    const witness = asked.find(({ definition, expected }) => !isSame(answer(definition, broken), expected))
    assert.ok(witness !== undefined, 'no comparison noticed')
    console.log(`${mutant.evaluator}, ${mutant.rule}: ${JSON.stringify(witness.definition)}`)
  })
}

type Definition = (typeof questions)[number]['definition']

function streaming(definition: Definition, evaluators: Evaluators): number[] {
  return membersByStreaming(definition, NO_SEGMENTS, world, prefix, () => 0.5, evaluators).members
}

function sql(definition: Definition, evaluators: Evaluators): number[] {
  return membersBySql(definition, NO_SEGMENTS, history, prefix, evaluators)
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((member, index) => member === b[index])
}
