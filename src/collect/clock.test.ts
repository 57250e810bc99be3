// The clock against a wall clock that drifts, is set, and jumps.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClock } from './clock.ts'

function world() {
  const readings = { wallMs: 1_000_000_000_000, monotonicMs: 500.25, alarms: [] as object[] }
  const clock = createClock({ error: (details: object) => readings.alarms.push(details) } as never, {
    wall: () => readings.wallMs,
    monotonic: () => readings.monotonicMs,
  })
  const pass = (ms: number) => {
    readings.wallMs += ms
    readings.monotonicMs += ms
  }
  return { readings, clock, pass }
}

describe('clock', () => {
  it('tells the wall clock’s time in whole milliseconds', () => {
    const { clock, pass } = world()
    pass(1234)
    assert.equal(clock.now(), 1_000_000_001_234)
    pass(0.5)
    assert.equal(clock.now(), 1_000_000_001_234)
  })

  it('slows down for a small step back, and never runs backwards', () => {
    const { clock, pass, readings } = world()
    readings.wallMs -= 5000
    let before = clock.now()
    for (let step = 0; step < 600; step += 1) {
      pass(100)
      const now = clock.now()
      assert.ok(now - before >= 89 && now - before <= 101, `${now - before}`)
      before = now
    }
    assert.equal(before, readings.wallMs)
    assert.equal(clock.jumps, 0)
  })

  it('refuses a jump, raises one alarm for it, and one for the way back', () => {
    const { clock, pass, readings } = world()
    readings.wallMs += 3_600_000
    pass(1000)
    assert.equal(clock.now(), 1_000_000_001_000)
    pass(1000)
    assert.equal(clock.now(), 1_000_000_002_000)
    assert.deepEqual([clock.jumps, readings.alarms], [1, [{ jumpMs: 3_600_000 }]])
    readings.wallMs -= 3_600_000
    pass(1000)
    assert.equal(clock.now(), 1_000_000_003_000)
    assert.equal(clock.jumps, 2)
  })

  it('starts where the log ends, and stands there until that time comes', () => {
    const { clock, pass, readings } = world()
    clock.floor(1_000_000_005_000)
    assert.equal(clock.now(), 1_000_000_005_000)
    pass(4000)
    assert.equal(clock.now(), 1_000_000_005_000)
    pass(4000)
    assert.equal(clock.now(), 1_000_000_008_000)
    clock.floor(5)
    assert.equal(clock.now(), 1_000_000_008_000)
    assert.equal(readings.alarms.length, 0)
    clock.floor(readings.wallMs + 120_000)
    assert.equal(readings.alarms.length, 1)
  })
})
