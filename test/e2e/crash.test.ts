// Kill -9 of the whole tree, of each child and of main alone, under load with duplicates: then every profile, count, membership and
// delivery row equals the reference. More rounds by hand: `node test/e2e/crash-drill.ts --rounds=200`.
import { test } from 'node:test'
import { runDrill } from './crash-drill.ts'

const ROUNDS = 20

test(`after ${ROUNDS} rounds of kill -9 under load everything equals the reference`, async (context) => {
  const seed = Date.now() % 1_000_000
  context.diagnostic(`seed ${seed}`)
  context.diagnostic(
    await runDrill({ rounds: ROUNDS, seed, rate: 150, say: (line) => context.diagnostic(line.replace(/^# /, '')) }),
  )
})
