// A replay of the log gives the same digest: everything that can be seen of the state, the verdicts and the changes, of a world with
// decisions of every kind, run once as it came into the memory store and replayed from offset 0 into an SQLite store.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { logBackfill } from '../../src/pipeline/log-backfill.ts'
import type { StateStore } from '../../src/pipeline/state-store.ts'
import { Pipeline } from '../../src/pipeline.ts'
import { openSqliteState } from '../../src/store/sqlite/state.ts'
import { decisionArbitrary, interleave } from '../support/decisions.ts'
import { drawState, eventRecords, openingRecords, runWorld, tightKinds, worldEventArbitrary } from '../support/world.ts'

const RUNS = Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 150) / 3)

/** Stores may hand the members of a row out in any order. */
function inKeyOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function digest(state: StateStore, records: number): Promise<string> {
  const seen = {
    drawn: await drawState(state),
    verdicts: await state.verdicts(0, records),
    changes: await state.changes({ offset: -1, ordinal: 0 }, 100_000),
    moves: await state
      .moves({ commit: -1, ordinal: 0 }, 100_000)
      .then((moves) => moves.map(({ set, profile, offset }) => [set, profile, offset])),
  }
  return createHash('sha256').update(JSON.stringify(seen, inKeyOrder)).digest('hex')
}

test('a replay of the log gives the digest of the run', async () => {
  let decided = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(worldEventArbitrary, { minLength: 5, maxLength: 30 }),
      fc.array(fc.tuple(fc.nat(30), decisionArbitrary), { maxLength: 6 }),
      fc.integer({ min: 1, max: 3 }),
      async (world, decisions, most) => {
        const events = eventRecords(world)
        const records = interleave(events, decisions)
        decided += decisions.length
        const kindOf = tightKinds(most)
        // As it came: segments first, then one record at a time, with next to nothing kept in hand.
        const ran = await runWorld(openingRecords(), { kindOf, cacheEntriesMax: 1 })
        for (const record of records) {
          await ran.log.append([record])
          await ran.pipeline.drain()
        }
        const folder = mkdtempSync(join(tmpdir(), 'onefold-replay-'))
        const state = openSqliteState(folder, { role: 'writer' })
        try {
          const replayed = await Pipeline.open({
            log: ran.log,
            state,
            backfill: logBackfill(ran.log, state),
            kindOf,
            batchRecordsMax: openingRecords().length,
          })
          while (replayed.position.next < openingRecords().length) await replayed.step()
          // When a backfill tells its members is a job's affair: here, before the events, as in the run.
          while (await replayed.stepBackfill());
          await replayed.drain()
          const count = openingRecords().length + records.length
          assert.equal(await digest(state, count), await digest(ran.state, count))
        } finally {
          await state.close()
          rmSync(folder, { recursive: true, force: true })
        }
      },
    ),
    { numRuns: RUNS },
  )
  console.log(`# ${RUNS} worlds replayed, ${decided} decisions by hand in them`)
})
