// `onefold start`: runs the server in this process until it is told to end.
import { loadConfig } from '../config.ts'
import { EXIT } from './exit.ts'
import { data, json, note } from './output.ts'

/** Throws ConfigError; ends the process itself when the server has ended or cannot start. */
export async function start(options: { json?: boolean }): Promise<void> {
  const config = loadConfig()
  const { startApp } = await import('../app.ts')
  const app = await startApp(config).catch((cause: unknown) => {
    note(`onefold: ${startFault(cause, config.host, config.port)}`)
    // Not by itself: children that have started hold this process open, and end with it.
    process.exit(EXIT.failed)
  })
  if (options.json) json({ url: app.url, pid: process.pid })
  else data(app.url)
  const signal = await endSignal()
  note(`${signal}: ending`)
  await app.stop()
  // Whatever a library still holds open must not keep an ended server alive.
  process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.ok)
}

/** Under npm one Ctrl-C arrives twice: from the terminal, and handed on. */
const SECOND_SIGNAL_MS_MIN = 500

/** The first of these; a second Ctrl-C, a little later, ends at once. */
function endSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        process.on('SIGINT', () => {})
        setTimeout(() => process.once('SIGINT', () => process.exit(EXIT.interrupted)), SECOND_SIGNAL_MS_MIN).unref()
        resolve(signal)
      })
    }
  })
}

function startFault(cause: unknown, host: string, port: number): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : ''
  if (code === 'EADDRINUSE') return `port ${port} on ${host} is in use; set PORT to another, or end what uses it.`
  if (code === 'EACCES') return `this user may not listen on port ${port} of ${host}; set PORT to one above 1023.`
  return `the server cannot start: ${cause instanceof Error ? cause.message : String(cause)}`
}
