// The kind of identifier: its rank, its limit, and what it may do. Kinds are data; the defaults are DESIGN's.

/** `known` kinds name a person; `device` kinds name a browser, a cookie or an apparatus. */
export type KindClass = 'known' | 'device'

export interface KindLimit {
  /** At most this many per profile … */
  most: number
  /** … first seen within any span of this many milliseconds; null for ever. */
  spanMs: number | null
}

export interface Kind {
  name: string
  class: KindClass
  /** Smaller ranks higher. */
  priority: number
  limit: KindLimit
}
