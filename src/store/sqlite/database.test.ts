// What every SQLite store relies on in the shared opener.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { OnefoldError } from '../../spec/errors.ts'
import { type Database, openDatabase } from './database.ts'

const MIGRATIONS = ['CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT']
const ADD = 'INSERT INTO notes (text) VALUES (?)'

describe('openDatabase', () => {
  let folder: string
  let path: string
  let database: Database
  beforeEach(() => {
    // A name that a URL would read differently.
    folder = mkdtempSync(join(tmpdir(), 'onefold db%20?#'))
    path = join(folder, 'deep', 'notes.db')
    database = openDatabase(path, { migrations: MIGRATIONS })
  })
  afterEach(() => {
    database.close()
    rmSync(folder, { recursive: true })
  })
  const add = (text: string) => database.transaction(() => database.prepare(ADD).run(text))
  const count = (from = database) => Number(from.prepare('SELECT count(*) AS n FROM notes').get()?.['n'])
  const pragma = (name: string, from = database) => Object.values(from.prepare(`PRAGMA ${name}`).get() ?? {})[0]

  it('syncs every commit unless told otherwise', () => {
    assert.equal(pragma('journal_mode'), 'wal')
    assert.equal(pragma('synchronous'), 2)
    assert.equal(pragma('foreign_keys'), 0)
    const normal = openDatabase(join(folder, 'other.db'), { migrations: [], synchronous: 'NORMAL' })
    assert.equal(pragma('synchronous', normal), 1)
    normal.close()
  })

  it('takes a transaction back when its body throws, and goes on', () => {
    const fault = new TypeError('mine')
    assert.throws(
      () =>
        database.transaction(() => {
          database.prepare(ADD).run('gone')
          throw fault
        }),
      fault,
    )
    add('kept')
    assert.equal(count(), 1)
  })

  it('refuses nested and async transactions', () => {
    assert.throws(() => database.transaction(() => add('inner')), /do not nest/)
    assert.throws(() => database.transaction(async () => database.prepare(ADD).run('late')), /must not be async/)
    assert.equal(count(), 0)
  })

  it('tells a full file from a wrong statement', () => {
    database.close()
    database = openDatabase(path, { migrations: MIGRATIONS, bytesMax: 40_000 })
    const fill = () => {
      for (;;) add('x'.repeat(3000))
    }
    assert.throws(fill, (error) => error instanceof OnefoldError && error.code === 'storage_unavailable')
    const before = count()
    assert.throws(
      () => database.transaction(() => database.prepare(ADD).run(null)),
      (error) => !(error instanceof OnefoldError) && /NOT NULL/.test(String(error)),
    )
    database.transaction(() => database.exec('DELETE FROM notes WHERE id <= 3'))
    add('fits again')
    assert.equal(count(), before - 2)
  })

  it('applies each migration once, and refuses the file of a newer version', () => {
    add('kept')
    database.close()
    const more = [...MIGRATIONS, 'ALTER TABLE notes ADD COLUMN author TEXT']
    database = openDatabase(path, { migrations: more })
    assert.deepEqual({ ...database.prepare('SELECT * FROM notes').get() }, { id: 1, text: 'kept', author: null })
    for (const readOnly of [false, true]) {
      assert.throws(() => openDatabase(path, { migrations: MIGRATIONS, readOnly }), /newer version/)
    }
  })

  it('leaves nothing of a migration that fails', () => {
    database.close()
    const broken = [...MIGRATIONS, 'CREATE TABLE half (a); CREATE TABLE notes (b)']
    assert.throws(() => openDatabase(path, { migrations: broken }), /already exists/)
    database = openDatabase(path, { migrations: MIGRATIONS })
    assert.throws(() => database.prepare('SELECT * FROM half'), /no such table/)
  })

  it('gives a reader the committed state and no way to write', () => {
    const reader = openDatabase(path, { migrations: MIGRATIONS, readOnly: true })
    add('one')
    assert.equal(count(reader), 1)
    reader.snapshot(() => {
      assert.equal(count(reader), 1)
      add('two')
      assert.equal(count(reader), 1, 'a snapshot stays at its instant')
    })
    assert.equal(count(reader), 2)
    assert.throws(() => reader.transaction(() => undefined), /reading only/)
    assert.throws(() => reader.exec("INSERT INTO notes (text) VALUES ('x')"), /readonly/)
    reader.close()
  })

  it('does not let a reader create or migrate', () => {
    const missing = join(folder, 'missing.db')
    const code = { code: 'storage_unavailable' }
    assert.throws(() => openDatabase(missing, { migrations: MIGRATIONS, readOnly: true, waitMsMax: 0 }), code)
    assert.equal(existsSync(missing), false)
    const more = [...MIGRATIONS, 'CREATE TABLE later (a)']
    assert.throws(() => openDatabase(path, { migrations: more, readOnly: true, waitMsMax: 0 }), code)
    assert.equal(pragma('user_version'), 1)
  })

  it('empties the write-ahead log at a checkpoint, unless a reader holds it', () => {
    const reader = openDatabase(path, { migrations: MIGRATIONS, readOnly: true })
    add('one')
    reader.snapshot(() => {
      assert.equal(count(reader), 1)
      add('two')
      assert.equal(database.checkpoint(), false)
    })
    assert.equal(database.checkpoint(), true)
    assert.equal(pragma('busy_timeout'), 5000)
    reader.close()
    assert.equal(statSync(`${path}-wal`).size, 0)
  })

  it('several processes may create one shared file at once', async () => {
    const shared = join(folder, 'shared.db')
    const script = `
      import { openDatabase } from ${JSON.stringify(new URL('./database.ts', import.meta.url).href)}
      const database = openDatabase(${JSON.stringify(shared)}, { migrations: ${JSON.stringify(MIGRATIONS)} })
      for (let i = 0; i < 20; i += 1) database.transaction(() => database.prepare(${JSON.stringify(ADD)}).run('x'))
      database.close()`
    const start = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    await Promise.all([start(), start(), start(), start()])
    const opened = openDatabase(shared, { migrations: MIGRATIONS })
    assert.equal(count(opened), 80)
    opened.close()
  })
})
