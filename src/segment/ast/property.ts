// `{property: "category", <compare>}`: a property of the event, by name or dotted path; only inside `where`.
import { COMPARE_OPERATORS, type PropertyKinds } from '../../spec/segment.ts'
import { readCompare } from './compare.ts'
import { readPath } from './fields.ts'
import type { NodeRule } from './node.ts'
import { below } from './place.ts'

export const propertyNode: NodeRule<PropertyKinds['property']> = {
  keys: ['property', ...COMPARE_OPERATORS],
  read: (fields, place) => ({
    property: readPath(fields.get('property'), below(place, 'property')),
    ...readCompare(fields, place),
  }),
}
