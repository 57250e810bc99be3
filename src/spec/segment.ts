// The segment language in JSON form: a small immutable tree. The three evaluators (reference, streaming, SQL) and the
// English describer all read this shape; no one of them may know more than another.
import { z } from 'zod'
import { slugSchema } from './source.ts'

const scalarSchema = z.union([z.string().max(1000), z.number(), z.boolean(), z.null()])
const listSchema = z.array(scalarSchema).min(1).max(1000)
const textSchema = z.string().max(1000)
const instantSchema = z.iso.datetime({ offset: true })
export const durationSchema = z
  .string()
  .regex(/^[1-9][0-9]{0,6}[smhdw]$/, 'a duration is a whole number and one of s m h d w, such as 30d')

/** Several operators in one compare all hold. Values keep JSON's types; there is no coercion. */
export const compareShape = {
  eq: scalarSchema.optional(),
  ne: scalarSchema.optional(),
  in: listSchema.optional(),
  notIn: listSchema.optional(),
  contains: textSchema.optional(),
  startsWith: textSchema.optional(),
  endsWith: textSchema.optional(),
  matches: textSchema.optional(),
  gt: z.union([z.number(), z.string()]).optional(),
  gte: z.union([z.number(), z.string()]).optional(),
  lt: z.union([z.number(), z.string()]).optional(),
  lte: z.union([z.number(), z.string()]).optional(),
  exists: z.boolean().optional(),
  before: instantSchema.optional(),
  after: instantSchema.optional(),
  withinLast: durationSchema.optional(),
}
export const COMPARE_OPERATORS = Object.keys(compareShape) as (keyof typeof compareShape)[]
const compareSchema = z.strictObject(compareShape)
export type Compare = z.infer<typeof compareSchema>

export const countCompareSchema = z
  .strictObject({
    eq: z.number().optional(),
    ne: z.number().optional(),
    in: z.array(z.number()).min(1).max(1000).optional(),
    notIn: z.array(z.number()).min(1).max(1000).optional(),
    gt: z.number().optional(),
    gte: z.number().optional(),
    lt: z.number().optional(),
    lte: z.number().optional(),
  })
  .refine((compare) => Object.keys(compare).length > 0, 'a count needs at least one operator')
export type CountCompare = z.infer<typeof countCompareSchema>

export const withinSchema = z.union([durationSchema, z.strictObject({ from: instantSchema, to: instantSchema })])
export type Within = z.infer<typeof withinSchema>

const pathSchema = z.string().min(1).max(300)

export type PropertyCondition =
  | { all: PropertyCondition[] }
  | { any: PropertyCondition[] }
  | { not: PropertyCondition }
  | ({ property: string } & Compare)

const hasOperator = (node: object) => COMPARE_OPERATORS.some((operator) => operator in node)

export const propertyConditionSchema: z.ZodType<PropertyCondition> = z.lazy(() =>
  z.union([
    z.strictObject({ all: z.array(propertyConditionSchema).min(1).max(100) }),
    z.strictObject({ any: z.array(propertyConditionSchema).min(1).max(100) }),
    z.strictObject({ not: propertyConditionSchema }),
    z.strictObject({ property: pathSchema, ...compareShape }).refine(hasOperator, 'a property needs an operator'),
  ]),
)

export interface EventCondition {
  event: string | string[]
  where?: PropertyCondition | undefined
  within?: Within | undefined
  count?: CountCompare | undefined
}

export type Condition =
  | { all: Condition[] }
  | { any: Condition[] }
  | { not: Condition }
  | ({ trait: string } & Compare)
  | EventCondition
  | { segment: string }
  | { identifier: string }
  | { consent: string }

const eventNameSchema = z.string().min(1).max(300)
export const eventConditionSchema = z.strictObject({
  event: z.union([eventNameSchema, z.array(eventNameSchema).min(1).max(100)]),
  where: propertyConditionSchema.optional(),
  within: withinSchema.optional(),
  count: countCompareSchema.optional(),
})

export const conditionSchema: z.ZodType<Condition> = z.lazy(() =>
  z.union([
    z.strictObject({ all: z.array(conditionSchema).min(1).max(100) }),
    z.strictObject({ any: z.array(conditionSchema).min(1).max(100) }),
    z.strictObject({ not: conditionSchema }),
    z.strictObject({ trait: pathSchema, ...compareShape }).refine(hasOperator, 'a trait needs an operator'),
    eventConditionSchema,
    z.strictObject({ segment: slugSchema }),
    z.strictObject({ identifier: z.string().min(1).max(100) }),
    z.strictObject({ consent: z.string().min(1).max(200) }),
  ]),
)

export const segmentInputSchema = z
  .strictObject({ name: z.string().min(1).max(200), definition: conditionSchema })
  .meta({ id: 'SegmentInput' })
export type SegmentInput = z.infer<typeof segmentInputSchema>

export const SEGMENT_STATUSES = ['backfilling', 'active'] as const
export type SegmentStatus = (typeof SEGMENT_STATUSES)[number]

/** A segment as the state store keeps it. */
export interface Segment {
  /** Small number given by the pipeline; memberships key on it. */
  id: number
  slug: string
  name: string
  definition: Condition
  /** Offset of the decision that set the current definition: also its version. */
  activationOffset: number
  status: SegmentStatus
  /** Present members. */
  size: number
}

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `30d` -> milliseconds. Throws on text that `durationSchema` refuses. */
export function durationMs(text: string): number {
  const unit = UNIT_MS[text.at(-1) ?? '']
  if (unit === undefined) throw new Error(`not a duration: ${text}`)
  return Number(text.slice(0, -1)) * unit
}
