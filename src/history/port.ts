// The ports of history: every resolved event in a ClickHouse dialect, for timelines, previews, backfills and audits. It is
// derived: it may be lost and rebuilt, and while it is away the door and the pipeline go on.

import type { Clause } from '../segment/clause.ts'
import type { JsonObject } from '../spec/event.ts'
import type { Condition } from '../spec/segment.ts'

export interface HistoryEventRow {
  offset: number
  source: string
  messageId: string
  type: string
  /** eventName(): '' for identify, group and alias. */
  event: string
  /** ms */
  timestamp: number
  receivedAt: number
  set: number
  /** Profile number as of then; 0 for none. */
  profile: number
  /** The canonical event as JSON text. */
  payload: string
  /** eventProperties(). */
  properties: JsonObject
}

/** The present of one profile, replaced by a row of greater `version`. */
export interface HistoryProfileRow {
  profile: number
  version: number
  alive: boolean
  id: string
  traits: JsonObject
  identifiers: [kind: string, value: string][]
  consent: Record<string, boolean>
  /** Slugs. */
  segments: string[]
  firstSeen: number
  lastSeen: number
}

export interface HistoryMoveRow {
  set: number
  profile: number
  /** Rows of the set below this offset are read as of `profile`. */
  offset: number
  /** Orders moves of one set: the later one counts. */
  commit: number
  ordinal: number
}

export interface HistorySink {
  /** Creates what is missing. Throws OnefoldError `history_unavailable` while the engine does not answer. */
  prepare(): Promise<void>
  /**
   * Inserts one block; the same number again is the same block, and inserts nothing twice. Rows the engine refuses are found
   * by bisection and returned; all others are stored.
   */
  insertEvents(blockNumber: number, rows: readonly HistoryEventRow[]): Promise<{ offset: number; error: string }[]>
  insertProfiles(rows: readonly HistoryProfileRow[]): Promise<void>
  insertMoves(rows: readonly HistoryMoveRow[]): Promise<void>
}

/** What the SQL evaluator needs beside the definition. */
export interface SegmentContext {
  /** Definitions by slug, for `segment` references. */
  segments: ReadonlyMap<string, Condition>
  /** Only events below this offset count. */
  offset: number
  /** Log time, ms. */
  now: number
}

export interface ClauseTimestamps {
  set: number
  /** Index into the clauses asked for. */
  clause: number
  /** ms, newest first, at most the clause's `keep`. */
  timestamps: number[]
}

export interface HistoryQueries {
  /** Events of these sets, newest first by (timestamp, offset), below `before`. */
  timeline(query: {
    sets: readonly number[]
    before?: { timestamp: number; offset: number }
    limit: number
  }): Promise<{ offset: number; timestamp: number; payload: string }[]>
  /** Living profiles that satisfy the condition: how many, and the lowest numbers. */
  evaluate(
    definition: Condition,
    context: SegmentContext,
    sample: number,
  ): Promise<{ size: number; profiles: number[] }>
  /** Kept timestamps of the clauses in events below `below`, for the next `setsMax` sets above `afterSet` that have any, in set order. */
  clauseTimestamps(query: {
    clauses: readonly Clause[]
    below: number
    afterSet: number
    setsMax: number
  }): Promise<ClauseTimestamps[]>
  /** Profiles whose identifiers or traits contain the text, case ignored. */
  search(text: string, limit: number): Promise<number[]>
  /** Throws OnefoldError `history_unavailable`. */
  ping(): Promise<void>
}

/** A cut of the resolved stream: the events with offsets in [from, next) that history stores. */
export interface Block {
  number: number
  from: number
  next: number
}

/** How far the mirrors of the state store have come. */
export interface MirrorPlace {
  commit: number
  ordinal: number
}

/** The history writer's own memory, durable: which block is open, and how far it and its mirrors have come. */
export interface HistoryBlocks {
  /** The block that was begun and is not known to be stored; after a crash it is sent again before anything else. */
  open(): Promise<Block | null>
  /** First offset behind the last block; null before the first one. */
  next(): Promise<number | null>
  /** Makes the cut durable before its rows are sent. Numbers rise and are never used again, not even when this memory is lost. */
  begin(from: number, next: number): Promise<Block>
  /** The open block is stored. */
  done(number: number): Promise<void>
  mirrored(mirror: 'profiles' | 'moves'): Promise<MirrorPlace>
  saveMirrored(mirror: 'profiles' | 'moves', place: MirrorPlace): Promise<void>
  close(): Promise<void>
}
