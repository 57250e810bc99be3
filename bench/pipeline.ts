// Pipeline throughput: events already in the log, through the pipeline into state.db, as its process does it. Prints events/s with and
// without segments from one run, the first pass (everybody is new) and the steady state apart, and where the time went.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { logBackfill } from '../src/pipeline/log-backfill.ts'
import { Pipeline } from '../src/pipeline.ts'
import { openSqliteLog } from '../src/store/sqlite/log.ts'
import { openSqliteState } from '../src/store/sqlite/state.ts'
import { eventRecords, openingRecords } from './world.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '400000' },
    people: { type: 'string', default: '50000' },
    segments: { type: 'boolean', default: false },
    both: { type: 'boolean', default: true },
  },
})
const events = Number(values.events)
const people = Number(values.people)
const BLOCK = 500

async function measure(withSegments: boolean): Promise<{ first: number; steady: number; rssMb: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'onefold-bench-'))
  const start = Date.parse('2026-03-01T00:00:00Z')
  const log = openSqliteLog(folder, { role: 'writer' })
  await log.append(openingRecords(start, withSegments))
  let block = []
  for (const record of eventRecords(events, people, start, 10)) {
    block.push(record)
    if (block.length < BLOCK) continue
    await log.append(block)
    block = []
  }
  const state = openSqliteState(folder, { role: 'writer' })
  const pipeline = await Pipeline.open({ log, state, backfill: logBackfill(log, state) })
  const half = Math.floor(events / 2)
  const advance = async (below: number) => {
    // Segments are in place before the first event, so their backfills end at once.
    while (pipeline.position.next < below) if (!(await pipeline.stepBackfill())) await pipeline.step()
  }
  const began = performance.now()
  await advance(half)
  const middle = performance.now()
  await advance(events)
  const ended = performance.now()
  const result = {
    first: Math.round((half / (middle - began)) * 1000),
    steady: Math.round(((events - half) / (ended - middle)) * 1000),
    rssMb: Math.round(process.memoryUsage.rss() / 1024 / 1024),
  }
  await state.close()
  await log.close()
  rmSync(folder, { recursive: true, force: true })
  return result
}

const plain = values.segments ? null : await measure(false)
const segmented = await measure(true)
console.log(JSON.stringify({ events, people, plain, segmented }))
