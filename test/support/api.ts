// A whole small Onefold behind the API, in memory: the real pipeline on the memory stores, an inlet that appends to the log, and
// the API over them. Calls go through Fastify's own injection; every JSON answer is held to the schema its route documents.
import assert from 'node:assert/strict'
import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from '../../src/api/deps.ts'
import type { Route } from '../../src/api/route.ts'
import { buildRoutes } from '../../src/api/routes.ts'
import { buildApi } from '../../src/api/server.ts'
import { hashToken, tokenCheck } from '../../src/api/tokens.ts'
import { eventRow } from '../../src/history/event-row.ts'
import { logBackfill } from '../../src/pipeline/log-backfill.ts'
import { readResolved } from '../../src/pipeline/resolved-stream.ts'
import { Pipeline } from '../../src/pipeline.ts'
import { decodeState, presentConsent, presentTraits } from '../../src/profile/read.ts'
import { checkDefinition } from '../../src/segment/check.ts'
import { describeCondition } from '../../src/segment/describe.ts'
import type { Decision } from '../../src/spec/decision.ts'
import { OnefoldError } from '../../src/spec/errors.ts'
import type { CanonicalEvent } from '../../src/spec/event.ts'
import { createMemoryDestinationStore } from '../../src/store/memory/destinations.ts'
import { MemoryHistory } from '../../src/store/memory/history.ts'
import { createMemoryLedger } from '../../src/store/memory/ledger.ts'
import { MemoryLog } from '../../src/store/memory/log.ts'
import { MemoryRejectedFeed } from '../../src/store/memory/rejected.ts'
import { MemoryStateStore } from '../../src/store/memory/state.ts'

export const ADMIN = 'admin:token with blanks'
export const PROFILE = 'profile-token'
export const T0 = Date.parse('2026-03-01T00:00:00.000Z')
const MASK = '••••••••'

/** A catalogue of one type, so that no test of the API loads the real one. */
const catalog: ApiDeps['catalog'] = {
  listCatalog: () => [{ type: 'actions-webhook', name: 'Webhook' }],
  describeType: (type) => (type === 'actions-webhook' ? { type, name: 'Webhook', actions: [] } : null),
  checkDestination(input) {
    if (input.type !== 'actions-webhook') throw new OnefoldError('invalid_request', { pointer: '/type' })
  },
  maskSettings: (_type, settings) =>
    Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, key === 'sharedSecret' ? MASK : value])),
  unmaskSettings: (settings, stored) =>
    Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, value === MASK ? stored[key] : value])),
}

export interface ApiWorld {
  api: FastifyInstance
  deps: ApiDeps
  log: MemoryLog
  state: MemoryStateStore
  history: MemoryHistory
  rejected: MemoryRejectedFeed
  ledger: ReturnType<typeof createMemoryLedger>
  clock: { at: number; now(): number }
  /** False stops the pipeline: decisions are logged and never committed. */
  flow: { isOn: boolean; historyUp: boolean; parts: { name: string; up: boolean }[] }
  /** Logs an event and lets the pipeline take it; returns its offset. */
  send(event: Partial<CanonicalEvent>, source?: string): Promise<number>
  /** Writes what the pipeline has committed to history. */
  writeHistory(): Promise<void>
  /** An answer of the admin, checked against the document. */
  call(method: Route['method'], url: string, body?: unknown): Promise<Reply>
}

export interface Reply {
  status: number
  /** Untyped, as JSON is: tests read what they expect, and a wrong guess fails as undefined. */
  body: ReturnType<typeof JSON.parse>
  headers: Record<string, unknown>
}

