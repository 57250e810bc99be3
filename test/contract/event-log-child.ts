// The other process of the log's tests: `append` writes groups for ever, saying what was acknowledged, until it is killed;
// `tail` waits for a writer and says how much it could read.
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSqliteLog } from '../../src/store/sqlite/log.ts'
import { event } from './event-log.ts'

const [task, dataDir] = process.argv.slice(2)
const say = (line: string | number) => writeSync(1, `${line}\n`)

async function append(folder: string): Promise<void> {
  const log = openSqliteLog(folder, { role: 'writer' })
  let { next } = await log.head()
  for (let round = 1; ; round += 1) {
    const size = 1 + ((next * 7 + round) % 40)
    const first = next
    const group = Array.from({ length: size }, (_, i) => event(first + i, { first, size, n: first + i }))
    say('appending')
    await log.append(group)
    next += size
    say(next)
  }
}

async function tail(folder: string): Promise<void> {
  say('waiting')
  const log = openSqliteLog(folder, { role: 'reader' })
  while ((await log.head()).next === 0) await sleep(5)
  say(`read ${(await log.read({ from: 0, recordsMax: 10 })).length}`)
  await log.close()
}

if (dataDir === undefined) throw new Error('usage: event-log-child.ts append|tail <folder>')
await (task === 'append' ? append(dataDir) : tail(dataDir))
