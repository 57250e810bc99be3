// The destination: a tool that is told of events and of segment changes, of one of the catalogue's types.
import { z } from 'zod'
import { slugSchema } from './source.ts'

export const subscriptionSchema = z.strictObject({
  name: z.string().max(200).optional(),
  /** The catalogue's action, such as `send`. */
  partnerAction: z.string().min(1).max(100),
  /** FQL, such as `type = "track"`. */
  subscribe: z.string().min(1).max(5000),
  mapping: z.record(z.string(), z.unknown()),
  enabled: z.boolean().default(true),
})
export type Subscription = z.infer<typeof subscriptionSchema>

export const destinationInputSchema = z
  .strictObject({
    type: z.string().min(1).max(100),
    name: z.string().min(1).max(200).optional(),
    settings: z.record(z.string(), z.unknown()).default({}),
    enabled: z.boolean().default(true),
    /** Segments whose changes are told, as track events `Audience Entered` and `Audience Exited`. */
    segments: z.array(slugSchema).max(1000).default([]),
    subscriptions: z.array(subscriptionSchema).max(100).default([]),
  })
  .meta({ id: 'DestinationInput' })
export type DestinationInput = z.infer<typeof destinationInputSchema>

export interface Destination extends DestinationInput {
  slug: string
  /** ms */
  createdAt: number
  updatedAt: number
}
