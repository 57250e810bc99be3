// Identity scenarios as text: one set per line, `source: identifiers`, then what the resolver makes of it. Groups are written with
// their identifiers in order of age; a refused identifier stands behind the line with its reason.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compareRank, isBlocked, kindOf } from './kinds.ts'
import { type CannotLinks, type Member, type OrderedLink, resolveAll, type Trust } from './resolver.ts'

const DAY = 86_400_000

/** u → user_id, e → email, p → phone, a → anonymous_id, x → an external id. */
const KINDS: Record<string, string> = { u: 'user_id', e: 'email', p: 'phone', a: 'anonymous_id', x: 'crm_id' }

interface Scenario {
  /** `server: u1 e1` per line; `hand: u1 u2` is a merge by hand; `day 8` moves time on. */
  sets: string
  /** Sides of splits, as `u1 e1 | u2`. */
  splits?: string[]
  /** Identifiers of suppressed people. */
  suppressed?: string[]
  /** One group per line. */
  groups: string
  /** `2 a1 limit`: the second set refused a1. */
  refused?: string
}

function run({ sets, splits = [], suppressed = [] }: Scenario): { groups: string; refused: string } {
  const members = new Map<string, Member>()
  const names = new Map<number, string>()
  let now = 0
  const memberOf = (name: string): Member => {
    let member = members.get(name)
    if (member === undefined) {
      member = {
        id: members.size + 1,
        kind: kindOf(KINDS[name[0]!]!),
        firstAt: now,
        suppressed: suppressed.includes(name),
      }
      members.set(name, member)
      names.set(member.id, name)
    }
    return member
  }
  const links: OrderedLink[] = []
  for (const line of sets
    .trim()
    .split('\n')
    .map((text) => text.trim())) {
    if (line.startsWith('day ')) {
      now = Number(line.slice(4)) * DAY
      continue
    }
    const [trust, list] = line.split(': ') as [Trust, string]
    const ranked = list
      .split(' ')
      .sort((a, b) => compareRank({ kind: KINDS[a[0]!]!, value: a }, { kind: KINDS[b[0]!]!, value: b }))
    links.push({ offset: links.length, trust, members: ranked.map(memberOf) })
  }
  const resolution = resolveAll(links, sidesOf(splits, names))
  const groups = [...new Set(resolution.groups.values())].sort((a, b) => a.root - b.root)
  return {
    groups: groups.map((group) => group.members.map(({ id }) => names.get(id)).join(' ')).join('\n'),
    refused: resolution.refused
      .flatMap((list, index) => list.map(({ id, reason }) => `${index + 1} ${names.get(id)} ${reason}`))
      .join('\n'),
  }
}

function sidesOf(splits: string[], names: ReadonlyMap<number, string>): CannotLinks {
  return {
    isEmpty: () => splits.length === 0,
    sidesOf: (id) =>
      splits.flatMap((text, split) =>
        text
          .split(' | ')
          .flatMap((side, index) =>
            side.split(' ').includes(names.get(id)!)
              ? [{ split, side: index === 0 ? ('a' as const) : ('b' as const) }]
              : [],
          ),
      ),
  }
}

const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .join('\n')

