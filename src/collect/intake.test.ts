// Laws of the intake, for events nobody thought of: every event gets exactly one verdict, a bad one changes nothing for its
// neighbours, and what is accepted is canonical.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { OnefoldError } from '../spec/errors.ts'
import { CALL_TYPES, type CanonicalEvent } from '../spec/event.ts'
import type { Source } from '../spec/source.ts'
import { DOOR_LIMITS } from './door.ts'
import { INSTANT_MIN } from './instant.ts'
import { type DoorLimits, takeIn } from './intake.ts'

const SEED = Number(process.hrtime.bigint() % 2_147_483_647n)
console.log(`seed ${SEED}`)

const receivedAt = Date.parse('2026-11-23T12:00:00.000Z')
const source: Source = { slug: 'web', name: 'Web', kind: 'browser', writeKey: 'wk', enabled: true }
const limits: DoorLimits = { eventBytesMax: 2000, requestBytesMax: 1_000_000, ...DOOR_LIMITS, batchEventsMax: 20 }

function take(body: unknown, type: (typeof CALL_TYPES)[number] | null = null) {
  const text = JSON.stringify(body)
  const request = {
    source,
    body: JSON.parse(text),
    bytes: Buffer.byteLength(text),
    type,
    receivedAt,
    ip: '::1',
    userAgent: 'A',
  }
  return takeIn(request, limits, undefined)
}

const strange = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: 'binary', maxLength: 600 }),
  fc.constantFrom(
    '',
    ' ',
    'u1',
    '\ud800',
    '\u0000',
    '2026-11-20T08:00:00Z',
    '1900-01-01',
    '2100-01-01',
    'x'.repeat(400),
  ),
  fc.double(),
)
const fields = [
  ...['type', 'event', 'userId', 'anonymousId', 'messageId', 'groupId', 'previousId', 'name', 'category'],
  ...['timestamp', 'originalTimestamp', 'sentAt', 'properties', 'traits', 'context', 'integrations', '__proto__'],
]
const bent = fc
  .tuple(fc.constantFrom(...CALL_TYPES), fc.array(fc.tuple(fc.constantFrom(...fields), strange), { maxLength: 5 }))
  .map(([type, changes]) => {
    const whole = { type, event: 'E', userId: 'u', groupId: 'g', previousId: 'p', messageId: 'm' }
    return Object.fromEntries([...Object.entries(whole), ...changes]) as unknown
  })
const anything = fc.oneof({ weight: 4, arbitrary: bent }, { weight: 1, arbitrary: fc.jsonValue() })

function checkCanonical(event: CanonicalEvent): void {
  assert.ok(CALL_TYPES.includes(event.type))
  assert.ok(event.messageId !== '' && event.messageId.length <= 100)
  const at = Date.parse(event.timestamp)
  assert.ok(at <= receivedAt && at >= INSTANT_MIN, event.timestamp)
  assert.equal(new Date(at).toISOString(), event.timestamp)
  assert.equal(event.receivedAt, '2026-11-23T12:00:00.000Z')
  assert.ok(Date.parse(event.sentAt) >= INSTANT_MIN)
  assert.ok((event.userId ?? event.anonymousId) !== undefined)
  for (const field of ['userId', 'anonymousId', 'groupId', 'previousId', 'event', 'name', 'category'] as const) {
    const value = event[field]
    assert.ok(value === undefined || (typeof value === 'string' && value.isWellFormed()), field)
  }
  for (const field of ['userId', 'anonymousId', 'groupId', 'previousId'] as const) {
    const value = event[field]
    assert.ok(value === undefined || (value !== '' && value === value.trim() && value.length <= 500), field)
  }
  for (const field of ['properties', 'traits', 'context', 'integrations'] as const) {
    const value = event[field]
    assert.ok(value === undefined || Object.getPrototypeOf(value) === Object.prototype, field)
  }
  assert.equal(event.type === 'track', event.event !== undefined)
  assert.equal(event.type === 'group', event.groupId !== undefined)
  assert.equal(event.type === 'alias', event.previousId !== undefined)
}

describe('intake', () => {
  it('gives every event of a batch one verdict, and what it accepts is canonical', () => {
    let [accepted, rejected] = [0, 0]
    fc.assert(
      fc.property(fc.array(anything, { minLength: 1, maxLength: 20 }), (batch) => {
        const intake = take({ batch })
        assert.equal(intake.records.length + intake.rejections.length, batch.length)
        for (const { event } of intake.records) checkCanonical(event)
        for (const { body } of intake.rejections) assert.ok(body.isWellFormed() && body.length <= 8192)
        accepted += intake.records.length
        rejected += intake.rejections.length
      }),
      { seed: SEED },
    )
    console.log(`${accepted} accepted, ${rejected} rejected`)
    assert.ok(accepted > 50 && rejected > 50)
  })

  it('judges an event alone as it does among others', () => {
    const code = (intake: ReturnType<typeof take>) => intake.rejections[0]?.code ?? 'accepted'
    fc.assert(
      fc.property(anything, fc.array(anything, { maxLength: 5 }), (event, others) => {
        const alone = take({ batch: [event] })
        const among = take({ batch: [event, ...others] })
        const first = among.rejections.find(({ body }) => body === alone.rejections[0]?.body)
        if (code(alone) === 'accepted') {
          const { messageId: _made, ...own } = alone.records[0]!.event
          const { messageId: _other, ...same } = among.records[0]!.event
          assert.deepEqual(same, own)
        } else assert.equal(first?.code, code(alone))
      }),
      { seed: SEED },
    )
  })

  it('refuses a single body only by a verdict or an OnefoldError', () => {
    fc.assert(
      fc.property(anything, fc.constantFrom(...CALL_TYPES), (body, type) => {
        try {
          const { records, rejections } = take(body, type)
          assert.equal(records.length + rejections.length, 1)
        } catch (error) {
          assert.ok(error instanceof OnefoldError && error.code === 'invalid_body')
        }
      }),
      { seed: SEED },
    )
  })

  it('counts a shared context into the size of every event', () => {
    const filler = 'x'.repeat(1500)
    const small = { type: 'page', userId: 'u' }
    const large = { ...small, properties: { filler: 'x'.repeat(600) } }
    const { records, rejections } = take({ batch: [small, large], context: { filler } })
    assert.deepEqual([records.length, rejections[0]?.code], [1, 'event_too_large'])
  })
})
