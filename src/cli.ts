// The command line: reads arguments, runs one command, and turns what came of it into an exit code. Data goes to stdout,
// everything for people to stderr, so that a pipe gets data only.
import { CommanderError } from 'commander'
import { CliError, EXIT } from './cli/exit.ts'
import { note } from './cli/output.ts'
import { buildProgram } from './cli/program.ts'
import { ConfigError } from './config.ts'

// A reader that closes early (`onefold tail | head`) has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

try {
  await buildProgram().parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

function exitCodeOf(error: unknown): number {
  // Commander has printed its own message, help included.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof CliError) {
    note(`onefold: ${error.message}`)
    return error.exitCode
  }
  if (error instanceof ConfigError) {
    note(`onefold: ${error.message}`)
    return EXIT.usage
  }
  note(`onefold: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return EXIT.failed
}
