// The door alone against a bare Fastify and SQLite server on the same disk, single events and batches of 100. One is stopped (SIGSTOP)
// while the other is measured, in turn, so that both see the same machine; the ratio of the medians of one run is what counts.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import autocannon from 'autocannon'
import { makeEvent, seededRandom } from './world.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '4' }, rounds: { type: 'string', default: '5' } },
})
const ROOT = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'onefold-bench-'))
const auth = `Basic ${Buffer.from('bench:').toString('base64')}`

/** Starts a server and reads the address it prints first. */
async function start(args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines = createInterface({ input: child.stdout! })
  const [url] = (await once(lines, 'line')) as [string]
  return { child, url }
}

async function measure(url: string, path: string, body: string): Promise<{ rate: number; p99: number }> {
  const result = await autocannon({
    url: `${url}${path}`,
    method: 'POST',
    headers: { authorization: auth, 'content-type': 'application/json' },
    body,
    connections: 50,
    duration: Number(values.seconds),
  })
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} refused, ${result.errors} failed`)
  return { rate: result.requests.average, p99: result.latency.p99 }
}

function median(numbers: number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}

const random = seededRandom(7)
// Without messageId, as some clients send: each one is a new event.
const events = Array.from({ length: 100 }, (_, index) => {
  const { messageId: _id, receivedAt: _at, ...event } = makeEvent(random, 1000, index, Date.now())
  return event
})
const single = JSON.stringify({ ...events[0], type: 'track', event: 'Product Viewed' })
const cases = [
  { name: 'single', path: '/v1/track', body: single, events: 1 },
  { name: 'batch of 100', path: '/v1/batch', body: JSON.stringify({ batch: events }), events: 100 },
]

const onefold = await start(['bin/onefold.js', 'start'], {
  PORT: '0',
  ONEFOLD_ROLES: 'collect',
  ONEFOLD_DATA_DIR: join(folder, 'data'),
  ONEFOLD_WRITE_KEY: 'bench',
  ONEFOLD_LOG_LEVEL: 'silent',
})
const bare = await start(['bench/bare-server.ts', join(folder, 'bare.db'), 'bench'])
try {
  for (const { name, path, body, events: perRequest } of cases) {
    const ours: { rate: number; p99: number }[] = []
    const theirs: typeof ours = []
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [server, other, into] of [
        [onefold, bare, ours],
        [bare, onefold, theirs],
      ] as const) {
        other.child.kill('SIGSTOP')
        server.child.kill('SIGCONT')
        into.push(await measure(server.url, path, body))
      }
    }
    const rate = (runs: typeof ours) => Math.round(median(runs.map((run) => run.rate)) * perRequest)
    const ratios = ours.map((run, index) => run.rate / theirs[index]!.rate)
    const row = {
      case: name,
      bytes: Math.round(body.length / perRequest),
      doorEventsPerSecond: rate(ours),
      bareEventsPerSecond: rate(theirs),
      ratioMedian: Number(median(ratios).toFixed(2)),
      ratioRange: [Math.min(...ratios), Math.max(...ratios)].map((ratio) => Number(ratio.toFixed(2))),
      doorP99Ms: median(ours.map((run) => run.p99)),
      bareP99Ms: median(theirs.map((run) => run.p99)),
    }
    console.log(JSON.stringify(row))
  }
} finally {
  for (const { child } of [onefold, bare]) {
    child.kill('SIGCONT')
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
}
