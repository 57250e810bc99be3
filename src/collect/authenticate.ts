// Finds the source of a request: Basic, then the body, then the query. Public write keys travel in all of these, and an
// Authorization header that means nothing to us (another scheme, an unknown key, empty) must not hide the key behind it.
import type { ErrorCode } from '../spec/errors.ts'
import type { Source } from '../spec/source.ts'
import type { SourceDirectory } from './sources.ts'

export interface Presented {
  authorization: string | undefined
  /** `writeKey` of the body's top level; undefined where there is no body. */
  body: unknown
  /** `writeKey` of the query string. */
  query: unknown
}

/** The enabled source, or why there is none: a disabled one comes along, so that its refusals can be filed. */
export type Authenticated =
  | { source: Source; code: null }
  | { source: Source | null; code: ErrorCode /** A key that nobody has. */; unknownKey: string | null }

export function authenticate(sources: SourceDirectory, presented: Presented): Authenticated {
  let unknownKey: string | null = null
  // A Bearer token (Segment's OAuth) falls through to the body's writeKey, which those SDKs always send.
  for (const key of [...basicKeys(presented.authorization), presented.body, firstOf(presented.query)]) {
    if (typeof key !== 'string' || key === '') continue
    const source = sources.byWriteKey(key)
    if (source?.enabled === false) return { source, code: 'source_disabled', unknownKey: null }
    if (source !== undefined) return { source, code: null }
    unknownKey ??= key
  }
  return { source: null, code: unknownKey === null ? 'missing_write_key' : 'invalid_write_key', unknownKey }
}

/** `base64(key:)`; the colon may be missing, and a key may hold one. */
function basicKeys(header: string | undefined): string[] {
  if (header === undefined || header.length < 6 || header.slice(0, 6).toLowerCase() !== 'basic ') return []
  const decoded = Buffer.from(header.slice(6), 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon === -1) return [decoded]
  return colon === decoded.length - 1 ? [decoded.slice(0, -1)] : [decoded.slice(0, colon), decoded]
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value
}
