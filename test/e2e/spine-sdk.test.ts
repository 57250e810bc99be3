// Programs with unmodified SDKs of both families, each in a process of its own, against the whole product: a visitor who becomes
// known ends in one profile, with what came before, wherever profiles can be asked for.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { childEnvironment } from '../../src/config.ts'
import { ADMIN_TOKEN, basic, Spine, WAIT_MS_MAX, WRITE_KEY } from '../support/spine.ts'
import { until } from '../support/tree.ts'

const PROGRAM = join(import.meta.dirname, 'spine-program.ts')
const run = promisify(execFile)

describe('SDKs', () => {
  let spine: Spine
  before(async () => {
    spine = await Spine.open()
  })
  after(() => spine.close())

  for (const family of ['segment', 'rudder'] as const) {
    it(`an unmodified SDK of ${family} ends in one profile, the anonymous events included`, async (context) => {
      const person = `${family}-jane`
      const said = runProgram(family, spine.tree.url, person)
      const shown = await waitForProfile(spine, person)
      const { startedAt, flushedAt } = await said
      context.diagnostic(
        `${family}: visible ${shown.at - startedAt} ms after the call of flush, ${shown.at - flushedAt} ms after its end`,
      )
      const { profile } = shown
      assert.deepEqual(identifiersOf(profile), [
        `anonymous_id:visitor-${person}`,
        `email:${person}@example.com`,
        `user_id:user-${person}`,
      ])
      assert.equal(profile.traits.email, `${person}@Example.COM`)
      assert.equal(profile.traits.plan, 'pro')

      const other = await spine.ask('GET', `/api/v1/profiles/email:${person.toUpperCase()}%40EXAMPLE.com`)
      assert.deepEqual(other, profile)
      const visitor = await spine.ask('GET', `/api/v1/profiles/anonymous_id:visitor-${person}`)
      assert.equal(visitor.id, profile.id)
      assert.equal((await spine.ask('GET', `/api/v1/profiles/${profile.id}`)).id, profile.id)

      const events = await spine.events(`user_id:user-${person}`)
      const told = events.map(
        ({ type, event, anonymousId }) => `${type} ${event} ${anonymousId === undefined ? '' : 'visitor'}`,
      )
      // In one millisecond the order among calls is that of the log, and RudderStack's SDK invents an anonymousId of its own.
      assert.deepEqual(told.map((line) => line.split(' ').slice(0, -1).join(' ')).sort(), [
        'identify null',
        'page Page Viewed',
        'page Page Viewed',
        'page Page Viewed',
        'track Appointment Booked',
        'track Price Viewed',
      ])
      assert.equal(told.filter((line) => line.endsWith('visitor')).length >= 3, true)
      await profileApi(spine, person)
    })
  }
})

async function runProgram(
  family: string,
  url: string,
  person: string,
): Promise<{ startedAt: number; flushedAt: number }> {
  const flags = ['--disable-warning=ExperimentalWarning', PROGRAM, family, url, WRITE_KEY, person]
  const { stdout } = await run(process.execPath, flags, { env: childEnvironment({}), timeout: WAIT_MS_MAX })
  return JSON.parse(stdout)
}

/** Polls from before the program starts, so that `at` is the moment it became visible. */
async function waitForProfile(spine: Spine, person: string) {
  const path = `/api/v1/profiles/user_id:user-${person}`
  let seen = { at: 0, profile: null as ReturnType<typeof JSON.parse> }
  await until(`${person} is one profile with six events`, WAIT_MS_MAX, async () => {
    const { status, body } = await spine.api('GET', path)
    if (status !== 200 || body.identifiers.length < 3) return false
    const { count } = await spine.ask('GET', `${path}/events?count=exact`)
    seen = { at: Date.now(), profile: body }
    return count === 6
  })
  return seen
}

async function profileApi(spine: Spine, person: string): Promise<void> {
  const base = `${spine.tree.url}/v1/spaces/default/collections/users/profiles`
  const read = async (part: string) => {
    const url = `${base}/${encodeURIComponent(`email:${person}@EXAMPLE.com`)}/${part}`
    const answer = await fetch(url, { headers: { authorization: basic(ADMIN_TOKEN) } })
    assert.equal(answer.status, 200, `${url}: ${await answer.clone().text()}`)
    return (await answer.json()) as { traits: { plan?: string }; data: { type: string; id: string; event: string }[] }
  }
  assert.equal((await read('traits')).traits.plan, 'pro')
  assert.deepEqual((await read('external_ids')).data.map(({ type, id }) => `${type}:${id}`).sort(), [
    `anonymous_id:visitor-${person}`,
    `email:${person}@example.com`,
    `user_id:user-${person}`,
  ])
  const { data } = await read('events?limit=200')
  assert.equal(data.length, 6)
  assert.equal(data.filter(({ event }) => event === 'Appointment Booked').length, 1)
}

function identifiersOf(profile: { identifiers: { kind: string; value: string }[] }): string[] {
  return profile.identifiers.map(({ kind, value }) => `${kind}:${value}`).sort()
}
