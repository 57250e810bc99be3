// A child that lost its parent before it could listen for that: it must end all the same.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'

const CHILD = new URL('child.ts', import.meta.url).href

// Stands for a child whose modules take long to load: it asks for the signal only when the channel is known to be closed. Once
// asked, it would run for ever unless the signal comes.
const LATE = `
  const { runChild } = await import('${CHILD}')
  while (process.connected) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 5))
  const untilAborted = (signal) => signal.aborted || new Promise((resolve) => {
    const alive = setInterval(() => {}, 1000)
    signal.addEventListener('abort', () => { clearInterval(alive); resolve() })
  })
  await runChild(untilAborted, () => {})
`

test('a child whose parent went while it was loading ends', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', LATE], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.disconnect()
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code, signal] = await once(child, 'exit')
  clearTimeout(late)
  assert.deepEqual({ code, signal }, { code: 0, signal: null })
})
