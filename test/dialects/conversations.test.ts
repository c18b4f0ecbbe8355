import { test } from 'node:test'
import { checkConversation } from './conversation-check.ts'

const COUNT = 3000
const SEED = 20_261_122

// Many more: `npm run check:conversations -- --count 100000`.
test(`${COUNT} random conversations keep text and arguments to the byte, there and back`, (t) => {
  t.diagnostic(`seeds ${SEED} to ${SEED + COUNT - 1}`)
  for (let seed = SEED; seed < SEED + COUNT; seed += 1) checkConversation(seed)
})
