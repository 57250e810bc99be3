// Problem documents: a pointer to the deepest fault, and nothing of ours in what a client is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { OnefoldError } from '../spec/errors.ts'
import { asOnefoldError, parseInput, problemOf } from './problem.ts'

const schema = z.strictObject({
  'a/b': z.array(z.union([z.string(), z.strictObject({ kind: z.string(), 'v~': z.number() })])).optional(),
})

function pointerOf(input: unknown): string | undefined {
  try {
    parseInput(schema, input)
  } catch (error) {
    assert.ok(error instanceof OnefoldError)
    return error.pointer
  }
  return 'accepted'
}

test('a pointer leads to the deepest fault, through unions, with its parts escaped', () => {
  assert.equal(pointerOf({}), 'accepted')
  assert.equal(pointerOf([]), '')
  assert.equal(pointerOf({ more: 1 }), '/more')
  assert.equal(pointerOf({ 'a/b': ['x', 5] }), '/a~1b/1')
  assert.equal(pointerOf({ 'a/b': [{ kind: 'x', 'v~': 'y' }] }), '/a~1b/0/v~0')
})

test('an unknown failure is internal and tells nothing of itself', () => {
  const problem = problemOf(asOnefoldError(new Error('SELECT secret FROM /var/lib')))
  assert.deepEqual([problem.status, problem.code, problem.retryable], [500, 'internal', true])
  assert.ok(!JSON.stringify(problem).includes('secret'))
})

test('a refusal of the framework is a 400 of ours', () => {
  const thrown = Object.assign(new Error('Body too large'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 })
  assert.equal(problemOf(asOnefoldError(thrown)).code, 'request_too_large')
  const other = Object.assign(new Error('<script>'), { code: 'FST_ERR_OTHER', statusCode: 415 })
  assert.deepEqual([asOnefoldError(other).code, asOnefoldError(other).status], ['invalid_request', 400])
})
