// `{identifier: "email"}`: the profile has an identifier of this kind.
import type { ConditionKinds } from '../../spec/segment.ts'
import { readName } from './fields.ts'
import type { NodeRule } from './node.ts'
import { below } from './place.ts'

export const identifierNode: NodeRule<ConditionKinds['identifier']> = {
  keys: ['identifier'],
  read: (fields, place) => ({ identifier: readName(fields.get('identifier'), 100, below(place, 'identifier')) }),
}
