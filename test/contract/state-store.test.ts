// Every state store against the contract.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryStateStore } from '../../src/store/memory/state.ts'
import { openSqliteState } from '../../src/store/sqlite/state.ts'
import { describeStateStore } from './state-store.ts'
import type { StateStoreHarness } from './state-store-rows.ts'

async function makeMemory(): Promise<StateStoreHarness> {
  const store = new MemoryStateStore()
  return { store, reopen: async () => store, dispose: () => store.close() }
}

async function makeSqlite(): Promise<StateStoreHarness> {
  const dataDir = await mkdtemp(join(tmpdir(), 'onefold-state-'))
  let store = openSqliteState(dataDir, { role: 'writer' })
  const reopen = async () => {
    await store.close()
    store = openSqliteState(dataDir, { role: 'writer' })
    return store
  }
  const dispose = async () => {
    await store.close()
    await rm(dataDir, { recursive: true })
  }
  return { store, reopen, dispose }
}

describeStateStore('memory', makeMemory, {
  skip: [
    {
      reason: 'memory keeps nothing beyond its process',
      tests: ['everything is still there after the store was closed and opened again'],
    },
  ],
})
describeStateStore('sqlite', makeSqlite, { skip: [] })
