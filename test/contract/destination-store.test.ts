// Every back end of the port, held to its contract suite.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { OnefoldError } from '../../src/spec/errors.ts'
import { createMemoryDestinationStore } from '../../src/store/memory/destinations.ts'
import { openSqliteDestinationStore } from '../../src/store/sqlite/destinations.ts'
import { createSecretBox, loadOrMakeSecret } from '../../src/util/secret-box.ts'
import { describeDestinationStore, destination } from './destination-store.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'onefold-destinations-'))
const secretBox = createSecretBox('key')

describeDestinationStore('memory', createMemoryDestinationStore)
describeDestinationStore('sqlite', () => openSqliteDestinationStore(join(folder(), 'd.db'), { secretBox }))

it('sqlite: no secret is on disk in clear, and another key does not open it', async () => {
  const dir = folder()
  const store = openSqliteDestinationStore(join(dir, 'd.db'), { secretBox })
  await store.put(destination('a'))
  for (const file of readdirSync(dir)) assert.ok(!readFileSync(join(dir, file)).includes('hunter2'), file)
  await store.close()
  const other = openSqliteDestinationStore(join(dir, 'd.db'), { secretBox: createSecretBox('another') })
  await assert.rejects(other.list(), (error) => error instanceof OnefoldError && /secret key/.test(error.message))
  await other.close()
})

it('sqlite: a reader in another connection sees changes and their revision', async () => {
  const file = join(folder(), 'd.db')
  const writer = openSqliteDestinationStore(file, { secretBox })
  const reader = openSqliteDestinationStore(file, { secretBox, readOnly: true })
  const before = await reader.revision()
  assert.equal(await reader.revision(), before)
  await writer.put(destination('a'))
  assert.notEqual(await reader.revision(), before)
  assert.equal((await reader.list()).length, 1)
  await Promise.all([reader.close(), writer.close()])
})

it('makes the key file once, readable by its owner alone', () => {
  const file = join(folder(), 'deep', 'secret.key')
  const secret = loadOrMakeSecret(file)
  assert.equal(loadOrMakeSecret(file), secret)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.match(secret, /^[0-9a-f]{64}$/)
})
