// `onefold tail`: events as the pipeline takes them. Polls the feed of events, which tells where to go on, so that nothing is
// shown twice and nothing is left out, however long a poll takes.
import { setTimeout as sleep } from 'node:timers/promises'
import { connectServer, type ServerClient } from './client.ts'
import { CliError, EXIT } from './exit.ts'
import { data, json, note, paint, plain } from './output.ts'
import type { TailOptions } from './program.ts'

const POLL_MS = 400
const PAGE_MAX = 500
const RETRY_MS = 2000

interface FeedEvent {
  offset: number
  type: string
  event: string | null
  receivedAt: string
  userId?: string
  anonymousId?: string
  source: string | null
  verdict: string
  profile: string | null
}
interface Feed {
  items: FeedEvent[]
  next: number
}

/** Runs until Ctrl-C (exit 130), or ends by itself with `--no-follow`. Throws CliError when the first call is not answered. */
export async function tail(options: TailOptions): Promise<void> {
  const server = connectServer(options)
  if (!server.hasToken) {
    throw new CliError(EXIT.usage, 'tail needs the admin token; set ONEFOLD_ADMIN_TOKEN or pass --token.')
  }
  const show = options.json ? json : (event: FeedEvent) => data(line(event))
  const first = await read(server, options, null, Math.max(1, options.lines))
  for (const event of options.lines === 0 ? [] : first.items) show(event)
  if (!options.follow) return
  process.once('SIGINT', () => process.exit(EXIT.interrupted))
  note('waiting for events; Ctrl-C ends')
  for (let after = first.next; ; ) {
    const feed = await readOn(server, options, after)
    for (const event of feed.items) show(event)
    // A feed that moved may have more at once; one that did not is at the end of the log.
    if (feed.next === after) await sleep(POLL_MS)
    after = feed.next
  }
}

/** A server that restarts is waited for: whoever watches wants to see it come back. */
async function readOn(server: ServerClient, options: TailOptions, after: number): Promise<Feed> {
  for (let isTold = false; ; isTold = true) {
    try {
      return await read(server, options, after, PAGE_MAX)
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      if (!isTold) note(`${error.message} Trying again.`)
      await sleep(RETRY_MS)
    }
  }
}

async function read(server: ServerClient, options: TailOptions, after: number | null, limit: number): Promise<Feed> {
  const query = new URLSearchParams({ limit: String(limit) })
  if (after !== null) query.set('after', String(after))
  for (const name of ['type', 'event', 'user'] as const) {
    const value = options[name]
    if (value !== undefined) query.set(name, value)
  }
  return (await server.getJson(`/api/v1/events?${query}`)) as Feed
}

const VERDICT_COLOURS = new Map([
  ['accepted', 'green'],
  ['duplicate', 'yellow'],
] as const)

function line(event: FeedEvent): string {
  const { receivedAt, type, verdict, source, profile } = event
  const colour = VERDICT_COLOURS.get(verdict as 'accepted') ?? 'red'
  const who = event.userId ?? event.anonymousId ?? '-'
  const name = event.event === null ? type : `${type} ${JSON.stringify(event.event)}`
  const parts = [paint('dim', receivedAt), paint(colour, verdict.padEnd(9)), name, who, source ?? '-', profile ?? '-']
  return parts.map((part, index) => (index < 2 ? part : plain(part))).join('  ')
}
