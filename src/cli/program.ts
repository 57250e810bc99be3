// The commands with their options and help. What a command does is in its own file, loaded only when it runs.
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'

export interface ServerOptions {
  url?: string
  token?: string
  json?: boolean
}

const LINES_MAX = 500

export function buildProgram(): Command {
  const program = new Command('onefold')
    .description('Onefold: an open-source customer data platform.')
    .version(version())
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(onefold --help shows the commands)')
    .addHelpText('after', EXAMPLES)
  addStart(program)
  addStatus(program)
  addTail(program)
  addDoctor(program)
  return program
}

function version(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(file) as { version: string }).version
}

const EXAMPLES = `
Exit codes:
  0 well · 1 the answer is bad · 2 no answer or refused · 64 wrong arguments or settings · 130 interrupted

Settings come from the environment; src/config.ts lists them. The most used:
  PORT, HOST, ONEFOLD_DATA_DIR, ONEFOLD_ADMIN_TOKEN, ONEFOLD_WRITE_KEY

Examples:
  $ onefold start
  $ PORT=9000 ONEFOLD_ADMIN_TOKEN=secret onefold start
  $ onefold status --json | jq .lag
  $ onefold tail --type track --event "Order Completed"
  $ onefold doctor`

function addStart(program: Command): void {
  program
    .command('start')
    .description('Start the server and keep it running until Ctrl-C or SIGTERM.')
    .option('--json', 'print one line of JSON when it listens')
    .addHelpText(
      'after',
      `
Examples:
  $ onefold start
  $ ONEFOLD_DATA_DIR=/var/lib/onefold HOST=0.0.0.0 onefold start`,
    )
    .action(async (options: { json?: boolean }) => {
      const { start } = await import('./start.ts')
      await start(options)
    })
}

function addStatus(program: Command): void {
  withServer(program.command('status'))
    .description('Ask the running server whether events flow, how far behind it is, and what it holds.')
    .addHelpText(
      'after',
      `
Exits with 1 when the server is not ready, with 2 when there is no answer.

Examples:
  $ onefold status
  $ onefold status --url https://cdp.example.com --json`,
    )
    .action(async (options: ServerOptions) => {
      const { status } = await import('./status.ts')
      await status(options)
    })
}

export interface TailOptions extends ServerOptions {
  type?: string
  event?: string
  user?: string
  lines: number
  follow: boolean
}

function addTail(program: Command): void {
  withServer(program.command('tail'))
    .description('Show events as the pipeline takes them, oldest first, each with its verdict.')
    .option('--type <type>', 'only calls of this type (track, identify, page, screen, group, alias)')
    .option('--event <name>', 'only events of this name (a page call is "Page Viewed")')
    .option('--user <id>', 'only events of this userId or anonymousId')
    .option('-n, --lines <count>', `show so many past events first (0 to ${LINES_MAX})`, lineCount, 10)
    .option('--no-follow', 'show the past events and end')
    .addHelpText(
      'after',
      `
With --json each event is one line of JSON.

Examples:
  $ onefold tail
  $ onefold tail --user 42 --lines 100 --no-follow
  $ onefold tail --event "Order Completed" --json | jq .properties.revenue`,
    )
    .action(async (options: TailOptions) => {
      const { tail } = await import('./tail.ts')
      await tail(options)
    })
}

function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Check this machine and the settings, and say what to do about what is wrong.')
    .option('--json', 'print the checks as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ onefold doctor
  $ onefold doctor --json | jq '.checks[] | select(.ok | not)'`,
    )
    .action(async (options: { json?: boolean }) => {
      const { doctor } = await import('./doctor.ts')
      await doctor(options)
    })
}

function withServer(command: Command): Command {
  return command
    .option('--url <url>', 'address of the server (default: from HOST and PORT)')
    .option('--token <token>', 'admin token (default: ONEFOLD_ADMIN_TOKEN)')
    .option('--json', 'print JSON')
}

function lineCount(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 0 || count > LINES_MAX) {
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${LINES_MAX}.`)
  }
  return count
}
