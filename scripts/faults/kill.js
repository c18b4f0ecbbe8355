/**
 * kill -9, over and over, with mixed requests under way; then what the usage log still knows.
 *
 *   npm run check:kill -- [--rounds 200] [--in-flight 60] [--seed 1]
 *
 * Half of the rounds with one program, half with two that write to the same file. Exits 1 where a
 * finished request was lost or stands twice.
 */
import { parseArgs } from 'node:util'
import { runKillRounds } from '../../dist/test/faults/kill-rounds.js'

const print = (text) => process.stdout.write(`${text}\n`)
const tell = (text) => process.stderr.write(`${text}\n`)

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    'in-flight': { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})

let failed = false
for (const writers of [1, 2]) {
  const rounds = Math.ceil(Number(values.rounds) / 2)
  const so = await runKillRounds({
    rounds,
    inFlight: Number(values['in-flight']),
    writers,
    seed: Number(values.seed) + writers,
    onRound(round, { finished, lost, doubled }) {
      if (round % 10 !== 0) return
      tell(
        `  ${round}/${rounds}: ${finished} finished, ${lost.length} lost, ${doubled.length} doubled`,
      )
    },
  })
  failed ||= so.lost.length > 0 || so.doubled.length > 0 || so.finished === 0
  print(
    `${writers} writer${writers === 1 ? '' : 's'}: ${so.kills} kills, ${so.finished} finished requests, ` +
      `${so.lost.length} lost, ${so.doubled.length} doubled; ${so.inFlight} in flight at a kill ` +
      `(${so.inFlightLogged} of them logged), ${so.lines} lines, ${so.torn} torn`,
  )
  for (const id of [...so.lost, ...so.doubled].slice(0, 10)) print(`  ${id}`)
}
print(`seed ${values.seed}`)
process.exitCode = failed ? 1 : 0
