// A cache bounded by count: two generations, swapped when the young one is full. An entry read in either lives on; one untouched for
// a whole generation goes. (A Map used as an LRU through `keys().next()` and re-insertion ate most of the hot path's time.)

export class GenerationCache<K, V> {
  readonly #most: number
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  /** At most about twice `most` entries are held. */
  constructor(most: number) {
    this.#most = most
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.#young.set(key, old)
    return old
  }

  set(key: K, value: V): void {
    this.#young.set(key, value)
  }

  /** Swaps the generations if the young one is full. Never called while an entry's changes are unsaved. */
  rotate(): void {
    if (this.#young.size < this.#most) return
    this.#old = this.#young
    this.#young = new Map()
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }
}
