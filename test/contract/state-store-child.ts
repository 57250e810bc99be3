// A process that commits for ever, until it is killed: every commit gives all its rows the commit's number, so that rows
// of two commits side by side would show.
import { writeSync } from 'node:fs'
import { openSqliteState } from '../../src/store/sqlite/state.ts'
import { commitTo, identifierRow, profileRow, setRow } from './state-store-rows.ts'

/** More than one list of a look-up, so that a reader without a snapshot would be found out. */
export const ROWS_PER_COMMIT = 300

async function commitForEver(dataDir: string): Promise<void> {
  const store = openSqliteState(dataDir, { role: 'writer' })
  const ids = Array.from({ length: ROWS_PER_COMMIT }, (_, index) => index + 1)
  for (;;) {
    const expected = await store.position()
    const number = expected.commit + 1
    const position = { next: expected.next + ROWS_PER_COMMIT, logTime: number, commit: number, ordinal: 0 }
    const state = new Uint8Array(200).fill(number & 0xff)
    writeSync(1, `begin ${number}\n`)
    await commitTo(store, {
      position,
      identifiers: ids.map((id) => identifierRow(id, { firstAt: number })),
      sets: ids.map((id) => setRow(id, { owner: number, state })),
      profiles: ids.map((id) => profileRow(id, { changedIn: number, memberships: [[1, number]], nextTimer: number })),
      verdicts: ids.map((id) => ({ offset: expected.next + id - 1, code: 'accepted', set: id, profile: number })),
      moves: [{ commit: number, ordinal: 1, set: 1, profile: number, offset: position.next }],
    })
    writeSync(1, `done ${number}\n`)
  }
}

const dataDir = process.argv[2]
if (import.meta.main) await commitForEver(dataDir!)
