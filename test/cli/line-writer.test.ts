import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLineWriter } from '../../src/cli/line-writer.ts'
import type { LineWriter } from '../../src/cli/line-writer.ts'

interface Desk {
  readonly lines: LineWriter
  /** What was handed out, write by write. */
  readonly writes: string[]
  /** The next turn of the event loop. */
  turn(this: void): void
  /** The write under way is out. */
  arrive(this: void): void
  /** Time limits run out. */
  expire(this: void): void
  readonly gaps: () => number
}

function setUp({ limitChars = 1000, prompt = false } = {}): Desk {
  const writes: string[] = []
  let planned: Array<() => void> = []
  let limits: Array<() => void> = []
  let arrive: (() => void) | undefined
  let gaps = 0
  const lines = createLineWriter({
    sink(text, done) {
      assert.equal(arrive, undefined, 'one write at a time')
      writes.push(text)
      if (prompt) done()
      else arrive = done
    },
    soon: (action) => planned.push(action),
    after(_ms, action) {
      limits.push(action)
      return () => {
        limits = limits.filter((one) => one !== action)
      }
    },
    renderGap: (count) => `(${count} left out)`,
    onGap: () => {
      gaps++
    },
    limitChars,
  })
  return {
    lines,
    writes,
    turn() {
      const due = planned
      planned = []
      for (const action of due) action()
    },
    arrive() {
      const done = arrive
      arrive = undefined
      done?.()
    },
    expire() {
      for (const action of limits) action()
    },
    gaps: () => gaps,
  }
}

test('the lines of one turn are one write, in order', () => {
  const { lines, writes, turn } = setUp({ prompt: true })
  lines.push('a')
  lines.push('b')
  assert.deepEqual(writes, [], 'not before the turn is over')
  turn()
  lines.push('c')
  turn()
  turn()
  assert.deepEqual(writes, ['a\nb\n', 'c\n'])
})

test('while a write is under way the next lines gather, and go out when it is out', () => {
  const { lines, writes, turn, arrive } = setUp()
  lines.push('a')
  turn()
  lines.push('b')
  lines.push('c')
  turn()
  assert.deepEqual(writes, ['a\n'])
  arrive()
  assert.deepEqual(writes, ['a\n', 'b\nc\n'])
})

test('a reader that stands still costs no more than the limit, and what was left out is counted in its place', () => {
  const { lines, writes, turn, arrive, gaps } = setUp({ limitChars: 40 })
  lines.push('first')
  turn()
  for (let i = 0; i < 100; i++) lines.push(`line ${i}`)
  // Shorter ones would fit, but they would stand before those that did not.
  lines.push('x')
  assert.equal(gaps(), 1)
  arrive()
  lines.push('after')
  arrive()
  assert.deepEqual(writes, [
    'first\n',
    'line 0\nline 1\nline 2\nline 3\nline 4\n(96 left out)\n',
    'after\n',
  ])
  for (let i = 0; i < 100; i++) lines.push(`again ${i}`)
  assert.equal(gaps(), 2, 'every episode is told of')
})

test('no line is lost and none comes twice, however slow the reader is', () => {
  const { lines, writes, turn, arrive } = setUp({ limitChars: 1e6 })
  let seed = 7
  const pushed: string[] = []
  for (let i = 0; i < 5000; i++) {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    if (seed % 3 === 0) turn()
    if (seed % 5 === 0) arrive()
    lines.push(`${i}`)
    pushed.push(`${i}`)
  }
  turn()
  arrive()
  arrive()
  assert.equal(writes.join(''), `${pushed.join('\n')}\n`)
})

test('settling waits for what is planned and what is under way, but not for ever', async () => {
  const quick = setUp()
  assert.equal(await quick.lines.settle(100), true, 'nothing to wait for')
  quick.lines.push('a')
  const settled = quick.lines.settle(100)
  quick.turn()
  quick.arrive()
  assert.equal(await settled, true)
  const stuck = setUp()
  stuck.lines.push('a')
  stuck.turn()
  const given = stuck.lines.settle(100)
  stuck.expire()
  assert.equal(await given, false)
})

test('at the last moment there is what nobody handed out yet, once', () => {
  const { lines, writes, turn, arrive } = setUp()
  lines.push('a')
  lines.push('b')
  assert.equal(lines.take(), 'a\nb\n')
  assert.equal(lines.take(), '')
  turn()
  assert.deepEqual(writes, [])
  lines.push('c')
  turn()
  lines.push('d')
  assert.equal(lines.take(), '', 'a reader that is behind would hold that moment up')
  arrive()
  assert.deepEqual(writes, ['c\n', 'd\n'])
})
