// Metrics in Prometheus' text format, read at the moment they are asked for from the stores that everyone else reads.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { HISTORY_CURSOR } from '../history/writer.ts'
import type { ApiDeps } from './deps.ts'

/** Counting rows costs a scan; scrapers ask every few seconds and need no fresher figure than this. */
const COUNTS_AGE_MS_MAX = 5000

type Counts = { state: { profiles: number; identifiers: number; sets: number }; at: number }

interface Gauges {
  lag: Gauge
  timeLag: Gauge
  historyLag: Gauge
  rows: Gauge
  segmentSize: Gauge
  deliveries: Gauge
  rejected: Gauge
  parts: Gauge
  backfills: Gauge
}

/** Makes the registry once; the function it returns collects and prints. */
export function collectMetrics(deps: ApiDeps): () => Promise<{ text: string; contentType: string }> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'onefold_api_' })
  const gauges = makeGauges(registry)
  const processes = new Map<string, Counter | Gauge>()
  let counts: Counts | null = null
  return async () => {
    const now = deps.clock.now()
    if (counts === null || Math.abs(now - counts.at) > COUNTS_AGE_MS_MAX)
      counts = { state: await deps.state.counts(), at: now }
    await collectState(deps, gauges, counts.state)
    await collectLedger(deps, gauges)
    for (const { name, up } of deps.health()) gauges.parts.set({ part: name }, up ? 1 : 0)
    collectProcesses(deps, registry, processes)
    return { text: await registry.metrics(), contentType: registry.contentType }
  }
}

function makeGauges(registry: Registry): Gauges {
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `onefold_${name}`, help, labelNames, registers: [registry] })
  return {
    lag: gauge('pipeline_lag_events', 'Records of the log that the pipeline has not committed.'),
    timeLag: gauge(
      'pipeline_lag_seconds',
      'Age of log time: what the pipeline has committed, behind what was received.',
    ),
    historyLag: gauge('history_lag_events', 'Committed records that history has not written.'),
    rows: gauge('state_rows', 'Rows of the state.', ['kind']),
    segmentSize: gauge('segment_members', 'Present members.', ['segment']),
    deliveries: gauge('deliveries', 'Rows of the delivery ledger.', ['destination', 'status']),
    rejected: gauge('rejected_events', 'Refusals kept in the feed of the door.'),
    parts: gauge('part_up', 'Whether a part of the process tree is up.', ['part']),
    backfills: gauge('backfills', 'Backfills under way.'),
  }
}

async function collectState(deps: ApiDeps, gauges: Gauges, counts: Counts['state']): Promise<void> {
  const [position, head, written, { segments, backfills }] = await Promise.all([
    deps.state.position(),
    deps.log.head(),
    deps.log.cursor(HISTORY_CURSOR),
    deps.state.catalogue(),
  ])
  gauges.lag.set(Math.max(0, head.next - position.next))
  gauges.timeLag.set(head.next > position.next ? Math.max(0, head.receivedAt - position.logTime) / 1000 : 0)
  gauges.historyLag.set(Math.max(0, position.next - (written ?? 0)))
  for (const [kind, count] of Object.entries(counts)) gauges.rows.set({ kind }, count)
  gauges.segmentSize.reset()
  for (const { slug, size } of segments) gauges.segmentSize.set({ segment: slug }, size)
  gauges.backfills.set(backfills.length)
}

async function collectLedger(deps: ApiDeps, gauges: Gauges): Promise<void> {
  gauges.deliveries.reset()
  for (const { destination, status, count } of await deps.ledger.counts()) {
    gauges.deliveries.set({ destination, status }, count)
  }
  gauges.rejected.set(await deps.rejected.count())
}

/** What other processes count comes by name; a name that Prometheus would refuse is made fit. */
function collectProcesses(deps: ApiDeps, registry: Registry, known: Map<string, Counter | Gauge>): void {
  for (const [given, value] of Object.entries(deps.processMetrics())) {
    const words = given.replace(/^onefold_/, '').replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    const name = `onefold_${words.replaceAll(/[^a-zA-Z0-9_]/g, '_').toLowerCase()}`
    let metric = known.get(name)
    if (metric === undefined) {
      if (registry.getSingleMetric(name) !== undefined) continue
      const about = { name, help: `Reported by its process as ${given}.`, registers: [registry] }
      metric = name.endsWith('_total') ? new Counter(about) : new Gauge(about)
      known.set(name, metric)
    }
    // A counter is only ever told how much more; its process knows the sum, and starts again at 0 when it does.
    metric.reset()
    metric.inc(value)
  }
}
