// The directory of sources, as decisions make it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Source } from '../spec/source.ts'
import { SourceDirectory } from './sources.ts'

const source = (slug: string, writeKey: string, enabled = true): Source => {
  return { slug, name: slug, kind: 'server', writeKey, enabled }
}

describe('source directory', () => {
  it('knows a source by its newest key alone', () => {
    const sources = new SourceDirectory()
    sources.apply({ decision: 'source', source: source('a', 'k1') })
    sources.apply({ decision: 'source', source: source('a', 'k2', false) })
    assert.equal(sources.byWriteKey('k1'), undefined)
    assert.equal(sources.byWriteKey('k2')?.enabled, false)
    assert.deepEqual(
      sources.list().map(({ slug }) => slug),
      ['a'],
    )
  })

  it('gives a shared key to the source decided last, and back when that one goes', () => {
    const sources = new SourceDirectory()
    sources.apply({ decision: 'source', source: source('a', 'k') })
    sources.apply({ decision: 'source', source: source('b', 'k') })
    assert.equal(sources.byWriteKey('k')?.slug, 'b')
    sources.apply({ decision: 'source', source: source('b', 'other') })
    assert.equal(sources.byWriteKey('k')?.slug, 'a')
    sources.apply({ decision: 'source_removed', slug: 'a' })
    sources.apply({ decision: 'source_removed', slug: 'never' })
    assert.equal(sources.byWriteKey('k'), undefined)
    assert.equal(sources.bySlug('a'), undefined)
  })

  it('takes strange keys for keys', () => {
    const sources = new SourceDirectory()
    for (const key of ['__proto__', 'constructor', 'toString', '']) assert.equal(sources.byWriteKey(key), undefined)
    sources.apply({ decision: 'source', source: source('a', '__proto__') })
    assert.equal(sources.byWriteKey('__proto__')?.slug, 'a')
  })

  it('leaves other decisions alone', () => {
    const sources = new SourceDirectory()
    sources.apply({ decision: 'source', source: source('a', 'k') })
    sources.apply({ decision: 'segment_removed', slug: 'a' })
    assert.equal(sources.list().length, 1)
  })
})
