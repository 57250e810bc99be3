// The mirrors: the present of every profile, and every move of a set, copied from the state store to the analytics engine.
// Both inserts may be repeated: a profile's row carries its version, a move its place. So the places reached are saved after
// the insert, and a crash in between only sends some rows twice.
import type { IdentifierRow, ProfileRow, StateReader } from '../pipeline/state-store.ts'
import type { HistoryBlocks, HistoryProfileRow, HistorySink } from './port.ts'

const PROFILES_MAX = 2000
const MOVES_MAX = 10_000

/** Builds the snapshot row of one profile; `slugs` gives segments by id. Lives with the stores, because it decodes states. */
export type ProfileRowBuilder = (
  profile: ProfileRow,
  identifiers: ReadonlyMap<number, IdentifierRow>,
  slugs: ReadonlyMap<number, string>,
) => HistoryProfileRow

export interface MirrorDeps {
  state: StateReader
  sink: HistorySink
  blocks: HistoryBlocks
  profileRow: ProfileRowBuilder
}

/** Copies the next page of moves; false when there was none. */
export async function mirrorMoves({ state, sink, blocks }: MirrorDeps): Promise<boolean> {
  const moves = await state.moves(await blocks.mirrored('moves'), MOVES_MAX)
  const last = moves.at(-1)
  if (last === undefined) return false
  await sink.insertMoves(moves)
  await blocks.saveMirrored('moves', { commit: last.commit, ordinal: last.ordinal })
  return true
}

export class ProfileMirror {
  readonly #deps: MirrorDeps
  #slugs: ReadonlyMap<number, string> = new Map()

  constructor(deps: MirrorDeps) {
    this.#deps = deps
  }

  /** Copies the next page of changed profiles; false when there was none. */
  async step(): Promise<boolean> {
    const { state, sink, blocks, profileRow } = this.#deps
    const { commit: after } = await blocks.mirrored('profiles')
    const { commit: upTo } = await state.position()
    if (upTo <= after) return false
    const profiles = await state.profilesChanged(after, upTo, PROFILES_MAX)
    if (profiles.length > 0) {
      const slugs = await this.#slugsOf(profiles)
      const ids = new Set(profiles.flatMap((profile) => [profile.id, ...profile.identifiers]))
      const identifiers = new Map((await state.identifiersById([...ids])).map((row) => [row.id, row]))
      await sink.insertProfiles(profiles.map((profile) => profileRow(profile, identifiers, slugs)))
    }
    // A page never ends within a commit, so the last one's commit is a place to go on from.
    const reached = profiles.length < PROFILES_MAX ? upTo : profiles.at(-1)!.changedIn
    await blocks.saveMirrored('profiles', { commit: reached, ordinal: 0 })
    return profiles.length > 0
  }

  /** The catalogue is read whole, so only when a segment turns up that was not in it the last time. */
  async #slugsOf(profiles: readonly ProfileRow[]): Promise<ReadonlyMap<number, string>> {
    const isKnown = (profile: ProfileRow) => profile.memberships.every(([segment]) => this.#slugs.has(segment))
    if (!profiles.every(isKnown)) {
      const { segments } = await this.#deps.state.catalogue()
      this.#slugs = new Map(segments.map(({ id, slug }) => [id, slug]))
    }
    return this.#slugs
  }
}
