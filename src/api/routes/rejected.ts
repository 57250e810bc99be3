// The rejected feed: what was refused, with the reason. The door's refusals never reached the log; the pipeline's are verdicts
// on records of the log. Both are shown as one list, newest first.
import { z } from 'zod'
import type { StoredRejection } from '../../log/port.ts'
import { ERRORS, OnefoldError } from '../../spec/errors.ts'
import type { Verdict } from '../../spec/verdict.ts'
import { type ApiContext, answers } from '../context.ts'
import type { ApiDeps } from '../deps.ts'
import { decodeCursor, encodeCursor, listQuery, pageSchema } from '../lists.ts'
import { instantOf } from '../profiles.ts'
import { defineRoute, ok, type Route } from '../route.ts'
import { rejectionSchema } from '../schemas.ts'

/** So many verdicts, or rows of the door's feed, are looked through for one page. */
const SCAN_MAX = 50_000
const CHUNK = 5000
const DOOR_CHUNK = 500

const cursorSchema = z.strictObject({ door: z.int().nullable(), below: z.int() })

interface Found {
  at: number
  view: z.output<typeof rejectionSchema>
  door?: number
  offset?: number
}
interface Filter {
  code?: string | undefined
  source?: string | undefined
}

export function rejectedRoutes({ deps }: ApiContext): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/rejected',
      tag: 'rejected',
      summary: 'Lists what was refused at the door or by the pipeline, newest first.',
      query: z.strictObject({
        ...listQuery,
        code: z.string().max(100).optional(),
        source: z.string().max(100).optional(),
        stage: z.enum(['door', 'pipeline']).optional(),
      }),
      answers: answers('The refusals. `count` is that of the door.', pageSchema(rejectionSchema)),
      handle: async ({ query }) => {
        const { limit, count, stage } = query
        if (count === 'exact' && (query.code ?? query.source ?? (stage === 'door' ? undefined : stage)) !== undefined) {
          throw new OnefoldError('invalid_request', {
            detail: 'Only the whole feed can be counted.',
            pointer: '/count',
          })
        }
        const { next } = await deps.state.position()
        const place = decodeCursor(cursorSchema, query.cursor) ?? { door: null, below: next }
        const door = stage === 'pipeline' ? DONE : await fromDoor(deps, place.door, query, limit)
        const pipeline = stage === 'door' ? DONE : await fromPipeline(deps, place.below, query, limit)
        const merged = [...door.found, ...pipeline.found].sort(newestFirst)
        const page = merged.slice(0, limit)
        const isMore = merged.length > limit || !door.ended || !pipeline.ended
        return ok({
          items: page.map((item) => item.view),
          next: isMore ? encodeCursor(nextPlace(place, merged, page, door.rest, pipeline.rest)) : null,
          ...(count === 'exact' ? { count: await deps.rejected.count() } : {}),
        })
      },
    }),
  ]
}

interface Scan {
  found: Found[]
  ended: boolean
  /** Where to read on when all that was found is shown. */
  rest: number | null
}
const DONE: Scan = { found: [], ended: true, rest: null }

/** Within a stage always by its own number, so that a page may be cut between two of the same millisecond. */
function newestFirst(a: Found, b: Found): number {
  return b.at - a.at || (b.offset ?? b.door ?? 0) - (a.offset ?? a.door ?? 0)
}

/** Each stage goes on behind its last item on the page; behind all it looked through when every find is on the page. */
function nextPlace(
  place: z.output<typeof cursorSchema>,
  merged: readonly Found[],
  page: readonly Found[],
  doorRest: number | null,
  pipelineRest: number | null,
): z.output<typeof cursorSchema> {
  const left = merged.slice(page.length)
  const doors = page.flatMap((item) => item.door ?? [])
  const offsets = page.flatMap((item) => item.offset ?? [])
  const isDoorLeft = left.some((item) => item.door !== undefined)
  const isPipelineLeft = left.some((item) => item.offset !== undefined)
  return {
    door: isDoorLeft ? (doors.length === 0 ? place.door : Math.min(...doors)) : (doorRest ?? place.door),
    below: isPipelineLeft ? Math.min(place.below, ...offsets) : (pipelineRest ?? place.below),
  }
}

async function fromDoor(deps: ApiDeps, before: number | null, filter: Filter, limit: number): Promise<Scan> {
  const found: Found[] = []
  let place = before
  for (let scanned = 0; scanned < SCAN_MAX && found.length < limit; scanned += DOOR_CHUNK) {
    const rows = await deps.rejected.list({ limit: DOOR_CHUNK, ...(place === null ? {} : { before: place }) })
    for (const row of rows) if (matches(filter, row)) found.push(doorView(row))
    place = rows.at(-1)?.id ?? place
    if (rows.length < DOOR_CHUNK) return { found, ended: true, rest: place }
  }
  return { found, ended: false, rest: place }
}

function doorView({ id, receivedAt, body, ...row }: StoredRejection): Found {
  // As the pipeline's: that something of a suppressed person came, and nothing of it.
  const shown = row.code === 'suppressed' ? null : body
  const view = { ...row, id: `door:${id}`, stage: 'door' as const, receivedAt: instantOf(receivedAt), body: shown }
  return { at: receivedAt, door: id, view }
}

async function fromPipeline(deps: ApiDeps, below: number, filter: Filter, limit: number): Promise<Scan> {
  const found: Found[] = []
  let place = below
  while (place > 0 && below - place < SCAN_MAX && found.length < limit) {
    const from = Math.max(0, place - CHUNK)
    const verdicts = (await deps.state.verdicts(from, place)).filter(isRefusal)
    const byOffset = new Map(verdicts.map((verdict) => [verdict.offset, verdict]))
    for (const { offset, record } of verdicts.length === 0 ? [] : await deps.log.get([...byOffset.keys()])) {
      const code = byOffset.get(offset)?.code
      if (record.type !== 'event' || (code !== 'no_identifier' && code !== 'suppressed')) continue
      const { source, event, receivedAt: at } = record
      if (!matches(filter, { code, source })) continue
      // Of a suppressed person nothing is shown but that something came.
      const shown = code === 'suppressed' ? { body: null } : { body: JSON.stringify(event), messageId: event.messageId }
      const view = { id: `pipeline:${offset}`, stage: 'pipeline' as const, code, message: ERRORS[code].message, source }
      found.push({ at, offset, view: { ...view, receivedAt: instantOf(at), ...shown } })
    }
    place = from
  }
  return { found, ended: place === 0, rest: place }
}

function isRefusal({ code }: Verdict): boolean {
  return code === 'no_identifier' || code === 'suppressed'
}

function matches(filter: Filter, row: { code: string; source: string | null }): boolean {
  return (filter.code ?? row.code) === row.code && (filter.source ?? row.source) === row.source
}
