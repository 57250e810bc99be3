// The tool at the other end of the crash drill: a real HTTP server that keeps, per idempotency key, what it was told, and that
// fails, hangs up and dawdles as such tools do, until it is told to be well.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomOf } from './crash-load.ts'

export interface Told {
  /** Requests that arrived whole, and those of them answered 200. */
  requests: number
  successes: number
  /** messageId of the body; every request under one key must carry the same. */
  messageIds: Set<string>
}

export class CrashTarget {
  readonly told = new Map<string, Told>()
  /** Requests without the header. */
  keyless = 0
  isWell = false
  url = ''
  readonly #random: () => number
  readonly #server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    // A sender that was killed halfway.
    request.on('error', () => response.destroy())
    request.on('end', () => this.#answer(request, response, Buffer.concat(chunks).toString()))
  })

  constructor(seed: number) {
    this.#random = randomOf(seed)
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`
    return this
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  get requests(): number {
    return [...this.told.values()].reduce((sum, { requests }) => sum + requests, 0)
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse, body: string): void {
    const key = request.headers['idempotency-key']
    if (typeof key !== 'string') {
      this.keyless += 1
      response.end('{}')
      return
    }
    const told = this.told.get(key) ?? { requests: 0, successes: 0, messageIds: new Set() }
    this.told.set(key, told)
    told.requests += 1
    told.messageIds.add(String((JSON.parse(body) as { messageId?: unknown }).messageId))
    const fate = this.isWell ? 1 : this.#random()
    if (fate < 0.08) response.writeHead(500).end('not now')
    else if (fate < 0.12) request.socket.destroy()
    else {
      told.successes += 1
      // Answered late, the sender may be dead by then.
      if (fate < 0.2) setTimeout(() => response.end('{}'), 200)
      else response.end('{}')
    }
  }
}
