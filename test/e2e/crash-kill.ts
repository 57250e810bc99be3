// How the crash drill kills: whom in turn, and when. Most kills wait for a moment at which the victim is inside a transaction: it
// is stopped, looked at and let go again until it is, and only then killed. The others fall at random instants, unlooked.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { CHILDREN, type ChildName, freeze, type ProcessTree, signalProcess, thaw, until } from '../support/tree.ts'

/** `frozen`: main is killed while the child stands still, which wakes beside the successor as a belated orphan. */
export type Victim = 'tree' | 'main' | ChildName | `main, ${ChildName} frozen`

const TURNS: Victim[] = ['tree', 'main', 'pipeline', 'history', 'deliver', 'engine']
const FILES: Record<'main' | ChildName, string[]> = {
  main: ['log.db'],
  pipeline: ['state.db'],
  history: ['history.db'],
  deliver: ['ledger.db'],
  // What it has in hand is the block that the history writer keeps open until it is stored.
  engine: [],
}
const LOOKS_MAX = 150

export interface Kill {
  victim: Victim
  /** The victim held a write lock, or for the engine an unfinished block, when it was stopped; null where nobody looked. */
  inside: boolean | null
  /** Records that the pipeline had not committed, as nearly as could be seen. */
  behind: number
  /** A block was begun and not yet known to be stored. */
  openBlock: boolean
}

/** What stands still while main is killed, from one of its turns to the next. */
const FROZEN: (ChildName | null)[] = [null, 'history', 'pipeline', 'engine', null, 'deliver']

/** Everybody in turn; or always `only`, to look closely at one. */
export function victimOf(round: number, only = ''): Victim {
  if (only !== '') return asVictim(only)
  const turn = TURNS[round % TURNS.length]!
  const frozen = FROZEN[Math.floor(round / TURNS.length) % FROZEN.length] ?? null
  return turn === 'main' && frozen !== null ? `main, ${frozen} frozen` : turn
}

function asVictim(text: string): Victim {
  const known: Victim[] = [...TURNS, ...CHILDREN.map((name): Victim => `main, ${name} frozen`)]
  const found = known.find((victim) => victim === text)
  if (found === undefined) throw new Error(`nobody is called ${JSON.stringify(text)}; victims are ${known.join('; ')}`)
  return found
}

/** Kills the victim, and brings the tree back to where everything runs again, or at least has been started. */
export async function killOne(
  tree: ProcessTree,
  dataDir: string,
  victim: Victim,
  options: { random: () => number; waits: boolean },
): Promise<Kill> {
  const { random, waits } = options
  // Two in three are looked at first.
  const { kill, frozen } =
    random() < 0.67 ? await killInside(tree, dataDir, victim, random) : await killBlindly(tree, dataDir, victim)
  if (isChild(victim)) {
    if (waits) await until(`${victim} runs again`, 60_000, () => tree.child(victim) !== null)
  } else await succeed(tree, victim, { frozen, random })
  if (waits) await tree.ready()
  return kill
}

/** Starts the next main at once, beside whatever the last one left; orphans must end by themselves. */
async function succeed(
  tree: ProcessTree,
  victim: Victim,
  options: { frozen: number | null; random: () => number },
): Promise<void> {
  const { frozen, random } = options
  // Not a moment later than a supervisor of the operating system would: orphans are still about.
  await tree.mainGone()
  tree.start()
  if (frozen !== null) {
    await sleep(random() * 4000)
    thaw([frozen])
  }
  if (victim !== 'tree') await tree.orphansGone()
}

interface Struck {
  kill: Kill
  /** Pid of the child that stands still. */
  frozen: number | null
}

