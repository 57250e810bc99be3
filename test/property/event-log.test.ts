// Any script of calls gets equal answers from the log in memory and the log on disk, from its readers and after it is opened
// again. A plain array of offsets, which shares no code with either, says what they must be.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import fc from 'fast-check'
import type { EventLog, LoggedRecord } from '../../src/log/port.ts'
import { OnefoldError } from '../../src/spec/errors.ts'
import type { JsonObject } from '../../src/spec/event.ts'
import type { LogRecord } from '../../src/spec/log-record.ts'
import { MemoryLog } from '../../src/store/memory/log.ts'
import { openSqliteLog } from '../../src/store/sqlite/log.ts'
import { decision, event } from '../contract/event-log.ts'

const RUNS = 60
const OFFSET_MAX = 35

type Step =
  | { call: 'append'; records: { kind: 'event' | 'decision' | 'tick' | 'redacted'; wait: number; json: JsonObject }[] }
  | { call: 'read'; from: number; recordsMax: number; below?: number | undefined }
  | { call: 'decisions'; from?: number | undefined; below?: number | undefined }
  | { call: 'get' | 'redact'; offsets: number[] }
  | { call: 'retain'; receivedBefore: number }
  | { call: 'saveCursor'; name: string; next: number }
  | { call: 'reopen' }

const offset = fc.nat(OFFSET_MAX)
const maybeOffset = fc.option(offset, { nil: undefined })
const json = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }), {
  maxKeys: 3,
  noNullPrototype: true,
})
const kind = fc.constantFrom(...Array(8).fill('event'), 'decision', 'decision', 'tick', 'redacted')
const records = fc.array(fc.record({ kind, wait: fc.nat(2), json }), { maxLength: 8 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ call: fc.constant('append'), records }) },
  {
    weight: 4,
    arbitrary: fc.record({ call: fc.constant('read'), from: offset, recordsMax: fc.nat(20), below: maybeOffset }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('decisions'), from: maybeOffset, below: maybeOffset }) },
  {
    weight: 5,
    arbitrary: fc.record({
      call: fc.constantFrom('get', 'redact', 'redact'),
      offsets: fc.array(offset, { maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('retain'), receivedBefore: fc.nat(40) }) },
  {
    weight: 1,
    arbitrary: fc.record({ call: fc.constant('saveCursor'), name: fc.constantFrom('a', 'b'), next: offset }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('reopen') }) },
) as fc.Arbitrary<Step>

it('memory and sqlite give equal answers to any script', async (t) => {
  const seed = Date.now() % 2 ** 31
  t.diagnostic(`seed ${seed}`)
  const seen = { redacted: 0, refused: 0, removed: 0 }
  const property = fc.asyncProperty(fc.array(step, { minLength: 25, maxLength: 50 }), async (script) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'onefold-log-'))
    const logs = { memory: new MemoryLog(), sqlite: openSqliteLog(dataDir, { role: 'writer' }) }
    const reader = openSqliteLog(dataDir, { role: 'reader' })
    const model = new Model()
    try {
      for (const one of script) {
        if (one.call === 'reopen') {
          await logs.sqlite.close()
          logs.sqlite = openSqliteLog(dataDir, { role: 'writer' })
          continue
        }
        const records = one.call === 'append' ? one.records.map((r) => model.stamp(r)) : []
        const answer = await outcome(() => run(logs.memory, one, records))
        assert.deepEqual(await outcome(() => run(logs.sqlite, one, records)), answer)
        model.apply(one, records, answer, seen)
        for (const log of [logs.memory, logs.sqlite, reader]) await model.check(log)
      }
    } finally {
      await reader.close()
      await logs.sqlite.close()
      rmSync(dataDir, { recursive: true })
    }
  })
  await fc.assert(property, { seed, numRuns: RUNS })
  t.diagnostic(
    `${seen.redacted} redacted, ${seen.refused} redactions refused, ${seen.removed} removed in ${RUNS} scripts`,
  )
  for (const count of Object.values(seen)) assert.ok(count > 0, 'the scripts do not reach what they should')
})

async function outcome(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof OnefoldError) return { refused: error.code }
    throw error
  }
}

