// What the reference evaluator says of every living profile of a world: from its own events, read from the log by their verdicts, at the
// log time reached. It shares no code with the streaming and the SQL evaluator.
import { readResolved } from '../../src/pipeline/resolved-stream.ts'
import { decodeState, presentConsent, presentTraits } from '../../src/profile/read.ts'
import { evaluateReference } from '../../src/segment/reference.ts'
import type { ReferenceSubject, SubjectEvent } from '../../src/segment/subject.ts'
import { eventName, eventProperties } from '../../src/spec/event.ts'
import { formatIdentifier } from '../../src/spec/identifier.ts'
import type { Condition } from '../../src/spec/segment.ts'
import type { Ran } from './world.ts'

export interface Answer {
  /** Profile number, and its identifiers for people. */
  profile: number
  who: string
  /** Slugs, sorted: what the reference says, and what the pipeline has. */
  expected: string[]
  actual: string[]
}

export async function referenceAnswers(ran: Ran, definitions: ReadonlyMap<string, Condition>): Promise<Answer[]> {
  const { state, pipeline } = ran
  const catalogue = await state.catalogue()
  const slugs = new Map(catalogue.segments.map(({ id, slug }) => [id, slug]))
  const ids = Array.from({ length: catalogue.nextIdentifier - 1 }, (_, index) => index + 1)
  const identifiers = new Map((await state.identifiersById(ids)).map((row) => [row.id, row]))
  const bySet = await eventsBySet(ran)
  const answers: Answer[] = []
  for (const profile of await state.profiles(ids)) {
    if (!profile.alive) continue
    const decoded = decodeState(profile.state)
    const subject: ReferenceSubject = {
      events: profile.sets.flatMap((set) => bySet.get(set) ?? []),
      traits: new Map([...presentTraits(decoded)].map(([name, { value }]) => [name, value])),
      identifierKinds: new Set(profile.identifiers.map((id) => identifiers.get(id)!.kind)),
      consent: presentConsent(decoded, profile.identifiers),
    }
    const { logTime } = pipeline.position
    const satisfied = [...definitions].filter(([, definition]) =>
      evaluateReference(definition, subject, logTime, definitions),
    )
    answers.push({
      profile: profile.id,
      who: profile.identifiers.map((id) => formatIdentifier(identifiers.get(id)!)).join(' '),
      expected: satisfied.map(([slug]) => slug).sort(),
      actual: profile.memberships.map(([segment]) => slugs.get(segment)!).sort(),
    })
  }
  return answers
}

async function eventsBySet({ log, state }: Ran): Promise<Map<number, SubjectEvent[]>> {
  const { events } = await readResolved(log, state, 0, 100_000)
  const bySet = new Map<number, SubjectEvent[]>()
  for (const { record, verdict } of events) {
    const name = eventName(record.event)
    if (name === null || verdict.set === 0) continue
    const own = bySet.get(verdict.set) ?? []
    own.push({ name, timestamp: Date.parse(record.event.timestamp), properties: eventProperties(record.event) })
    bySet.set(verdict.set, own)
  }
  return bySet
}
