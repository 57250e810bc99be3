// The segment language in JSON form: a small immutable tree. The three evaluators (reference, streaming, SQL) and the
// English describer all read this shape; no one of them may know more than another.
import { z } from 'zod'
import { slugSchema } from './source.ts'

const scalarSchema = z.union([z.string().max(1000), z.number(), z.boolean(), z.null()])
const listSchema = z.array(scalarSchema).min(1).max(1000)
const textSchema = z.string().max(1000)
/** RFC 3339: a date-time with its offset, or a full date, which is midnight UTC. */
export const instantSchema = z.union([z.iso.datetime({ offset: true }), z.iso.date()])
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
  gt: z.union([z.number(), textSchema]).optional(),
  gte: z.union([z.number(), textSchema]).optional(),
  lt: z.union([z.number(), textSchema]).optional(),
  lte: z.union([z.number(), textSchema]).optional(),
  exists: z.boolean().optional(),
  before: instantSchema.optional(),
  after: instantSchema.optional(),
  withinLast: durationSchema.optional(),
}
export type CompareOperator = keyof typeof compareShape
export const COMPARE_OPERATORS = Object.keys(compareShape) as CompareOperator[]
const compareSchema = z.strictObject(compareShape)
export type Compare = z.infer<typeof compareSchema>

export const countCompareShape = {
  eq: z.number().optional(),
  ne: z.number().optional(),
  in: z.array(z.number()).min(1).max(1000).optional(),
  notIn: z.array(z.number()).min(1).max(1000).optional(),
  gt: z.number().optional(),
  gte: z.number().optional(),
  lt: z.number().optional(),
  lte: z.number().optional(),
}
export type CountOperator = keyof typeof countCompareShape
export const COUNT_OPERATORS = Object.keys(countCompareShape) as CountOperator[]
export const countCompareSchema = z
  .strictObject(countCompareShape)
  .refine((compare) => Object.keys(compare).length > 0, 'a count needs at least one operator')
export type CountCompare = z.infer<typeof countCompareSchema>

export const withinSchema = z.union([durationSchema, z.strictObject({ from: instantSchema, to: instantSchema })])
export type Within = z.infer<typeof withinSchema>

const pathSchema = z.string().min(1).max(300)

/** Property conditions by kind: the key that names the kind is also the node's own key. */
export interface PropertyKinds {
  all: { all: PropertyCondition[] }
  any: { any: PropertyCondition[] }
  not: { not: PropertyCondition }
  property: { property: string } & Compare
}
export type PropertyKind = keyof PropertyKinds
export type PropertyCondition = PropertyKinds[PropertyKind]

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

/** Conditions by kind. A kind added here fails to compile in every interpreter until each of them knows it. */
export interface ConditionKinds {
  all: { all: Condition[] }
  any: { any: Condition[] }
  not: { not: Condition }
  trait: { trait: string } & Compare
  event: EventCondition
  segment: { segment: string }
  identifier: { identifier: string }
  consent: { consent: string }
}
export type ConditionKind = keyof ConditionKinds
export type Condition = ConditionKinds[ConditionKind]

/** What an interpreter of the language is: one function per kind, and no way to pass over a kind. */
export type ConditionVisitor<R> = { [K in ConditionKind]: (node: ConditionKinds[K]) => R }
export type PropertyVisitor<R> = { [K in PropertyKind]: (node: PropertyKinds[K]) => R }

const CONDITION_KINDS_BY_NAME: Record<ConditionKind, true> = {
  all: true,
  any: true,
  not: true,
  trait: true,
  event: true,
  segment: true,
  identifier: true,
  consent: true,
}
export const CONDITION_KINDS = Object.keys(CONDITION_KINDS_BY_NAME) as ConditionKind[]
const PROPERTY_KINDS_BY_NAME: Record<PropertyKind, true> = { all: true, any: true, not: true, property: true }
export const PROPERTY_KINDS = Object.keys(PROPERTY_KINDS_BY_NAME) as PropertyKind[]

/** Calls the function of the node's kind. Throws on a node of no kind: `checkDefinition` lets none through. */
export function visitCondition<R>(node: Condition, visitor: ConditionVisitor<R>): R {
  return visitByKind(node, CONDITION_KINDS, visitor as unknown as KindTable<R>)
}

export function visitProperty<R>(node: PropertyCondition, visitor: PropertyVisitor<R>): R {
  return visitByKind(node, PROPERTY_KINDS, visitor as unknown as KindTable<R>)
}

type KindTable<R> = Record<string, (node: object) => R>

function visitByKind<R>(node: object, kinds: readonly string[], table: KindTable<R>): R {
  const kind = kinds.find((name) => Object.hasOwn(node, name))
  const visit = kind === undefined ? undefined : table[kind]
  if (visit === undefined) throw new Error(`a condition of no known kind: ${Object.keys(node).join(', ')}`)
  return visit(node)
}

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

/** `removing`: its members are being told that they have left; to everybody else it is gone. */
export const SEGMENT_STATUSES = ['backfilling', 'active', 'removing'] as const
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

/** Those that are there to anybody but the job that ends them. */
export function liveSegments<S extends Pick<Segment, 'status'>>(segments: readonly S[]): S[] {
  return segments.filter(({ status }) => status !== 'removing')
}

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `30d` -> milliseconds. Throws on text that `durationSchema` refuses. */
export function durationMs(text: string): number {
  const unit = UNIT_MS[text.at(-1) ?? '']
  if (unit === undefined) throw new Error(`not a duration: ${text}`)
  return Number(text.slice(0, -1)) * unit
}
