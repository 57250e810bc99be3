// `{consent: "marketing"}`: the profile's answer for this purpose is yes. No answer is no.
import type { ConditionKinds } from '../../spec/segment.ts'
import { readName } from './fields.ts'
import type { NodeRule } from './node.ts'
import { below } from './place.ts'

export const consentNode: NodeRule<ConditionKinds['consent']> = {
  keys: ['consent'],
  read: (fields, place) => ({ consent: readName(fields.get('consent'), 200, below(place, 'consent')) }),
}
