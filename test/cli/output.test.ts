/** Where a text goes before Node's own stream is opened, and after. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOutput } from '../../src/cli/output.ts'
import type { LateStream, Output } from '../../src/cli/output.ts'

interface Trial {
  readonly output: Output<LateStream>
  /** What was written, in order, and by whom. */
  readonly steps: string[]
}

const QUIET: LateStream = {
  write: () => true,
  once: () => {},
  on: () => {},
  off: () => {},
}

/** An output whose descriptor takes so many bytes of each attempt; 0 throws. */
function tryOut(late: boolean, takes: readonly number[]): Trial {
  const steps: string[] = []
  const amounts = takes.values()
  const stream: LateStream = {
    ...QUIET,
    columns: 120,
    write: (text) => {
      steps.push(`stream ${Buffer.from(text).toString()}`)
      return false
    },
    once: (event) => {
      steps.push(`once ${event}`)
    },
  }
  const output = createOutput({
    late,
    open: () => {
      steps.push('open')
      return stream
    },
    write: (bytes, offset) => {
      const count = Math.min(amounts.next().value ?? Infinity, bytes.length - offset)
      if (count === 0) throw Object.assign(new Error('no'), { code: 'EAGAIN' })
      steps.push(`now ${Buffer.from(bytes.subarray(offset, offset + count)).toString()}`)
      return count
    },
  })
  return { output, steps }
}

test('a late output writes by itself, whatever part is taken at a time', () => {
  const { output, steps } = tryOut(true, [3, 1])
  assert.equal(output.write('one two\n'), true)
  assert.equal(output.write(''), true)
  assert.equal(output.write('three\n'), true)
  assert.deepEqual(steps, ['now one', 'now  ', 'now two\n', 'now three\n'])
  assert.equal(output.columns, undefined)
})

test('what cannot be written goes through the stream, with all that follows', () => {
  const { output, steps } = tryOut(true, [4, 0])
  assert.equal(output.write('eins → zwei\n'), false)
  assert.equal(output.write('drei\n'), false)
  assert.deepEqual(steps, ['now eins', 'open', 'stream  → zwei\n', 'stream drei\n'])
})

test('a character that was cut in two is whole again behind the stream', () => {
  const bytes: Uint8Array[] = []
  let first = true
  const output = createOutput({
    late: true,
    open: () => ({ ...QUIET, write: (rest) => bytes.push(Buffer.from(rest)) > 0 }),
    write: (text) => {
      if (!first) throw new Error('full')
      first = false
      bytes.push(text.subarray(0, 2))
      return 2
    },
  })
  output.write('→!')
  assert.equal(Buffer.concat(bytes).toString(), '→!')
})

test('who opens the stream gets it once, and nothing passes by it', () => {
  const { output, steps } = tryOut(true, [])
  output.write('a')
  assert.equal(output.open(), output.open())
  output.write('b')
  output.once?.('drain', () => {})
  assert.equal(output.columns, 120)
  assert.deepEqual(steps, ['now a', 'open', 'stream b', 'once drain'])
})

test('an output that is not late has its stream from the beginning', () => {
  const { output, steps } = tryOut(false, [])
  assert.equal(output.columns, 120)
  output.write('a')
  assert.deepEqual(steps, ['open', 'stream a'])
})
