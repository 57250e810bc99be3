// `{any: […]}`: at least one of the conditions holds.
import type { ConditionKinds, PropertyKinds } from '../../spec/segment.ts'
import { readList } from './fields.ts'
import { CHILDREN_MAX, type NodeRule } from './node.ts'
import { below } from './place.ts'

export const anyNode: NodeRule<ConditionKinds['any']> = {
  keys: ['any'],
  read(fields, place, children) {
    const list = readList(fields.get('any'), CHILDREN_MAX, below(place, 'any'))
    return { any: list.map((input, index) => children.condition(input, below(place, 'any', index))) }
  },
}

/** The same inside `where`. */
export const anyPropertyNode: NodeRule<PropertyKinds['any']> = {
  keys: ['any'],
  read(fields, place, children) {
    const list = readList(fields.get('any'), CHILDREN_MAX, below(place, 'any'))
    return { any: list.map((input, index) => children.property(input, below(place, 'any', index))) }
  },
}
