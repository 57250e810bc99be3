// References with slashes in addresses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldReference } from './reference-url.ts'

const TABLE: [url: string, folded: string][] = [
  ['/api/v1/profiles/user_id:a/b', '/api/v1/profiles/user_id:a%2Fb'],
  ['/api/v1/profiles/user_id:a/b/events?limit=1', '/api/v1/profiles/user_id:a%2Fb/events?limit=1'],
  ['/api/v1/profiles/user_id%3Aa//b/identity', '/api/v1/profiles/user_id%3Aa%2F%2Fb/identity'],
  ['/api/v1/profiles/user_id:x%2Fevents', '/api/v1/profiles/user_id:x%2Fevents'],
  ['/api/v1/profiles/abc/events', '/api/v1/profiles/abc/events'],
  ['/api/v1/profiles/abc/no/such', '/api/v1/profiles/abc/no/such'],
  ['/api/v1/suppressions/email:a/b@x.com', '/api/v1/suppressions/email:a%2Fb@x.com'],
  ['/api/v1/segments/vip/members/user_id:a/b', '/api/v1/segments/vip/members/user_id:a%2Fb'],
  ['/api/v1/segments/vip/members', '/api/v1/segments/vip/members'],
  [
    '/v1/spaces/default/collections/users/profiles/user_id:a/b/traits',
    '/v1/spaces/default/collections/users/profiles/user_id:a%2Fb/traits',
  ],
  ['/api/v1/profiles?q=a/b:c/d', '/api/v1/profiles?q=a/b:c/d'],
]

test('a value with slashes becomes one part of the address; everything else is left as it is', () => {
  for (const [url, folded] of TABLE) assert.equal(foldReference(url), folded)
})

test('a hostile address of full length is folded in no time worth naming', () => {
  const url = `/api/v1/profiles/user_id:${'/events'.repeat(2000)}`
  assert.ok(foldReference(url).endsWith('/events'))
})
