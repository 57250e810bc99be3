// Who is suppressed, as the decisions in the log have made it: the door refuses what it can, so that nothing of the person is stored.
// The pipeline judges again, by everything it knows.
import type { Decision } from '../spec/decision.ts'
import { formatIdentifier } from '../spec/identifier.ts'

export class SuppressionList {
  readonly #texts = new Set<string>()

  /** Takes a decision that is on disk. Others than `suppress` and `unsuppress` change nothing. */
  apply(decision: Decision): void {
    if (decision.decision === 'suppress') for (const one of decision.identifiers) this.#texts.add(formatIdentifier(one))
    if (decision.decision === 'unsuppress')
      for (const one of decision.identifiers) this.#texts.delete(formatIdentifier(one))
  }

  get isEmpty(): boolean {
    return this.#texts.size === 0
  }

  /** `kind:value`, normalised. */
  has(text: string): boolean {
    return this.#texts.has(text)
  }
}
