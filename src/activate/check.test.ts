// What is refused when a destination is saved, what is masked when it is shown, and what the catalogue tells of itself.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { DestinationInput } from '../spec/destination.ts'
import { OnefoldError } from '../spec/errors.ts'
import { describeType, listCatalog, maskSettings, SECRET_MASK, secretsOf, unmaskSettings } from './catalog.ts'
import { checkDestination } from './check.ts'

const send = { partnerAction: 'send', subscribe: 'type = "track"', mapping: { url: 'http://x/' }, enabled: true }

function input(changes: Partial<DestinationInput> = {}): DestinationInput {
  return { type: 'actions-webhook', settings: {}, enabled: true, segments: [], subscriptions: [send], ...changes }
}

function refusal(changes: Partial<DestinationInput>): [pointer: string | undefined, detail: string] {
  try {
    checkDestination(input(changes))
  } catch (error) {
    assert.ok(error instanceof OnefoldError, String(error))
    assert.equal(error.code, 'invalid_request')
    return [error.pointer, error.message]
  }
  return [undefined, 'accepted']
}

it('accepts a webhook, and a destination with its settings', () => {
  checkDestination(input())
  checkDestination(input({ type: 'actions-amplitude', settings: { apiKey: 'a', secretKey: 'b' }, subscriptions: [] }))
})

it('refuses what would deliver nothing, with a pointer to it', () => {
  const amplitude = { type: 'actions-amplitude', subscriptions: [] }
  const subscription = (changes: object) => ({ subscriptions: [send, { ...send, ...changes }] })
  const cases: [Partial<DestinationInput>, string, RegExp][] = [
    [{ type: 'actions-nothing' }, '/type', /no destination/],
    [{ type: '__proto__' }, '/type', /no destination/],
    [{ type: 'actions-kafka', subscriptions: [] }, '/type', /cannot be connected yet/],
    [{ ...amplitude, settings: {} }, '/settings', /apiKey/],
    [{ ...amplitude, settings: { apiKey: 'a', secretKey: 'b', endpoint: 'moon' } }, '/settings/endpoint', /Endpoint/],
    [subscription({ partnerAction: 'sned' }), '/subscriptions/1/partnerAction', /has send/],
    [subscription({ partnerAction: 'constructor' }), '/subscriptions/1/partnerAction', /has send/],
    [subscription({ subscribe: 'not type = "track"' }), '/subscriptions/1/subscribe', /negated/],
    [subscription({ mapping: [] }), '/subscriptions/1/mapping', /not an object/],
    [subscription({ mapping: { url: { '@nope': 1 } } }), '/subscriptions/1/mapping', /invalid directive/],
    [subscription({ name: '0' }), '/subscriptions/1/name', /Another/],
  ]
  for (const [changes, pointer, detail] of cases) {
    const [at, says] = refusal(changes)
    assert.equal(at, pointer, says)
    assert.match(says, detail)
  }
})

it('masks secrets and puts them back', () => {
  const settings = {
    apiKey: 'secret-one',
    secretKey: '',
    endpoint: 'europe',
    unknown: 'x',
    oauth: { access_token: 't' },
  }
  const masked = maskSettings('actions-amplitude', settings)
  const secret = SECRET_MASK
  assert.deepEqual(masked, { apiKey: secret, secretKey: '', endpoint: 'europe', unknown: secret, oauth: secret })
  assert.deepEqual(unmaskSettings({ ...masked, endpoint: 'north_america' }, settings), {
    ...settings,
    endpoint: 'north_america',
  })
  assert.deepEqual(maskSettings('no-such-type', { a: 1 }), { a: secret })
  const headers = { Authorization: 'Bearer abcdef' }
  assert.deepEqual(secretsOf('actions-webhook', { sharedSecret: 'hunter22' }, [{ headers }]), [
    'hunter22',
    'Bearer abcdef',
  ])
})

it('lists the catalogue and describes a type', () => {
  const webhook = listCatalog().find((entry) => entry.type === 'actions-webhook')
  assert.deepEqual([webhook?.name, webhook?.directory, webhook?.actions], ['Webhook', 'webhook', ['send']])
  const described = describeType('actions-webhook') as unknown as { actions: { fields: { key: string }[] }[] }
  assert.deepEqual(
    described.actions[0]?.fields.slice(0, 2).map((field) => field.key),
    ['url', 'method'],
  )
  assert.equal(describeType('no-such-type'), null)
})
