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
  for (const route of routes) {
    const path = route.path.replaceAll(/:([A-Za-z]+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
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
      schemas: components(),
    },
  }
}

function operation(route: Route): Json {
  return {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    security: route.access === 'open' ? [] : [{ [route.access]: [] }],
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(route.body === null
      ? {}
      : {
          requestBody: {
            required: !route.bodyOptional,
            content: { 'application/json': { schema: schemaOf(route.body, 'input') } },
          },
        }),
    responses: responses(route),
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

function parameters(schema: z.ZodType | null, place: 'path' | 'query'): Json[] {
  if (schema === null) return []
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as { properties?: Json; required?: string[] }
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

function responses(route: Route): Json {
  const answers: Record<string, Json> = {}
  for (const answer of route.answers) answers[String(answer.status)] = response(answer)
  if (route.access === 'open') return answers
  const failure =
    route.access === 'admin'
      ? { [PROBLEM_TYPE]: { schema: { $ref: `${SCHEMAS}Problem` } } }
      : { 'application/json': { schema: { $ref: `${SCHEMAS}ProfileApiError` } } }
  return { ...answers, default: { description: 'The request failed.', content: failure } }
}

function response(answer: Documented): Json {
  const { description, schema } = answer
  if (schema === undefined) return { description, content: { 'text/plain': { schema: { type: 'string' } } } }
  return { description, content: { 'application/json': { schema: schemaOf(schema, 'output') } } }
}

/** A named schema as a reference, any other in place, with references to the named ones it holds. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const registry = z.registry<{ id: string }>()
  const named = { ...componentSchemas, ...inputSchemas }
  const known = Object.entries(named).find(([, candidate]) => candidate === schema)
  if (known !== undefined) return { $ref: SCHEMAS + known[0] }
  for (const [id, component] of Object.entries(named)) registry.add(component, { id })
  registry.add(schema, { id: 'This' })
  return generated(registry, io).This ?? {}
}

function components(): Json {
  const outputs = z.registry<{ id: string }>()
  const inputs = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries({ ...componentSchemas, ...inputSchemas })) {
    outputs.add(schema, { id })
    inputs.add(schema, { id })
  }
  const asInput = generated(inputs, 'input')
  const asOutput = generated(outputs, 'output')
  const names = Object.keys(asOutput)
  return Object.fromEntries(names.map((name) => [name, name in inputSchemas ? asInput[name] : asOutput[name]]))
}

function generated(registry: z.core.$ZodRegistry<{ id: string }>, io: 'input' | 'output'): Record<string, Json> {
  const { schemas } = z.toJSONSchema(registry, { io, uri: (id) => SCHEMAS + id, unrepresentable: 'any' })
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _dialect, $id: _id, ...schema }]) => [id, schema as Json]),
  )
}
