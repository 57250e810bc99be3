// The bare server that the door is measured against: Fastify and one SQLite table, with what no honest collector can leave out (key
// check, JSON parse, group commit with fsync before the answer) and nothing else. Prints its address when it listens.
import { DatabaseSync } from 'node:sqlite'
import Fastify from 'fastify'

const [path = ':memory:', writeKey = 'bench'] = process.argv.slice(2)
const db = new DatabaseSync(path)
db.exec(
  'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, body TEXT)',
)
const insert = db.prepare('INSERT INTO events (body) VALUES (?)')

let waiting: { bodies: string[]; done: () => void }[] = []

/** Everything that waits goes into one transaction, as in the door. */
function commit(): void {
  const group = waiting
  waiting = []
  db.exec('BEGIN IMMEDIATE')
  for (const { bodies } of group) for (const body of bodies) insert.run(body)
  db.exec('COMMIT')
  for (const { done } of group) done()
}

function append(bodies: string[]): Promise<void> {
  return new Promise((done) => {
    if (waiting.push({ bodies, done }) === 1) setImmediate(commit)
  })
}

const app = Fastify()
const expected = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`
const receive = async (request: { headers: { authorization?: string | undefined }; body: unknown }) => {
  if (request.headers.authorization !== expected) throw new Error('wrong key')
  const { batch } = request.body as { batch?: unknown[] }
  await append((batch ?? [request.body]).map((event) => JSON.stringify(event)))
  return { success: true }
}
app.post('/v1/track', receive)
app.post('/v1/batch', receive)
console.log(await app.listen({ port: 0, host: '127.0.0.1' }))
