// The contract of the delivery ledger: what delivery and the API may rely on, whatever keeps the rows.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DeliveryLedger, MemberSync } from '../../src/activate/port.ts'
import type { Delivery } from '../../src/spec/delivery.ts'

export function delivery(id: string, changes: Partial<Delivery> = {}): Delivery {
  return {
    id,
    destination: 'hook',
    subscription: '0',
    offset: 1,
    ordinal: 0,
    subject: 'event:Order Completed',
    profileId: null,
    status: 'pending',
    attempts: 0,
    nextAttemptAt: 1000,
    createdAt: 1000,
    updatedAt: 1000,
    responseStatus: null,
    errorCode: null,
    errorMessage: null,
    responseBody: null,
    ...changes,
  }
}

const PLACE = { offset: 5, ordinal: 2 }
const ids = (rows: readonly Delivery[]) => rows.map((row) => row.id)

function failed(id: string, at: number): Delivery {
  return delivery(id, { status: 'failed', attempts: 1, nextAttemptAt: at, errorCode: 'http_500', responseStatus: 500 })
}

export function describeDeliveryLedger(name: string, make: () => DeliveryLedger | Promise<DeliveryLedger>): void {
  describe(`delivery ledger: ${name}`, () => {
    it('plans rows and place together, and leaves rows that exist as they are', async () => {
      const ledger = await make()
      assert.equal(await ledger.place('hook'), null)
      await ledger.plan('hook', [delivery('a'), delivery('b')], PLACE)
      assert.deepEqual(await ledger.place('hook'), PLACE)
      await ledger.settle([
        delivery('a', { status: 'delivered', attempts: 1, nextAttemptAt: null, responseStatus: 200 }),
      ])
      await ledger.plan('hook', [delivery('a'), delivery('c')], { offset: 6, ordinal: 0 })
      assert.equal((await ledger.get('a'))?.status, 'delivered')
      assert.deepEqual(ids(await ledger.due('hook', 1000, 10)), ['b', 'c'])
      assert.deepEqual(await ledger.destinations(), ['hook'])
      await ledger.close()
    })

    it('gives back every column as it was written', async () => {
      const ledger = await make()
      const full = delivery('full', {
        profileId: 'p\u0000😀',
        subject: "segment_entered:x'; DROP TABLE deliveries; --",
        status: 'failed',
        attempts: 3,
        responseStatus: 503,
        errorCode: 'http_503',
        errorMessage: 'Service "Unavailable"',
        responseBody: '{"a":\n1}',
        ordinal: 7,
      })
      await ledger.plan('hook', [full], PLACE)
      const { number, ...row } = (await ledger.get('full'))!
      assert.deepEqual(row, full)
      assert.ok(number > 0)
      assert.equal(await ledger.get('none'), null)
      await ledger.close()
    })

    it('gives due rows of one destination, longest due first, up to the limit', async () => {
      const ledger = await make()
      const rows = [delivery('a', { nextAttemptAt: 3000 }), delivery('b', { nextAttemptAt: 2000 }), delivery('c')]
      await ledger.plan('hook', rows, PLACE)
      await ledger.plan('other', [delivery('d', { destination: 'other' })], PLACE)
      assert.deepEqual(ids(await ledger.due('hook', 2500, 10)), ['c', 'b'])
      assert.deepEqual(ids(await ledger.due('hook', 9000, 2)), ['c', 'b'])
      assert.equal(await ledger.nextDue('hook'), 1000)
      assert.equal(await ledger.nextDue('nobody'), null)
      await ledger.close()
    })

    it('holds back a membership row until the earlier ones of that profile and segment are settled', async () => {
      const ledger = await make()
      const about = (id: string, subject: string, profileId: string, subscription = '0') =>
        delivery(id, { subject, profileId, subscription })
      await ledger.plan(
        'hook',
        [
          about('in', 'segment_entered:vip', 'p1'),
          about('out', 'segment_exited:vip', 'p1'),
          about('other-profile', 'segment_exited:vip', 'p2'),
          about('other-segment', 'segment_exited:new', 'p1'),
          about('other-subscription', 'segment_exited:vip', 'p1', '1'),
          about('event', 'event:X', 'p1'),
        ],
        PLACE,
      )
      const free = ['in', 'other-profile', 'other-segment', 'other-subscription', 'event']
      assert.deepEqual(ids(await ledger.due('hook', 1000, 10)), free)
      await ledger.settle([{ ...about('in', 'segment_entered:vip', 'p1'), status: 'failed', nextAttemptAt: 99_000 }])
      assert.deepEqual(ids(await ledger.due('hook', 1000, 10)), free.slice(1))
      await ledger.settle([{ ...about('in', 'segment_entered:vip', 'p1'), status: 'dead', nextAttemptAt: null }])
      assert.deepEqual(ids(await ledger.due('hook', 1000, 10)), ['out', ...free.slice(1)])
      await ledger.close()
    })

    it('counts rows by destination and status', async () => {
      const ledger = await make()
      await ledger.plan('hook', [delivery('a'), delivery('b'), delivery('c')], PLACE)
      await ledger.plan('hook', [delivery('a')], PLACE)
      await ledger.settle([delivery('a', { status: 'delivered', nextAttemptAt: null }), failed('b', 2000)])
      await ledger.settle([failed('b', 3000)])
      assert.deepEqual(await ledger.counts(), [
        { destination: 'hook', status: 'delivered', count: 1 },
        { destination: 'hook', status: 'failed', count: 1 },
        { destination: 'hook', status: 'pending', count: 1 },
      ])
      await ledger.close()
    })

    it('lists newest first, by destination and status, from a cursor', async () => {
      const ledger = await make()
      await ledger.plan('hook', [delivery('a'), delivery('b'), delivery('c')], PLACE)
      await ledger.plan('other', [delivery('d', { destination: 'other' })], PLACE)
      await ledger.settle([failed('b', 2000)])
      assert.deepEqual(ids(await ledger.list({ limit: 2 })), ['d', 'c'])
      const [first] = await ledger.list({ limit: 1 })
      assert.deepEqual(ids(await ledger.list({ limit: 9, before: first!.number })), ['c', 'b', 'a'])
      assert.deepEqual(ids(await ledger.list({ limit: 9, destination: 'hook', status: 'pending' })), ['c', 'a'])
      assert.deepEqual(ids(await ledger.list({ limit: 9, status: 'failed' })), ['b'])
      await ledger.close()
    })
  })
  describeMoreLedger(name, make)
}

