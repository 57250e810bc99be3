// Runs every benchmark, one after another, and prints what each prints: `npm run bench`. Ratios within one run are what may be quoted;
// rates belong to the machine and the hour.
import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { makeEvent, seededRandom } from './world.ts'

const BENCHES = ['log.ts', 'state.ts', 'door.ts', 'pipeline.ts', 'delivery.ts']

/** Microseconds of one call, so that rates of one machine and hour can be held against those of another. */
function microseconds(call: () => void): number {
  const calls = 100_000
  const began = performance.now()
  for (let left = calls; left > 0; left--) call()
  return Number((((performance.now() - began) * 1000) / calls).toFixed(2))
}

const sample = JSON.stringify(makeEvent(seededRandom(1), 1000, 1, Date.now()))
console.log(
  JSON.stringify({
    sha1Us: microseconds(() => hash('sha1', 'a message id of the usual length: 0123456789')),
    parseEventUs: microseconds(() => JSON.parse(sample)),
    date: new Date().toISOString(),
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    load: loadavg().map((load) => Number(load.toFixed(1))),
  }),
)
for (const bench of BENCHES) {
  console.log(`\n# ${bench}`)
  const file = join(import.meta.dirname, bench)
  const { status } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', file], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
