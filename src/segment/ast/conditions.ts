// The registries of node kinds, total over the vocabulary: a new kind fails to compile here until it has a file.
import type { ConditionVisitor, PropertyVisitor } from '../../spec/segment.ts'
import { allNode, allPropertyNode } from './all.ts'
import { anyNode, anyPropertyNode } from './any.ts'
import { consentNode } from './consent.ts'
import { eventNode } from './event.ts'
import { identifierNode } from './identifier.ts'
import type { NodeRule } from './node.ts'
import { notNode, notPropertyNode } from './not.ts'
import { propertyNode } from './property.ts'
import { segmentNode } from './segment.ts'
import { traitNode } from './trait.ts'

type RuleOf<Visit> = Visit extends (node: infer Node) => unknown ? NodeRule<Node> : never

export const CONDITION_NODES: { [K in keyof ConditionVisitor<void>]: RuleOf<ConditionVisitor<void>[K]> } = {
  all: allNode,
  any: anyNode,
  not: notNode,
  trait: traitNode,
  event: eventNode,
  segment: segmentNode,
  identifier: identifierNode,
  consent: consentNode,
}

export const PROPERTY_NODES: { [K in keyof PropertyVisitor<void>]: RuleOf<PropertyVisitor<void>[K]> } = {
  all: allPropertyNode,
  any: anyPropertyNode,
  not: notPropertyNode,
  property: propertyNode,
}
