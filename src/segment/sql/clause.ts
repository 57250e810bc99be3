// Clauses in SQL: the condition on one row of `events` that says whether the event counts.
import { type PropertyCondition, type PropertyVisitor, visitProperty } from '../../spec/segment.ts'
import type { Clause } from '../clause.ts'
import { printCompare } from './compare.ts'
import type { Params } from './params.ts'
import { eventProperty } from './value.ts'

export function printClause(clause: Clause, params: Params): string {
  const parts = [`event IN ${params.texts(clause.events)}`]
  if (clause.fixed !== null) {
    const { from, to } = clause.fixed
    parts.push(`timestamp >= ${params.whole(from)} AND timestamp < ${params.whole(to)}`)
  }
  if (clause.where !== null) parts.push(printWhere(clause.where, params))
  return parts.join(' AND ')
}

function printWhere(condition: PropertyCondition, params: Params): string {
  const visitor: PropertyVisitor<string> = {
    all: ({ all }) => `(${all.map((child) => printWhere(child, params)).join(' AND ')})`,
    any: ({ any }) => `(${any.map((child) => printWhere(child, params)).join(' OR ')})`,
    not: ({ not }) => `NOT (${printWhere(not, params)})`,
    // `withinLast` looks back from the event itself: what happened stays true.
    property: (node) => printCompare(node, eventProperty(node.property, params), params, () => 'timestamp'),
  }
  return visitProperty(condition, visitor)
}
