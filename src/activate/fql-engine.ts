// The catalogue's own FQL lexer, parser and matcher, with types. Loaded by `createRequire` like the rest of the catalogue.
import { createRequire } from 'node:module'
import type { CanonicalEvent } from '../spec/event.ts'
import { require } from './core.ts'

export type EventPayload = CanonicalEvent

export interface FqlToken {
  type: string
  value: string
}

/** Opaque but for the error. */
export interface ParsedFql {
  error?: unknown
}

const engine = require('@segment/destination-subscriptions') as {
  parseFql(text: string): ParsedFql
  validate(parsed: ParsedFql, event: EventPayload): boolean
}
// The lexer is a dependency of the engine, so it is looked for from there.
const lexer = createRequire(require.resolve('@segment/destination-subscriptions'))('@segment/fql-ts') as {
  lex(text: string): { tokens: FqlToken[]; error?: unknown }
}

export const parseFql = engine.parseFql
export const matchFql = engine.validate
export const lex = lexer.lex
