// Members of a segment: who they are, and why one profile is a member or not.
import { z } from 'zod'
import { slugSchema } from '../../spec/source.ts'
import { type ApiContext, answers } from '../context.ts'
import { decodeCursor, encodeCursor, listQuery, pageSchema, viewQuery } from '../lists.ts'
import { instantOf, requireProfile, viewProfiles } from '../profiles.ts'
import { defineRoute, ok, type Route } from '../route.ts'
import { instantSchema, memberSchema, whySchema } from '../schemas.ts'
import { whyMember } from '../why.ts'
import { referenceParams } from './profiles.ts'
import { requireSegment } from './segments.ts'

const params = z.strictObject({ slug: slugSchema })
const afterSchema = z.int().min(0)

export function memberRoutes(context: ApiContext): Route[] {
  const { state } = context.deps
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/segments/:slug/members',
      tag: 'segments',
      summary: 'Lists the present members of a segment, longest known first.',
      params,
      query: z.strictObject({ ...listQuery, ...viewQuery }),
      answers: answers('The members.', pageSchema(memberSchema)),
      handle: async ({ params: { slug }, query }) => {
        const after = decodeCursor(afterSchema, query.cursor) ?? 0
        const segment = await requireSegment(context, slug)
        const found = await state.members(segment.id, { after, limit: query.limit + 1 })
        const page = found.slice(0, query.limit)
        const since = new Map(page.map((member) => [member.profile, member.since]))
        const rows = await state.profiles([...since.keys()])
        const views = await viewProfiles(state, rows)
        const last = page.at(-1)
        return ok({
          items: views.map((view, index) => ({ ...view, since: instantOf(since.get(rows[index]?.id ?? 0) ?? 0) })),
          next: found.length > query.limit && last !== undefined ? encodeCursor(last.profile) : null,
          ...(query.count === 'exact' ? { count: segment.size } : {}),
        })
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/segments/:slug/members/:ref',
      tag: 'segments',
      summary: 'Whether a profile is a member, since when, and why.',
      params: z.strictObject({ ...params.shape, ...referenceParams.shape }),
      query: z.strictObject(viewQuery),
      answers: answers(
        'The answer, with every part of the definition judged.',
        z.strictObject({ member: z.boolean(), since: instantSchema.nullable(), why: whySchema }),
      ),
      handle: async ({ params: { slug, ref } }) => {
        const segment = await requireSegment(context, slug)
        const { row } = await requireProfile(state, ref)
        const membership = row.memberships.find(([id]) => id === segment.id)
        return ok({
          member: membership !== undefined,
          since: membership === undefined ? null : instantOf(membership[1]),
          why: await whyMember(state, segment.definition, row),
        })
      },
    }),
  ]
}
