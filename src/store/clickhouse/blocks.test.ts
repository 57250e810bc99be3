// Bisection: which failures are the rows' own, and that every part has one token, the same each time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClickHouseError } from '@clickhouse/client'
import fc from 'fast-check'
import type { HistoryEventRow } from '../../history/port.ts'
import { insertBisecting } from './blocks.ts'

function row(offset: number): HistoryEventRow {
  const facts = { source: 's', messageId: `m${offset}`, type: 'track', event: 'E', timestamp: 0, receivedAt: 0 }
  return { offset, ...facts, set: 1, profile: 1, payload: '{}', properties: {} }
}

const fault = (code: string) => new ClickHouseError({ message: 'Code: 241 in a row (MEMORY)', code, type: 'X' })

describe('insertBisecting', () => {
  it('finds exactly the bad rows, and stores each good one once however often the block is sent', async () => {
    const cases = fc.record({ count: fc.integer({ min: 0, max: 40 }), bad: fc.uniqueArray(fc.nat({ max: 39 })) })
    await fc.assert(
      fc.asyncProperty(cases, async ({ count, bad }) => {
        const rows = Array.from({ length: count }, (_, i) => row(i * 3))
        const isBad = ({ offset }: HistoryEventRow) => bad.includes(offset / 3)
        const byToken = new Map<string, readonly HistoryEventRow[]>()
        const insert = async (token: string, part: readonly HistoryEventRow[]) => {
          if (part.some(isBad)) throw fault('117')
          assert.deepEqual(byToken.get(token) ?? part, part)
          byToken.set(token, part)
        }
        for (let time = 0; time < 2; time++) {
          const refused = await insertBisecting(9, rows, insert)
          const expected = rows.filter(isBad).map(({ offset }) => offset)
          assert.deepEqual(
            refused.map(({ offset }) => offset),
            expected,
          )
        }
        const stored = [...byToken.values()].flat().sort((a, b) => a.offset - b.offset)
        assert.deepEqual(
          stored,
          rows.filter((each) => !isBad(each)),
        )
      }),
    )
  })

  it('takes no passing fault for the fault of a row', async () => {
    for (const error of [
      fault('241'),
      fault('252'),
      fault('33'),
      fault('159'),
      fault('60'),
      new Error('socket hang up'),
    ]) {
      let calls = 0
      const insert = async () => {
        calls++
        throw error
      }
      await assert.rejects(insertBisecting(1, [row(1), row(2)], insert), error)
      assert.equal(calls, 1)
    }
  })
})
