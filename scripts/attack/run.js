/**
 * What the long runs share: their command line, their seeds, and how they report. They run on what
 * `npm run build` has made, outside `npm test`: `npm run check:fuzz` runs all of them, `check:<name>` one.
 */
import { parseArgs } from 'node:util'

/**
 * `--seed` and `--count` from the command line. The seed is printed first, so that a run that dies can be
 * run again; without one it is drawn from the clock.
 */
export function readOptions(name, defaultCount) {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, count: { type: 'string' } } })
  const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed) >>> 0
  const count = values.count === undefined ? defaultCount : Number(values.count)
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError('--count takes a number')
  console.log(`${name}: --seed ${seed} --count ${count}`)
  return { name, seed, count }
}

/** The same numbers for the same seed: mulberry32. */
export function createRandom(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
  const below = (bound) => Math.floor(next() * bound)
  return { next, below, pick: (list) => list[below(list.length)] }
}

/** Gathers findings and ends the program: 0 with none, 1 with any. The first few are shown whole. */
export function createFindings({ name, seed }) {
  const startedMs = performance.now()
  const found = []
  return {
    add(kind, detail) {
      found.push(kind)
      if (found.length <= 5) console.error(`FOUND ${kind} (seed ${seed}): ${detail}`)
    },
    get count() {
      return found.length
    },
    end(figures) {
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
      const rssMb = Math.round(process.memoryUsage().rss / 1e6)
      console.log(`${name}: ${JSON.stringify({ ...figures, found: found.length, seconds, rssMb })}`)
      process.exit(found.length === 0 ? 0 : 1)
    },
  }
}
