// What every group of routes is built from.
import type { z } from 'zod'
import type { Decider } from './decider.ts'
import type { ApiDeps } from './deps.ts'
import type { Documented } from './route.ts'
import { pendingSchema } from './schemas.ts'
import type { SuppressionList } from './suppression-list.ts'

export interface ApiContext {
  deps: ApiDeps
  decider: Decider
  suppressions: SuppressionList
}

export const PENDING: Documented = {
  status: 202,
  description: 'Logged, and not committed yet; the job tells when it is.',
  schema: pendingSchema,
}

export function answers(description: string, schema: z.ZodType): Documented[] {
  return [{ status: 200, description, schema }]
}
