// The FQL subset: accepted exactly where the engine answers as written.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { CanonicalEvent } from '../spec/event.ts'
import { compileFql, fqlFault } from './fql.ts'

function event(changes: Partial<CanonicalEvent>): CanonicalEvent {
  const at = '2026-01-01T00:00:00.000Z'
  const times = { timestamp: at, originalTimestamp: at, sentAt: at, receivedAt: at }
  return {
    type: 'track',
    event: 'Order Completed',
    messageId: 'm',
    ...times,
    context: {},
    integrations: {},
    ...changes,
  }
}

const GOOD = [
  'type = "track"',
  'type = "track" and event = "Order Completed"',
  'type="identify" or type="group"',
  'type = "track" and (event = "A" or event = "B")',
  '(type = "track" and event = "A") or (type = "page" and name = "B")',
  'properties.price > 10 and properties.a.b = true and traits.x = null and userId != null',
  '!contains(event, "x") and match(event, "Order*") and match(context.page.path, "*.html")',
  'properties.a\\ b = 1',
  'type = "track" AND event = "a"',
  'type=track and event="a"',
  '  type = "track"\n and event != "x" ',
]

const BAD: [text: string, says: RegExp][] = [
  ['', /expected a field/],
  ['not type = "track"', /negated/],
  ['!(type = "track")', /negated/],
  ['type = "track" and event = "a" or event = "b"', /side by side/],
  ['(type = "track" and (event = "a" or event = "b"))', /inside parentheses/],
  ['type', /comparison/],
  ['type = ', /cannot be answered/],
  ['type == "track"', /cannot be answered/],
  ['event = true', /cannot be answered/],
  ['properties.x > big', /cannot be answered/],
  ["type = 'track'", /double quotes/],
  ['type = "track" event = "x"', /expected the end/],
  ['type = "track" or', /expected a field/],
  ['type = "track")', /expected the end/],
  ['(type = "track"', /expected `\)`/],
  ['anonymousId = "x"', /is no field/],
  ['event = "a" OR event = "b"', /expected the end/],
  ['event = "a" AND event = "b" or event = "c"', /side by side/],
  ['event != null', /cannot be answered/],
  ['type > "track"', /numbers only/],
  ['properties.x > "3"', /numbers only/],
  ['properties.x != true', /cannot be answered/],
  ['properties = 3', /expected `\.`/],
  ['contains(event)', /expected `,`/],
  ['contains(type, "x")', /cannot read/],
  ['match(event, "a*b")', /one `\*`/],
  ['match(event, "abc")', /one `\*`/],
  ['length(event) > 3', /is no field/],
  ['type in ["track"]', /expected a comparison/],
  ['properties.list[0] = "x"', /./],
  ['"', /./],
  ['😀', /./],
]

it('accepts what the engine answers as written', () => {
  for (const text of GOOD) assert.equal(fqlFault(text), null, text)
})

it('refuses what the engine cannot parse or would answer wrongly', () => {
  for (const [text, says] of BAD) assert.match(fqlFault(text) ?? 'accepted', says, text)
})

it('does not hang or overflow on long and deep texts', () => {
  assert.match(fqlFault('('.repeat(5000)) ?? '', /./)
  assert.equal(fqlFault(Array.from({ length: 300 }, () => 'event = "a"').join(' or ')), null)
})

it('matches events', () => {
  const subscribes = compileFql('type = "track" and (event = "Order Completed" or properties.price >= 10)')
  assert.equal(subscribes(event({})), true)
  assert.equal(subscribes(event({ event: 'x', properties: { price: 10 } })), true)
  assert.equal(subscribes(event({ event: 'x', properties: { price: '10' } })), false)
  assert.equal(subscribes(event({ type: 'page' })), false)
})
