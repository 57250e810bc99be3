// The tidy test: holds this tree to the rules beside it. A failure lists every finding as path:line, rule, what is wrong.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SETTINGS } from '../../src/config.ts'
import { checkCodeMap, checkLock, checkNames, checkSettings } from './documents.ts'
import { EXCUSES } from './excuses.ts'
import { checkImports } from './imports.ts'
import { checkEnvironment, checkPurity } from './purity.ts'
import { checkShape } from './shape.ts'
import { checkSize, measure } from './size.ts'
import { type Finding, parseSource } from './source.ts'

const root = join(import.meta.dirname, '..', '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const paths = globSync('{src,test,bench,examples,bin}/**/*.{ts,js}', {
  cwd: root,
  exclude: ['**/node_modules/**'],
}).sort()
const sources = paths.map((path) => parseSource(path, read(path)))

function assertNone(findings: Finding[]): void {
  const lines = findings.map(({ rule, path, line, says }) => `${path}:${line} [${rule}] ${says}`)
  assert.equal(lines.length, 0, `${lines.length} findings:\n${lines.join('\n')}\n`)
}

test('src folders import what the table allows', () => assertNone(sources.flatMap(checkImports)))

test('pure folders read no clock, draw no random number and touch nothing outside', () =>
  assertNone(sources.flatMap(checkPurity)))

test('only config.ts reads the environment', () => assertNone(sources.flatMap(checkEnvironment)))

test('functions and files keep their length', () => assertNone(checkSize(sources.flatMap(measure), EXCUSES)))

test('files keep their form', () => assertNone(sources.flatMap(checkShape)))

test('the README lists the settings of config.ts', () =>
  assertNone(checkSettings('README.md', read('README.md'), SETTINGS)))

test('the code map names the folders of src', () => {
  const inSource = paths.filter((path) => path.startsWith('src/'))
  assertNone(checkCodeMap('ARCHITECTURE.md', read('ARCHITECTURE.md'), inSource))
})

test('the lock file serves every platform and names no host', () =>
  assertNone(checkLock('package-lock.json', JSON.parse(read('package-lock.json')))))

test('continuous integration runs the command that the README gives', () => {
  const command = 'npm ci && npm test'
  assert.ok(read('README.md').split('\n').includes(command))
  assert.ok(read('.ci/run').split('\n').includes(command))
})

test('no tracked file names a machine or a registry', (context) => {
  let tracked: string[]
  try {
    tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8', stdio: 'pipe' })
      .split('\n')
      .filter(Boolean)
  } catch {
    context.skip('not a git checkout')
    return
  }
  const texts = tracked.flatMap((path) => {
    try {
      return [{ path, text: read(path) }]
    } catch {
      return [] // tracked, but deleted in the working tree
    }
  })
  assertNone(texts.filter(({ text }) => !text.includes('\0')).flatMap(({ path, text }) => checkNames(path, text)))
})