const SCENARIOS: Record<string, Scenario> = {
  'an anonymous visitor becomes known': { sets: 'browser: a1\nbrowser: u1 a1\nserver: u1 e1', groups: 'a1 u1 e1' },
  'two known people are joined by a server': { sets: 'server: u1\nserver: e1\nserver: u1 e1', groups: 'u1 e1' },
  'two known people are never joined by a browser alone': {
    sets: 'server: u1\nserver: e1\nbrowser: u1 e1',
    groups: 'u1\ne1',
    refused: '3 e1 trust',
  },
  'a browser may give a known person a new e-mail': { sets: 'server: u1\nbrowser: u1 e1', groups: 'u1 e1' },
  'the documented case: the e-mail is demoted, the second user stands alone': {
    sets: 'server: u1 e1\nserver: u2 e1',
    groups: 'u1 e1\nu2',
    refused: '2 e1 limit',
  },
  'a shared device stays with the first user (merge protection)': {
    sets: 'server: a1\nserver: u1 a1\nserver: u2 a1',
    groups: 'a1 u1\nu2',
    refused: '3 a1 limit',
  },
  'what is demoted is the lowest rank, and the rest is tried again': {
    sets: 'server: u1 e1\nserver: u2\nserver: u2 e2 a1\nserver: u2 e1 a9',
    groups: 'u1 e1\nu2 e2 a1',
    refused: '4 a9 limit\n4 e1 limit',
  },
  'five e-mails for ever, the sixth is refused': {
    sets: 'server: u1 e1\nserver: u1 e2\nserver: u1 e3\nserver: u1 e4\nserver: u1 e5\nserver: u1 e6',
    groups: 'u1 e1 e2 e3 e4 e5',
    refused: '6 e6 limit',
  },
  'cookies: five a week, and more the week after': {
    sets: 'server: u1 a1\nserver: u1 a2\nserver: u1 a3\nserver: u1 a4\nserver: u1 a5\nserver: u1 a6\nday 8\nserver: u1 a7',
    groups: 'u1 a1 a2 a3 a4 a5 a7',
    refused: '6 a6 limit',
  },
  'by hand two users may be joined, and the profile still gains cookies and e-mails': {
    sets: 'server: u1 a1\nserver: u2 a2\nhand: u1 u2\nserver: u1 e1 a3',
    groups: 'u1 a1 u2 a2 e1 a3',
  },
  'a third user is refused where two were joined by hand': {
    sets: 'server: u1 a1\nserver: u2\nhand: u1 u2\nserver: u3 a1',
    groups: 'u1 a1 u2\nu3',
    refused: '4 a1 limit',
  },
  'a split keeps its sides apart, also through a newcomer': {
    sets: 'server: u1 e1\nserver: p1 e1\nserver: u1 p1\nserver: x1 p1\nserver: x1 e1',
    splits: ['u1 e1 | p1'],
    groups: 'u1 e1\np1 x1',
    refused: '2 p1 cannot_link\n3 p1 cannot_link\n5 x1 cannot_link',
  },
  'a split drops who stands on its sides, and whoever else was seen with them stays': {
    sets: 'server: u1 e1 a1\nserver: a1',
    splits: ['u1 a1 | e1'],
    groups: 'u1 a1',
    refused: '1 e1 cannot_link',
  },
  'a newcomer between two sides goes with the higher rank': {
    sets: 'server: u1 e1\nserver: u1 p1 x1',
    splits: ['u1 | e1 p1'],
    groups: 'u1 x1',
    refused: '1 e1 cannot_link\n2 p1 cannot_link',
  },
  'the device of a suppressed person does not take the next one in': {
    sets: 'server: u1 a1\nserver: e2\nserver: e2 a1 a3',
    suppressed: ['u1', 'a1'],
    groups: 'u1 a1\ne2 a3',
    refused: '3 a1 suppressed',
  },
  'a split is stronger than a merge by hand': {
    sets: 'server: u1\nserver: u2\nhand: u1 u2',
    splits: ['u1 | u2'],
    groups: 'u1\nu2',
    refused: '3 u1 cannot_link\n3 u2 cannot_link',
  },
}

describe('identity scenarios', () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    test(name, () => {
      const { groups, refused } = run(scenario)
      assert.equal(groups, lines(scenario.groups))
      assert.equal(refused, lines(scenario.refused ?? ''))
    })
  }
})

test('blocked values identify nobody', () => {
  const blocked = [
    'user_id:null',
    'user_id:Undefined',
    'email:N/A',
    'user_id:-1',
    'anonymous_id:0000-0000',
    'user_id:0',
    'phone:1111111',
    'phone:+0000000',
    'ios.id:ffff-ffff',
    'anonymous_id:Anonymous',
  ]
  const allowed = ['user_id:1111', 'user_id:7', 'email:null@x.com', 'phone:+12025550101', 'anonymous_id:a']
  const test = (text: string) =>
    isBlocked({ kind: text.slice(0, text.indexOf(':')), value: text.slice(text.indexOf(':') + 1) })
  assert.deepEqual(
    blocked.filter((text) => !test(text)),
    [],
  )
  assert.deepEqual(allowed.filter(test), [])
})
