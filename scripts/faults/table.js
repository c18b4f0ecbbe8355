/**
 * The fault table, many times with fresh seeds: where packets end, how replies are framed and which
 * language is spoken is different in every round.
 *
 *   npm run check:faults -- [--rounds 100] [--seed 1] [--only 'RST mid-body']
 *
 * Prints the seed of every case that does not end as the table says; exits 1 where there is one.
 */
import { parseArgs } from 'node:util'
import { CASES, playCase } from '../../dist/test/faults/table.js'

const print = (text) => process.stdout.write(`${text}\n`)
const tell = (text) => process.stderr.write(`${text}\n`)

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string', default: '' },
  },
})
const AT_ONCE = 8

const rounds = Number(values.rounds)
const first = Number(values.seed)
const cases = CASES.filter(({ title }) => title.includes(values.only))
const failures = []
const startedMs = performance.now()
for (let round = 0; round < rounds; round += 1) {
  const waiting = cases.map((played, index) => ({ played, seed: first + round * 1000 + index }))
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        await playCase(next.played, next.seed)
      } catch (error) {
        failures.push(next)
        print(`FAILED ${next.played.title}, seed ${next.seed}: ${error.message}`)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  if ((round + 1) % 10 === 0) tell(`  ${round + 1}/${rounds}`)
}
const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
print(
  `${rounds} rounds of ${cases.length} cases in ${seconds} s, first seed ${first}: ${failures.length} failed`,
)
process.exitCode = failures.length > 0 ? 1 : 0
