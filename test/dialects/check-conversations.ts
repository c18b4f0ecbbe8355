/**
 * `npm run check:conversations -- --count 100000 --seed 1`: many random conversations through all pairs.
 * Prints the seed of the first that is not kept to the byte, and exits 1.
 */
import { parseArgs } from 'node:util'
import { checkConversation } from './conversation-check.ts'

const { values } = parseArgs({
  options: { count: { type: 'string', default: '100000' }, seed: { type: 'string' } },
})
const count = Number(values.count)
const first = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed)
const startedMs = performance.now()
console.log(`${count} conversations from seed ${first}`)
for (let index = 0; index < count; index += 1) {
  try {
    checkConversation(first + index)
  } catch (error) {
    console.error(`seed ${first + index}:`, error)
    process.exit(1)
  }
}
const seconds = (performance.now() - startedMs) / 1000
console.log(
  `all kept to the byte, ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} a second`,
)
