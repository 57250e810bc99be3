// The door of the segment language: JSON that somebody wrote becomes an immutable definition, or is refused with a pointer to
// the fault. What passes here is safe for every interpreter: shallow, small, free of circles, with patterns that compile.
import type { Condition, PropertyCondition } from '../spec/segment.ts'
import { CONDITION_NODES, PROPERTY_NODES } from './ast/conditions.ts'
import { refuseLater } from './ast/event.ts'
import { readObject, refuseOthers } from './ast/fields.ts'
import type { Children, NodeRule } from './ast/node.ts'
import { didYouMean, type Place, refuse } from './ast/place.ts'
import { allReferences, expandedSize, type Size, surveyDefinition } from './references.ts'

export const DEFINITION_DEPTH_MAX = 20
/** Conditions in one definition, property conditions included. */
export const DEFINITION_NODES_MAX = 500
/** JSON of the definition; the operands travel with every query. */
export const DEFINITION_LENGTH_MAX = 65_536
/**
 * With references expanded: a short chain of definitions that name each other twice would grow without end. Event conditions
 * and instants are what the engine is slow to plan: these limits keep the planning of the worst preview at a few seconds (3.5 s measured).
 */
export const EXPANDED_MAX: { [K in keyof Size]: [most: number, noun: string] } = {
  nodes: [1000, 'conditions'],
  depth: [60, 'levels of conditions'],
  events: [200, 'event conditions'],
  instants: [50, 'comparisons with `before`, `after` or `withinLast`'],
  length: [131_072, 'characters of JSON'],
}

const SUGGESTIONS_AMONG_MAX = 1000

export interface CheckContext {
  /** Present definitions by slug. */
  segments: ReadonlyMap<string, Condition>
  /** The segment that is being saved, if it is one: it may not lead back to itself. */
  slug?: string
}

/** The definition as a frozen tree. Throws OnefoldError `invalid_request` with `pointer` and `detail`. */
export function checkDefinition(input: unknown, context: CheckContext): Condition {
  const root: Place = { pointer: '', depth: 0 }
  const nodes = { count: 0 }
  const children: Children = {
    condition: (child, place) => readNode<Condition>(CONDITION_TABLE, child, deeper(place, nodes), children),
    property: (child, place) => readNode<PropertyCondition>(PROPERTY_TABLE, child, deeper(place, nodes), children),
  }
  const condition = children.condition(input, root)
  if (JSON.stringify(condition).length > DEFINITION_LENGTH_MAX) {
    refuse(root, `The definition is larger than ${DEFINITION_LENGTH_MAX} characters of JSON.`)
  }
  checkReferences(condition, context, root)
  return condition
}

type Table<Node> = ReadonlyMap<string, NodeRule<Node>>
const CONDITION_TABLE = new Map(Object.entries(CONDITION_NODES)) as Table<Condition>
const PROPERTY_TABLE = new Map(Object.entries(PROPERTY_NODES)) as Table<PropertyCondition>

function deeper(place: Place, nodes: { count: number }): Place {
  nodes.count += 1
  if (nodes.count > DEFINITION_NODES_MAX) refuse(place, `A definition has at most ${DEFINITION_NODES_MAX} conditions.`)
  if (place.depth >= DEFINITION_DEPTH_MAX) refuse(place, `Conditions nest at most ${DEFINITION_DEPTH_MAX} deep.`)
  return { pointer: place.pointer, depth: place.depth + 1 }
}

/** The node's own key says its kind, so that a fault is told in the words of that kind and not of all kinds at once. */
function readNode<Node>(table: Table<Node>, input: unknown, place: Place, children: Children): Node {
  const fields = readObject(input, place)
  const kinds = [...table.keys()]
  const own = kinds.filter((kind) => fields.has(kind))
  const rule = table.get(own[0] ?? '')
  if (rule === undefined) {
    refuseLater(fields, place)
    const hint = [...fields.keys()].map((key) => didYouMean(key, kinds)).find((text) => text !== '') ?? ''
    return refuse(place, `No condition is recognised here: one of ${kinds.join(', ')} is needed.${hint}`)
  }
  if (own.length > 1)
    refuse(place, `One condition cannot be both \`${own[0]}\` and \`${own[1]}\`; join them by \`all\`.`)
  if (rule.keys[0] === 'event') refuseLater(fields, place)
  refuseOthers(fields, rule.keys, place)
  return freezeDeep(rule.read(fields, place, children))
}

function freezeDeep<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) freezeDeep(inner)
  return Object.freeze(value)
}

function checkReferences(condition: Condition, context: CheckContext, root: Place): void {
  const { segments, slug } = context
  for (const reference of surveyDefinition(condition).references) {
    const named = reference.slug
    const place = { pointer: reference.pointer, depth: reference.depth }
    if (named === slug) refuse(place, `The segment \`${named}\` cannot be part of its own definition.`)
    const definition = segments.get(named)
    if (definition === undefined) {
      const known = [...segments.keys()].slice(0, SUGGESTIONS_AMONG_MAX)
      refuse(place, `There is no segment \`${named}\`.${didYouMean(named, known)}`)
    }
    if (slug !== undefined && allReferences(definition, segments).has(slug)) {
      refuse(place, `The segment \`${named}\` is itself defined by \`${slug}\`; segments cannot refer in a circle.`)
    }
  }
  const excess = excessOf(expandedSize(condition, segments))
  if (excess !== null) refuse(root, `With the segments it refers to, the definition has ${excess}.`)
  if (slug !== undefined) checkDependents(condition, segments, slug, root)
}

/** Segments that refer to this one grow with it. */
function checkDependents(
  condition: Condition,
  segments: ReadonlyMap<string, Condition>,
  slug: string,
  root: Place,
): void {
  const changed = new Map(segments).set(slug, condition)
  const sizes = new Map<string, Size>()
  for (const [other, definition] of segments) {
    if (other === slug || !allReferences(definition, segments).has(slug)) continue
    const excess = excessOf(expandedSize(definition, changed, sizes))
    if (excess !== null) refuse(root, `The segment \`${other}\`, which refers to this one, would have ${excess}.`)
  }
}

/** What is too much, in words; null where nothing is. */
function excessOf(size: Size): string | null {
  for (const [name, [most, noun]] of Object.entries(EXPANDED_MAX) as [keyof Size, [number, string]][]) {
    if (size[name] > most) return `${size[name]} ${noun} where ${most} are allowed`
  }
  return null
}
