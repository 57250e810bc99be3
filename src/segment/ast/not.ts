// `{not: …}`: the condition does not hold. It negates the whole answer, so that `not` of a comparison with a missing value holds.
import type { ConditionKinds, PropertyKinds } from '../../spec/segment.ts'
import type { NodeRule } from './node.ts'
import { below } from './place.ts'

export const notNode: NodeRule<ConditionKinds['not']> = {
  keys: ['not'],
  read: (fields, place, children) => ({ not: children.condition(fields.get('not'), below(place, 'not')) }),
}

/** The same inside `where`. */
export const notPropertyNode: NodeRule<PropertyKinds['not']> = {
  keys: ['not'],
  read: (fields, place, children) => ({ not: children.property(fields.get('not'), below(place, 'not')) }),
}
