// Exit codes, the same for every command.

export const EXIT = {
  ok: 0,
  /** The command ran, and the answer is bad: not ready, a check failed, the server could not start. */
  failed: 1,
  /** The command could not ask: no server there, or the token was refused. */
  unreachable: 2,
  /** Wrong arguments or settings. */
  usage: 64,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const

/** Ends the command with this message and code. */
export class CliError extends Error {
  override name = 'CliError'
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: { cause: unknown }) {
    super(message, options)
    this.exitCode = exitCode
  }
}
