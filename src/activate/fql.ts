// The subscription language (FQL) as the catalogue's engine really understands it. The engine's parser takes much that it
// then answers wrongly without a word (`not x`, mixed and/or, nested parentheses, `event != null`), so a subscription is
// recognised by this grammar before it is saved; matching itself is left to the engine.
//
//   expression = term { ("and" | "or") term }        one operator only, unless a part stands in parentheses
//   term       = "(" expression without parentheses ")" | comparison | ["!"] ("contains" | "match") "(" path "," text ")"
//   comparison = path ("=" | "!=" | "<" | "<=" | ">" | ">=") (text | word | number | true | false | null)
//   path       = type | event | name | userId | (properties | traits | context) "." key { "." key }
import { type EventPayload, type FqlToken, lex, matchFql, type ParsedFql, parseFql } from './fql-engine.ts'

export type Subscribes = (event: EventPayload) => boolean

/** The predicate of a subscription that `fqlFault` accepts. */
export function compileFql(text: string): Subscribes {
  const parsed: ParsedFql = parseFql(text)
  return (event) => matchFql(parsed, event)
}

/** What is wrong with the text; null when the engine will answer it as written. */
export function fqlFault(text: string): string | null {
  const { tokens, error } = lex(text)
  if (error !== undefined) return messageOf(error)
  const reader = new Reader(tokens)
  try {
    expression(reader, false)
    reader.expect('eos', 'the end')
  } catch (fault) {
    if (fault instanceof FqlFault) return fault.message
    throw fault
  }
  const parsed = parseFql(text)
  return parsed.error === undefined ? null : messageOf(parsed.error)
}

class FqlFault extends Error {}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
const COMPARISONS = ['=', '!=', '<', '<=', '>', '>=']
const ORDERINGS = ['<', '<=', '>', '>=']
const OBJECTS = ['properties', 'traits', 'context']
const WORDS = ['type', 'event', 'name', 'userId']

class Reader {
  readonly #tokens: readonly FqlToken[]
  #at = 0

  constructor(tokens: readonly FqlToken[]) {
    this.#tokens = tokens
  }

  get token(): FqlToken {
    return this.#tokens[this.#at] ?? { type: 'eos', value: 'the end' }
  }

  take(): FqlToken {
    const token = this.token
    this.#at++
    return token
  }

  expect(type: string, what: string): FqlToken {
    const token = this.take()
    if (token.type !== type) throw new FqlFault(`expected ${what}, found ${shown(token)}`)
    return token
  }

  is(type: string, value?: string): boolean {
    return this.token.type === type && (value === undefined || this.token.value === value)
  }
}

const shown = (token: FqlToken) => (token.type === 'eos' ? 'the end' : `\`${token.value}\``)

function expression(reader: Reader, inParentheses: boolean): void {
  const operators = new Set<string>()
  term(reader, inParentheses)
  // The engine skips a word it does not know, so AND works and OR does not.
  while (reader.is('conditional') || reader.is('ident', 'AND')) {
    operators.add(reader.take().value.toLowerCase())
    term(reader, inParentheses)
  }
  if (operators.size > 1) throw new FqlFault('`and` and `or` side by side: put one of them in parentheses')
}

function term(reader: Reader, inParentheses: boolean): void {
  if (reader.is('parenleft')) {
    if (inParentheses) throw new FqlFault('parentheses inside parentheses are not supported')
    reader.take()
    expression(reader, true)
    reader.expect('parenright', '`)`')
    return
  }
  const negated = reader.is('operator', '!')
  if (negated) reader.take()
  if (reader.is('ident', 'contains') || reader.is('ident', 'match')) {
    call(reader)
    return
  }
  if (negated || reader.is('ident', 'not')) throw new FqlFault('only contains() and match() can be negated, by `!`')
  comparison(reader)
}

function call(reader: Reader): void {
  const name = reader.take().value
  reader.expect('parenleft', `\`(\` after ${name}`)
  if (path(reader) === 'type') throw new FqlFault(`${name}() cannot read \`type\``)
  reader.expect('comma', '`,`')
  const pattern = text(reader)
  if (name === 'match' && !/^(\*[^*]*|[^*]*\*)$/.test(pattern)) {
    throw new FqlFault('match() takes one `*`, at the start or at the end of its text')
  }
  reader.expect('parenright', '`)`')
}

function comparison(reader: Reader): void {
  const subject = path(reader)
  const operator = reader.expect('operator', 'a comparison').value
  if (!COMPARISONS.includes(operator)) throw new FqlFault(`\`${operator}\` is not a comparison`)
  if (reader.is('string')) {
    text(reader)
    if (ORDERINGS.includes(operator)) throw new FqlFault(`\`${operator}\` compares numbers only`)
    return
  }
  const value = reader.take()
  const isBoolean = value.value === 'true' || value.value === 'false'
  // A bare word is a text to the engine.
  if (value.type === 'ident' && !isBoolean && !ORDERINGS.includes(operator)) return
  const plain = !WORDS.includes(subject)
  if (value.type === 'number' && plain) return
  if (value.type === 'null' && (plain || subject === 'name' || subject === 'userId') && operator.endsWith('=')) {
    if (operator === '=' || operator === '!=') return
  }
  if (isBoolean && plain && operator === '=') return
  throw new FqlFault(`\`${subject} ${operator} ${value.type === 'eos' ? '' : value.value}\` cannot be answered`)
}

/** Reads a dotted path and returns its first word. */
function path(reader: Reader): string {
  const first = reader.expect('ident', 'a field').value
  if (WORDS.includes(first)) return first
  if (!OBJECTS.includes(first)) {
    throw new FqlFault(`\`${first}\` is no field: ${[...WORDS, ...OBJECTS.map((name) => `${name}.*`)].join(', ')}`)
  }
  do {
    reader.expect('dot', `\`.\` after ${first}`)
    reader.expect('ident', 'a key')
  } while (reader.is('dot'))
  return first
}

function text(reader: Reader): string {
  const token = reader.expect('string', 'a text in double quotes')
  if (!/^".*"$/s.test(token.value)) throw new FqlFault('a text stands in double quotes')
  return token.value.slice(1, -1)
}
