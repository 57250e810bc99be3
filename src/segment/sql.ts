// The SQL evaluator: prints a definition as one ClickHouse query over history, for previews and audits, and clauses as the
// query that backfills them. Names of tables and columns are fixed; all that people wrote is bound (sql/params.ts). Pure.
import {
  type Condition,
  type ConditionVisitor,
  durationMs,
  type EventCondition,
  visitCondition,
} from '../spec/segment.ts'
import { type Clause, clauseOf } from './clause.ts'
import { printClause } from './sql/clause.ts'
import { instantsFunction, printCompare, usesInstants } from './sql/compare.ts'
import { Params } from './sql/params.ts'
import { plainNumber, valueInText } from './sql/value.ts'

export interface PrintedQuery {
  query: string
  /** For the engine's own binding, by name: strings, whole numbers and lists of strings. */
  params: Record<string, unknown>
}

/** What a definition is printed for; history's port has the same shape. */
export interface SqlContext {
  /** Definitions by slug, for `segment` references. */
  segments: ReadonlyMap<string, Condition>
  /** Only events below this offset count. */
  offset: number
  /** Log time, ms. */
  now: number
}

/** What one scan of `events` counts: condition on a row -> the column that counts it. */
interface Printing {
  params: Params
  context: SqlContext
  counts: Map<string, string>
  names: Set<string>
  /** No event at or before this instant (ms) counts; -Infinity where some clause has no lower bound. */
  floor: number
  inside: ReadonlySet<string>
}

/** One column, `profile`: the living profiles that satisfy the definition, in no order. */
export function printSegment(definition: Condition, context: SqlContext): PrintedQuery {
  const params = new Params()
  const printing: Printing = {
    params,
    context,
    counts: new Map(),
    names: new Set(),
    floor: Number.POSITIVE_INFINITY,
    inside: new Set(),
  }
  const condition = printCondition(definition, printing)
  const people = `(
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people`
  const from =
    printing.counts.size === 0 ? people : `${people}\nLEFT JOIN ${printFacts(printing)} ON facts.holder = people.person`
  const body = `SELECT people.person AS profile\nFROM ${from}\nWHERE ${condition}\nSETTINGS join_use_nulls = 0`
  return { query: withInstants(body, params), params: params.values }
}

function withInstants(body: string, params: Params): string {
  return usesInstants(body) ? `WITH ${instantsFunction(params)}\n${body}` : body
}

function printCondition(condition: Condition, printing: Printing): string {
  const { params, context } = printing
  const now = () => params.whole(context.now)
  const visitor: ConditionVisitor<string> = {
    all: ({ all }) => `(${all.map((child) => printCondition(child, printing)).join(' AND ')})`,
    any: ({ any }) => `(${any.map((child) => printCondition(child, printing)).join(' OR ')})`,
    not: ({ not }) => `NOT (${printCondition(not, printing)})`,
    trait: (node) => printCompare(node, valueInText('people.traits', node.trait, params), params, now),
    event: (node) => {
      const count = plainNumber(`toFloat64(facts.${countColumn(node, printing)})`)
      return printCompare(node.count ?? { gte: 1 }, count, params, now)
    },
    segment: ({ segment }) => {
      const referred = context.segments.get(segment)
      // A reference that names nothing, or leads back to itself, has no members.
      if (referred === undefined || printing.inside.has(segment)) return '0'
      const { inside } = printing
      printing.inside = new Set([...inside, segment])
      const printed = printCondition(referred, printing)
      printing.inside = inside
      return `(${printed})`
    },
    identifier: ({ identifier }) => `has(people.kinds, ${params.text(identifier)})`,
    consent: ({ consent }) => `people.consent[${params.text(consent)}] = true`,
  }
  return visitCondition(condition, visitor)
}

/** The column that counts the events of this condition; equal ones share it. */
function countColumn(node: EventCondition, printing: Printing): string {
  const { params, context } = printing
  const clause = clauseOf(node)
  for (const name of clause.events) printing.names.add(name)
  let row = printClause(clause, params)
  let floor = Number.NEGATIVE_INFINITY
  if (clause.fixed !== null) floor = clause.fixed.from - 1
  if (typeof node.within === 'string') {
    floor = context.now - durationMs(node.within)
    row += ` AND timestamp > ${params.whole(floor)} AND timestamp <= ${params.whole(context.now)}`
  }
  printing.floor = Math.min(printing.floor, floor)
  const known = printing.counts.get(row)
  if (known !== undefined) return known
  const column = `n${printing.counts.size}`
  printing.counts.set(row, column)
  return column
}

/**
 * One scan for all clauses. An event belongs to the profile that holds its set now: the newest move of the set, if the event
 * lies below it, else the profile it was filed under.
 */
function printFacts(printing: Printing): string {
  const { params, context, counts, names, floor } = printing
  const columns = [...counts].map(([row, column]) => `    countIf(${row}) AS ${column}`)
  const rows = [`event IN ${params.texts([...names].sort())}`, `offset < ${params.whole(context.offset)}`]
  // An event is never received before it happened, so a floor also spares whole partitions.
  if (floor > 0) {
    rows.push(
      `timestamp > ${params.whole(floor)}`,
      `received_at > fromUnixTimestamp64Milli(${params.whole(floor)}, 'UTC')`,
    )
  }
  return `(
  SELECT if(move.below > events.offset, move.holder, events.profile) AS holder,
${columns.join(',\n')}
  FROM events
  LEFT JOIN (
    SELECT set_id, argMax(profile, (commit, ordinal)) AS holder, argMax(offset, (commit, ordinal)) AS below
    FROM overrides
    GROUP BY set_id
  ) AS move ON move.set_id = events.set_id
  WHERE ${rows.join(' AND ')}
  GROUP BY holder
) AS facts`
}

/** Rows (`set_id`, `clause` from 0, `timestamps` newest first, at most the clause's `keep`), by set and clause. */
export function printClauseTimestamps(
  clauses: readonly Clause[],
  range: { below: number; afterSet: number; setsMax: number },
): PrintedQuery {
  const params = new Params()
  const rows = clauses.map((clause) => printClause(clause, params))
  // groupArraySorted keeps the least N and no more in memory, so timestamps are negated; N must stand in the text.
  const columns = clauses.map((clause, index) => {
    if (!Number.isSafeInteger(clause.keep) || clause.keep < 1)
      throw new Error(`a clause keeps ${clause.keep} timestamps`)
    return `groupArraySortedIf(${clause.keep})(-timestamp, ${rows[index]})`
  })
  const body = `SELECT set_id, clause - 1 AS clause, arrayMap(t -> -t, negated) AS timestamps
FROM (
  SELECT set_id, [
    ${columns.join(',\n    ')}
  ] AS columns
  FROM events
  WHERE offset < ${params.whole(range.below)} AND set_id > ${params.whole(range.afterSet)}
    AND (${rows.map((row) => `(${row})`).join(' OR ')})
  GROUP BY set_id
  ORDER BY set_id
  LIMIT ${params.whole(range.setsMax)}
)
ARRAY JOIN columns AS negated, arrayEnumerate(columns) AS clause
WHERE notEmpty(negated)
ORDER BY set_id, clause`
  return { query: withInstants(body, params), params: params.values }
}
