// What a segment is asked about: one profile as the evaluators see it. The streaming evaluator reads kept timestamps, the
// reference evaluator reads events; both share these plain facts and nothing else.
import type { JsonObject, JsonValue } from '../spec/event.ts'

/** One event of the profile, for the reference evaluator and for clauses. */
export interface SubjectEvent {
  name: string
  /** ms */
  timestamp: number
  properties: JsonObject
}

export interface SubjectFacts {
  /** Present value by trait name after survivorship; absent = missing. */
  traits: Map<string, JsonValue>
  /** Kinds of identifier the profile has. */
  identifierKinds: Set<string>
  /** Purpose -> the profile's answer. */
  consent: Map<string, boolean>
}

/** For the streaming evaluator: the kept timestamps of a clause (newest first), empty when none. */
export interface StreamingSubject extends SubjectFacts {
  timestamps(clauseId: number): readonly number[]
}

/** For the reference evaluator: every event of the profile, in any order. */
export interface ReferenceSubject extends SubjectFacts {
  events: readonly SubjectEvent[]
}
