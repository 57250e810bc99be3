// Every destination of the catalogue: it loads alone, its definition is taken, its presets' subscriptions are understood, and
// the committed index says what is installed.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { describeType, listCatalog } from '../../src/activate/catalog.ts'
import { buildIndex } from '../../src/activate/catalog-index.ts'
import { type DestinationDefinition, loadCore, loadDefinition } from '../../src/activate/core.ts'
import { fqlFault } from '../../src/activate/fql.ts'
import { openDestination } from '../../src/activate/hosted.ts'
import { createOutboundAgent } from '../../src/activate/outbound.ts'

const definitions = new Map(listCatalog().map((entry) => [entry.type, loadDefinition(entry.directory)]))

it('the index is that of the installed catalogue', () => {
  assert.deepEqual(buildIndex(), listCatalog())
  assert.ok(listCatalog().length >= 200)
})

it('every definition is taken by the engine, settings schema included', () => {
  const { Destination } = loadCore()
  for (const [type, definition] of definitions) {
    const destination = new Destination({ ...definition, name: definition.slug })
    try {
      destination.validateSettings({})
    } catch (error) {
      // Missing settings are told as such; a schema that cannot be compiled is another error.
      assert.equal((error as Error).name, 'AggregateAjvError', `${type}: ${error}`)
    }
    assert.ok(describeType(type), type)
  }
})

// Faults of the catalogue itself: the engine compares the event with "=" or drops the second half.
const BROKEN_OFFERS = [
  'type = "track" and event == "Cart Updated"',
  'type = "track" and event == "Order Completed"',
  'type = "track", event = "Transaction Created"',
]

it('every subscription that the catalogue offers is understood', () => {
  const offered = [...definitions].flatMap(([type, definition]) =>
    subscriptionsOf(definition).map((text) => [type, text]),
  )
  assert.ok(offered.length > 800)
  const faulty = offered.filter(([, text]) => fqlFault(text!) !== null).map(([, text]) => text)
  assert.deepEqual([...new Set(faulty)].sort(), [...BROKEN_OFFERS].sort())
})

function subscriptionsOf(definition: DestinationDefinition): string[] {
  const presets = (definition.presets ?? []).map((preset) => preset.subscribe)
  const defaults = Object.values(definition.actions).map((action) => action.defaultSubscription)
  return [...presets, ...defaults].filter((text): text is string => typeof text === 'string' && text !== '')
}

it('every guarded destination opens, and those with clients of their own do not', () => {
  const agent = createOutboundAgent([])
  for (const { type, bypassesGuard } of listCatalog()) {
    const open = () => openDestination(type, { agent, timeoutMs: 1000, now: () => 0 })
    if (bypassesGuard) assert.throws(open, { code: 'invalid_request' }, type)
    else assert.equal(open().type, type)
  }
})
