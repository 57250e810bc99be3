// Jobs: long work under way. A segment's backfill is `segment:<slug>`; a decision not committed yet is `decision:<offset>`.

import { z } from 'zod'
import type { BackfillRow } from '../../pipeline/state-store.ts'
import { OnefoldError } from '../../spec/errors.ts'
import { liveSegments } from '../../spec/segment.ts'
import { type ApiContext, answers } from '../context.ts'
import type { ApiDeps } from '../deps.ts'
import { listQuerySchema, pageOf, pageSchema } from '../lists.ts'
import { instant } from '../profiles.ts'
import { defineRoute, ok, type Route } from '../route.ts'
import { jobSchema } from '../schemas.ts'

type Job = z.output<typeof jobSchema>

export function jobRoutes({ deps }: ApiContext): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/jobs',
      tag: 'jobs',
      summary: 'Lists the jobs under way.',
      query: listQuerySchema,
      answers: answers('The jobs.', pageSchema(jobSchema)),
      handle: async ({ query }) => {
        const { segments: all, backfills } = await deps.state.catalogue()
        const segments = liveSegments(all)
        const slugs = new Map(segments.map((segment) => [segment.id, segment.slug]))
        return ok(
          pageOf(
            backfills.map((row) => backfillJob(deps, slugs.get(row.segment) ?? '', row)),
            query,
          ),
        )
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/jobs/:id',
      tag: 'jobs',
      summary: 'Shows a job.',
      params: z.strictObject({ id: z.string().min(1).max(200) }),
      answers: answers('The job.', jobSchema),
      handle: async ({ params: { id } }) => {
        const colon = id.indexOf(':')
        const [kind, name] = [id.slice(0, colon), id.slice(colon + 1)]
        const job =
          kind === 'segment' ? await segmentJob(deps, name) : kind === 'decision' ? await decisionJob(deps, name) : null
        if (job === null) throw new OnefoldError('not_found', { detail: `There is no job ${id}.` })
        return ok(job)
      },
    }),
  ]
}

async function segmentJob(deps: ApiDeps, slug: string): Promise<Job | null> {
  const { segments: all, backfills } = await deps.state.catalogue()
  const segments = liveSegments(all)
  const segment = segments.find((candidate) => candidate.slug === slug)
  if (segment === undefined) return null
  const row = backfills.find((candidate) => candidate.segment === segment.id)
  if (row !== undefined) return backfillJob(deps, slug, row)
  return { id: `segment:${slug}`, state: 'done', done: 0, total: 0, rate: null, eta: null }
}

function backfillJob({ clock }: ApiDeps, slug: string, row: BackfillRow): Job {
  const { phase, done, total, startedAt } = row
  const seconds = (clock.now() - startedAt) / 1000
  const rate = seconds > 0 && done > 0 ? done / seconds : null
  const eta = rate === null ? null : instant(Math.round(clock.now() + (Math.max(0, total - done) / rate) * 1000))
  const state = done === 0 ? 'waiting' : 'running'
  return { id: `segment:${slug}`, state, phase, done, total, rate, eta }
}

async function decisionJob(deps: ApiDeps, name: string): Promise<Job | null> {
  if (!/^\d{1,15}$/.test(name)) return null
  const offset = Number(name)
  const [{ next }, head] = await Promise.all([deps.state.position(), deps.log.head()])
  if (offset >= head.next) return null
  const done = next > offset
  return {
    id: `decision:${offset}`,
    state: done ? 'done' : 'waiting',
    done: done ? 1 : 0,
    total: 1,
    rate: null,
    eta: null,
  }
}
