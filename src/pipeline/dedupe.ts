// De-duplication: which (source, messageId) were seen within the window of log time. 128-bit hashes in generations, one per hour or
// per share of the bound; the whole thing is a function of the log, so that a replay and a restart find the same duplicates.
import { hash } from 'node:crypto'
import type { DedupeBlob } from './state-store.ts'

const HOUR_MS = 3_600_000
/** Generations within one hour are numbered below this, so that a generation's key tells its hour. */
const PER_HOUR = 1000
/** The bound is held by dropping whole generations: this many fit into it. */
const SHARES = 16

/** Open addressing over four 32-bit words per slot: a JavaScript Set of strings takes about ten times the memory. */
class HashSet128 {
  count = 0
  #slots = 1024
  #words = new Uint32Array(1024 * 4)

  has(a: number, b: number, c: number, d: number): boolean {
    return this.#find(a, b, c, d) >= 0
  }

  add(a: number, b: number, c: number, d: number): void {
    if (this.count * 2 >= this.#slots) this.#grow()
    const free = -1 - this.#find(a, b, c, d)
    if (free < 0) return
    this.#words.set([a, b, c, d], free * 4)
    this.count += 1
  }

  /** The slot that holds it, or -1 minus the free slot where it belongs. All zeros marks a free slot; no hash is all zeros. */
  #find(a: number, b: number, c: number, d: number): number {
    const words = this.#words
    const mask = this.#slots - 1
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 4
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot
      if (words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0 && words[at + 3] === 0) return -1 - slot
    }
  }

  #grow(): void {
    const old = this.#words
    this.#slots *= 2
    this.#words = new Uint32Array(this.#slots * 4)
    this.count = 0
    for (let at = 0; at < old.length; at += 4) {
      const [a, b, c, d] = [old[at]!, old[at + 1]!, old[at + 2]!, old[at + 3]!]
      if ((a | b | c | d) !== 0) this.add(a, b, c, d)
    }
  }
}

function wordAt(bytes: string, at: number): number {
  const low = bytes.charCodeAt(at) | (bytes.charCodeAt(at + 1) << 8)
  return (low | (bytes.charCodeAt(at + 2) << 16) | (bytes.charCodeAt(at + 3) << 24)) >>> 0
}

export class Deduplicator {
  readonly #windowHours: number
  readonly #idsMax: number
  /** Ascending by key. */
  readonly #generations = new Map<number, HashSet128>()
  /** Hashes of this transaction, by generation. */
  #fresh = new Map<number, number[]>()
  #droppedBelow = 0
  #total = 0
  /** Ids dropped by the bound before their window ended: each may let one duplicate in. */
  evicted = 0

  constructor(windowHours: number, idsMax: number) {
    this.#windowHours = windowHours
    this.#idsMax = idsMax
  }

  load(blobs: readonly DedupeBlob[]): void {
    for (const { hour, hashes } of blobs) {
      const generation = this.#generation(hour)
      const words = new Uint32Array(hashes.slice().buffer)
      for (let at = 0; at < words.length; at += 4) {
        generation.add(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!)
      }
      this.#total += words.length / 4
    }
  }

  /** Whether the message was seen within the window; if not, it is now. `logTime` in ms. */
  isDuplicate(source: string, messageId: string, logTime: number): boolean {
    if (this.#windowHours === 0) return false
    // As Latin-1 text, a character a byte: 0.6 µs against 1.8 µs for a buffer.
    const digest = hash('sha1', `${source}\0${messageId}`, 'binary')
    const a = wordAt(digest, 0)
    const b = wordAt(digest, 4)
    const c = wordAt(digest, 8)
    const d = wordAt(digest, 12) || 1
    const hour = Math.floor(logTime / HOUR_MS)
    this.#dropBelow((hour - this.#windowHours) * PER_HOUR)
    for (const generation of this.#generations.values()) if (generation.has(a, b, c, d)) return true
    const key = this.#currentKey(hour)
    this.#generation(key).add(a, b, c, d)
    this.#total += 1
    const fresh = this.#fresh.get(key)
    if (fresh === undefined) this.#fresh.set(key, [a, b, c, d])
    else fresh.push(a, b, c, d)
    return false
  }

  /** What the transaction must store, and forgets it. */
  takeFresh(): { blobs: DedupeBlob[]; dropBelow: number } {
    const blobs = [...this.#fresh].filter(([key]) => key >= this.#droppedBelow)
    this.#fresh = new Map()
    return {
      blobs: blobs.map(([hour, words]) => ({ hour, hashes: new Uint8Array(Uint32Array.from(words).buffer) })),
      dropBelow: this.#droppedBelow,
    }
  }

  /** The generation that takes new hashes: a further one of this hour once the last is full. */
  #currentKey(hour: number): number {
    let newest = hour * PER_HOUR
    for (const key of this.#generations.keys()) if (key > newest) newest = key
    const share = Math.max(1, Math.floor(this.#idsMax / SHARES))
    if ((this.#generations.get(newest)?.count ?? 0) < share) return newest
    while (this.#total >= this.#idsMax) {
      const oldest = Math.min(...this.#generations.keys())
      this.evicted += this.#generations.get(oldest)!.count
      this.#dropBelow(oldest + 1)
    }
    return newest + 1
  }

  #dropBelow(key: number): void {
    if (key <= this.#droppedBelow) return
    this.#droppedBelow = key
    for (const [own, generation] of this.#generations) {
      if (own >= key) continue
      this.#total -= generation.count
      this.#generations.delete(own)
    }
  }

  #generation(key: number): HashSet128 {
    let generation = this.#generations.get(key)
    if (generation === undefined) {
      generation = new HashSet128()
      this.#generations.set(key, generation)
    }
    return generation
  }
}
