// What a kind of node is to the checker: which keys it may have, and how its input becomes an immutable node. Each kind has a
// file of its own beside this one; the registries in `conditions.ts` are total over the vocabulary's kinds.
import type { Condition, PropertyCondition } from '../../spec/segment.ts'
import type { Fields } from './fields.ts'
import type { Place } from './place.ts'

/** Reads the conditions inside a node, without the node's file knowing the others. */
export interface Children {
  condition(input: unknown, place: Place): Condition
  property(input: unknown, place: Place): PropertyCondition
}

export interface NodeRule<Node> {
  /** Every key the node may have; the first is the one that names its kind. */
  keys: readonly [kind: string, ...others: string[]]
  read(fields: Fields, place: Place, children: Children): Node
}

export const CHILDREN_MAX = 100
