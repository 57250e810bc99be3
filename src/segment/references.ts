// References between segments: which slugs a definition names and where, and what it comes to once they are expanded. Callers
// refuse circles by it, refuse the removal of a segment that others stand on, and find whom a redefinition concerns.
import {
  type Compare,
  type Condition,
  type ConditionVisitor,
  type PropertyCondition,
  type PropertyVisitor,
  visitCondition,
  visitProperty,
} from '../spec/segment.ts'

export interface Reference {
  slug: string
  /** JSON pointer to the slug inside the definition. */
  pointer: string
  /** Conditions around it, itself included. */
  depth: number
}

export interface Survey {
  /** Conditions, property conditions included. */
  nodes: number
  depth: number
  /** Event conditions: each is a column of the query. */
  events: number
  /** Operators that read a text as an instant: the engine takes 30 ms to plan each. */
  instants: number
  /** Every reference, repeated ones as often as they stand there. */
  references: Reference[]
}

/** Slugs that the definition names itself. */
export function directReferences(condition: Condition): Set<string> {
  return new Set(surveyDefinition(condition).references.map(({ slug }) => slug))
}

/** Slugs that the definition needs, through other segments too. */
export function allReferences(condition: Condition, segments: ReadonlyMap<string, Condition>): Set<string> {
  const found = new Set<string>()
  const pending = [condition]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const slug of directReferences(next)) {
      if (found.has(slug)) continue
      found.add(slug)
      const definition = segments.get(slug)
      if (definition !== undefined) pending.push(definition)
    }
  }
  return found
}

export function surveyDefinition(condition: Condition): Survey {
  const survey: Survey = { nodes: 0, depth: 0, events: 0, instants: 0, references: [] }
  surveyCondition(condition, '', 1, survey)
  return survey
}

function surveyCondition(condition: Condition, pointer: string, depth: number, survey: Survey): void {
  count(depth, survey)
  const leaf = () => {}
  const each = (children: readonly Condition[], key: string) => {
    for (const [index, child] of children.entries()) {
      surveyCondition(child, `${pointer}/${key}/${index}`, depth + 1, survey)
    }
  }
  const visitor: ConditionVisitor<void> = {
    all: ({ all }) => each(all, 'all'),
    any: ({ any }) => each(any, 'any'),
    not: ({ not }) => surveyCondition(not, `${pointer}/not`, depth + 1, survey),
    segment: ({ segment }) => {
      survey.references.push({ slug: segment, pointer: `${pointer}/segment`, depth })
    },
    event: ({ where }) => {
      survey.events += 1
      if (where !== undefined) surveyProperty(where, depth + 1, survey)
    },
    trait: (node) => countInstants(node, survey),
    identifier: leaf,
    consent: leaf,
  }
  visitCondition(condition, visitor)
}

function surveyProperty(condition: PropertyCondition, depth: number, survey: Survey): void {
  count(depth, survey)
  const each = (children: readonly PropertyCondition[]) => {
    for (const child of children) surveyProperty(child, depth + 1, survey)
  }
  const visitor: PropertyVisitor<void> = {
    all: ({ all }) => each(all),
    any: ({ any }) => each(any),
    not: ({ not }) => surveyProperty(not, depth + 1, survey),
    property: (node) => countInstants(node, survey),
  }
  visitProperty(condition, visitor)
}

function count(depth: number, survey: Survey): void {
  survey.nodes += 1
  survey.depth = Math.max(survey.depth, depth)
}

function countInstants(compare: Compare, survey: Survey): void {
  const operands = [compare.before, compare.after, compare.withinLast]
  survey.instants += operands.filter((operand) => operand !== undefined).length
}

export interface Size extends Omit<Survey, 'references'> {
  /** Characters of JSON. */
  length: number
}

/** Size with references expanded as often as they occur. Each definition is measured once, so that it ends in linear time. */
export function expandedSize(
  condition: Condition,
  segments: ReadonlyMap<string, Condition>,
  known = new Map<string, Size>(),
): Size {
  const { references, ...survey } = surveyDefinition(condition)
  const size = { ...survey, length: JSON.stringify(condition).length }
  for (const reference of references) {
    const definition = segments.get(reference.slug)
    if (definition === undefined) continue
    let inner = known.get(reference.slug)
    if (inner === undefined) {
      // Stands in while the definition is measured, so that a circle among stored definitions ends here.
      known.set(reference.slug, { nodes: 0, depth: 0, events: 0, instants: 0, length: 0 })
      inner = expandedSize(definition, segments, known)
      known.set(reference.slug, inner)
    }
    size.nodes += inner.nodes
    size.events += inner.events
    size.instants += inner.instants
    size.length += inner.length
    size.depth = Math.max(size.depth, reference.depth + inner.depth)
  }
  return size
}