export async function createApiWorld(overrides: Partial<ApiDeps> = {}): Promise<ApiWorld> {
  const [log, state, history, rejected] = [
    new MemoryLog(),
    new MemoryStateStore(),
    new MemoryHistory(),
    new MemoryRejectedFeed(),
  ]
  const ledger = createMemoryLedger()
  const clock = { at: T0, now: () => clock.at }
  const flow = { isOn: true, historyUp: true, parts: ['door', 'pipeline', 'history', 'delivery'].map(up) }
  const append = async (decisions: readonly Decision[]) => {
    const first = await log.append(
      decisions.map((decision) => ({ type: 'decision', receivedAt: clock.at++, decision })),
    )
    return decisions.map((_, index) => first + index)
  }
  await append([{ decision: 'genesis', birthKey: 'ab'.repeat(16), dedupeHours: 24, dedupeIdsMax: 10_000 }])
  for (const kind of ['server', 'browser'] as const) {
    const source = { slug: kind, name: kind, kind, writeKey: `${kind}-key`, enabled: true }
    await append([{ decision: 'source', source: kind === 'server' ? { ...source, region: 'DE' } : source }])
  }
  const pipeline = await Pipeline.open({ log, state, backfill: logBackfill(log, state) })
  await pipeline.drain()
  const deps: ApiDeps = {
    state,
    log,
    rejected,
    ledger,
    catalog,
    inlet: {
      async decide(decisions) {
        const offsets = await append(decisions)
        if (flow.isOn) await pipeline.drain()
        return offsets
      },
      async tick() {},
    },
    history: whileUp(history, flow),
    destinations: createMemoryDestinationStore(),
    segments: { checkDefinition, describe: describeCondition },
    tokens: tokenCheck({ admin: [hashToken(ADMIN)], profile: [hashToken(PROFILE)] }),
    health: () => flow.parts,
    processMetrics: () => ({ door_commitRecords_total: 7, 'part-restarts': 2 }),
    clock,
    version: '0.0.0-test',
    decisionWaitMsMax: 30,
    ...overrides,
  }
  const api = await buildApi(deps)
  const routes = buildRoutes(deps)
  let messages = 0
  let written = 0
  return {
    api,
    deps,
    log,
    state,
    history,
    rejected,
    ledger,
    clock,
    flow,
    async send(event, source = 'server') {
      clock.at += 1000
      const at = new Date(clock.at).toISOString()
      const stamps = { timestamp: at, originalTimestamp: at, sentAt: at, receivedAt: at }
      const base = { type: 'track', messageId: `m${++messages}`, context: {}, integrations: {} } as const
      const record = { ...base, ...stamps, ...event }
      const offset = await log.append([{ type: 'event', receivedAt: clock.at, source, event: record }])
      if (flow.isOn) await pipeline.drain()
      return offset
    },
    async writeHistory() {
      written = await writeHistory(log, state, history, written)
    },
    async call(method, url, body) {
      const reply = await api.inject({
        method,
        url,
        headers: { authorization: `Bearer ${ADMIN}` },
        ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      })
      const parsed = { status: reply.statusCode, body: reply.json(), headers: reply.headers }
      holdToDocument(routes, method, url, parsed)
      return parsed
    },
  }
}

function up(name: string): { name: string; up: boolean } {
  return { name, up: true }
}

function whileUp(history: MemoryHistory, flow: { historyUp: boolean }): ApiDeps['history'] {
  const guarded = () => {
    if (!flow.historyUp) throw new OnefoldError('history_unavailable')
    return history
  }
  return {
    timeline: async (query) => guarded().timeline(query),
    evaluate: async (definition, context, sample) => guarded().evaluate(definition, context, sample),
    clauseTimestamps: async (query) => guarded().clauseTimestamps(query),
    search: async (text, limit) => guarded().search(text, limit),
    ping: async () => guarded().ping(),
  }
}

async function writeHistory(log: MemoryLog, state: MemoryStateStore, history: MemoryHistory, from: number) {
  const { next, events } = await readResolved(log, state, from, 100_000)
  await history.insertEvents(
    from,
    events.map(eventRow).filter((row) => row !== null),
  )
  await log.saveCursor('history', next)
  const { commit } = await state.position()
  const { segments } = await state.catalogue()
  for (const row of await state.profilesChanged(0, commit, 100_000)) {
    const folded = decodeState(row.state)
    const identifiers = await state.identifiersById(row.identifiers)
    const [birth] = await state.identifiersById([row.id])
    await history.insertProfiles([
      {
        profile: row.id,
        version: row.changedIn,
        alive: row.alive,
        id: birth?.birthId ?? '',
        traits: Object.fromEntries([...presentTraits(folded)].map(([name, { value }]) => [name, value])),
        identifiers: identifiers.map(({ kind, value }) => [kind, value]),
        consent: Object.fromEntries(presentConsent(folded, row.identifiers)),
        segments: row.memberships.flatMap(([id]) => segments.find((segment) => segment.id === id)?.slug ?? []),
        firstSeen: folded.firstAt,
        lastSeen: folded.lastAt,
      },
    ])
  }
  await history.insertMoves(await state.moves({ commit: 0, ordinal: 0 }, 100_000))
  return next
}

/** A route that answers what it does not document fails whatever test called it. */
function holdToDocument(routes: readonly Route[], method: string, url: string, reply: Reply): void {
  if (reply.status >= 400) {
    assert.equal(reply.headers['content-type'], 'application/problem+json')
    return
  }
  const path = url.split('?')[0] ?? ''
  const fits = (route: Route) => new RegExp(`^${route.path.replaceAll(/:[a-z]+/g, '[^/]+')}$`).test(path)
  const found = routes.filter((route) => route.method === method && fits(route))
  const exact = found.find((route) => route.path === path) ?? found[0]
  const documented = exact?.answers.find((answer) => answer.status === reply.status)
  if (documented?.schema === undefined) return
  const checked = documented.schema.safeParse(reply.body)
  assert.ok(checked.success, `${method} ${url} answers what it does not document: ${checked.error?.message}`)
}
