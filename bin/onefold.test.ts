// Tests of the launcher, in a copy of its folder with a stand-in for src/cli.ts: what it hands on (arguments, exit code,
// signals), and what it says where no fit Node can be found.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'

const STAND_IN = `
const [command] = process.argv.slice(2)
if (command === 'exit') process.exitCode = 7
if (command === 'warn') process.emitWarning('class of node:sqlite', 'ExperimentalWarning')
if (command === 'print') console.log(JSON.stringify({ version: process.versions.node, argv: process.argv.slice(2) }))
if (command === 'wait') {
  const timer = setInterval(() => {}, 1000)
  process.on('SIGTERM', () => { clearInterval(timer); console.log('told to end'); process.exitCode = 3 })
  console.log('waiting ' + process.pid)
}
`

const root = mkdtempSync(join(tmpdir(), 'onefold-launcher-'))
after(() => rmSync(root, { recursive: true, force: true }))
mkdirSync(join(root, 'bin'))
mkdirSync(join(root, 'src'))
writeFileSync(join(root, 'package.json'), '{"type":"module"}')
writeFileSync(join(root, 'src', 'cli.ts'), STAND_IN)
const launcher = join(root, 'bin', 'onefold.js')
copyFileSync(join(import.meta.dirname, 'onefold.js'), launcher)

/** A Node older than 24 on this machine, if it has one: the way through run() cannot be shown without. */
function oldNode(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  return folders
    .map((folder) => join(folder, 'node'))
    .find((path) => existsSync(path) && Number(execFileSync(path, ['-p', 'parseInt(process.versions.node)'])) < 24)
}

const old = oldNode()
const needsOld = old === undefined ? { skip: 'no Node older than 24 on this machine' } : {}

async function outcome(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk) => (stdout += chunk))
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  const [code] = await once(child, 'close')
  return { code, stdout, stderr }
}

test('Node 24 runs the command line in the same process', async () => {
  const result = await outcome(spawn(process.execPath, [launcher, 'print', '--json', 'a b']))
  assert.deepEqual(JSON.parse(result.stdout).argv, ['print', '--json', 'a b'])
  assert.equal(result.stderr, '')
})

test('called as a command, experimental warnings stay off stderr', async () => {
  const PATH = `${join(process.execPath, '..')}${delimiter}${process.env['PATH']}`
  const result = await outcome(spawn(launcher, ['warn'], { env: { ...process.env, PATH } }))
  assert.deepEqual(result, { code: 0, stdout: '', stderr: '' })
})

test('an old Node without one of ours says what to do and exits 64', needsOld, async () => {
  const result = await outcome(spawn(old!, [launcher, 'print']))
  assert.equal(result.code, 64)
  assert.equal(result.stdout, '')
  assert.match(result.stderr, /needs Node 24\.18 or newer; this is v\d+/)
  assert.match(result.stderr, /npm ci/)
})

test('an old Node hands over to ours: arguments, exit code, signals, its own sudden end', needsOld, async () => {
  mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true })
  symlinkSync(process.execPath, join(root, 'node_modules', '.bin', 'node'))

  const printed = await outcome(spawn(old!, [launcher, 'print', 'x']))
  assert.equal(JSON.parse(printed.stdout).version, process.versions.node)
  assert.deepEqual(await outcome(spawn(old!, [launcher, 'warn'])), { code: 0, stdout: '', stderr: '' })
  assert.equal((await outcome(spawn(old!, [launcher, 'exit']))).code, 7)

  const told = spawn(old!, [launcher, 'wait'])
  told.stdout.once('data', () => told.kill('SIGTERM'))
  const ended = await outcome(told)
  assert.equal(ended.code, 3)
  assert.match(ended.stdout, /told to end/)

  // Killed outright, the launcher forwards nothing; "close" comes only when the child, too, has let go of stdout.
  const killed = spawn(old!, [launcher, 'wait'])
  killed.stdout.once('data', () => killed.kill('SIGKILL'))
  assert.match((await outcome(killed)).stdout, /told to end/)
})
