// The registry: the small things the pipeline holds whole. Sources, segments with their compiled form, clauses, kinds, and the
// decisions by hand that bind the resolver. It is what decisions have made of it so far, and nothing else.
import { type Clause, clauseHash } from '../segment/clause.ts'
import { ClauseIndex, type CompiledSegment, compileSegment } from '../segment/streaming.ts'
import type { Condition, Segment, SegmentStatus } from '../spec/segment.ts'
import type { Source } from '../spec/source.ts'
import type { BackfillRow, Catalogue, ClauseRow, HandDecisionRow } from './state-store.ts'

/** A clause that no segment uses any more: its number is never used again, because states still hold its column. */
const DEAD = -1

export interface LiveSegment {
  segment: Segment
  compiled: CompiledSegment
}

export interface SplitSide {
  split: number
  side: 'a' | 'b'
}

export class Registry {
  genesis: Catalogue['genesis']
  readonly sources: Map<string, Source>
  readonly kinds: Set<string>
  readonly segments = new Map<number, LiveSegment>()
  readonly backfills: Map<number, BackfillRow>
  readonly handDecisions: Map<number, HandDecisionRow>
  quarantined = new Set<string>()
  sidesOf = new Map<string, SplitSide[]>()
  index = new ClauseIndex<number>()
  /** Event names that some clause watches. */
  watched = new Set<string>()
  /** All segments, oldest first: the order in which changes at one offset are told. */
  live: LiveSegment[] = []
  timeDependent: LiveSegment[] = []
  usesIdentifiers = false
  #byClause = new Map<number, LiveSegment[]>()
  #byTrait = new Map<string, LiveSegment[]>()
  #byConsent: LiveSegment[] = []
  readonly #clauses = new Map<number, { row: ClauseRow; clause: Clause }>()
  readonly #clauseByHash = new Map<string, number>()
  /** Clause rows to be written. */
  readonly #touched = new Map<number, ClauseRow>()
  #nextClause = 1
  readonly #newKinds: string[] = []

  constructor(catalogue: Catalogue) {
    this.genesis = catalogue.genesis
    this.sources = new Map(catalogue.sources.map((source) => [source.slug, source]))
    this.kinds = new Set(catalogue.kinds)
    this.backfills = new Map(catalogue.backfills.map((row) => [row.segment, row]))
    this.handDecisions = new Map(catalogue.handDecisions.map((row) => [row.offset, row]))
    for (const row of catalogue.clauses) this.#addClause(row)
    for (const segment of catalogue.segments) {
      this.segments.set(segment.id, { segment, compiled: NOTHING })
    }
    this.recompile()
    this.bindHandDecisions()
  }

  /** How many timestamps the clause keeps; 0 for a dead one, so that its column fades. */
  keepOf = (clause: number): number => {
    const entry = this.#clauses.get(clause)
    return entry === undefined || entry.row.fromOffset === DEAD ? 0 : entry.clause.keep
  }

  registerKind(name: string): void {
    this.kinds.add(name)
    this.#newKinds.push(name)
  }

  /** Kinds registered since the last call. */
  takeNewKinds(): string[] {
    return this.#newKinds.splice(0)
  }

  segmentBySlug(slug: string): Segment | null {
    for (const { segment } of this.segments.values()) if (segment.slug === slug) return segment
    return null
  }

  definitions(): Map<string, Condition> {
    return new Map([...this.segments.values()].map(({ segment }) => [segment.slug, segment.definition]))
  }

  /** Adds or redefines; it answers once its backfill has told everybody. */
  putSegment(
    input: { slug: string; name: string; definition: Condition },
    offset: number,
    status: SegmentStatus = 'backfilling',
  ): Segment {
    const present = this.segmentBySlug(input.slug)
    const segment: Segment = {
      // The offset of its first definition: never used again, so that a membership of a removed segment cannot come back.
      id: present?.id ?? offset,
      ...input,
      activationOffset: offset,
      status,
      size: present?.size ?? 0,
    }
    this.segments.set(segment.id, { segment, compiled: NOTHING })
    this.recompile(offset)
    return segment
  }

  removeSegment(id: number): void {
    this.segments.delete(id)
    this.backfills.delete(id)
    this.recompile()
  }

