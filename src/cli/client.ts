// The client of the Admin API that the commands use: finds the server by the settings, and says plainly why it does not answer.
import { loadConfig } from '../config.ts'
import { CliError, EXIT } from './exit.ts'
import type { ServerOptions } from './program.ts'

const REQUEST_MS_MAX = 15_000

export interface ServerReply {
  status: number
  text: string
}

export interface ServerClient {
  url: string
  hasToken: boolean
  /** Throws CliError `unreachable` when nobody answers. */
  get(path: string): Promise<ServerReply>
  /** The JSON of a 200. Throws CliError for any other answer. */
  getJson(path: string): Promise<unknown>
}

/** Throws CliError `usage` for an address that is none. */
export function connectServer(options: ServerOptions): ServerClient {
  const config = loadConfig()
  const url = checkedUrl(options.url ?? `http://${reachable(config.host)}:${config.port}`)
  const token = options.token ?? config.adminToken
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${headerText(token)}` }
  const get = async (path: string): Promise<ServerReply> => {
    try {
      const reply = await fetch(new URL(path, url), { headers, signal: AbortSignal.timeout(REQUEST_MS_MAX) })
      return { status: reply.status, text: await reply.text() }
    } catch (cause) {
      const message = `no answer from ${url.origin}; is the server running? \`onefold start\` starts it, --url names another.`
      throw new CliError(EXIT.unreachable, message, { cause })
    }
  }
  return { url: url.origin, hasToken: token !== '', get, getJson: async (path) => jsonOf(await get(path), url.origin) }
}

function jsonOf({ status, text }: ServerReply, origin: string): unknown {
  if (status === 401 || status === 403) {
    throw new CliError(EXIT.unreachable, 'the token was refused; set ONEFOLD_ADMIN_TOKEN or pass --token.')
  }
  try {
    if (status === 200) return JSON.parse(text)
  } catch (cause) {
    throw new CliError(EXIT.unreachable, `${origin} does not answer as Onefold does.`, { cause })
  }
  throw new CliError(EXIT.unreachable, `${origin} answered ${status}${problemDetail(text)}`)
}

function problemDetail(text: string): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown }
    return typeof detail === 'string' ? `: ${detail}` : '.'
  } catch {
    return '.'
  }
}

function checkedUrl(text: string): URL {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new CliError(EXIT.usage, `${JSON.stringify(text)} is no http address.`)
  }
  return new URL(text)
}

/** An address that listens everywhere is reached on loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::' || host === '') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

/** Headers carry bytes: a token beyond Latin-1 travels as its UTF-8 bytes. */
function headerText(token: string): string {
  return Buffer.from(token.trim(), 'utf8').toString('latin1')
}
