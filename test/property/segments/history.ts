// A world in a real analytics engine, written by the rows and into the tables that production uses. chDB runs in this process:
// one test file is one process, and nothing else runs in it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Session } from 'chdb'
import {
  EVENT_COLUMNS,
  eventLine,
  MOVE_COLUMNS,
  moveLine,
  PROFILE_COLUMNS,
  profileLine,
} from '../../../src/store/clickhouse/rows.ts'
import { INSERT_SETTINGS, MIGRATIONS } from '../../../src/store/clickhouse/schema.ts'
import type { World } from './worlds.ts'

export interface WorldHistory {
  rows(query: string, params: Record<string, unknown>): unknown[][]
  close(): void
}

export async function openHistory(world: World): Promise<WorldHistory> {
  const folder = mkdtempSync(join(tmpdir(), 'onefold-segments-'))
  const session = new Session(folder)
  for (const { statements } of MIGRATIONS) for (const statement of statements) session.query(statement)
  const insert = async (table: string, columns: readonly string[], lines: string[]) => {
    if (lines.length === 0) return
    const values = Buffer.from(lines.join(''))
    await session.insert({ table, values, format: 'JSONCompactEachRow', columns, settings: INSERT_SETTINGS })
  }
  await insert('events', EVENT_COLUMNS, eventLines(world))
  await insert('overrides', MOVE_COLUMNS, world.moves.map(moveLine))
  await insert('profiles', PROFILE_COLUMNS, profileLines(world, false))
  await insert('profiles', PROFILE_COLUMNS, profileLines(world, true))
  return {
    rows: (query, params) => {
      const answer = session.queryBind(query, params, 'JSONCompact')
      return (JSON.parse(answer) as { data: unknown[][] }).data
    },
    close: () => {
      session.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function eventLines(world: World): string[] {
  return world.events.map((event) =>
    eventLine({
      offset: event.offset,
      source: 'test',
      messageId: String(event.offset),
      type: 'track',
      event: event.name,
      timestamp: event.timestamp,
      receivedAt: event.receivedAt,
      set: event.set,
      profile: event.filedUnder,
      payload: '{}',
      properties: event.properties,
    }),
  )
}

/** First a stale version with the facts of somebody else, then the present one: only the latter may count. */
function profileLines(world: World, present: boolean): string[] {
  return world.profiles.map((profile, index) => {
    const facts = present ? profile : world.profiles[world.profiles.length - 1 - index]!
    return profileLine({
      profile: profile.id,
      version: present ? 2 : 1,
      alive: facts.alive,
      id: `profile-${profile.id}`,
      traits: facts.traits,
      identifiers: facts.identifiers,
      consent: facts.consent,
      segments: [],
      firstSeen: 0,
      lastSeen: 0,
    })
  })
}
