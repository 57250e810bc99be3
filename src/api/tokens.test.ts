// Tokens: any text that can travel in a header, or as the user name of Basic, is matched, and nothing else is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { basicUsers, bearerToken, hashToken, tokenCheck } from './tokens.ts'

const seed = Date.now() % 2 ** 31
console.log(`tokens: seed ${seed}`)

/** As Node hands over a header: every byte a character; blanks and tabs around it gone, and no other space. */
const asHeader = (text: string, encoding: 'utf8' | 'latin1') =>
  Buffer.from(text, encoding)
    .toString('latin1')
    .replace(/[ \t]+$/, '')

test('a token is matched as UTF-8 bytes in a bearer header and as a Basic user, whatever it holds', () => {
  const token = fc
    .string({ unit: 'grapheme', minLength: 1 })
    .filter((text) => /\S/.test(text) && !/[\r\n\0]/.test(text))
  fc.assert(
    fc.property(token, token, (mine, other) => {
      const { isAdmin, isProfile } = tokenCheck({ admin: [hashToken(mine)], profile: [] })
      assert.ok(isAdmin(bearerToken(asHeader(`Bearer ${mine}`, 'utf8')) ?? ''))
      const basic = `Basic ${Buffer.from(`${mine}:`, 'utf8').toString('base64')}`
      assert.ok(basicUsers(basic).some(isAdmin))
      assert.equal(isProfile(mine), false)
      if (other.trim() !== mine.trim()) assert.equal(isAdmin(other), false)
    }),
    { seed },
  )
})

test('a client that sends Latin-1 is believed too; nothing and blanks are nobody', () => {
  const { isAdmin } = tokenCheck({ admin: [hashToken('pässword'), hashToken('')], profile: [] })
  assert.ok(isAdmin(asHeader('pässword', 'latin1')))
  for (const nothing of ['', ' ', '\t']) assert.equal(isAdmin(nothing), false)
  assert.equal(bearerToken(undefined), null)
  assert.equal(bearerToken('Basic abc'), null)
  assert.deepEqual(basicUsers('Basic ???'), [])
})
