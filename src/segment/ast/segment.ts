// `{segment: "slug"}`: membership of another segment, judged by its definition at the same instant. Whether the slug is known
// and leads in no circle is checked over the whole definition, not here.
import type { ConditionKinds } from '../../spec/segment.ts'
import { slugSchema } from '../../spec/source.ts'
import { readText } from './fields.ts'
import type { NodeRule } from './node.ts'
import { below, refuse } from './place.ts'

export const segmentNode: NodeRule<ConditionKinds['segment']> = {
  keys: ['segment'],
  read(fields, place) {
    const segment = readText(fields.get('segment'), 100, below(place, 'segment'))
    if (!slugSchema.safeParse(segment).success) {
      refuse(below(place, 'segment'), `\`${segment}\` is no slug: a-z, 0-9, _ and -, first a letter or digit.`)
    }
    return { segment }
  },
}