  /** Compiles all segments, because they may refer to one another; registers clauses from `offset` on and retires unused ones. */
  recompile(offset = 0): void {
    const definitions = this.definitions()
    const used = new Set<number>()
    for (const live of this.segments.values()) {
      live.compiled = compileSegment(live.segment.definition, definitions, (clause) => this.#clauseId(clause, offset))
      for (const id of live.compiled.clauses) used.add(id)
    }
    for (const [id, { row }] of this.#clauses) {
      if (used.has(id) || row.fromOffset === DEAD) continue
      row.fromOffset = DEAD
      this.#clauseByHash.delete(row.hash)
      this.#touched.set(id, row)
    }
    this.#buildIndex()
  }

  /** Clause rows that changed since the last call. */
  takeTouchedClauses(): ClauseRow[] {
    const rows = [...this.#touched.values()].map((row) => ({ ...row }))
    this.#touched.clear()
    return rows
  }

  clause(id: number): { row: ClauseRow; clause: Clause } {
    const entry = this.#clauses.get(id)
    if (entry === undefined) throw new Error(`no clause ${id}`)
    return entry
  }

  /** History below its first offset has been folded in for sets up to this number. */
  advanceClause(id: number, foldedTo: number): void {
    const { row } = this.clause(id)
    row.foldedTo = foldedTo
    this.#touched.set(id, row)
  }

  /** History below its first offset has been folded in whole. */
  completeClause(id: number): void {
    const { row } = this.clause(id)
    if (row.fromOffset === DEAD) return
    row.fromOffset = 0
    this.#touched.set(id, row)
  }

  /** Whether the segment's answer for this profile counts: a backfill tells it profile by profile. */
  isJudged(segment: number, profile: number): boolean {
    const backfill = this.backfills.get(segment)
    if (backfill === undefined) return true
    return backfill.phase === 'evaluate' && profile <= backfill.cursor
  }

  /** Segments whose answer these facts may change, oldest first. */
  touchedBy(clauses: readonly { id: number }[], traits: readonly [string, unknown][], consent: boolean): LiveSegment[] {
    const touched = new Set<LiveSegment>()
    for (const { id } of clauses) for (const live of this.#byClause.get(id) ?? []) touched.add(live)
    for (const [name] of traits) for (const live of this.#byTrait.get(name) ?? []) touched.add(live)
    if (consent) for (const live of this.#byConsent) touched.add(live)
    if (touched.size < 2) return [...touched]
    return [...touched].sort((a, b) => a.segment.id - b.segment.id)
  }

  /** Works out, from the decisions that are not lifted, who is quarantined and which sides may not meet. */
  bindHandDecisions(): void {
    this.quarantined = new Set()
    this.sidesOf = new Map()
    const add = (text: string, split: number, side: 'a' | 'b') => {
      const sides = this.sidesOf.get(text)
      if (sides === undefined) this.sidesOf.set(text, [{ split, side }])
      else sides.push({ split, side })
    }
    for (const row of this.handDecisions.values()) {
      if (row.lifted) continue
      if (row.kind === 'quarantine') for (const text of row.a) this.quarantined.add(text)
      if (row.kind !== 'split') continue
      for (const text of row.a) add(text, row.offset, 'a')
      for (const text of row.b) add(text, row.offset, 'b')
    }
  }

  #clauseId(clause: Clause, offset: number): number {
    const hash = clauseHash(clause)
    const known = this.#clauseByHash.get(hash)
    if (known !== undefined) return known
    const row = { id: this.#nextClause, hash, definition: JSON.stringify(clause), fromOffset: offset, foldedTo: 0 }
    this.#touched.set(row.id, this.#addClause(row))
    return row.id
  }

  #addClause(given: ClauseRow): ClauseRow {
    const row = { ...given }
    this.#clauses.set(row.id, { row, clause: JSON.parse(row.definition) as Clause })
    if (row.fromOffset !== DEAD) this.#clauseByHash.set(row.hash, row.id)
    this.#nextClause = Math.max(this.#nextClause, row.id + 1)
    return row
  }

  #buildIndex(): void {
    this.live = [...this.segments.values()].sort((a, b) => a.segment.id - b.segment.id)
    this.timeDependent = this.live.filter(({ compiled }) => compiled.timeDependent)
    this.usesIdentifiers = this.live.some(({ compiled }) => compiled.usesIdentifiers)
    this.#byConsent = this.live.filter(({ compiled }) => compiled.usesConsent)
    this.#byClause = groupBy(this.live, ({ compiled }) => compiled.clauses)
    this.#byTrait = groupBy(this.live, ({ compiled }) => compiled.traits)
    this.index = new ClauseIndex()
    this.watched = new Set()
    for (const [id, { row, clause }] of this.#clauses) {
      if (row.fromOffset === DEAD) continue
      this.index.add(clause, id)
      for (const name of clause.events) this.watched.add(name)
    }
  }
}

function groupBy<K>(
  segments: readonly LiveSegment[],
  keysOf: (live: LiveSegment) => Iterable<K>,
): Map<K, LiveSegment[]> {
  const groups = new Map<K, LiveSegment[]>()
  for (const live of segments) {
    for (const key of keysOf(live)) {
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [live])
      else group.push(live)
    }
  }
  return groups
}

/** Stands in until `recompile` has run. */
const NOTHING: CompiledSegment = {
  clauses: [],
  traits: new Set(),
  usesIdentifiers: false,
  usesConsent: false,
  timeDependent: false,
  evaluate: () => false,
  nextChange: () => null,
}
