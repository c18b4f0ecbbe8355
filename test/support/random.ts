/** Repeatable randomness: a failure is reproduced by its printed seed. */

export interface Random {
  /** In [0, 1). */
  next(): number
  /** An integer in [0, below). */
  below(below: number): number
  /** True in one of `times` cases. */
  once(times: number): boolean
  pick<T>(choices: readonly [T, ...T[]]): T
}

/** A generator with 32 bits of state (mulberry32): plenty for choosing tests, useless for keys. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    next,
    below,
    once: (times) => below(times) === 0,
    pick: (choices) => choices[below(choices.length)] ?? choices[0],
  }
}
