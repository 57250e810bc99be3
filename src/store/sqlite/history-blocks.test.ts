// The history writer's memory when two writers hold it: one that outlived its parent, and its successor.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { SqliteHistoryBlocks } from './history-blocks.ts'

const folder = mkdtempSync(join(tmpdir(), 'onefold-blocks-'))
after(() => rmSync(folder, { recursive: true }))

test('a belated writer cannot begin a block over offsets that its successor has stored', async () => {
  const options = { path: join(folder, 'history.db'), firstNumber: 1 }
  const [orphan, successor] = [new SqliteHistoryBlocks(options), new SqliteHistoryBlocks(options)]
  await orphan.done((await orphan.begin(0, 10)).number)
  const held = await orphan.next()
  const stored = await successor.begin(10, 20)
  await assert.rejects(orphan.begin(held!, 15), /block 2 is still open/)
  await successor.done(stored.number)
  await assert.rejects(orphan.begin(held!, 15), /offset 10 is in block 2/)
  assert.deepEqual([await successor.open(), await successor.next()], [null, 20])
  // Offsets without a row lie between blocks, so the next may begin later.
  assert.deepEqual(await successor.begin(25, 30), { number: 3, from: 25, next: 30 })
  await Promise.all([orphan.close(), successor.close()])
})
