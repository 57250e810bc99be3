// The OpenAPI 3.1 document, made from the same route table and the same schemas that the server runs on.
import { z } from 'zod'
import { PROBLEM_TYPE } from './problem.ts'
import type { Documented, Route } from './route.ts'
import { componentSchemas, inputSchemas } from './schemas.ts'

type Json = { [key: string]: unknown }

const SCHEMAS = '#/components/schemas/'

/** The document for these routes. Throws for a route whose path parameters and schema differ. */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {}
  const schemas = new SchemaBook(routes)
  for (const route of routes) {
    const path = route.path.replaceAll(/:([A-Za-z]+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, schemas) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Onefold',
      version,
      description: 'Admin API and Profile API of a customer data platform.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        admin: { type: 'http', scheme: 'bearer', description: 'The admin token.' },
        profile: { type: 'http', scheme: 'basic', description: 'An admin or profile token as the user name.' },
      },
      schemas: schemas.components(),
    },
  }
}

function operation(route: Route, schemas: SchemaBook): Json {
  return {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    security: route.access === 'open' ? [] : [{ [route.access]: [] }],
    parameters: [...parameters(route.params, 'path', schemas), ...parameters(route.query, 'query', schemas)],
    ...(route.body === null
      ? {}
      : {
          requestBody: {
            required: !route.bodyOptional,
            content: { 'application/json': { schema: schemas.input(route.body) } },
          },
        }),
    responses: responses(route, schemas),
  }
}

/** `GET /api/v1/segments/:slug/members` -> `getSegmentsBySlugMembers`: stable as long as the address is. */
function operationId(route: Route): string {
  const words = route.path.split('/').filter((part) => part !== '' && part !== 'api' && part !== 'v1')
  const named = words.map((part) => (part.startsWith(':') ? `By${capital(part.slice(1))}` : capital(part)))
  return route.method.toLowerCase() + named.join('')
}

function capital(word: string): string {
  return word
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')
}

function parameters(schema: z.ZodType | null, place: 'path' | 'query', schemas: SchemaBook): Json[] {
  if (schema === null) return []
  const { properties = {}, required = [] } = schemas.input(schema) as { properties?: Json; required?: string[] }
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as Json
    const isRequired = place === 'path' || required.includes(name)
    return {
      name,
      in: place,
      required: isRequired,
      ...(description === undefined ? {} : { description }),
      schema: rest,
    }
  })
}

function responses(route: Route, schemas: SchemaBook): Json {
  const answers: Record<string, Json> = {}
  for (const answer of route.answers) answers[String(answer.status)] = response(answer, schemas)
  if (route.access === 'open') return answers
  const failure =
    route.access === 'admin'
      ? { [PROBLEM_TYPE]: { schema: { $ref: `${SCHEMAS}Problem` } } }
      : { 'application/json': { schema: { $ref: `${SCHEMAS}ProfileApiError` } } }
  return { ...answers, default: { description: 'The request failed.', content: failure } }
}

function response(answer: Documented, schemas: SchemaBook): Json {
  const { description, schema } = answer
  if (schema === undefined) return { description, content: { 'text/plain': { schema: { type: 'string' } } } }
  return { description, content: { 'application/json': { schema: schemas.output(schema) } } }
}

type Registry = z.core.$ZodRegistry<{ id: string }>

/**
 * Every schema of the routes in both readings: as a client may send it and as the API answers it. They are converted all at
 * once, because a conversion that knows the named ones walks them all, and one for each use took two seconds.
 */
class SchemaBook {
  readonly #ids = new Map<z.ZodType, string>()
  readonly #inputs: Record<string, Json>
  readonly #outputs: Record<string, Json>

  constructor(routes: readonly Route[]) {
    for (const [id, schema] of Object.entries(NAMED)) this.#ids.set(schema, id)
    for (const schema of routes.flatMap(schemasOf)) {
      if (!this.#ids.has(schema)) this.#ids.set(schema, `_${this.#ids.size}`)
    }
    const registry: Registry = z.registry()
    for (const [schema, id] of this.#ids) registry.add(schema, { id })
    this.#inputs = convert(registry, 'input')
    this.#outputs = convert(registry, 'output')
  }

  /** A named schema as a reference, any other in place, with references to the named ones it holds. */
  input(schema: z.ZodType): Json {
    return this.#reference(schema) ?? this.#inputs[this.#ids.get(schema) ?? ''] ?? {}
  }

  output(schema: z.ZodType): Json {
    return this.#reference(schema) ?? this.#outputs[this.#ids.get(schema) ?? ''] ?? {}
  }

  components(): Json {
    const reading = (id: string) => (id in inputSchemas ? this.#inputs[id] : this.#outputs[id])
    return Object.fromEntries(Object.keys(NAMED).map((id) => [id, reading(id)]))
  }

  #reference(schema: z.ZodType): Json | null {
    const id = this.#ids.get(schema) ?? ''
    return id in NAMED ? { $ref: SCHEMAS + id } : null
  }
}

const NAMED: Record<string, z.ZodType> = { ...componentSchemas, ...inputSchemas }

function schemasOf(route: Route): z.ZodType[] {
  const { params, query, body, answers } = route
  return [params, query, body, ...answers.map((answer) => answer.schema ?? null)].filter((schema) => schema !== null)
}

function convert(registry: Registry, io: 'input' | 'output'): Record<string, Json> {
  const { schemas } = z.toJSONSchema(registry, { io, uri: (id) => SCHEMAS + id, unrepresentable: 'any' })
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _dialect, $id: _id, ...schema }]) => [id, schema as Json]),
  )
}
