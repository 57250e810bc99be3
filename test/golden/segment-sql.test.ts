// Golden SQL: what the printer prints for each kind of node and each operator, so that a change of SQL is seen and reviewed.
// Written anew by: node --test --test-update-snapshots test/golden/segment-sql.test.ts
import { join } from 'node:path'
import { test } from 'node:test'
import { checkDefinition } from '../../src/segment/check.ts'
import { clauseOf } from '../../src/segment/clause.ts'
import { type PrintedQuery, printClauseTimestamps, printSegment } from '../../src/segment/sql.ts'
import type { Condition } from '../../src/spec/segment.ts'

const SEGMENTS = new Map<string, Condition>([['buyers', { event: 'Bought', within: '7d' }]])
const NOW = Date.UTC(2026, 5, 1)

const CASES: Record<string, Condition> = {
  dermatology: {
    all: [
      {
        event: 'Page Viewed',
        where: { property: 'path', startsWith: '/dermatology' },
        count: { gte: 2 },
        within: '30d',
      },
      { not: { event: 'Appointment Booked', within: '30d' } },
    ],
  },
  all: { all: [{ consent: 'ads' }, { identifier: 'email' }] },
  any: { any: [{ consent: 'ads' }, { identifier: 'email' }] },
  not: { not: { consent: 'ads' } },
  trait: { trait: 'address.city', eq: 'Paris' },
  'event-names-and-fixed-window': { event: ['B', 'A'], within: { from: '2026-01-01T00:00:00Z', to: '2026-02-01' } },
  'event-count': { event: 'A', count: { ne: 3, in: [1, 2.5], lt: 9 } },
  'event-where': {
    event: 'A',
    where: {
      any: [
        { property: 'a', eq: 1 },
        {
          not: {
            all: [
              { property: 'a.b', exists: true },
              { property: 'c', ne: true },
            ],
          },
        },
      ],
    },
  },
  'event-instant': { event: 'A', where: { property: 'day', withinLast: '7d', before: '2026-01-01' } },
  segment: { all: [{ segment: 'buyers' }, { event: 'Bought', within: '7d' }] },
  identifier: { identifier: 'email' },
  consent: { consent: 'marketing' },
  'compare-equality': {
    all: [
      { trait: 't', in: ['a', 'b', 1, 2, true, null] },
      { trait: 't', notIn: ['a'] },
      { trait: 't', eq: null },
    ],
  },
  'compare-text': {
    all: [
      { trait: 't', contains: 'a', startsWith: 'b', endsWith: 'c', matches: '^d.*' },
      { trait: 't', gt: 'a', lte: 'z' },
    ],
  },
  'compare-number': { trait: 't', gt: 0.1, gte: 1, lt: 1e20, lte: 100 },
  'compare-exists': {
    any: [
      { trait: 't', exists: true },
      { trait: 't', exists: false },
    ],
  },
  'compare-instant': { trait: 't', after: '2026-01-01T00:00:00+02:00', withinLast: '1w' },
  'hostile-text': {
    all: [
      { trait: "t'); DROP TABLE events; --", eq: "'); DROP TABLE events; --" },
      { event: '{p0:String}', where: { property: '`} ; --', matches: "\\\\'" } },
    ],
  },
}

for (const [name, definition] of Object.entries(CASES)) {
  test(`the SQL of ${name}`, (t) => {
    const checked = checkDefinition(definition, { segments: SEGMENTS })
    const printed = printSegment(checked, { segments: SEGMENTS, offset: 1000, now: NOW })
    t.assert.fileSnapshot(format(printed), goldenFile(name), { serializers: [String] })
  })
}

test('the SQL of a backfill', (t) => {
  const clauses = [
    clauseOf({ event: 'Page Viewed', where: { property: 'path', startsWith: '/dermatology' }, count: { gte: 2 } }),
    clauseOf({ event: ['B', 'A'], within: { from: '2026-01-01', to: '2026-02-01' } }),
  ]
  const printed = printClauseTimestamps(clauses, { below: 1000, afterSet: 7, setsMax: 500 })
  t.assert.fileSnapshot(format(printed), goldenFile('clause-timestamps'), { serializers: [String] })
})

function goldenFile(name: string): string {
  return join(import.meta.dirname, 'segment-sql', `${name}.sql`)
}

function format({ query, params }: PrintedQuery): string {
  const bound = Object.entries(params).map(([name, value]) => `-- ${name} = ${JSON.stringify(value)}`)
  return `${query}\n${bound.join('\n')}\n`
}
