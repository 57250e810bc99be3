// Length of functions and files, and the ratchet: a longer one needs an excuse with its reason and its present length, which
// must be lowered when the code gets shorter and deleted when it is no longer needed.
import { type AstNode, childrenOf, type Finding, lineOf, nameOf, type Source, walk } from './source.ts'

export const FUNCTION_LINES_MAX = 70
export const FILE_LINES_MAX = 400

export interface Excuse {
  path: string
  /** Name of the function; absent for the file itself. */
  name?: string
  lines: number
  because: string
}

export interface Measured {
  path: string
  name?: string
  line: number
  lines: number
}

const FUNCTIONS = [
  ...['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'],
  ...['ObjectMethod', 'ClassMethod', 'ClassPrivateMethod'],
]

/** The file and every function of it that exceed their limit. */
export function measure(source: Source): Measured[] {
  const { path, text, program } = source
  const found: Measured[] = []
  const lines = text.trimEnd().split('\n').length
  if (lines > FILE_LINES_MAX) found.push({ path, line: 1, lines })
  walk(program, (node, [parent]) => {
    if (!FUNCTIONS.includes(node.type)) return
    const own = ownLines(node)
    const name = nameOf(node['id']) ?? nameOf(node['key']) ?? nameOf(parent?.['id'] ?? parent?.['key']) ?? 'anonymous'
    if (own > FUNCTION_LINES_MAX) found.push({ path, name, line: lineOf(node), lines: own })
  })
  return found
}

/** Lines of a function without those of the functions inside it, each of which leaves the line it begins on. */
function ownLines(node: AstNode): number {
  const span = node.loc.end.line - node.loc.start.line + 1
  return span - nestedFunctions(node).reduce((sum, inner) => sum + inner.loc.end.line - inner.loc.start.line, 0)
}

function nestedFunctions(node: AstNode): AstNode[] {
  return childrenOf(node).flatMap((child) => (FUNCTIONS.includes(child.type) ? [child] : nestedFunctions(child)))
}

export function checkSize(measured: readonly Measured[], excuses: readonly Excuse[]): Finding[] {
  const same = (excuse: Excuse) => (one: Measured) => one.path === excuse.path && one.name === excuse.name
  const longer = measured.filter((one) => !excuses.some((excuse) => same(excuse)(one) && one.lines <= excuse.lines))
  const stale = excuses.flatMap((excuse) => {
    const now = measured.find(same(excuse))?.lines ?? 0
    const what = `${excuse.name ?? 'the file'} has ${now === 0 ? 'no excess' : `${now} lines`}`
    return now < excuse.lines
      ? [{ path: excuse.path, line: 1, says: `the excuse says ${excuse.lines}, but ${what}` }]
      : []
  })
  const says = ({ name, lines }: Measured) =>
    name === undefined
      ? `${lines} lines of at most ${FILE_LINES_MAX}`
      : `${name}: ${lines} own lines of at most ${FUNCTION_LINES_MAX}`
  return [...longer.map((one) => ({ path: one.path, line: one.line, says: says(one) })), ...stale].map((one) => ({
    rule: 'size',
    ...one,
  }))
}