async function killInside(tree: ProcessTree, dataDir: string, victim: Victim, random: () => number): Promise<Struck> {
  let pids: number[] | null = null
  for (let look = 1; ; look++) {
    pids ??= await pidsThere(tree, victim)
    if (!(await freeze(pids))) {
      // One of them has been started anew since.
      thaw(pids)
      pids = null
      continue
    }
    // It stands still, so what is seen here is what the kill finds.
    const seen = observe(dataDir, victim)
    if (seen.inside || look >= LOOKS_MAX) {
      return { kill: { victim, ...seen }, frozen: strike(tree, victim, pids) }
    }
    thaw(pids)
    await sleep(random() * 12)
  }
}

async function killBlindly(tree: ProcessTree, dataDir: string, victim: Victim): Promise<Struck> {
  const pids = await pidsThere(tree, victim)
  const { behind, openBlock } = observe(dataDir, victim)
  return { kill: { victim, inside: null, behind, openBlock }, frozen: strike(tree, victim, pids) }
}

/** Returns the child that was frozen, if any. */
function strike(tree: ProcessTree, victim: Victim, pids: readonly number[]): number | null {
  const name = frozenOf(victim)
  const frozen = name === null ? null : tree.child(name)
  if (frozen !== null) signalProcess(frozen, 'SIGSTOP')
  if (victim === 'tree') tree.killAll()
  else for (const pid of pids) signalProcess(pid, 'SIGKILL')
  return frozen
}

/** One that is being restarted may be killed as soon as it is there. */
async function pidsThere(tree: ProcessTree, victim: Victim): Promise<number[]> {
  await until(`${victim} is there to be killed`, 60_000, () => pidsOf(tree, victim) !== null)
  return pidsOf(tree, victim) ?? []
}

function pidsOf(tree: ProcessTree, victim: Victim): number[] | null {
  if (victim === 'tree') {
    const { mainPid } = tree
    return tree
      .processes()
      .filter(({ group }) => group === mainPid)
      .map(({ pid }) => pid)
  }
  if (!isChild(victim)) return [tree.mainPid]
  const pid = tree.child(victim)
  return pid === null ? null : [pid]
}

function isChild(victim: Victim): victim is ChildName {
  return CHILDREN.some((name) => name === victim)
}

function frozenOf(victim: Victim): ChildName | null {
  return CHILDREN.find((name) => victim === `main, ${name} frozen`) ?? null
}

/** What the victim has in hand. Opens files only while those who write them live: else it would recover them in their place. */
function observe(dataDir: string, victim: Victim): Omit<Kill, 'victim' | 'inside'> & { inside: boolean } {
  const at = (name: string) => join(dataDir, name)
  const head = ask(at('log.db'), 'SELECT max(first_offset + count) AS value FROM blocks')
  const next = ask(at('state.db'), 'SELECT next AS value FROM position')
  const openBlock = ask(at('history.db'), 'SELECT open AS value FROM block') === 1
  const owners = victim === 'tree' ? (['main', ...CHILDREN] as const) : [isChild(victim) ? victim : ('main' as const)]
  const inside = owners.flatMap((owner) => FILES[owner]).some((file) => isBeingWritten(at(file)))
  return {
    inside: inside || (victim === 'engine' && openBlock),
    behind: head === null || next === null ? 0 : Math.max(0, head - next),
    openBlock,
  }
}

/** Whether somebody holds the write lock of the file. */
function isBeingWritten(path: string): boolean {
  return (
    withFile(path, false, (db) => {
      try {
        db.exec('BEGIN IMMEDIATE')
        db.exec('ROLLBACK')
        return false
      } catch {
        return true
      }
    }) ?? false
  )
}

function ask(path: string, sql: string): number | null {
  return withFile(path, null, (db) => {
    const value = db.prepare(sql).get()?.['value']
    return typeof value === 'number' ? value : null
  })
}

/** `fallback` where the file is not there yet, or is held in a way that lets nobody look. */
function withFile<T>(path: string, fallback: T, look: (db: DatabaseSync) => T): T {
  if (!existsSync(path)) return fallback
  const db = new DatabaseSync(path, { timeout: 0, open: false })
  try {
    db.open()
    return look(db)
  } catch {
    return fallback
  } finally {
    if (db.isOpen) db.close()
  }
}
