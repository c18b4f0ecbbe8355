/** The fault table, once with fresh seeds; `npm run check:faults` plays it many times. */
import { suite, test } from 'node:test'
import { CASES, playCase } from './table.ts'

const seed = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000)

suite(`the fault table, seed ${seed}`, { concurrency: 12 }, () => {
  for (const [index, played] of CASES.entries()) {
    test(played.title, { timeout: 30_000 }, async () => {
      await playCase(played, seed + index)
    })
  }
})
