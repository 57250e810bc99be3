// Health, metrics and version: open to anyone who reaches the server, which listens on loopback unless told otherwise. They
// hold counts and names of parts, never a person's data; put a proxy before `/metrics` where the port is public.
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { collectMetrics } from '../metrics.ts'
import { defineRoute, ok, type Route } from '../route.ts'

/**
 * Parts without which accepted events do not flow to profiles. History and delivery may be away: events are kept and
 * resolved meanwhile, and both catch up, so they degrade the answer and do not fail it.
 */
const REQUIRED = new Set(['door', 'pipeline'])

const partSchema = z.strictObject({ name: z.string(), up: z.boolean(), detail: z.string().optional() })
const readySchema = z.strictObject({ status: z.enum(['ready', 'degraded', 'unavailable']), parts: z.array(partSchema) })

export function operationsRoutes({ deps }: ApiContext): Route[] {
  const metrics = collectMetrics(deps)
  const open = { method: 'GET', tag: 'operations', access: 'open' } as const
  return [
    defineRoute({
      ...open,
      path: '/healthz',
      summary: 'Whether the process answers.',
      answers: [{ status: 200, description: 'It does.', schema: z.strictObject({ status: z.literal('ok') }) }],
      handle: async () => ok({ status: 'ok' }),
    }),
    defineRoute({
      ...open,
      path: '/readyz',
      summary: 'Whether accepted events flow. History and delivery may be down: that is `degraded`, and still 200.',
      answers: [
        { status: 200, description: 'They do.', schema: readySchema },
        { status: 503, description: 'The door or the pipeline is down.', schema: readySchema },
      ],
      handle: async () => {
        const parts = deps.health()
        const missing = [...REQUIRED].filter((name) => !parts.some((part) => part.name === name && part.up))
        const status = missing.length > 0 ? 'unavailable' : parts.every((part) => part.up) ? 'ready' : 'degraded'
        return { status: missing.length > 0 ? 503 : 200, body: { status, parts } }
      },
    }),
    defineRoute({
      ...open,
      path: '/version',
      summary: 'Name and version.',
      answers: [
        { status: 200, description: 'The version.', schema: z.strictObject({ name: z.string(), version: z.string() }) },
      ],
      handle: async () => ok({ name: 'onefold', version: deps.version }),
    }),
    defineRoute({
      ...open,
      path: '/metrics',
      summary: 'Metrics in the text format of Prometheus.',
      answers: [{ status: 200, description: 'The metrics.' }],
      handle: async () => {
        const { text, contentType } = await metrics()
        return { status: 200, body: text, contentType }
      },
    }),
  ]
}
