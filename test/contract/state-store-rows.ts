// Rows and commits to test state stores with: valid, small, and different where their number differs.
import type { Commit, IdentifierRow, ProfileRow, SetRow, StateStore } from '../../src/pipeline/state-store.ts'

export interface StateStoreHarness {
  store: StateStore
  /** Closes the store and opens what it left behind. */
  reopen(): Promise<StateStore>
  dispose(): Promise<void>
}

/** Registers one test, which gets a new store. */
export type Run = (title: string, body: (harness: StateStoreHarness) => Promise<void>) => void

export const LARGEST = Number.MAX_SAFE_INTEGER

export function identifierRow(id: number, rest: Partial<IdentifierRow> = {}): IdentifierRow {
  const row = { kind: 'user_id', value: `u${id}`, birthId: `birth-${id}`, firstAt: 1000 + id, profile: id }
  return { id, ...row, suppressed: false, ...rest }
}

export function setRow(id: number, rest: Partial<SetRow> = {}): SetRow {
  const facts = { key: `web|browser|${id}`, source: 'web', trust: 'browser', identifiers: [id], firstOffset: id }
  return { id, ...facts, owner: id, refused: [], state: Uint8Array.of(id & 0xff, 1), ...rest }
}

export function profileRow(id: number, rest: Partial<ProfileRow> = {}): ProfileRow {
  const structure: Pick<ProfileRow, 'identifiers' | 'sets' | 'memberships'> = {
    identifiers: [id],
    sets: [id],
    memberships: [],
  }
  const flags = { alive: true, suppressed: false, nextTimer: null, changedIn: 1 }
  return { id, ...structure, ...flags, state: Uint8Array.of(id & 0xff, 2), ...rest }
}

/** A commit on top of what the store holds, one offset further unless `rest.position` says otherwise. */
export async function commitTo(store: StateStore, rest: Partial<Commit> = {}): Promise<void> {
  const expected = await store.position()
  const position = { ...expected, next: expected.next + 1, commit: expected.commit + 1 }
  const rows = { identifiers: [], sets: [], profiles: [], verdicts: [], changes: [], moves: [], dedupe: [] }
  const lists = { sources: [], sourcesRemoved: [], segments: [], segmentsRemoved: [], clauses: [], handDecisions: [] }
  const others = { backfills: [], backfillsDone: [], kinds: [], genesis: null, dedupeFrom: 0 }
  await store.commit({ expected, position, ...rows, ...lists, ...others, ...rest })
}
