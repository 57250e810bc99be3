// `{all: […]}`: every one of the conditions holds.
import type { ConditionKinds, PropertyKinds } from '../../spec/segment.ts'
import { readList } from './fields.ts'
import { CHILDREN_MAX, type NodeRule } from './node.ts'
import { below } from './place.ts'

export const allNode: NodeRule<ConditionKinds['all']> = {
  keys: ['all'],
  read(fields, place, children) {
    const list = readList(fields.get('all'), CHILDREN_MAX, below(place, 'all'))
    return { all: list.map((input, index) => children.condition(input, below(place, 'all', index))) }
  },
}

/** The same inside `where`. */
export const allPropertyNode: NodeRule<PropertyKinds['all']> = {
  keys: ['all'],
  read(fields, place, children) {
    const list = readList(fields.get('all'), CHILDREN_MAX, below(place, 'all'))
    return { all: list.map((input, index) => children.property(input, below(place, 'all', index))) }
  },
}