function describeMoreLedger(name: string, make: () => DeliveryLedger | Promise<DeliveryLedger>): void {
  describe(`delivery ledger, by hand and members: ${name}`, () => {
    it('retries what failed, was refused or died: by ids, cause, window and destination together', async () => {
      const ledger = await make()
      await ledger.plan(
        'hook',
        ['a', 'b', 'c', 'd', 'e'].map((id, at) => delivery(id, { createdAt: 1000 + at })),
        PLACE,
      )
      const dead = (id: string, errorCode: string) =>
        delivery(id, { status: 'dead', attempts: 20, nextAttemptAt: null, errorCode })
      await ledger.settle([
        dead('a', 'http_500'),
        dead('b', 'http_500'),
        dead('c', 'timeout'),
        delivery('d', { status: 'delivered', attempts: 1, nextAttemptAt: null }),
      ])
      assert.equal(await ledger.retry({ cause: 'http_500', from: 1001, to: 1002 }, 5000), 1)
      const b = await ledger.get('b')
      assert.deepEqual([b?.status, b?.attempts, b?.nextAttemptAt], ['pending', 0, 5000])
      assert.equal(await ledger.retry({ ids: ['a', 'd', 'e', "x' OR 1=1 --"] }, 5000), 1)
      assert.equal(await ledger.retry({ destination: 'other' }, 5000), 0)
      assert.equal(await ledger.retry({ ids: [] }, 5000), 0)
      assert.equal(await ledger.retry({ status: 'delivered', ids: ['d'] }, 5000), 1)
      assert.equal(await ledger.retry({}, 6000), 1)
      assert.equal((await ledger.get('c'))?.nextAttemptAt, 6000)
      await ledger.close()
    })

    it('saves the telling of members with its rows', async () => {
      const ledger = await make()
      const sync: MemberSync = {
        destination: 'hook',
        segment: 'vip',
        below: { offset: 9, ordinal: 1 },
        cursor: 0,
        done: false,
      }
      await ledger.planMembers(sync, [])
      await ledger.planMembers({ ...sync, cursor: 4, done: true }, [delivery('m', { ordinal: -1 })])
      assert.deepEqual(await ledger.syncs('hook'), [{ ...sync, cursor: 4, done: true }])
      assert.deepEqual(await ledger.syncs('other'), [])
      assert.deepEqual(ids(await ledger.due('hook', 1000, 10)), ['m'])
      await ledger.removeSync('hook', 'vip')
      assert.deepEqual(await ledger.syncs('hook'), [])
      await ledger.close()
    })

    it('forgets a removed destination and refuses its open rows', async () => {
      const ledger = await make()
      await ledger.plan('hook', [delivery('a'), delivery('b')], PLACE)
      await ledger.settle([delivery('a', { status: 'delivered', nextAttemptAt: null })])
      await ledger.forget('hook', 4000)
      assert.equal(await ledger.place('hook'), null)
      const b = await ledger.get('b')
      assert.deepEqual([b?.status, b?.errorCode, b?.nextAttemptAt], ['refused', 'destination_removed', null])
      assert.equal((await ledger.get('a'))?.status, 'delivered')
      assert.deepEqual(await ledger.destinations(), [])
      await ledger.close()
    })
  })
}
