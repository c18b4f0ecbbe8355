/** SIGKILL with requests under way, in short; `npm run check:kill` does it hundreds of times. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runKillRounds } from './kill-rounds.ts'

for (const writers of [1, 2]) {
  test(
    `killed at any moment, ${writers === 1 ? 'the program has' : 'two programs on one log have'} written down what was finished`,
    { timeout: 60_000 },
    async () => {
      const seed = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000)
      const so = await runKillRounds({ rounds: 2, inFlight: 30, writers, seed })
      const words = `FAULT_SEED=${seed} ${JSON.stringify(so)}`
      assert.ok(so.finished > 0, words)
      assert.deepEqual(so.lost, [], words)
      assert.deepEqual(so.doubled, [], words)
      assert.ok(so.torn <= so.kills, words)
    },
  )
}
