// The process of the embedded analytics engine: opens chDB on the history folder and serves it through the shim until its
// parent goes. An orphan would keep the folder locked against its successor, so it ends at once when the IPC channel, or
// without one its standard input, closes. It must never hold anything that an insert has not already made durable.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../config.ts'
import { type Engine, openEngine } from './engine.ts'
import { startShim } from './server.ts'

const DRAIN_MS_MAX = 3000

const config = loadConfig()
const url = new URL(config.clickhouseUrl)
const folder = join(config.dataDir, 'history')
let engine: Engine | null = null
let ending = false

/** Lets statements that run finish, but not for long: everything acknowledged is on disk, the rest is sent again. */
async function end(): Promise<void> {
  if (ending) return
  ending = true
  // A native call cannot be interrupted and would keep `process.exit` waiting; a signal to itself is certain.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), DRAIN_MS_MAX).unref()
  await engine?.close()
  process.exit(0)
}

/**
 * The parent is gone. Leaving by `process.exit` runs the engine's own clean-up, which has been seen to wait for ever when it came in the
 * middle of opening, with the folder locked; a signal to itself is certain, and everything acknowledged is on disk.
 */
function orphaned(): void {
  if (!ending) process.kill(process.pid, 'SIGKILL')
}

process.once('disconnect', orphaned)
// Without a channel: started by hand, or the parent went while this process was loading.
if (!process.connected) process.stdin.once('end', orphaned).once('close', orphaned).resume()
process.once('SIGTERM', end)
// Ctrl-C reaches the whole group; the parent decides the order of ending, and without one standard input closes.
process.on('SIGINT', () => {})

mkdirSync(folder, { recursive: true, mode: 0o700 })
engine = await openEngine(folder)
const shim = await startShim({
  engine,
  user: decodeURIComponent(url.username),
  password: decodeURIComponent(url.password),
  port: Number(url.port),
})
process.send?.({ ready: true, port: shim.port })
