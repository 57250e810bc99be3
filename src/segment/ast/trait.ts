// `{trait: "plan", <compare>}`: the present value of a trait, by name or dotted path.
import { COMPARE_OPERATORS, type ConditionKinds } from '../../spec/segment.ts'
import { readCompare } from './compare.ts'
import { readPath } from './fields.ts'
import type { NodeRule } from './node.ts'
import { below } from './place.ts'

export const traitNode: NodeRule<ConditionKinds['trait']> = {
  keys: ['trait', ...COMPARE_OPERATORS],
  read: (fields, place) => ({
    trait: readPath(fields.get('trait'), below(place, 'trait')),
    ...readCompare(fields, place),
  }),
}
