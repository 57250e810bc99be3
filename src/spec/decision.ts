// The decision: everything that changes the core's answer and is not an event. Decisions are records of the log.
// `split`, `quarantine` and `lift` are retroactive (in force from offset 0); all others count where they stand.
import { z } from 'zod'
import { conditionSchema } from './segment.ts'
import { slugSchema, sourceSchema } from './source.ts'

/** A kind's name as events may register it; a value as the resolver normalises it: no store could keep a lone surrogate. */
const identifierSchema = z.strictObject({
  kind: z
    .string()
    .regex(/^[a-z][a-z0-9_.-]{0,99}$/, 'a kind is 1 to 100 of a-z, 0-9, _ . and -, and starts with a letter'),
  value: z
    .string()
    .min(1)
    .max(500)
    .refine((value) => value.isWellFormed(), 'a value is well-formed Unicode'),
})
const identifiersSchema = z.array(identifierSchema).min(1).max(10_000)
const byHand = { reason: z.string().max(2000).default(''), author: z.string().max(200).default('') }

export const decisionSchema = z.discriminatedUnion('decision', [
  /** The first record of every log. `birthKey` (hex) keys profile ids; the other two bound de-duplication. */
  z.strictObject({
    decision: z.literal('genesis'),
    birthKey: z.string().regex(/^[0-9a-f]{32,128}$/),
    dedupeHours: z
      .int()
      .min(0)
      .max(24 * 30),
    dedupeIdsMax: z.int().min(1),
  }),
  z.strictObject({ decision: z.literal('source'), source: sourceSchema }),
  z.strictObject({ decision: z.literal('source_removed'), slug: slugSchema }),
  z.strictObject({
    decision: z.literal('segment'),
    slug: slugSchema,
    name: z.string().min(1).max(200),
    definition: conditionSchema,
  }),
  z.strictObject({ decision: z.literal('segment_removed'), slug: slugSchema }),
  /** Joins the profiles of two identifiers. `lifts`: offsets of split decisions that this takes back. */
  z.strictObject({
    decision: z.literal('merge'),
    identifiers: z.tuple([identifierSchema, identifierSchema]),
    lifts: z.array(z.int().min(0)).default([]),
    ...byHand,
  }),
  /** A cannot-link: no profile may hold an identifier of side `a` and one of side `b`. */
  z.strictObject({ decision: z.literal('split'), a: identifiersSchema, b: identifiersSchema, ...byHand }),
  /** These identifiers link nobody, from their first offset. */
  z.strictObject({ decision: z.literal('quarantine'), identifiers: identifiersSchema, ...byHand }),
  /** Takes decisions (merge, split, quarantine) back, by their offsets. */
  z.strictObject({ decision: z.literal('lift'), offsets: z.array(z.int().min(0)).min(1), ...byHand }),
  z.strictObject({ decision: z.literal('suppress'), identifiers: identifiersSchema, ...byHand }),
  z.strictObject({ decision: z.literal('unsuppress'), identifiers: identifiersSchema, ...byHand }),
  z.strictObject({
    decision: z.literal('consent'),
    identifiers: identifiersSchema,
    purposes: z.record(z.string().min(1).max(200), z.boolean()),
    ...byHand,
  }),
])
export type Decision = z.infer<typeof decisionSchema>
export type DecisionOf<K extends Decision['decision']> = Extract<Decision, { decision: K }>
