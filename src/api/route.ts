// The route: one entry of the API, from which both the server's routing and the OpenAPI document are made. There is no other
// way to add a route, so none can be undocumented.
import type { z } from 'zod'
import { parseInput } from './problem.ts'

/** `admin`: a bearer token. `profile`: Basic, with the Profile API's own errors. `open`: nobody is asked. */
export type Access = 'admin' | 'profile' | 'open'

export interface Answer {
  status: number
  body: unknown
  headers?: Record<string, string>
  /** For answers that are not JSON. */
  contentType?: string
}

export interface Documented {
  status: number
  description: string
  /** Absent for an answer that is not JSON. */
  schema?: z.ZodType
}

/** A request after authentication and before validation. */
export interface RawInput {
  params: unknown
  query: unknown
  body: unknown
  url: string
}

export interface Route {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** With Fastify's `:name` parameters. */
  path: string
  tag: string
  summary: string
  access: Access
  params: z.ZodType | null
  query: z.ZodType | null
  /** As documented; what a handler checks further is its own matter. */
  body: z.ZodType | null
  bodyOptional: boolean
  answers: Documented[]
  run(input: RawInput): Promise<Answer>
}

interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  method: Route['method']
  path: string
  tag: string
  summary: string
  access?: Access
  params?: P
  query?: Q
  body?: B
  /** Schema for the document where it says more than the one that validates. */
  bodyDocumented?: z.ZodType
  bodyOptional?: boolean
  answers: Documented[]
  handle(input: { params: z.output<P>; query: z.output<Q>; body: z.output<B>; url: string }): Promise<Answer>
}

export function defineRoute<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  spec: RouteSpec<P, Q, B>,
): Route {
  return {
    method: spec.method,
    path: spec.path,
    tag: spec.tag,
    summary: spec.summary,
    access: spec.access ?? 'admin',
    params: spec.params ?? null,
    query: spec.query ?? null,
    body: spec.bodyDocumented ?? spec.body ?? null,
    bodyOptional: spec.bodyOptional ?? false,
    answers: spec.answers,
    async run(input) {
      const params = validated(spec.params, input.params)
      const query = validated(spec.query, input.query)
      const raw = spec.bodyOptional && (input.body === undefined || input.body === null) ? {} : input.body
      const body = validated(spec.body, raw)
      return spec.handle({ params, query, body, url: input.url })
    },
  }
}

/** Without a schema nothing is read, so nothing is checked either. */
function validated<S extends z.ZodType>(schema: S | undefined, input: unknown): z.output<S> {
  return schema === undefined ? (undefined as z.output<S>) : (parseInput(schema, input) as z.output<S>)
}

export function ok(body: unknown): Answer {
  return { status: 200, body }
}
