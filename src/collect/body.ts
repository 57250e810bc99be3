// Reads the body of a collection request: bytes, whatever the Content-Type says, bounded before and after inflating.
// A body that is too large is read to its end and thrown away: a client that is cut off while sending sees a broken
// connection instead of the 400, and sends the same bytes again for ever.
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip as inflateGzip, inflate as inflateZlib, zstdDecompress } from 'node:zlib'
import { OnefoldError } from '../spec/errors.ts'

/** What of a request was kept; `whole` is false where it exceeded the limit. */
export interface Body {
  bytes: Buffer
  whole: boolean
}

// A sender that does not stop is answered in mid-sentence after all.
const DRAIN_FACTOR = 32

/** Calls back once, with the body or with the error of a connection that broke. */
export function readBody(
  stream: IncomingMessage,
  bytesMax: number,
  done: (error: Error | null, body?: Body) => void,
): void {
  let chunks: Buffer[] = []
  let bytes = 0
  let kept = 0
  let settled = false
  const settle = (error: Error | null, body?: Body) => {
    if (settled) return
    settled = true
    done(error, body)
  }
  const keep = () => (chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, kept))
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= bytesMax) {
      chunks.push(chunk)
      kept += chunk.length
    } else if (bytes > bytesMax * DRAIN_FACTOR) {
      settle(null, { bytes: keep(), whole: false })
    } else if (chunks.length > 1) {
      // Only the beginning is of use any more: the rejected feed shows it.
      chunks = chunks.slice(0, 1)
      kept = chunks[0]?.length ?? 0
    }
  })
  stream.on('end', () => settle(null, { bytes: keep(), whole: bytes <= bytesMax }))
  stream.on('error', (error: Error) => settle(error))
  stream.on('close', () => {
    // Asked first, because every request closes, and an Error that nobody sees costs more than its event.
    if (!settled) settle(new Error('the connection closed before the body ended'))
  })
}

type Inflate = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

const INFLATE: ReadonlyMap<string, Inflate> = new Map<string, Inflate>([
  ['gzip', promisify(inflateGzip)],
  ['x-gzip', promisify(inflateGzip)],
  ['deflate', promisify(inflateZlib)],
  ['br', promisify(brotliDecompress)],
  ['zstd', promisify(zstdDecompress)],
])

/** Whether the bytes must go through `inflate` first. */
export function isEncoded(contentEncoding: string | undefined): contentEncoding is string {
  return contentEncoding !== undefined && contentEncoding !== '' && contentEncoding.toLowerCase() !== 'identity'
}

/** Throws OnefoldError `invalid_encoding`, or `request_too_large` for what would inflate beyond `bytesMax`. */
export async function inflate(bytes: Buffer, contentEncoding: string, bytesMax: number): Promise<Buffer> {
  const decompress = INFLATE.get(contentEncoding.trim().toLowerCase())
  if (decompress === undefined) {
    throw new OnefoldError('invalid_encoding', { detail: 'The Content-Encoding is none of gzip, deflate, br, zstd.' })
  }
  try {
    return await decompress(bytes, { maxOutputLength: bytesMax })
  } catch (cause) {
    const tooLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE'
    throw new OnefoldError(tooLarge ? 'request_too_large' : 'invalid_encoding', { cause })
  }
}
