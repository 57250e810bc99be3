// Mutants for the tidy rules: small bad texts that must be caught, each beside a good one that must pass. A rule that nothing
// here can make fail guards nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCodeMap, checkLock, checkNames, checkSettings } from './documents.ts'
import { checkImports } from './imports.ts'
import { checkEnvironment, checkPurity } from './purity.ts'
import { checkShape } from './shape.ts'
import { checkSize, FILE_LINES_MAX, FUNCTION_LINES_MAX, measure } from './size.ts'
import { type Finding, parseSource, type Source } from './source.ts'

type Check = (source: Source) => Finding[]
/** Path, text, and how many findings it must give. */
type Row = [path: string, text: string, findings: number]

function table(name: string, check: Check, rows: Row[]): void {
  for (const [path, text, count] of rows) {
    test(`${name}: ${path}: ${text.slice(0, 80).replaceAll('\n', ' ')} -> ${count}`, () => {
      const found = check(parseSource(path, text))
      assert.equal(found.length, count, JSON.stringify(found))
    })
  }
}

table('imports', checkImports, [
  ['src/spec/event.ts', `import { z } from 'zod'\nimport type { Slug } from './source.ts'`, 0],
  ['src/spec/event.ts', `import { bytes } from '../util/bytes.ts'`, 1],
  ['src/util/bytes.ts', `import type { Event } from '../spec/event.ts'`, 1],
  ['src/resolve/resolver.ts', `import { a } from '../spec/kind.ts'\nimport { b } from '../util/bytes.ts'`, 0],
  ['src/resolve/resolver.ts', `import type { EventLog } from '../log/port.ts'`, 1],
  ['src/profile/fold.ts', `import type { Clause } from '../segment/clause.ts'`, 1],
  ['src/segment/sql.ts', `import type { SetState } from '../profile/state.ts'`, 1],
  ['src/segment/reference.ts', `import type { ReferenceSubject } from './subject.ts'`, 0],
  ['src/segment/reference.ts', `import { type ReferenceSubject, cut } from './subject.ts'`, 1],
  ['src/segment/reference.ts', `import { compare } from './ast/compare.ts'`, 1],
  [
    'src/collect/door.ts',
    `import type { EventLog } from '../log/port.ts'\nimport type { Inlet } from '../log/inlet.ts'`,
    0,
  ],
  ['src/collect/door.ts', `import { recode } from '../log/codec.ts'`, 1],
  ['src/collect/door.ts', `import { openLog } from '../store/sqlite/log.ts'`, 1],
  ['src/collect/door.ts', `const log = await import('../store/sqlite/log.ts')`, 1],
  ['src/collect/door.ts', `export { openLog } from '../store/sqlite/log.ts'`, 1],
  ['src/collect/door.ts', `let log: import('../store/sqlite/log.ts').Log`, 1],
  ['src/history/writer.ts', `import type { Clause } from '../segment/clause.ts'`, 0],
  ['src/history/writer.ts', `import { clauseHash } from '../segment/clause.ts'`, 1],
  ['src/activate/loop.ts', `import { route } from '../collect/door.ts'`, 1],
  ['src/activate/loop.ts', `import type { Config } from '../config.ts'`, 1],
  ['src/pipeline.ts', `import { resolve } from './resolve/resolver.ts'\nimport { run } from './pipeline/run.ts'`, 0],
  ['src/pipeline/run.ts', `import { deliver } from '../activate/loop.ts'`, 1],
  ['src/store/sqlite/log.ts', `import type { EventLog } from '../../log/port.ts'\nimport { a } from '../rules.ts'`, 0],
  ['src/store/sqlite/log.ts', `import { MemoryLog } from '../memory/log.ts'`, 1],
  ['src/store/sqlite/log.ts', `import { Door } from '../../collect/door.ts'`, 1],
  ['src/api/routes/profiles.ts', `import { describe } from '../../segment/describe.ts'`, 0],
  ['src/api/routes/profiles.ts', `import { openState } from '../../store/sqlite/state.ts'`, 1],
  ['src/api/server.ts', `import { compose } from '../compose.ts'`, 1],
  ['src/api/worker.ts', `import { compose } from '../compose.ts'`, 0],
  ['src/pipeline/child.ts', `import { openState } from '../store/sqlite/state.ts'`, 0],
  ['src/log/port.ts', `import { bench } from '../../bench/main.ts'`, 1],
  ['src/log/port.ts', `import { fake } from './fake.test.ts'`, 1],
  ['src/log/port.test.ts', `import { MemoryLog } from '../store/memory/log.ts'`, 0],
])

