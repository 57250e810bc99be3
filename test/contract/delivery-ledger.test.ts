// Every back end of the port, held to its contract suite.
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { createMemoryLedger } from '../../src/store/memory/ledger.ts'
import { openSqliteLedger } from '../../src/store/sqlite/ledger.ts'
import { delivery, describeDeliveryLedger } from './delivery-ledger.ts'

const path = () => join(mkdtempSync(join(tmpdir(), 'onefold-ledger-')), 'ledger.db')

describeDeliveryLedger('memory', createMemoryLedger)
describeDeliveryLedger('sqlite', () => openSqliteLedger(path()))

it('sqlite: a second process may retry while the first plans and settles', async () => {
  const file = path()
  const [delivering, api] = [openSqliteLedger(file), openSqliteLedger(file)]
  await delivering.plan('hook', [delivery('a')], { offset: 1, ordinal: 0 })
  await delivering.settle([delivery('a', { status: 'dead', nextAttemptAt: null })])
  assert.equal(await api.retry({ ids: ['a'] }, 9000), 1)
  assert.equal((await delivering.due('hook', 9000, 1))[0]?.id, 'a')
  await Promise.all([delivering.close(), api.close()])
})
