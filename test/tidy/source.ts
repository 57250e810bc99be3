// One source file as the tidy rules see it: its text, its syntax tree, its imports. The tree comes from Babel's parser, because
// TypeScript 7 offers no stable one. Rules read this and return findings; only this file knows how the tree is stored.
import { parse } from '@babel/parser'

export interface Finding {
  rule: string
  path: string
  line: number
  says: string
}

export interface AstNode {
  type: string
  loc: { start: { line: number }; end: { line: number } }
  [field: string]: unknown
}

export interface Import {
  /** As written: './x.ts', 'node:fs', 'zod'. */
  specifier: string
  /** Path from the root of the project for a relative import, else null. */
  target: string | null
  names: string[]
  typeOnly: boolean
  line: number
}

export interface Source {
  path: string
  text: string
  program: AstNode
  comments: { text: string; line: number }[]
  imports: Import[]
}

export function parseSource(path: string, text: string): Source {
  const file = parse(text, { sourceType: 'module', plugins: ['typescript'], errorRecovery: false })
  const program = file.program as unknown as AstNode
  const comments = (file.comments ?? []).map((comment) => ({
    text: comment.value,
    line: comment.loc?.start.line ?? 1,
  }))
  return { path, text, program, comments, imports: importsOf(path, program) }
}

export const isTest = (path: string) => path.endsWith('.test.ts') || path.startsWith('test/')

/** Calls `visit` for every node below (and with) this one; ancestors are nearest first. */
export function walk(node: AstNode, visit: (node: AstNode, ancestors: readonly AstNode[]) => void): void {
  const step = (current: AstNode, ancestors: readonly AstNode[]) => {
    visit(current, ancestors)
    const inner = [current, ...ancestors]
    for (const child of childrenOf(current)) step(child, inner)
  }
  step(node, [])
}

export function childrenOf(node: AstNode): AstNode[] {
  const skipped = ['loc', 'leadingComments', 'trailingComments', 'innerComments', 'extra']
  return Object.entries(node)
    .filter(([field]) => !skipped.includes(field))
    .flatMap(([, value]) => (Array.isArray(value) ? value : [value]))
    .filter(isNode)
}

export function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'loc' in value
}

/** The name of an identifier or the value of a string literal; null for anything else. */
export function nameOf(node: unknown): string | null {
  if (!isNode(node)) return null
  const name = node['name'] ?? node['value']
  return typeof name === 'string' ? name : null
}

export const lineOf = (node: AstNode) => node.loc.start.line

function importsOf(path: string, program: AstNode): Import[] {
  const found: Import[] = []
  walk(program, (node) => {
    const specifier = nameOf(node['source'] ?? (node.type === 'TSImportType' ? node['argument'] : null))
    if (specifier === null) return
    const specifiers = (Array.isArray(node['specifiers']) ? node['specifiers'] : []).filter(isNode)
    const typed = (one: AstNode) => one['importKind'] === 'type' || one['exportKind'] === 'type'
    const typeOnly = typed(node) || node.type === 'TSImportType' || (specifiers.length > 0 && specifiers.every(typed))
    found.push({
      specifier,
      target: specifier.startsWith('.') ? join(path, specifier) : null,
      names: specifiers.length === 0 && node.type === 'ImportExpression' ? ['*'] : specifiers.map(importedName),
      typeOnly,
      line: lineOf(node),
    })
  })
  return found
}

function importedName(specifier: AstNode): string {
  if (specifier.type === 'ImportDefaultSpecifier') return 'default'
  return nameOf(specifier['imported'] ?? (specifier.type === 'ExportSpecifier' ? specifier['local'] : null)) ?? '*'
}

function join(from: string, relative: string): string {
  const parts = from.split('/').slice(0, -1)
  for (const part of relative.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}
