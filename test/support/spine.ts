// The whole product as its users meet it: a real process tree in a folder of its own, a tool that it delivers to, and calls of
// its two faces, collection and API. It must never look inside: what a test wants to know it asks over HTTP.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Receiver } from './delivery.ts'
import { freePort, ProcessTree, until } from './tree.ts'

export const WRITE_KEY = 'spine-write-key'
export const ADMIN_TOKEN = 'spine-admin-token'
/** Generous: the machine may have far more to do than this test. */
export const WAIT_MS_MAX = 30_000

export interface Answer {
  status: number
  /** Untyped, as JSON is: tests read what they expect, and a wrong guess fails as undefined. */
  body: ReturnType<typeof JSON.parse>
}

/** Every delivery of this destination is a request to the spine's tool. */
export interface HookOptions {
  segments: string[]
  /** FQL of further events that are told. */
  subscribe?: string
}

export class Spine {
  readonly tree: ProcessTree
  readonly tool: Receiver
  readonly dataDir: string
  readonly #dir: string
  readonly #output: string

  private constructor(dir: string, tree: ProcessTree, tool: Receiver) {
    this.#dir = dir
    this.dataDir = join(dir, 'data')
    this.#output = join(dir, 'output')
    this.tree = tree
    this.tool = tool
  }

  /** `prepare` may write the data folder before the tree starts on it, and start and kill it. */
  static async open(prepare?: (spine: Spine) => Promise<void>): Promise<Spine> {
    const dir = mkdtempSync(join(tmpdir(), 'onefold-spine-'))
    const [dataDir, output] = [join(dir, 'data'), join(dir, 'output')]
    mkdirSync(dataDir)
    const tool = await new Receiver().open()
    const options = { dataDir, output, port: await freePort(), adminToken: ADMIN_TOKEN, writeKey: WRITE_KEY }
    const spine = new Spine(dir, new ProcessTree(options), tool)
    try {
      await prepare?.(spine)
      spine.tree.start()
      await spine.tree.ready()
    } catch (error) {
      const said = readFileSync(output, 'utf8').slice(-4000)
      await spine.close()
      throw new Error(`the tree did not start; it said:\n${said}`, { cause: error })
    }
    return spine
  }

  async close(): Promise<void> {
    this.tree.end()
    await this.tool.close()
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }

  /** A call of the API. */
  async api(method: string, path: string, body?: unknown): Promise<Answer> {
    const { status, text } = await this.tree.call(method, path, body)
    return { status, body: text === '' ? null : JSON.parse(text) }
  }

  /** The same, where anything but success is a fault of the test. */
  async ask(method: string, path: string, body?: unknown): Promise<Answer['body']> {
    const answer = await this.api(method, path, body)
    assert.ok(answer.status >= 200 && answer.status < 300, `${method} ${path}: ${JSON.stringify(answer)}`)
    return answer.body
  }

  /** A request of collection, as the bytes given. */
  async post(
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const answer = await fetch(this.tree.url + path, {
      method: 'POST',
      body,
      headers: { authorization: basic(WRITE_KEY), 'content-type': 'application/json', ...headers },
      signal: AbortSignal.timeout(WAIT_MS_MAX),
    })
    const text = await answer.text()
    return { status: answer.status, body: JSON.parse(text) }
  }

  /** Sends events as one batch; each must be accepted or a duplicate for the test to go on. */
  async send(...batch: object[]): Promise<void> {
    const answer = await this.post('/v1/batch', JSON.stringify({ batch }))
    assert.deepEqual(answer, { status: 200, body: { success: true } })
  }

  /** The profile as the API shows it, once it is there. */
  async profile(ref: string): Promise<Answer['body']> {
    let shown: Answer['body'] = null
    await until(`there is a profile ${ref}`, WAIT_MS_MAX, async () => {
      const { status, body } = await this.api('GET', `/api/v1/profiles/${encodeURIComponent(ref)}`)
      shown = body
      return status === 200
    })
    return shown
  }

  /** Newest first. */
  async events(ref: string): Promise<Answer['body'][]> {
    return (await this.ask('GET', `/api/v1/profiles/${encodeURIComponent(ref)}/events?limit=500`)).items
  }

  /** Waits until the pipeline has taken everything that was accepted before. */
  async settled(): Promise<void> {
    await until('the pipeline has caught up', WAIT_MS_MAX, async () => {
      const { text } = await this.tree.get('/metrics')
      return /^onefold_pipeline_lag_events 0$/m.test(text)
    })
  }

  async segment(slug: string, definition: object): Promise<Answer['body']> {
    return this.ask('PUT', `/api/v1/segments/${slug}`, { name: slug, definition })
  }

  /** A webhook at the spine's tool that is told changes of segments, and events as `subscribe` says. */
  async hook(slug: string, { segments, subscribe }: HookOptions): Promise<void> {
    await this.ask('PUT', `/api/v1/destinations/${slug}`, hookInput(`${this.tool.url}/${slug}`, segments, subscribe))
  }

  /** Rows of the ledger, oldest first. */
  async deliveries(destination: string): Promise<Answer['body'][]> {
    const rows: Answer['body'][] = []
    let cursor = ''
    for (;;) {
      const page = await this.ask('GET', `/api/v1/deliveries?destination=${destination}&limit=500${cursor}`)
      rows.push(...page.items)
      if (page.next === null) return rows.reverse()
      cursor = `&cursor=${page.next}`
    }
  }

  /** `subject` of every row once so many are there and all of them are settled. */
  async told(destination: string, count: number): Promise<string[]> {
    let rows: Answer['body'][] = []
    await until(`${count} settled rows of ${destination}`, WAIT_MS_MAX, async () => {
      rows = await this.deliveries(destination)
      return rows.length >= count && rows.every((row) => row.nextAttemptAt === null)
    })
    return rows.map((row) => `${row.subject} ${row.status}`)
  }

  /** Lines of level error and above that the tree has logged. */
  faults(): string[] {
    return readFileSync(this.#output, 'utf8')
      .split('\n')
      .filter((line) => /"level":[56]0/.test(line))
  }
}

export function hookInput(url: string, segments: string[], subscribe?: string) {
  const subscription = (name: string, fql: string) => ({
    name,
    partnerAction: 'send',
    subscribe: fql,
    mapping: { url, method: 'POST', data: { '@path': '$.' } },
    enabled: true,
  })
  return {
    type: 'actions-webhook',
    settings: {},
    enabled: true,
    segments,
    subscriptions: [
      subscription('audiences', 'event = "Audience Entered" or event = "Audience Exited"'),
      ...(subscribe === undefined ? [] : [subscription('events', subscribe)]),
    ],
  }
}

export function basic(user: string): string {
  return `Basic ${Buffer.from(`${user}:`).toString('base64')}`
}
