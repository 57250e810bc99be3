// Timers within one transaction: the profiles that fall due before its last record's log time, earliest first. Entries are checked
// when they come up, because a profile's timer may have moved since.
import type { ProfileEntry } from './entries.ts'

export class TimerQueue {
  /** Timers after this instant are not for this transaction. */
  readonly #horizon: number
  /** A binary heap by (due, profile number). */
  readonly #heap: { due: number; profile: ProfileEntry }[] = []

  constructor(horizon: number) {
    this.#horizon = horizon
  }

  schedule(profile: ProfileEntry): void {
    const due = profile.nextTimer
    if (due === null || due > this.#horizon || !profile.alive) return
    const heap = this.#heap
    let at = heap.push({ due, profile }) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#before(at, parent)) break
      this.#swap(at, parent)
      at = parent
    }
  }

  /** The next profile due at or before `until`, with its instant; null when there is none. */
  take(until: number): { due: number; profile: ProfileEntry } | null {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.due > until) return null
      this.#pop()
      if (first.profile.alive && first.profile.nextTimer === first.due) return first
    }
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    heap[0] = last
    let at = 0
    for (;;) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < heap.length && this.#before(child, least)) least = child
      if (least === at) return
      this.#swap(at, least)
      at = least
    }
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a]!, this.#heap[b]!]
    return x.due < y.due || (x.due === y.due && x.profile.id < y.profile.id)
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap
    const held = heap[a]!
    heap[a] = heap[b]!
    heap[b] = held
  }
}
