// The import table of ARCHITECTURE.md ("Code map"), made a rule: which folder of src may know which.
import { type Finding, type Import, isTest, type Source } from './source.ts'

const PURE = ['resolve', 'profile', 'segment']
const STAGES = ['collect', 'log', 'history', 'activate']
/** What a stage may see of its neighbours: their ports. */
const PORTS = [/^src\/[a-z]+\/port\.ts$/, /^src\/log\/inlet\.ts$/, /^src\/pipeline\/(state-store|resolved-stream)\.ts$/]
/** Where the parts are put together: these may know everything. */
const ENTRIES = [/^src\/(app|compose)\.ts$/, /^src\/[a-z/]+\/child\.ts$/, /^src\/api\/worker\.ts$/]
const CLAUSE = 'src/segment/clause.ts'

/** The folder of src a file belongs to: the first, but each store by itself; `pipeline.ts` belongs to `pipeline/`. */
export function folderOf(path: string): string {
  const [, first = '', second = ''] = path.split('/')
  return first === 'store' && !second.endsWith('.ts') ? `store/${second}` : first.replace(/\.ts$/, '')
}

const isStore = (folder: string) => folder === 'store' || folder.startsWith('store/')
const isEntry = (path: string) => ENTRIES.some((pattern) => pattern.test(path))
const isPort = (path: string) => PORTS.some((pattern) => pattern.test(path))

export function checkImports(source: Source): Finding[] {
  const { path } = source
  if (!path.startsWith('src/') || isTest(path)) return []
  return source.imports
    .map((used) => ({ used, says: refusal(path, used) }))
    .filter(({ says }) => says !== null)
    .map(({ used, says }) => ({ rule: 'imports', path, line: used.line, says: `${used.specifier}: ${says}` }))
}

function refusal(path: string, used: Import): string | null {
  const { target } = used
  if (target === null) return null
  if (!target.startsWith('src/')) return target.endsWith('.json') ? null : 'src imports nothing from outside src'
  if (isTest(target)) return 'only tests import tests'
  if (path === 'src/segment/reference.ts' && target.startsWith('src/segment/')) {
    return target === 'src/segment/subject.ts' && used.typeOnly
      ? null
      : 'the reference evaluator shares nothing with the others but the types of subject.ts'
  }
  const from = folderOf(path)
  const to = folderOf(target)
  if (from === to || isEntry(path)) return null
  if (isStore(to) && !isStore(from)) return 'only app.ts, compose.ts and the child entries know a store'
  if (isEntry(target) && from !== 'cli') return 'nobody imports the composition root or an entry'
  return allowed(from, to, used) ? null : `${from} may not import ${to}`
}

function allowed(from: string, to: string, used: Import): boolean {
  const target = used.target ?? ''
  const vocabulary = ['spec', 'util'].includes(to)
  if (['spec', 'util'].includes(from)) return false
  if (PURE.includes(from)) return vocabulary
  if (STAGES.includes(from)) return vocabulary || isPort(target) || (target === CLAUSE && used.typeOnly)
  if (from === 'pipeline') return vocabulary || isPort(target) || PURE.includes(to)
  // What two stores share lies beside them; one store never leans on another.
  if (isStore(from)) return vocabulary || isPort(target) || PURE.includes(to) || to === 'store'
  if (from === 'api') return vocabulary || [...PURE, ...STAGES, 'pipeline', 'config'].includes(to)
  if (from === 'cli') return true
  return vocabulary
}
