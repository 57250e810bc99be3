// The route table: every address the API has. The server routes by it and the OpenAPI document is printed from it.
import type { ApiContext } from './context.ts'
import { Decider } from './decider.ts'
import type { ApiDeps } from './deps.ts'
import { openApiDocument } from './openapi.ts'
import { profileApiRoutes } from './profile-api/routes.ts'
import { defineRoute, ok, type Route } from './route.ts'
import { deliveryRoutes } from './routes/deliveries.ts'
import { destinationRoutes } from './routes/destinations.ts'
import { eventRoutes } from './routes/events.ts'
import { handRoutes } from './routes/hand.ts'
import { identityRoutes } from './routes/identity.ts'
import { jobRoutes } from './routes/jobs.ts'
import { memberRoutes } from './routes/members.ts'
import { operationsRoutes } from './routes/operations.ts'
import { profileRoutes } from './routes/profiles.ts'
import { rejectedRoutes } from './routes/rejected.ts'
import { segmentRoutes } from './routes/segments.ts'
import { sourceRoutes } from './routes/sources.ts'
import { suppressionRoutes } from './routes/suppressions.ts'
import { jsonObjectSchema } from './schemas.ts'
import { SuppressionList } from './suppression-list.ts'

export function buildRoutes(deps: ApiDeps): Route[] {
  const context: ApiContext = { deps, decider: new Decider(deps), suppressions: new SuppressionList(deps) }
  const routes = [
    ...sourceRoutes(context),
    ...profileRoutes(context),
    ...identityRoutes(context),
    ...handRoutes(context),
    ...segmentRoutes(context),
    ...memberRoutes(context),
    ...destinationRoutes(context),
    ...deliveryRoutes(context),
    ...suppressionRoutes(context),
    ...rejectedRoutes(context),
    ...eventRoutes(context),
    ...jobRoutes(context),
    ...profileApiRoutes(context),
    ...operationsRoutes(context),
  ]
  let document: Record<string, unknown> | null = null
  const self = defineRoute({
    method: 'GET',
    path: '/openapi.json',
    tag: 'operations',
    summary: 'This document.',
    access: 'open',
    answers: [{ status: 200, description: 'OpenAPI 3.1.', schema: jsonObjectSchema }],
    handle: async () => {
      document ??= openApiDocument([...routes, self], deps.version)
      return ok(document)
    },
  })
  return [...routes, self]
}
