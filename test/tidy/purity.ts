// What pure folders may not do: read a clock, draw a random number, touch the outside. And who may read the environment.
import { type AstNode, type Finding, isNode, isTest, lineOf, nameOf, type Source, walk } from './source.ts'

const PURE_FOLDERS = /^src\/(spec|resolve|profile|segment)\//
/** Node's own modules that neither read nor write anything; of node:crypto only what hashes. */
const PURE_MODULES = ['node:crypto', 'node:buffer', 'node:util', 'node:assert', 'node:assert/strict']
const PURE_CRYPTO = ['createHash', 'createHmac', 'hash', 'Hash', 'Hmac', 'BinaryLike', 'KeyObject']
/** Packages that only calculate. */
const PURE_PACKAGES = /^(zod|re2js|libphonenumber-js|ipaddr\.js)(\/|$)/
const IMPURE_GLOBALS = new Set([
  ...['process', 'console', 'performance', 'fetch', 'crypto', 'globalThis', 'WebSocket', 'EventSource'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
])

export function checkPurity(source: Source): Finding[] {
  if (!PURE_FOLDERS.test(source.path) || isTest(source.path)) return []
  const own = declaredNames(source.program)
  const found: Finding[] = importFindings(source)
  const add = (node: AstNode, says: string) =>
    found.push({ rule: 'purity', path: source.path, line: lineOf(node), says: `${says} in a pure folder` })
  walk(source.program, (node, [parent]) => {
    if (isMember(node, 'Date', 'now')) add(node, 'Date.now')
    if (isMember(node, 'Math', 'random')) add(node, 'Math.random')
    if (isClockDate(node)) add(node, 'the present Date')
    const name = node.type === 'Identifier' ? nameOf(node) : null
    if (name !== null && IMPURE_GLOBALS.has(name) && !own.has(name) && isReference(node, parent)) add(node, name)
  })
  return found
}

function importFindings(source: Source): Finding[] {
  const wrong = (says: string, line: number) => ({ rule: 'purity', path: source.path, line, says })
  return source.imports.flatMap(({ specifier, target, names, line, typeOnly }) => {
    if (target !== null || typeOnly) return []
    if (!PURE_MODULES.includes(specifier) && !PURE_PACKAGES.test(specifier))
      return [wrong(`${specifier} in a pure folder`, line)]
    const impure = specifier === 'node:crypto' ? names.filter((name) => !PURE_CRYPTO.includes(name)) : []
    return impure.map((name) => wrong(`${name} of node:crypto in a pure folder`, line))
  })
}

/** Settings are read once, in config.ts. */
export function checkEnvironment(source: Source): Finding[] {
  const { path } = source
  if (!path.startsWith('src/') || path === 'src/config.ts' || isTest(path)) return []
  const found: Finding[] = []
  const add = (line: number) => found.push({ rule: 'environment', path, line, says: 'process.env outside config.ts' })
  for (const used of source.imports) {
    if (used.specifier === 'node:process' && used.names.some((name) => ['env', 'default', '*'].includes(name)))
      add(used.line)
  }
  walk(source.program, (node) => {
    if (isMember(node, 'process', 'env') || takesEnvironment(node)) add(lineOf(node))
  })
  return found
}

/** `const { env } = process` */
function takesEnvironment(node: AstNode): boolean {
  const pattern = node['id']
  if (node.type !== 'VariableDeclarator' || nameOf(node['init']) !== 'process' || !isNode(pattern)) return false
  return ((pattern['properties'] as AstNode[] | undefined) ?? []).some((one) => nameOf(one['key']) === 'env')
}

function isMember(node: AstNode, object: string, property: string): boolean {
  if (node.type !== 'MemberExpression' && node.type !== 'OptionalMemberExpression') return false
  return nameOf(node['object']) === object && nameOf(node['property']) === property
}

/** `new Date()` and `Date()` are the clock; `new Date(ms)` is not. */
function isClockDate(node: AstNode): boolean {
  if (node.type === 'CallExpression') return nameOf(node['callee']) === 'Date'
  return node.type === 'NewExpression' && nameOf(node['callee']) === 'Date' && (node['arguments'] as []).length === 0
}

/** An identifier that stands for a value, not for a key of an object, a member's name or a type. */
function isReference(node: AstNode, parent: AstNode | undefined): boolean {
  if (parent === undefined || parent.type.startsWith('TS')) return false
  const named = parent['property'] === node || parent['key'] === node
  return !named || parent['computed'] === true
}

/** Names the file declares itself, in any scope: they are not the globals of the same name. */
function declaredNames(program: AstNode): Set<string> {
  const names = new Set<string>()
  walk(program, (node) => {
    const parameters = Array.isArray(node['params']) ? node['params'] : []
    const declares = ['VariableDeclarator', 'ImportSpecifier', 'FunctionDeclaration'].includes(node.type)
    const bound = declares ? [node['id'], node['local']] : []
    for (const name of [...parameters, ...bound].map(nameOf)) if (name !== null) names.add(name)
  })
  return names
}