function run(log: EventLog, step: Exclude<Step, { call: 'reopen' }>, records: LogRecord[]): Promise<unknown> {
  const given = <K extends string>(key: K, value: number | undefined) => (value === undefined ? {} : { [key]: value })
  switch (step.call) {
    case 'append':
      return log.append(records)
    case 'read':
      return log.read({ from: step.from, recordsMax: step.recordsMax, ...given('below', step.below) })
    case 'decisions':
      return log.decisions({ ...given('from', step.from), ...given('below', step.below) })
    case 'get':
      return log.get(step.offsets)
    case 'redact':
      return log.redact(step.offsets)
    case 'retain':
      return log.retain(step.receivedBefore)
    case 'saveCursor':
      return log.saveCursor(step.name, step.next)
  }
}

/** What the log must hold, in the plainest words: every record ever given, and what became of it. */
class Model {
  readonly #records: { record: LogRecord; group: number; removed: boolean }[] = []
  readonly #cursors = new Map<string, number>()
  #group = 0
  #tail = 0
  #now = 0

  stamp({ kind, wait, json }: { kind: LogRecord['type']; wait: number; json: JsonObject }): LogRecord {
    this.#now += wait
    if (kind === 'event') return event(this.#now, json)
    if (kind === 'decision') return decision(this.#now)
    return { type: kind, receivedAt: this.#now }
  }

  apply(
    step: Step,
    records: LogRecord[],
    answer: unknown,
    seen: { redacted: number; refused: number; removed: number },
  ) {
    if (step.call === 'append') {
      assert.equal(answer, this.#records.length)
      this.#group += 1
      for (const record of records) this.#records.push({ record, group: this.#group, removed: false })
    }
    if (step.call === 'saveCursor') this.#cursors.set(step.name, step.next)
    if (step.call === 'redact') this.#redact(step.offsets, answer, seen)
    if (step.call === 'retain') seen.removed += this.#retain(step.receivedBefore)
    if (step.call === 'read') {
      const { from, recordsMax, below = Number.POSITIVE_INFINITY } = step
      const wanted = this.#kept().filter(({ offset }) => offset >= from && offset < below)
      assert.deepEqual(answer, wanted.slice(0, recordsMax))
    }
  }

  async check(log: EventLog): Promise<void> {
    const kept = this.#kept()
    assert.deepEqual(await log.read({ from: 0, recordsMax: 10_000 }), kept)
    assert.deepEqual(await log.get(this.#records.keys().toArray()), kept)
    assert.deepEqual(
      await log.decisions(),
      kept.filter(({ record }) => record.type === 'decision'),
    )
    const receivedAt = this.#records.at(-1)?.record.receivedAt ?? 0
    assert.deepEqual(await log.head(), { next: this.#records.length, receivedAt })
    assert.equal(await log.tail(), this.#tail)
    for (const [name, next] of this.#cursors) assert.equal(await log.cursor(name), next)
  }

  #kept(): LoggedRecord[] {
    return this.#records.flatMap(({ record, removed }, offset) => (removed ? [] : { offset, record }))
  }

  #redact(offsets: number[], answer: unknown, seen: { redacted: number; refused: number }): void {
    const found = [...new Set(offsets)].flatMap((offset) => {
      const entry = this.#records[offset]
      return entry && !entry.removed ? entry : []
    })
    if (found.some(({ record }) => record.type === 'decision' || record.type === 'tick')) {
      assert.deepEqual(answer, { refused: 'invalid_request' })
      seen.refused += 1
      return
    }
    const changing = found.filter(({ record }) => record.type === 'event')
    assert.equal(answer, changing.length)
    for (const entry of changing) entry.record = { type: 'redacted', receivedAt: entry.record.receivedAt }
    seen.redacted += changing.length
  }

  #retain(receivedBefore: number): number {
    const lastGroup = this.#records.at(-1)?.group
    const passed = Math.min(...this.#cursors.values())
    let removed = 0
    for (const [group, members] of Map.groupBy(this.#records.entries(), ([, entry]) => entry.group)) {
      const end = members.at(-1)![0] + 1
      const old = members.every(([, { record }]) => record.receivedAt < receivedBefore)
      if (group === lastGroup || end > passed || !old) continue
      this.#tail = Math.max(this.#tail, end)
      for (const [, entry] of members) {
        if (entry.record.type === 'decision' || entry.removed) continue
        entry.removed = true
        removed += 1
      }
    }
    return removed
  }
}
