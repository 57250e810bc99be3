// Arithmetic of places in the merged stream of events and changes. Pure.
import type { Position } from '../pipeline/state-store.ts'
import type { StreamPlace } from './port.ts'

export function comparePlaces(a: StreamPlace, b: StreamPlace): number {
  return a.offset - b.offset || a.ordinal - b.ordinal
}

export function laterPlace(a: StreamPlace, b: StreamPlace): StreamPlace {
  return comparePlaces(a, b) >= 0 ? a : b
}

/**
 * The place behind everything committed at `position`. It stays at the last offset rather than at `next`, because commits
 * without records (backfills) append changes there.
 */
export function headPlace(position: Pick<Position, 'next' | 'ordinal'>): StreamPlace {
  return position.next === 0
    ? { offset: 0, ordinal: 0 }
    : { offset: position.next - 1, ordinal: Math.max(0, position.ordinal) + 1 }
}
