import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseColorLevel } from '../../src/cli/paint.ts'
import type { ColorFlag } from '../../src/cli/paint.ts'

const FLAGS: ReadonlyArray<ColorFlag | undefined> = [undefined, 'auto', 'always', 'never']
const NO_COLORS = [undefined, '', '1', '0']
const FORCE_COLORS = [undefined, '', '0', 'false', '1', '2', '3', 'true']
const TERMS = [undefined, 'dumb', 'xterm', 'xterm-256color']

/** The rule of cli.md §1, written a second time as the order in which each voice is heard. */
function expected(
  flag: ColorFlag | undefined,
  noColor: string | undefined,
  forceColor: string | undefined,
  term: string | undefined,
  isTTY: boolean,
): number {
  const richest = term === 'xterm-256color' ? 2 : 1
  const levels: Record<string, number> = { '0': 0, false: 0, '1': 1, '2': 2, '3': 3, true: richest }
  const voices = [
    flag === 'never' ? 0 : undefined,
    flag === 'always' ? richest : undefined,
    noColor === undefined || noColor === '' ? undefined : 0,
    forceColor === undefined || forceColor === '' ? undefined : levels[forceColor],
    term === 'dumb' ? 0 : undefined,
    isTTY ? richest : 0,
  ]
  return voices.find((voice) => voice !== undefined) ?? 0
}

test('flag, NO_COLOR, FORCE_COLOR, TERM and the terminal are heard in this order, in every combination', () => {
  let combinations = 0
  for (const flag of FLAGS) {
    for (const noColor of NO_COLORS) {
      for (const forceColor of FORCE_COLORS) {
        for (const term of TERMS) {
          for (const isTTY of [true, false]) {
            const env = { NO_COLOR: noColor, FORCE_COLOR: forceColor, TERM: term }
            assert.equal(
              chooseColorLevel({ flag, env, isTTY }),
              expected(flag, noColor, forceColor, term, isTTY),
              JSON.stringify({ flag, ...env, isTTY }),
            )
            combinations++
          }
        }
      }
    }
  }
  assert.equal(combinations, 1024)
})

test('NO_COLOR beats FORCE_COLOR, and the flag beats both', () => {
  const env = { NO_COLOR: '1', FORCE_COLOR: '3' }
  assert.equal(chooseColorLevel({ flag: undefined, env, isTTY: true }), 0)
  assert.equal(chooseColorLevel({ flag: 'always', env, isTTY: false }), 1)
})

test('a terminal that says so gets 24-bit colour', () => {
  const env = { COLORTERM: 'truecolor', TERM: 'xterm' }
  assert.equal(chooseColorLevel({ flag: undefined, env, isTTY: true }), 3)
})
