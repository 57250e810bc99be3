// The shapes of the API's answers, one schema per noun. The OpenAPI document is made from them, and tests hold every answer
// to them; what a client sends is described by the schemas of src/spec.
import { z } from 'zod'
import { DELIVERY_STATUSES } from '../spec/delivery.ts'
import { destinationInputSchema, subscriptionSchema } from '../spec/destination.ts'
import { parseIdentifier } from '../spec/identifier.ts'
import { conditionSchema, propertyConditionSchema, SEGMENT_STATUSES, segmentInputSchema } from '../spec/segment.ts'
import { slugSchema, sourceInputSchema, sourceSchema } from '../spec/source.ts'
import { VERDICT_CODES } from '../spec/verdict.ts'
import { problemSchema } from './problem.ts'

export const instantSchema = z.string().meta({ format: 'date-time' })
export const jsonObjectSchema = z.record(z.string(), z.unknown())

export const identifierSchema = z.strictObject({ kind: z.string(), value: z.string() })

/** As clients may write one: `kind:value`, or the object the API itself answers with. */
export const identifierInputSchema = z
  .union([
    z
      .string()
      .max(1000)
      .refine((text) => parseIdentifier(text) !== null, 'an identifier is written kind:value'),
    z.strictObject({ kind: z.string().min(1).max(100), value: z.string().min(1).max(500) }),
  ])
  .meta({ description: '`kind:value`, or `{kind, value}`.' })

export const profileShape = {
  id: z.string(),
  traits: jsonObjectSchema,
  identifiers: z.array(identifierSchema),
  segments: z.array(slugSchema),
  consent: z.record(z.string(), z.boolean()),
  firstSeen: instantSchema.nullable(),
  lastSeen: instantSchema.nullable(),
}
export const profileSchema = z.strictObject(profileShape)
export const memberSchema = z.strictObject({ ...profileShape, since: instantSchema })

/** Whatever the source sent travels along (name, category, groupId, previousId, integrations). */
export const eventSchema = z.looseObject({
  type: z.string(),
  event: z.string().nullable().meta({ description: 'Name that segments know it by; null for identify, group, alias.' }),
  timestamp: instantSchema,
  receivedAt: instantSchema,
  messageId: z.string(),
  properties: jsonObjectSchema,
  traits: jsonObjectSchema,
  context: jsonObjectSchema,
  source: z.string().nullable(),
  offset: z.int(),
})
export const feedEventSchema = eventSchema.extend({ verdict: z.enum(VERDICT_CODES), profile: z.string().nullable() })

export const traitSchema = z.strictObject({
  name: z.string(),
  value: z.unknown(),
  source: z.string(),
  at: instantSchema,
  rule: z.literal('newest').meta({ description: 'The survivorship rule that chose the value.' }),
  losing: z.array(z.strictObject({ value: z.unknown(), source: z.string(), at: instantSchema })),
})

export const identitySchema = z.strictObject({
  id: z.string(),
  identifiers: z.array(
    z.strictObject({
      ...identifierSchema.shape,
      profileId: z.string(),
      firstSeen: instantSchema,
      suppressed: z.boolean(),
    }),
  ),
  sets: z.array(
    z.strictObject({
      set: z.int(),
      source: z.string(),
      trust: z.string(),
      identifiers: z.array(identifierSchema),
      owner: identifierSchema.nullable(),
      events: z.int(),
      firstOffset: z.int(),
      firstSeen: instantSchema.nullable(),
      lastSeen: instantSchema.nullable(),
    }),
  ),
  refusals: z.array(
    z.strictObject({ set: z.int(), identifier: identifierSchema, reason: z.enum(['limit', 'cannot_link', 'trust']) }),
  ),
  truncated: z.boolean().meta({ description: 'True where only the first 1000 sets are shown.' }),
})

export const segmentSchema = z.strictObject({
  slug: slugSchema,
  name: z.string(),
  definition: conditionSchema,
  status: z.enum(SEGMENT_STATUSES),
  size: z.int(),
  version: z.int().meta({ description: 'Offset of the decision that set the definition.' }),
  description: z.string().meta({ description: 'The definition in English.' }),
  job: z.string().optional().meta({ description: 'Id of the backfill, while there is one.' }),
})

