// `onefold status`: whether events flow, how far behind the server is, and what it holds.
import { connectServer, type ServerClient } from './client.ts'
import { CliError, EXIT } from './exit.ts'
import { data, json, paint, plain } from './output.ts'
import type { ServerOptions } from './program.ts'

interface Part {
  name: string
  up: boolean
  detail?: string
}

interface Status {
  url: string
  version: string
  status: string
  parts: Part[]
  lag: { pipelineEvents: number; pipelineSeconds: number; historyEvents: number }
  counts: Record<string, number>
  segments: Record<string, number>
  deliveries: Record<string, number>
  jobs: { id: string; done: number; total: number }[] | null
}

/** Exits with 1 when the server is not ready. */
export async function status(options: ServerOptions): Promise<void> {
  const found = await readStatus(connectServer(options))
  if (options.json) json(found)
  else for (const line of lines(found)) data(line)
  if (found.status === 'unavailable') process.exitCode = EXIT.failed
}

async function readStatus(server: ServerClient): Promise<Status> {
  const ready = await server.get('/readyz')
  if (ready.status !== 200 && ready.status !== 503) {
    throw new CliError(EXIT.unreachable, `${server.url} answered ${ready.status}; is it Onefold?`)
  }
  const { status, parts } = readReady(ready.text, server.url)
  const { version } = (await server.getJson('/version')) as { version: string }
  const metrics = readMetrics((await server.get('/metrics')).text)
  const one = (name: string) => metrics.find((sample) => sample.name === name)?.value ?? 0
  // Jobs need the token; the rest is told to anyone, so a status without a token is still one.
  const jobs = server.hasToken ? ((await server.getJson('/api/v1/jobs')) as { items: Status['jobs'] }).items : null
  return {
    url: server.url,
    version,
    status,
    parts,
    lag: {
      pipelineEvents: one('onefold_pipeline_lag_events'),
      pipelineSeconds: one('onefold_pipeline_lag_seconds'),
      historyEvents: one('onefold_history_lag_events'),
    },
    counts: { ...byLabel(metrics, 'onefold_state_rows', 'kind'), rejected: one('onefold_rejected_events') },
    segments: byLabel(metrics, 'onefold_segment_members', 'segment'),
    deliveries: byLabel(metrics, 'onefold_deliveries', 'status'),
    jobs,
  }
}

function readReady(text: string, url: string): { status: string; parts: Part[] } {
  const { status, parts, code, title } = parsed(text)
  if (typeof status === 'string' && Array.isArray(parts)) return { status, parts }
  // The door answers for an API that is starting or away.
  if (code === 'api_unavailable')
    throw new CliError(EXIT.failed, `${url} is up, but not ready: ${plain(String(title))}`)
  throw new CliError(EXIT.unreachable, `${url} does not answer as Onefold does.`)
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

interface Sample {
  name: string
  labels: Map<string, string>
  value: number
}

/** The text format of Prometheus, as far as our own metrics use it. */
function readMetrics(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const match = /^(onefold_\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (match === null) return []
    const labels = (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)
    return [
      {
        name: match[1] ?? '',
        labels: new Map([...labels].map(([, label = '', value = '']) => [label, value])),
        value: Number(match[3]),
      },
    ]
  })
}

function byLabel(samples: readonly Sample[], name: string, label: string): Record<string, number> {
  const sums = new Map<string, number>()
  for (const sample of samples) {
    if (sample.name !== name) continue
    const key = sample.labels.get(label) ?? ''
    sums.set(key, (sums.get(key) ?? 0) + sample.value)
  }
  return Object.fromEntries(sums)
}

function lines(found: Status): string[] {
  const colour = found.status === 'ready' ? 'green' : found.status === 'degraded' ? 'yellow' : 'red'
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([name, count]) => `${plain(name)} ${count}`)
      .join(' · ') || 'none'
  return [
    `${paint(colour, found.status)}  ${found.url}  onefold ${plain(found.version)}`,
    ...found.parts.map(({ name, up, detail }) => {
      const mark = up ? paint('green', '✓') : paint('red', '✗')
      return `  ${mark} ${plain(name)}${detail === undefined ? '' : `  ${plain(detail)}`}`
    }),
    `lag         pipeline ${found.lag.pipelineEvents} events, ${found.lag.pipelineSeconds} s · history ${found.lag.historyEvents} events`,
    `holds       ${list(found.counts)}`,
    `segments    ${list(found.segments)}`,
    `deliveries  ${list(found.deliveries)}`,
    ...(found.jobs ?? []).map((job) => `job         ${plain(job.id)} ${job.done} of ${job.total}`),
  ]
}
