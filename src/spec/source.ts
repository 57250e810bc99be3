// The source: where events come from, and how far its word is trusted. A source is a decision in the log, so that a
// replay judges every event by what its source was at that offset.
import { z } from 'zod'

/** `browser` and `mobile` keys are public, so their word alone never joins two known people; `server` keys are secret. */
export const SOURCE_KINDS = ['browser', 'mobile', 'server'] as const
export const sourceKindSchema = z.enum(SOURCE_KINDS)
export type SourceKind = z.infer<typeof sourceKindSchema>

export const slugSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,99}$/, 'a slug is 1 to 100 of a-z, 0-9, _ and -, and starts with a letter or digit')

export const sourceSchema = z.strictObject({
  slug: slugSchema,
  name: z.string().min(1).max(200),
  kind: sourceKindSchema,
  writeKey: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[\x21-\x7e]+$/, 'a write key is printable ASCII without spaces'),
  /** ISO 3166 alpha-2: how phone numbers without a country code are read. */
  region: z
    .string()
    .regex(/^[A-Z]{2}$/)
    .optional(),
  enabled: z.boolean(),
})
export type Source = z.infer<typeof sourceSchema>

/** The body of `PUT /api/v1/sources/:slug`; what is absent takes its default, a write key is made. */
export const sourceInputSchema = sourceSchema.omit({ slug: true }).partial().meta({ id: 'SourceInput' })
export type SourceInput = z.infer<typeof sourceInputSchema>
