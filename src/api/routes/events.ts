// The feed of resolved events in log order, with the verdict of each: what the pipeline made of what came.
import { z } from 'zod'
import type { LoggedRecord } from '../../log/port.ts'
import type { Verdict } from '../../spec/verdict.ts'
import { type ApiContext, answers } from '../context.ts'
import type { ApiDeps } from '../deps.ts'
import { LIMIT_DEFAULT, LIMIT_MAX } from '../lists.ts'
import { publicIds } from '../profiles.ts'
import { defineRoute, ok, type Route } from '../route.ts'
import { feedEventSchema } from '../schemas.ts'
import { viewEvent } from '../timeline.ts'

const SCAN_MAX = 20_000
const CHUNK = 1000

const querySchema = z.strictObject({
  after: z.coerce.number().int().min(-1).optional().meta({
    description: 'Offset behind which to read; without it the newest events.',
  }),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT),
  type: z.string().max(20).optional(),
  event: z.string().max(300).optional().meta({ description: 'Name of the event, as segments know it.' }),
  user: z.string().max(500).optional().meta({ description: 'userId or anonymousId.' }),
})
type Query = z.output<typeof querySchema>
type Row = LoggedRecord & { verdict: Verdict }

export function eventRoutes({ deps }: ApiContext): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/events',
      tag: 'events',
      summary:
        'Events in log order, each with its verdict. `next` is the `after` of the next call; it is there at the end too.',
      query: querySchema,
      answers: answers(
        'The events.',
        z.strictObject({
          items: z.array(feedEventSchema),
          next: z.int().meta({ description: 'Poll with it for more.' }),
        }),
      ),
      handle: async ({ query }) => {
        const { next: head } = await deps.state.position()
        const { after } = query
        const { rows, last } =
          after === undefined ? await newest(deps, head, query) : await following(deps, after, head, query)
        const ids = await publicIds(
          deps.state,
          rows.map((row) => row.verdict.profile),
        )
        return ok({ items: rows.map((row) => view(row, ids)), next: last })
      },
    }),
  ]
}

async function following(deps: ApiDeps, after: number, head: number, query: Query) {
  const rows: Row[] = []
  let last = Math.min(after, head - 1)
  const end = Math.min(head, after + 1 + SCAN_MAX)
  while (last + 1 < end && rows.length < query.limit) {
    const below = Math.min(end, last + 1 + CHUNK)
    const found = await matching(deps, last + 1, below, query)
    const room = found.slice(0, query.limit - rows.length)
    rows.push(...room)
    last = room.length < found.length ? (room.at(-1)?.offset ?? last) : below - 1
  }
  return { rows, last }
}

async function newest(deps: ApiDeps, head: number, query: Query) {
  let rows: Row[] = []
  for (let below = head; below > 0 && head - below < SCAN_MAX && rows.length < query.limit; below -= CHUNK) {
    rows = [...(await matching(deps, Math.max(0, below - CHUNK), below, query)), ...rows]
  }
  return { rows: rows.slice(-query.limit), last: head - 1 }
}

async function matching(deps: ApiDeps, from: number, below: number, query: Query): Promise<Row[]> {
  const [records, verdicts] = await Promise.all([
    deps.log.read({ from, below, recordsMax: below - from }),
    deps.state.verdicts(from, below),
  ])
  const byOffset = new Map(verdicts.map((verdict) => [verdict.offset, verdict]))
  return records.flatMap((entry) => {
    const verdict = byOffset.get(entry.offset)
    return verdict !== undefined && isWanted(entry, verdict, query) ? [{ ...entry, verdict }] : []
  })
}

function isWanted({ record }: LoggedRecord, verdict: Verdict, query: Query): boolean {
  // Nothing of a suppressed person is shown, not even here.
  if (record.type !== 'event' || verdict.code === 'suppressed') return false
  const { event } = record
  const name = viewEvent(event, null, 0)['event']
  if (query.type !== undefined && query.type !== event.type) return false
  if (query.event !== undefined && query.event !== name) return false
  return query.user === undefined || query.user === event.userId || query.user === event.anonymousId
}

function view({ offset, record, verdict }: Row, ids: ReadonlyMap<number, string>) {
  if (record.type !== 'event') throw new Error('only events are in the feed')
  const profile = ids.get(verdict.profile) ?? null
  return { ...viewEvent(record.event, record.source, offset), verdict: verdict.code, profile }
}
