// The streaming evaluator in small: windows at their borders, what it announces, what it reads, and the index of clauses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Condition } from '../spec/segment.ts'
import { type Clause, clauseHash, clauseOf } from './clause.ts'
import { explainMembership } from './explain.ts'
import { ClauseIndex, compileClause, compileSegment } from './streaming.ts'
import type { StreamingSubject } from './subject.ts'

const NONE = new Map<string, Condition>()

function subjectWith(facts: Partial<StreamingSubject> & { kept?: number[] }): StreamingSubject {
  const { kept = [], ...others } = facts
  return {
    traits: new Map(),
    identifierKinds: new Set(),
    consent: new Map(),
    timestamps: () => kept,
    ...others,
  }
}

function compile(definition: Condition, segments: ReadonlyMap<string, Condition> = NONE) {
  const ids = new Map<string, number>()
  return compileSegment(definition, segments, (clause: Clause) => {
    const hash = clauseHash(clause)
    if (!ids.has(hash)) ids.set(hash, ids.size + 1)
    return ids.get(hash)!
  })
}

test('a rolling window holds until, and not at, the instant its event is W old', () => {
  const segment = compile({ event: 'A', within: '10s' })
  const subject = subjectWith({ kept: [50_000, 45_000] })
  assert.equal(segment.evaluate(subject, 50_000), true)
  assert.equal(segment.nextChange(subject, 50_000), 60_000)
  assert.equal(segment.evaluate(subject, 59_999), true)
  assert.equal(segment.evaluate(subject, 60_000), false)
  assert.equal(segment.nextChange(subject, 60_000), null)
})

test('the announced change is that of the comparison, not of every event', () => {
  const subject = subjectWith({ kept: [50_000, 48_000, 48_000, 45_000] })
  assert.equal(compile({ event: 'A', within: '10s', count: { gte: 3 } }).nextChange(subject, 50_000), 58_000)
  assert.equal(compile({ event: 'A', within: '10s', count: { lt: 2 } }).nextChange(subject, 50_000), 58_000)
  assert.equal(compile({ event: 'A', within: '10s', count: { eq: 3 } }).nextChange(subject, 50_000), 55_000)
  assert.equal(compile({ not: { event: 'A', within: '10s' } }).nextChange(subject, 50_000), 60_000)
})

test('what time does not change announces nothing', () => {
  const subject = subjectWith({ kept: [5] })
  const fixed = compile({ event: 'A', within: { from: '1970-01-01', to: '2030-01-01' } })
  assert.equal(fixed.timeDependent, false)
  assert.equal(fixed.nextChange(subject, 10), null)
  assert.equal(compile({ all: [{ event: 'A' }, { event: 'A', within: '1d' }] }).timeDependent, true)
})

test('a date to come enters withinLast when it is reached and leaves W later', () => {
  const segment = compile({ trait: 'visit', withinLast: '1d' })
  const subject = subjectWith({ traits: new Map([['visit', '2026-01-02']]) })
  const visit = Date.UTC(2026, 0, 2)
  assert.equal(segment.nextChange(subject, visit - 5), visit)
  assert.equal(segment.evaluate(subject, visit), true)
  assert.equal(segment.nextChange(subject, visit), visit + 86_400_000)
  assert.equal(segment.nextChange(subject, visit + 86_400_000), null)
})

test('a compiled segment says what it reads, through references too', () => {
  const segments = new Map<string, Condition>([
    ['other', { any: [{ consent: 'ads' }, { trait: 'address.city', eq: 'x' }] }],
  ])
  const both = { event: 'A', within: '1d' }
  const segment = compile({ all: [{ segment: 'other' }, both, { not: both }, { identifier: 'email' }] }, segments)
  assert.deepEqual(segment.clauses, [1])
  assert.deepEqual([...segment.traits], ['address'])
  assert.equal(segment.usesConsent, true)
  assert.equal(segment.usesIdentifiers, true)
})

test('a reference to nothing, or round in a circle, has no members', () => {
  const segments = new Map<string, Condition>([
    ['a', { not: { segment: 'b' } }],
    ['b', { segment: 'a' }],
  ])
  assert.equal(compile({ segment: 'gone' }, segments).evaluate(subjectWith({}), 0), false)
  assert.equal(compile({ segment: 'a' }, segments).evaluate(subjectWith({}), 0), true)
})

test('the index gives the clauses by which an event counts', () => {
  const dermatology = clauseOf({ event: 'Page Viewed', where: { property: 'path', startsWith: '/dermatology' } })
  const january = clauseOf({ event: ['Page Viewed', 'Booked'], within: { from: '2026-01-01', to: '2026-02-01' } })
  const index = new ClauseIndex<string>()
  index.add(dermatology, 'dermatology')
  index.add(january, 'january')
  const ids = (name: string, path: string, at: number) => index.matching(name, { path }, at).map(({ id }) => id)
  assert.deepEqual(ids('Page Viewed', '/dermatology/x', Date.UTC(2026, 0, 1)), ['dermatology', 'january'])
  assert.deepEqual(ids('Page Viewed', '/dermatology/x', Date.UTC(2026, 1, 1)), ['dermatology'])
  assert.deepEqual(ids('Booked', '/dermatology', Date.UTC(2026, 0, 31)), ['january'])
  assert.equal(index.matching('Else', {}, 0), index.matching('Other', {}, 0), 'no match allocates nothing')
  assert.equal(compileClause(dermatology)('Booked', { path: '/dermatology' }, 0), false)
})

test('an explanation gives the answer of each part and what was seen', () => {
  const definition: Condition = {
    all: [{ event: 'A', within: '10s', count: { gte: 2 } }, { not: { trait: 'plan', eq: 'free' } }],
  }
  const subject = subjectWith({ kept: [50_000, 49_000], traits: new Map([['plan', 'free']]) })
  const explanation = explainMembership(definition, NONE, subject, 50_000, () => 1)
  assert.equal(explanation.holds, false)
  assert.equal(
    explanation.condition,
    'did "A" at least twice in the last 10 seconds and not (the trait "plan" is "free")',
  )
  const [event, not] = explanation.parts ?? []
  assert.deepEqual(event, {
    condition: 'did "A" at least twice in the last 10 seconds',
    holds: true,
    count: 2,
    countedUpTo: 3,
    latest: '1970-01-01T00:00:50.000Z',
    mayChangeAt: '1970-01-01T00:00:59.000Z',
  })
  assert.equal(not?.parts?.[0]?.seen, 'free')
})
