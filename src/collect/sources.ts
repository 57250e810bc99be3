// The sources as the decisions in the log have made them: looked up by write key for every request. It holds nothing of
// its own; read the log's decisions again and it is the same.
import type { Decision } from '../spec/decision.ts'
import type { Source } from '../spec/source.ts'

export class SourceDirectory {
  // Maps, because write keys and slugs come from outside: `__proto__` and `constructor` are only keys here.
  readonly #bySlug = new Map<string, Source>()
  readonly #byWriteKey = new Map<string, Source>()

  /** Takes a decision that is on disk. Others than `source` and `source_removed` change nothing. */
  apply(decision: Decision): void {
    if (decision.decision === 'source') {
      this.#forget(decision.source.slug)
      this.#bySlug.set(decision.source.slug, decision.source)
      this.#byWriteKey.set(decision.source.writeKey, decision.source)
    } else if (decision.decision === 'source_removed') {
      this.#forget(decision.slug)
    }
  }

  /** Of several sources with one key, the one decided last. Disabled sources are found too. */
  byWriteKey(writeKey: string): Source | undefined {
    return this.#byWriteKey.get(writeKey)
  }

  bySlug(slug: string): Source | undefined {
    return this.#bySlug.get(slug)
  }

  /** In the order in which they were last decided. */
  list(): Source[] {
    return [...this.#bySlug.values()]
  }

  #forget(slug: string): void {
    const former = this.#bySlug.get(slug)
    if (former === undefined) return
    this.#bySlug.delete(slug)
    if (this.#byWriteKey.get(former.writeKey)?.slug !== slug) return
    this.#byWriteKey.delete(former.writeKey)
    // A source whose key had been taken over gets it back.
    const heir = this.list().findLast((source) => source.writeKey === former.writeKey)
    if (heir !== undefined) this.#byWriteKey.set(heir.writeKey, heir)
  }
}
