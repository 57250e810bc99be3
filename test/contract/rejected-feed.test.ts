// Runs the contract of the feed of refusals on every store of it.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { MemoryRejectedFeed } from '../../src/store/memory/rejected.ts'
import { openSqliteRejectedFeed } from '../../src/store/sqlite/rejected.ts'
import { describeRejectedFeed, type FeedPlace, rejection } from './rejected-feed.ts'

const temporary = () => mkdtempSync(join(tmpdir(), 'onefold-rejected-'))

describeRejectedFeed('sqlite', (): FeedPlace => {
  const dataDir = temporary()
  return {
    writer: (options) => openSqliteRejectedFeed(dataDir, { role: 'writer', ...options }),
    reader: () => openSqliteRejectedFeed(dataDir, { role: 'reader' }),
    remove: () => rmSync(dataDir, { recursive: true }),
  }
})

describeRejectedFeed(
  'memory',
  (): FeedPlace => {
    const feed = new MemoryRejectedFeed()
    return {
      writer: (options) => (options ? new MemoryRejectedFeed(options) : feed),
      reader: () => feed,
      remove: () => undefined,
    }
  },
  {
    skip: [
      { reason: 'memory has no disk that could be full', tests: ['a full disk refuses the whole append'] },
      {
        reason: 'memory is lost with its process',
        tests: ['a feed opened again has everything, and a reader sees it'],
      },
    ],
  },
)

it('a reader of the feed on disk cannot write it', async () => {
  const dataDir = temporary()
  const writer = openSqliteRejectedFeed(dataDir, { role: 'writer' })
  const reader = openSqliteRejectedFeed(dataDir, { role: 'reader' })
  await assert.rejects(reader.append([rejection(1)]), /open for reading only/)
  await reader.close()
  await writer.close()
  rmSync(dataDir, { recursive: true })
})