/** Every part of a definition with its answer and what was seen. */
export const whySchema: z.ZodType = z.lazy(() =>
  z.strictObject({
    condition: z.string().meta({ description: 'In English.' }),
    holds: z.boolean(),
    seen: z.unknown().optional(),
    count: z.int().optional(),
    countedUpTo: z.int().optional().meta({ description: 'From here on `count` says at least.' }),
    latest: instantSchema.optional(),
    mayChangeAt: instantSchema.optional().meta({ description: 'When time alone may change the answer.' }),
    parts: z.array(whySchema).optional(),
  }),
)

export const destinationSchema = z.strictObject({
  slug: slugSchema,
  type: z.string(),
  name: z.string().optional(),
  settings: jsonObjectSchema.meta({ description: 'Secrets are masked; a masked value sent back keeps the secret.' }),
  enabled: z.boolean(),
  segments: z.array(slugSchema),
  subscriptions: z.array(subscriptionSchema),
  createdAt: instantSchema,
  updatedAt: instantSchema,
  warnings: z.array(z.string()).optional(),
})

export const deliverySchema = z.strictObject({
  id: z.string(),
  destination: z.string(),
  subscription: z.string(),
  offset: z.int(),
  ordinal: z.int(),
  subject: z.string(),
  profileId: z.string().nullable(),
  status: z.enum(DELIVERY_STATUSES),
  attempts: z.int(),
  nextAttemptAt: instantSchema.nullable(),
  createdAt: instantSchema,
  updatedAt: instantSchema,
  responseStatus: z.int().nullable(),
  errorCode: z.string().nullable(),
  errorMessage: z.string().nullable(),
  responseBody: z.string().nullable(),
})

export const HAND_KINDS = ['merge', 'split', 'quarantine'] as const
export const handDecisionSchema = z.strictObject({
  offset: z.int(),
  kind: z.enum(HAND_KINDS),
  a: z.array(identifierSchema),
  b: z.array(identifierSchema),
  reason: z.string(),
  author: z.string(),
  at: instantSchema,
  lifted: z.boolean(),
})

export const suppressionSchema = z.strictObject({
  identifier: identifierSchema,
  since: instantSchema,
  reason: z.string(),
  author: z.string(),
})

export const rejectionSchema = z.strictObject({
  id: z.string(),
  stage: z.enum(['door', 'pipeline']).meta({ description: 'Refused before the log, or by a verdict after it.' }),
  code: z.string(),
  message: z.string(),
  pointer: z.string().optional(),
  source: z.string().nullable(),
  messageId: z.string().optional(),
  receivedAt: instantSchema,
  body: z.string().nullable().meta({ description: 'What came, cut to a maximum; null for a suppressed person.' }),
})

export const jobSchema = z.strictObject({
  id: z.string(),
  state: z.enum(['waiting', 'running', 'done']),
  phase: z.string().optional(),
  done: z.int(),
  total: z.int(),
  rate: z.number().nullable().meta({ description: 'Per second, since it began.' }),
  eta: instantSchema.nullable(),
})

export const pendingSchema = z.strictObject({
  job: z.string(),
  code: z.literal('decision_timeout'),
  detail: z.string(),
})

export const profileApiErrorSchema = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string() }),
})

/** Named in the document's components, as all must be that are an answer and part of another. Those sent are in `inputSchemas`. */
export const componentSchemas: Record<string, z.ZodType> = {
  JsonObject: jsonObjectSchema,
  Problem: problemSchema,
  Identifier: identifierSchema,
  Profile: profileSchema,
  Member: memberSchema,
  Event: eventSchema,
  FeedEvent: feedEventSchema,
  Trait: traitSchema,
  Identity: identitySchema,
  Source: sourceSchema,
  Segment: segmentSchema,
  Why: whySchema,
  Destination: destinationSchema,
  Delivery: deliverySchema,
  HandDecision: handDecisionSchema,
  Suppression: suppressionSchema,
  Rejection: rejectionSchema,
  Job: jobSchema,
  Pending: pendingSchema,
  ProfileApiError: profileApiErrorSchema,
}
export const inputSchemas: Record<string, z.ZodType> = {
  Condition: conditionSchema,
  PropertyCondition: propertyConditionSchema,
  SourceInput: sourceInputSchema,
  SegmentInput: segmentInputSchema,
  DestinationInput: destinationInputSchema,
}