table('purity', checkPurity, [
  [
    'src/resolve/a.ts',
    `import { createHash } from 'node:crypto'\nconst at = new Date(5)\nconst x = { fetch: 1 }.fetch`,
    0,
  ],
  ['src/resolve/a.ts', `import { randomUUID } from 'node:crypto'`, 1],
  ['src/resolve/a.ts', `import * as hashing from 'node:crypto'`, 1],
  ['src/resolve/a.ts', `const { randomUUID } = await import('node:crypto')`, 1],
  ['src/resolve/a.ts', `import { readFileSync } from 'node:fs'`, 1],
  ['src/resolve/a.ts', `import { DatabaseSync } from 'node:sqlite'`, 1],
  ['src/resolve/a.ts', `import { fork } from 'child_process'`, 1],
  ['src/resolve/a.ts', `const fs = await import('node:fs/promises')`, 1],
  ['src/resolve/a.ts', `import Fastify from 'fastify'`, 1],
  ['src/resolve/a.ts', `import type { Server } from 'node:net'`, 0],
  ['src/profile/a.ts', `const now = Date.now()`, 1],
  ['src/profile/a.ts', `const now = Date['now']()`, 1],
  ['src/profile/a.ts', `const now = new Date()`, 1],
  ['src/profile/a.ts', `const now = Date()`, 1],
  ['src/segment/a.ts', `const r = Math.random()`, 1],
  ['src/segment/a.ts', `const t = performance.now()`, 1],
  ['src/segment/a.ts', `setTimeout(() => {}, 1)\nsetInterval(() => {}, 1)`, 2],
  ['src/segment/a.ts', `await fetch('http://x')`, 1],
  ['src/segment/a.ts', `crypto.randomUUID()`, 1],
  ['src/segment/a.ts', `globalThis.Date`, 1],
  ['src/spec/a.ts', `if (process.argv.length > 2) console.log('x')`, 2],
  ['src/spec/a.ts', `const take = (process: (x: number) => void) => process(1)`, 0],
  ['src/spec/a.ts', `// Date.now() in a comment\nconst text = 'Math.random()'`, 0],
  ['src/collect/a.ts', `const now = Date.now()`, 0],
  ['src/resolve/a.test.ts', `console.log(Date.now())`, 0],
])

table('environment', checkEnvironment, [
  ['src/config.ts', `const port = process.env.PORT`, 0],
  ['src/app.ts', `const port = process.env.PORT`, 1],
  ['src/app.ts', `const port = process['env'].PORT`, 1],
  ['src/app.ts', `const { env } = process`, 1],
  ['src/app.ts', `import { env } from 'node:process'`, 1],
  ['src/app.ts', `process.exit(1)`, 0],
])

const OPENING = '// What it is.\n'
table('shape', checkShape, [
  ['src/log/event-log.ts', `${OPENING}export const a: unknown = 1 // any`, 0],
  ['src/log/eventLog.ts', OPENING, 1],
  ['src/log/a.ts', `import 'zod'\n// too late`, 1],
  ['src/log/a.ts', `${OPENING}const a = 1 as any`, 1],
  ['src/log/a.ts', `${OPENING}const a: Map<string, any[]> = new Map()`, 1],
  ['src/log/a.ts', `${OPENING}export * from './b.ts'`, 2],
  ['src/log/a.ts', `${OPENING}export { b } from './b.ts'\nexport type { C } from './c.ts'`, 1],
  ['src/log/index.ts', `${OPENING}export const a = 1`, 1],
  ['src/segment/a.ts', `${OPENING}switch (x) { case 1: break; default: break }`, 1],
  ['src/segment/a.ts', `${OPENING}switch (x) { case 1: break }`, 0],
  ['test/a.test.ts', `test.only('x', () => {})`, 1],
  ['test/a.test.ts', `describe.skip('x', () => {})`, 1],
  ['test/a.test.ts', `test('x', { skip: true }, () => {})`, 1],
  ['test/a.test.ts', `test('x', { skip: 'needs a second machine' }, () => {})`, 0],
  ['test/a.test.ts', `/x/.test('only')\nlist.skip(1)`, 0],
  ['src/log/a.ts', `${OPENING}// ${'TO'}DO: later`, 1],
  ['src/log/a.ts', `${OPENING}// ${'TO'}DO(#12): later`, 0],
])

