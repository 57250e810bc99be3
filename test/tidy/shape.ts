// Small rules of form, each about one file by itself: names, the opening comment, `any`, barrels, swallowed kinds, tests that
// do not run, promises without an issue.
import { type AstNode, type Finding, isNode, isTest, lineOf, nameOf, type Source, walk } from './source.ts'

type Rule = (source: Source, add: (line: number, says: string) => void) => void

const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.(ts|js|json)$/
const TEST_FUNCTIONS = ['test', 'it', 'describe', 'suite']
const PROMISE = /\b(TODO|FIXME|XXX|HACK)\b(?!.*#\d)/

const RULES: Record<string, Rule> = {
  'file name': ({ path }, add) => {
    const name = path.split('/').at(-1) ?? ''
    if (!KEBAB_CASE.test(name)) add(1, `${name} is not kebab-case`)
  },
  'opening comment': ({ path, text }, add) => {
    if (path.startsWith('src/') && !/^\s*(\/\/|\/\*)/.test(text))
      add(1, 'opens with no comment that says what the file is')
  },
  any: ({ program }, add) => {
    walk(program, (node) => node.type === 'TSAnyKeyword' && add(lineOf(node), 'any'))
  },
  barrel: ({ path, program }, add) => {
    if (!path.startsWith('src/')) return
    const statements = program['body'] as AstNode[]
    const passesOn = (node: AstNode) => node.type.startsWith('Export') && isNode(node['source'])
    for (const node of statements)
      if (node.type === 'ExportAllDeclaration') add(lineOf(node), 'export * hides who uses what')
    if (/(^|\/)index\.ts$/.test(path)) add(1, 'index.ts: name the file for the noun it exports')
    else if (
      statements.some(passesOn) &&
      statements.every((node) => passesOn(node) || node.type === 'ImportDeclaration')
    )
      add(1, 'a barrel: it only passes on what other files export')
  },
  'swallowed kind': ({ path, program }, add) => {
    if (!path.startsWith('src/segment/') || isTest(path)) return
    walk(program, (node) => {
      if (node.type === 'SwitchCase' && !isNode(node['test']))
        add(lineOf(node), 'default: would swallow a new kind of node')
    })
  },
  'test that does not run': ({ program }, add) => {
    walk(program, (node) => {
      if (node.type !== 'CallExpression' || !isNode(node['callee'])) return
      const { callee } = node
      const called = nameOf(callee['object'] ?? callee)
      if (called === null || !TEST_FUNCTIONS.includes(called)) return
      const how = nameOf(callee['property'])
      if (how !== null && ['only', 'skip', 'todo'].includes(how)) add(lineOf(node), `${called}.${how}`)
      for (const option of bareOptions(node['arguments'])) add(lineOf(node), `${option} without a reason`)
    })
  },
  promise: ({ comments }, add) => {
    for (const { text, line } of comments)
      if (PROMISE.test(text)) add(line, 'a promise without the number of its issue')
  },
}

/** `{ skip: true }` and the like; `{ skip: 'why' }` gives a reason, and an expression decides at run time. */
function bareOptions(given: unknown): string[] {
  const objects = (Array.isArray(given) ? given : []).filter((one) => isNode(one) && one.type === 'ObjectExpression')
  return objects
    .flatMap((one: AstNode) => one['properties'] as AstNode[])
    .filter((property) => isNode(property['value']) && property['value']['value'] === true)
    .map((property) => nameOf(property['key']) ?? '')
    .filter((name) => ['only', 'skip', 'todo'].includes(name))
}

export function checkShape(source: Source): Finding[] {
  return Object.entries(RULES).flatMap(([rule, check]) => {
    const found: Finding[] = []
    check(source, (line, says) => found.push({ rule, path: source.path, line, says }))
    return found
  })
}
