// The catalogue's own FQL lexer, parser and matcher, with types. Loaded by `createRequire` like the rest of the catalogue.
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
const lexer = require('@segment/fql-ts') as { lex(text: string): { tokens: FqlToken[]; error?: unknown } }

export const parseFql = engine.parseFql
export const matchFql = engine.validate
export const lex = lexer.lex