const longFunction = (lines: number) => `function f() {\n${'  g()\n'.repeat(lines - 2)}}`
const nested = `function f() {\n${'  g()\n'.repeat(50)}  const h = () => {\n${'    g()\n'.repeat(50)}  }\n}`

table('size', (source) => checkSize(measure(source), []), [
  ['src/a.ts', longFunction(FUNCTION_LINES_MAX), 0],
  ['src/a.ts', longFunction(FUNCTION_LINES_MAX + 1), 1],
  ['src/a.ts', `const f = () => {\n${'  g()\n'.repeat(FUNCTION_LINES_MAX)}}`, 1],
  ['src/a.ts', `class A {\n  f() {\n${'    g()\n'.repeat(FUNCTION_LINES_MAX)}  }\n}`, 1],
  ['src/a.ts', nested, 0],
  ['src/a.ts', 'g()\n'.repeat(FILE_LINES_MAX), 0],
  ['src/a.ts', 'g()\n'.repeat(FILE_LINES_MAX + 1), 1],
])

test('size: an excuse covers its length, no more, and must be lowered and deleted', () => {
  const measured = measure(parseSource('src/a.ts', longFunction(80)))
  const excused = (lines: number, name = 'f') => checkSize(measured, [{ path: 'src/a.ts', name, lines, because: 'x' }])
  assert.equal(excused(80).length, 0)
  assert.equal(excused(79).length, 1, 'grown beyond its excuse')
  assert.equal(excused(81).length, 1, 'the excuse must be lowered')
  assert.equal(excused(90, 'gone').length, 2, 'an excuse for nothing, and a function without one')
})

const setting = { name: 'PORT', fallback: '8080', says: 'TCP port.' }

test('documents: settings both ways', () => {
  const good = '| `PORT` | `8080` | TCP port. |'
  assert.deepEqual(checkSettings('README.md', good, [setting]), [])
  assert.equal(checkSettings('README.md', '', [setting]).length, 1)
  assert.equal(checkSettings('README.md', good.replace('8080', '80'), [setting]).length, 2)
  assert.equal(checkSettings('README.md', `${good}\n| \`ONEFOLD_GONE\` | | x |`, [setting]).length, 1)
})

test('documents: code map both ways', () => {
  const map = '| `src/spec/` | The vocabulary. |\n| `src/pipeline.ts`, `src/pipeline/` | The spine: `x`. |'
  const paths = ['src/spec/a.ts', 'src/pipeline.ts', 'src/pipeline/run.ts']
  assert.deepEqual(checkCodeMap('A.md', map, paths), [])
  assert.equal(checkCodeMap('A.md', map, [...paths, 'src/new/a.ts']).length, 1)
  assert.equal(checkCodeMap('A.md', map, [...paths, 'src/new.ts']).length, 1)
  assert.equal(checkCodeMap('A.md', map, paths.slice(1)).length, 1)
})

test('documents: no machine, no registry', () => {
  const bad = ['home', 'root', 'Users', 'work'].map((folder) => `see /${folder}/me/x`)
  for (const text of [...bad, `${'registry'}.example.com`, `${'npm'}.example.internal`])
    assert.equal(checkNames('a', text).length, 1, text)
  for (const text of ['/api/v1/work', 'https://x.test/home/a', './root/a', 'npm install', 'nodejs.org'])
    assert.equal(checkNames('a', text).length, 0, text)
})

test('documents: the lock file', () => {
  const names = { optionalDependencies: { 'x-darwin': '1.0.0' } }
  assert.equal(checkLock('l', { packages: { 'node_modules/x': names } }).length, 1)
  assert.equal(checkLock('l', { packages: { 'node_modules/x': names, 'node_modules/x-darwin': {} } }).length, 0)
  assert.equal(checkLock('l', { packages: { 'node_modules/x': { resolved: 'https://host/x.tgz' } } }).length, 1)
})
