// What the Profile API shows of a profile, in Segment's names. Consent is never among it.

import type { LoggedRecord } from '../../log/port.ts'
import type { ProfileRow, SetRow } from '../../pipeline/state-store.ts'
import { decodeState, presentTraits } from '../../profile/read.ts'
import { eventName } from '../../spec/event.ts'
import { liveSegments } from '../../spec/segment.ts'
import type { ApiDeps } from '../deps.ts'
import { instant, instantOf } from '../profiles.ts'
import { readTimeline, type TimelineItem } from '../timeline.ts'

const DAY_MS = 86_400_000
const EVENT_DAYS = 14
/** Fourteen days of one person; beyond it the oldest are left out. */
const EVENTS_MAX = 5000
const EVENTS_PAGE = 500
const SETS_MAX = 1000

type Deps = Pick<ApiDeps, 'state' | 'log' | 'history' | 'clock'>

export async function readTraits(
  deps: Deps,
  row: ProfileRow,
  query: { include: ReadonlySet<string> | null; class: 'audience' | 'computed_trait' | undefined; verbose: boolean },
): Promise<[string, unknown][]> {
  const traits = [...presentTraits(decodeState(row.state))].sort(([a], [b]) => (a < b ? -1 : 1))
  const own: [string, unknown][] = traits.map(([name, { value, source, at }]) => [
    name,
    query.verbose ? { value, source_id: source, updated_at: instantOf(at) } : value,
  ])
  const taken = new Set(own.map(([name]) => name))
  const audiences = (await readAudiences(deps, row, query.verbose)).filter(([name]) => !taken.has(name))
  const all = query.class === undefined ? [...own, ...audiences] : query.class === 'audience' ? audiences : []
  return all.filter(([name]) => query.include === null || query.include.has(name))
}

async function readAudiences(deps: Deps, row: ProfileRow, verbose: boolean): Promise<[string, unknown][]> {
  const segments = liveSegments((await deps.state.catalogue()).segments)
  const slugs = new Map(segments.map((segment) => [segment.id, segment.slug]))
  return row.memberships
    .flatMap(([id, since]): [string, number][] => {
      const slug = slugs.get(id)
      return slug === undefined ? [] : [[slug, since]]
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([slug, since]) => [slug, verbose ? { value: true, source_id: '', updated_at: instantOf(since) } : true])
}

export async function readExternalIds(deps: Deps, row: ProfileRow): Promise<object[]> {
  const [identifiers, sets] = await Promise.all([
    deps.state.identifiersById(row.identifiers),
    deps.state.sets(row.sets.slice(0, SETS_MAX)),
  ])
  const first = new Map<number, SetRow>()
  for (const set of sets) {
    for (const identifier of set.identifiers) {
      const known = first.get(identifier)
      if (known === undefined || set.firstOffset < known.firstOffset) first.set(identifier, set)
    }
  }
  const messages = await messageIds(
    deps,
    [...first.values()].map((set) => set.firstOffset),
  )
  return identifiers.map((identifier) => {
    const set = first.get(identifier.id)
    return {
      source_id: set?.source ?? null,
      collection: 'users',
      id: identifier.value,
      type: identifier.kind,
      created_at: instantOf(identifier.firstAt),
      encoding: 'none',
      first_message_id: messages.get(set?.firstOffset ?? -1)?.messageId ?? null,
    }
  })
}

export async function readMetadata(deps: Deps, row: ProfileRow): Promise<object> {
  const { firstAt, lastAt, firstOffset, lastOffset } = decodeState(row.state)
  const messages = await messageIds(
    deps,
    [firstOffset, lastOffset].filter((offset) => offset >= 0 && offset < 2 ** 53),
  )
  const [first, last] = [messages.get(firstOffset), messages.get(lastOffset)]
  return {
    created_at: instant(firstAt),
    updated_at: instant(lastAt),
    expires_at: null,
    first_message_id: first?.messageId ?? null,
    first_source_id: first?.source ?? null,
    last_message_id: last?.messageId ?? null,
    last_source_id: last?.source ?? null,
  }
}

async function messageIds(deps: Deps, offsets: readonly number[]) {
  const records: LoggedRecord[] = offsets.length === 0 ? [] : await deps.log.get([...new Set(offsets)])
  return new Map(
    records.flatMap(({ offset, record }) =>
      record.type === 'event' ? [[offset, { messageId: record.event.messageId, source: record.source }] as const] : [],
    ),
  )
}

export async function readEvents(
  deps: Deps,
  row: ProfileRow,
  query: {
    include: ReadonlySet<string> | null
    exclude: ReadonlySet<string> | null
    start: number | undefined
    end: number | undefined
    ascending: boolean
  },
): Promise<object[]> {
  const end = query.end ?? Number.POSITIVE_INFINITY
  const start = Math.max(query.start ?? 0, deps.clock.now() - EVENT_DAYS * DAY_MS)
  const found: TimelineItem[] = []
  let before: { timestamp: number; offset: number } | null | undefined
  while (before !== null && found.length < EVENTS_MAX) {
    const page = await readTimeline(deps, row.sets, { before: before ?? undefined, limit: EVENTS_PAGE })
    found.push(...page.items.filter((item) => item.timestamp >= start && item.timestamp < end && isWanted(item, query)))
    before = page.next !== null && page.next.timestamp >= start ? page.next : null
  }
  if (query.ascending) found.reverse()
  const external = await readExternalIds(deps, row)
  return found.map((item) => view(item, external))
}

function isWanted(
  item: TimelineItem,
  query: { include: ReadonlySet<string> | null; exclude: ReadonlySet<string> | null },
) {
  const name = eventName(item.event) ?? item.event.type
  return (query.include === null || query.include.has(name)) && !(query.exclude?.has(name) ?? false)
}

function view({ event, source }: TimelineItem, external: readonly object[]): object {
  const { type, messageId, timestamp, context, properties = {}, traits } = event
  return {
    external_ids: external,
    context,
    type,
    source_id: source,
    message_id: messageId,
    timestamp,
    properties,
    ...(traits === undefined ? {} : { traits }),
    event: eventName(event),
    related: { users: [] },
  }
}
