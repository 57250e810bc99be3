// The second fence around the embedded engine: which statements pass, and that nothing leaves a string literal.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkParameter, checkSetting, checkStatement, EngineError, parseInsert, quoted } from './statement.ts'

const isRefused = (error: unknown) => error instanceof EngineError && error.code === 497

describe('statements of the embedded engine', () => {
  for (const sql of [
    'SELECT 1',
    ' (SELECT 1)',
    "SELECT 'file(x); -- /* # */ it''s \\' url('",
    'WITH x AS (SELECT 1) SELECT * FROM x;',
    'SELECT count() FROM events WHERE event = {file:String}',
    'CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a',
    'CREATE TABLE t (a UInt8) ENGINE = ReplacingMergeTree(a) ORDER BY a',
    'INSERT INTO t FORMAT JSONEachRow',
  ])
    it(`takes ${sql}`, () => checkStatement(sql))

  for (const sql of [
    '',
    'SET readonly = 0',
    'SYSTEM SHUTDOWN',
    'ATTACH TABLE t',
    'BACKUP TABLE t TO File(x)',
    'SELECT 1; DROP TABLE events',
    'SELECT 1 -- x',
    'SELECT /* x */ 1',
    "SELECT * FROM file('/etc/passwd')",
    "SELECT * FROM FILE\n('/etc/passwd')",
    "SELECT * FROM url('http://x')",
    "SELECT * FROM s3('x')",
    "SELECT * FROM executable('sh')",
    "SELECT * FROM remote('x')",
    "INSERT INTO FUNCTION file('x') SELECT 1",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    'CREATE TABLE t (a UInt8) ENGINE = File(CSV)',
    "CREATE TABLE t (a UInt8) ENGINE URL('http://x')",
  ])
    it(`refuses ${sql}`, () => assert.throws(() => checkStatement(sql), isRefused))

  it('refuses settings that lock a session or open it, and names that are no names', () => {
    checkSetting('max_threads')
    for (const name of ['readonly', 'allow_ddl', 'a b', 'x = 1; DROP', ''])
      assert.throws(() => checkSetting(name), isRefused)
    checkParameter('p1')
    for (const name of ['1p', 'p-1', 'p = 1', '']) assert.throws(() => checkParameter(name), isRefused)
  })

  it('quotes text so that none of it ends the literal', () => {
    assert.equal(quoted("a'b\\c\0"), "'a\\'b\\\\c\\0'")
  })

  it('reads the inserts that the client sends', () => {
    assert.deepEqual(parseInsert('INSERT INTO events (offset, `set_id`) FORMAT JSONCompactEachRow'), {
      table: 'events',
      columns: ['offset', 'set_id'],
      format: 'JSONCompactEachRow',
    })
    assert.deepEqual(parseInsert('INSERT INTO t FORMAT JSONEachRow\n')?.columns, [])
    assert.equal(parseInsert('INSERT INTO t SELECT 1'), null)
    assert.equal(parseInsert('INSERT INTO t FORMAT CSV'), null)
  })
})
