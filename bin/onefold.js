#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// The launcher: makes sure that a fit Node runs src/cli.ts, whatever Node started it. Plain JavaScript that Node 16 can still
// read. It must never do more than that: no setting, no command and no message of the product lives here.
//
// The machine's Node may be older; npm has put a fit one beside our dependencies (optionalDependencies of package.json), and
// npm scripts and npx find it first. Only who calls this file by hand with an old Node takes the way through run().
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

/** node:sqlite of earlier 24s fails our tests: 24.4 loses bound parameters, 24.11 cuts texts at NUL. 24.18 passes. */
const NODE_MIN = [24, 18]
const EXIT_USAGE = 64

const [major, minor] = process.versions.node.split('.').map(Number)
const isFit = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
if (isFit) {
  endWithLauncher()
  await import('../src/cli.ts')
} else {
  const bundled = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))
  if (existsSync(bundled)) run(bundled)
  else refuse()
}

// Warnings of experimental parts (node:sqlite is one in some releases), and only those, are kept off the stderr of every command.
// Child processes and workers inherit the flag.
function run(node) {
  const script = fileURLToPath(import.meta.url)
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', script, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // A terminal sends Ctrl-C to both of us; a second one would mean "at once" to the server.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  child.on('error', refuse)
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}

// A launcher that is killed outright cannot forward anything; its end closes the channel instead.
function endWithLauncher() {
  if (!process.channel) return
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel.unref() // the listener would keep a finished command alive
}

function refuse() {
  process.stderr.write(
    `Onefold needs Node ${NODE_MIN.join('.')} or newer; this is ${process.version}.\n` +
      'Run "npm ci" in the project folder: it brings one for Linux and macOS. Elsewhere install Node 24 from nodejs.org.\n',
  )
  process.exit(EXIT_USAGE)
}
