// One transaction's context: the registry and working set it reads, the draft it writes, and the numbers it gives out. Passed to
// every step of the core, so that a step's inputs are seen in its signature.
import { birthId } from '../resolve/birth.ts'
import type { Identifier } from '../spec/identifier.ts'
import type { Segment } from '../spec/segment.ts'
import type { Draft } from './draft.ts'
import type { IdentifierEntry } from './entries.ts'
import type { Registry } from './registry.ts'
import type { TimerQueue } from './timers.ts'
import type { WorkingSet } from './working-set.ts'

/** Numbers not yet given out. They go on only with a commit. */
export interface Counters {
  nextIdentifier: number
  nextSet: number
}

export class Run {
  readonly registry: Registry
  readonly working: WorkingSet
  readonly draft: Draft
  readonly timers: TimerQueue
  readonly counters: Counters
  #births = 0
  #birthsAt = -1

  constructor(parts: Pick<Run, 'registry' | 'working' | 'draft' | 'timers' | 'counters'>) {
    this.registry = parts.registry
    this.working = parts.working
    this.draft = parts.draft
    this.timers = parts.timers
    this.counters = parts.counters
  }

  /** Gives a new identifier its number and birth id: its place in the log is the offset and how many were born there before. */
  bear(identifier: Identifier, firstAt: number): IdentifierEntry {
    if (this.#birthsAt !== this.draft.offset) this.#births = 0
    this.#birthsAt = this.draft.offset
    const { genesis } = this.registry
    if (genesis === null) throw new Error('the log does not begin with a genesis decision')
    const entry = this.working.addIdentifier({
      ...identifier,
      id: this.counters.nextIdentifier++,
      birthId: birthId(genesis.birthKey, this.draft.offset, this.#births++),
      firstAt,
      profile: 0,
      suppressed: false,
    })
    this.draft.identifiers.add(entry)
    return entry
  }

  /** The first event of an identifier that a decision had named. */
  see(entry: IdentifierEntry, firstAt: number): void {
    entry.row.firstAt = firstAt
    entry.member.firstAt = firstAt
    this.draft.identifiers.add(entry)
  }

  resize(segment: Segment, by: number): void {
    if (by === 0) return
    segment.size += by
    this.draft.segments.add(segment)
  }
}
