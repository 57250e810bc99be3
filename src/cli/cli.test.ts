// The real command line, spawned: data on stdout, people's text on stderr, exit codes. The server it asks is the API over the
// memory stores, on a real port.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { ADMIN, type ApiWorld, createApiWorld } from '../../test/support/api.ts'

const CLI = join(import.meta.dirname, '..', 'cli.ts')
const folder = mkdtempSync(join(tmpdir(), 'onefold-cli-'))
let world: ApiWorld
let url: string

before(async () => {
  world = await createApiWorld()
  url = await world.api.listen({ host: '127.0.0.1', port: 0 })
})
after(async () => {
  await world.api.close()
  rmSync(folder, { recursive: true, force: true })
})

function run(args: string[], settings: Record<string, string> = {}): ChildProcess {
  const { PATH, HOME } = process.env
  const port = new URL(url).port
  const env = { PATH, HOME, PORT: port, ONEFOLD_ADMIN_TOKEN: ADMIN, ONEFOLD_DATA_DIR: folder, ...settings }
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args], { env, stdio: 'pipe' })
}

async function outcome(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk) => (text.stdout += chunk))
  child.stderr?.on('data', (chunk) => (text.stderr += chunk))
  const [code] = await once(child, 'close')
  return { code, ...text }
}

test('help names every command and ends well; what is wrong ends with 64 and keeps stdout empty', async () => {
  const help = await outcome(run(['--help']))
  assert.equal(help.code, 0)
  for (const word of ['start', 'status', 'tail', 'doctor', 'Examples:']) assert.ok(help.stdout.includes(word), word)
  assert.match((await outcome(run(['tail', '--help']))).stdout, /--no-follow[\s\S]*Examples:/)
  assert.match((await outcome(run(['--version']))).stdout, /^\d+\.\d+\.\d+\n$/)
  for (const [args, settings, said] of [
    [['strat'], {}, /Did you mean start/],
    [['tail', '--lines', 'many'], {}, /whole number/],
    [['status', '--url', 'ftp://x'], {}, /no http address/],
    [['status'], { ONEFOLD_PROT: '1' }, /unknown setting ONEFOLD_PROT/],
    [['start'], { PORT: 'x' }, /PORT must be a whole number/],
    [['tail'], { ONEFOLD_ADMIN_TOKEN: '' }, /needs the admin token/],
  ] as const) {
    const wrong = await outcome(run([...args], settings))
    assert.deepEqual([wrong.code, wrong.stdout], [64, ''], args.join(' '))
    assert.match(wrong.stderr, said)
  }
})

test('status tells lag and counts, in words and in JSON, and fails when the server is not ready', async () => {
  await world.send({ userId: 'u1', event: 'Seen' })
  const words = await outcome(run(['status']))
  assert.equal(words.code, 0)
  assert.match(words.stdout, /^ready {2}http:/)
  assert.ok(!words.stdout.includes('\u001b'), 'no colour in a pipe')
  const { stdout } = await outcome(run(['status', '--json', '--token', ADMIN]))
  const status = JSON.parse(stdout)
  assert.deepEqual([status.lag.pipelineEvents, status.counts.profiles, status.jobs], [0, 1, []])
  const parts = world.flow.parts
  world.flow.parts = []
  assert.equal((await outcome(run(['status']))).code, 1)
  world.flow.parts = parts
})

test('no answer and a refused token end with 2', async () => {
  const nobody = createServer()
  await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve))
  const address = nobody.address()
  await new Promise((resolve) => nobody.close(resolve))
  assert.ok(address !== null && typeof address === 'object')
  const away = await outcome(run(['status', '--url', `http://127.0.0.1:${address.port}`]))
  assert.deepEqual([away.code, away.stdout], [2, ''])
  assert.match(away.stderr, /no answer/)
  const refused = await outcome(run(['tail', '--no-follow', '--token', 'wrong']))
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /token was refused/)
})

test('tail shows what was, then what comes, filtered, one line each; Ctrl-C ends it with 130', async () => {
  await world.send({ userId: 'tail', event: 'Before' })
  const child = run(['tail', '--user', 'tail', '--json'])
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value ?? 'null')
  assert.equal((await next()).event, 'Before')
  await world.send({ userId: 'other', event: 'Foreign' })
  await world.send({ userId: 'tail', event: 'Title \u001b]0;mine\u0007' })
  const came = await next()
  assert.deepEqual([came.event, came.verdict], ['Title \u001b]0;mine\u0007', 'accepted'])
  child.kill('SIGINT')
  assert.deepEqual(await once(child, 'exit'), [130, null])
  const words = await outcome(run(['tail', '--user', 'tail', '--no-follow', '-n', '1']))
  assert.ok(!words.stdout.includes('\u001b') && !words.stdout.includes('\u0007'), 'an event cannot steer the terminal')
})

test('doctor finds this machine well, knows its own server, and names what is wrong', async () => {
  const well = JSON.parse((await outcome(run(['doctor', '--json']))).stdout)
  assert.deepEqual([well.ok, well.checks.length], [true, 8], JSON.stringify(well))
  assert.match(well.checks.find((check: { name: string }) => check.name === 'port').found, /served by Onefold/)
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const ill = await outcome(
    run(['doctor'], { ONEFOLD_DATA_DIR: file, CLICKHOUSE_URL: 'http://127.0.0.1:1', PORT: '0' }),
  )
  assert.equal(ill.code, 1)
  assert.match(ill.stdout, /✗ data folder .*\n {2}→ /)
  assert.match(ill.stdout, /✗ analytics/)
  assert.match(ill.stdout, /2 of 8 checks failed/)
})

test('start tells its address on stdout, and ends well when told to; a port in use ends it with 1', async (t) => {
  const settings = { PORT: '0', ONEFOLD_DATA_DIR: join(folder, 'data'), ONEFOLD_LOG_LEVEL: 'fatal' }
  const child = run(['start', '--json'], settings)
  t.after(() => child.kill('SIGKILL'))
  const ended = outcome(child)
  const [line] = await once(createInterface({ input: child.stdout! }), 'line')
  const { url: address, pid } = JSON.parse(line)
  assert.equal(pid, child.pid)
  const busy = await outcome(
    run(['start'], { ...settings, PORT: new URL(address).port, ONEFOLD_DATA_DIR: join(folder, 'two') }),
  )
  assert.equal(busy.code, 1)
  assert.match(busy.stderr, /in use/)
  child.kill('SIGTERM')
  const { code, stderr } = await ended
  assert.equal(code, 0, stderr)
})
