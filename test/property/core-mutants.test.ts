// The laws can fail: each mutant below breaks one rule of the core in a copy of the tree, and the law that guards the rule must turn
// red. A mutant that survives is a hole in a test, whatever the coverage says.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..')

interface Mutant {
  breaks: string
  file: string
  find: string
  replace: string
  /** Start of the name of the test that must fail. */
  law: string
  /** File of that test. */
  suite?: string
}

const LAWS = 'test/property/core-laws.test.ts'
const FOLD_LAWS = 'test/property/fold-laws.test.ts'
const TOLD = 'test/property/told.test.ts'
const TABLES = 'src/resolve/resolver.test.ts'

const CUT = 'a cut equals'
const MUTANTS: Mutant[] = [
  {
    breaks: 'a cut re-judges sets that were refused',
    file: 'src/pipeline/neighbourhood.ts',
    find: 'sets.set(row.id, working.adoptSet(row))',
    replace: 'if (row.refused.length === 0) sets.set(row.id, working.adoptSet(row))',
    law: CUT,
  },
  {
    breaks: 'a cut reaches the neighbours of the profile',
    file: 'src/pipeline/neighbourhood.ts',
    find: 'frontier = [...new Set(next)].filter',
    replace: 'frontier = [...new Set(next)].slice(0, 1).filter',
    law: CUT,
  },
  {
    breaks: 'sets are judged in order of first offset',
    file: 'src/pipeline/grouping.ts',
    find: '.sort((a, b) => a.offset - b.offset)',
    replace: '.sort((a, b) => b.offset - a.offset)',
    law: CUT,
  },
  {
    breaks: 'a profile is the merge of its sets, not what is left of a larger one',
    file: 'src/pipeline/grouping.ts',
    find: 'profile.state = mergeAll(',
    replace: 'if (profile.sets.length > 1) profile.state = mergeAll(',
    law: CUT,
  },
  {
    breaks: 'the re-run trusts a source as far as it was trusted then',
    file: 'src/pipeline/grouping.ts',
    find: '(set.trust as Trust)',
    replace: "('server' as Trust)",
    law: CUT,
  },
  {
    breaks: 'a limit is the most that a profile may hold',
    file: 'src/resolve/resolver.ts',
    find: 'worst > kind.limit.most &&',
    replace: 'worst > kind.limit.most + 1 &&',
    law: 'identity scenarios',
    suite: TABLES,
  },
  {
    breaks: 'the lowest rank is demoted first',
    file: 'src/resolve/resolver.ts',
    find: 'return kept.length - 1',
    replace: 'return 0',
    law: 'identity scenarios',
    suite: TABLES,
  },
  {
    breaks: 'a merge by hand that is lifted no longer counts',
    file: 'src/pipeline/neighbourhood.ts',
    find: "if (kind !== 'merge' || lifted) continue",
    replace: "if (kind !== 'merge') continue",
    law: 'a merge by hand',
  },
  {
    breaks: 'an answer that time will change has a timer',
    file: 'src/pipeline/membership.ts',
    find: 'if (isJudged && compiled.timeDependent) nextTimer',
    replace: 'if (isJudged && compiled.timeDependent && !isIn) nextTimer',
    law: 'memberships equal the reference',
  },
  {
    breaks: 'a timer that is due fires',
    file: 'src/pipeline/timers.ts',
    find: 'due > this.#horizon',
    replace: 'due >= this.#horizon',
    law: 'memberships equal the reference',
  },
  {
    breaks: 'duplicates are known across batches',
    file: 'src/pipeline/dedupe.ts',
    find: 'const blobs = [...this.#fresh]',
    replace: 'if (this.#fresh.size > 0) this.#generations.clear()\n    const blobs = [...this.#fresh]',
    law: 'where batches end',
  },
  {
    breaks: 'de-duplication survives a restart',
    file: 'src/pipeline/dedupe.ts',
    find: 'for (const { hour, hashes } of blobs) {',
    replace: 'for (const { hour, hashes } of blobs.slice(1)) {',
    law: 'a run that is stopped',
  },
  {
    breaks: 'a backfill folds what lies below the decision',
    file: 'src/pipeline/backfill.ts',
    find: 'foldTimestamps(entry.state, id, timestamps, keep)',
    replace: 'foldTimestamps(entry.state, id, timestamps.slice(1), keep)',
    law: 'a segment defined late',
  },
  {
    breaks: 'the kept timestamps are the latest',
    file: 'src/profile/fold.ts',
    find: 'const takeA = j >= b.length || (i < a.length && a[i]! >= b[j]!)',
    replace: 'const takeA = j >= b.length || i < a.length',
    law: 'the fold of all facts',
    suite: FOLD_LAWS,
  },
  {
    breaks: 'identifiers that nobody holds any more are told as exited',
    file: 'src/pipeline/decisions.ts',
    find: 'if (released.length > 0)',
    replace: 'if (released.length > 1)',
    law: 'destinations that do',
    suite: TOLD,
  },
  {
    breaks: 'a fold goes on where the clause was left, whichever job it was',
    file: 'src/pipeline/backfill.ts',
    find: '  registry.backfills.set(segment.id, row)',
    replace:
      '  for (const id of registry.segments.get(segment.id)!.compiled.clauses) registry.clause(id).row.foldedTo = 0\n  registry.backfills.set(segment.id, row)',
    law: 'a segment redefined while',
  },
  {
    breaks: 'the later of two registers wins, by offset where the instants are equal',
    file: 'src/profile/state.ts',
    find: 'a.at > b.at || ',
    replace: 'a.at >= b.at || ',
    law: 'merging has an identity',
    suite: FOLD_LAWS,
  },
]

/** The copy without a mutation: if its laws did not hold, mutants would prove nothing. */
const UNBROKEN: Mutant = {
  breaks: 'nothing',
  file: 'src/pipeline.ts',
  find: 'The spine',
  replace: 'The spine',
  law: '',
}

const folder = mkdtempSync(join(tmpdir(), 'onefold-mutants-'))

/** Runs one law on a copy of the tree with the mutation; resolves with the exit code. */
async function runMutant(mutant: Mutant, name: string): Promise<number | null> {
  const copy = join(folder, name)
  mkdirSync(join(copy, 'test'), { recursive: true })
  for (const part of ['src', 'test/property', 'test/support', 'package.json']) {
    cpSync(join(ROOT, part), join(copy, part), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const path = join(copy, mutant.file)
  const source = readFileSync(path, 'utf8')
  assert.ok(source.includes(mutant.find), `${mutant.file} no longer holds ${JSON.stringify(mutant.find)}`)
  writeFileSync(path, source.replace(mutant.find, mutant.replace))
  const child = spawn(process.execPath, [`--test-name-pattern=^${mutant.law}`, join(copy, mutant.suite ?? LAWS)], {
    cwd: copy,
    env: { ...process.env, PROPERTY_RUNS: '60', NODE_TEST_CONTEXT: '' },
    stdio: 'ignore',
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
}

describe('mutants of the core are caught by its laws', { concurrency: 2 }, () => {
  before(() => mkdirSync(folder, { recursive: true }))
  after(() => rmSync(folder, { recursive: true, force: true }))
  test('the copy itself holds all laws', async () => {
    assert.equal(await runMutant(UNBROKEN, 'unbroken'), 0)
  })
  MUTANTS.forEach((mutant, index) => {
    test(`${mutant.law} … | broken: ${mutant.breaks}`, async () => {
      assert.notEqual(await runMutant(mutant, `m${index}`), 0, 'the law held although the rule was broken')
    })
  })
})
