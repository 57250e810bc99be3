// Runs every benchmark, one after another, and prints what each prints: `npm run bench`. Ratios within one run are what may be quoted;
// rates belong to the machine and the hour.
import { spawnSync } from 'node:child_process'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'

const BENCHES = ['log.ts', 'state.ts', 'door.ts', 'pipeline.ts', 'delivery.ts']

console.log(
  JSON.stringify({
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
