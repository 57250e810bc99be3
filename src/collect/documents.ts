// The documents SDKs ask for before they send anything. Where a field is missing, SDKs fall back to their vendor's own
// hosts, so these say where everything goes: here, metrics included. They must hold nothing secret: write keys are public.
import type { Source } from '../spec/source.ts'

export interface Origin {
  /** `host[:port]` as the client wrote it. */
  host: string
  secure: boolean
}

/** Segment's settings document. `apiHost` is without scheme and with /v1; `protocol` is heeded though undocumented. */
export function segmentSettings(source: Source, origin: Origin): object {
  return {
    integrations: {
      'Segment.io': {
        apiKey: source.writeKey,
        apiHost: `${origin.host}/v1`,
        ...(origin.secure ? {} : { protocol: 'http' }),
      },
    },
    // Absent, the sample rate is 1 and the metrics go to Segment.
    metrics: { sampleRate: 0 },
    plan: {},
    edgeFunction: {},
    middlewareSettings: {},
    enabledMiddleware: {},
    remotePlugins: [],
  }
}

/** RudderStack's source document; no destinations, because events are delivered from here. */
export function rudderSourceConfig(source: Source): object {
  return {
    source: {
      id: source.slug,
      name: source.slug,
      writeKey: source.writeKey,
      enabled: source.enabled,
      workspaceId: 'default',
      config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
      destinations: [],
    },
  }
}

// The Host header comes from outside and is printed into a document that browsers obey.
const HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i

/** The host where it is one, else the address that the connection reached. */
export function safeHost(host: string | undefined, address: string, port: number): string {
  if (host !== undefined && host.length <= 255 && HOST.test(host)) return host
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
