import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createTrend } from '../../src/usage/trend.ts'

const START = Date.UTC(2026, 10, 22)
const HOUR = 3_600_000

function sum(parts: readonly number[]): number {
  return parts.reduce((total, part) => total + part, 0)
}

test('even traffic is even, whatever the span and the number of parts', () => {
  for (const span of [60_000, HOUR, 24 * HOUR, 400 * 24 * HOUR]) {
    const trend = createTrend()
    for (let i = 0; i < 4800; i++) trend.add(START + (i * span) / 4800)
    for (const parts of [1, 5, 12, 16]) {
      for (const part of trend.resample(START, START + span, parts)) {
        assert.ok(Math.abs(part - 4800 / parts) < 0.05 * (4800 / parts) + 3, `${span} ${part}`)
      }
    }
  }
})

test('a burst stands where it was', () => {
  const trend = createTrend()
  for (let hour = 0; hour < 24; hour++) trend.add(START + hour * HOUR)
  trend.add(START + 18.5 * HOUR, 100)
  const parts = trend.resample(START, START + 24 * HOUR, 12)
  assert.equal(parts.indexOf(Math.max(...parts)), 9)
})

test('nothing is lost in any order of times, nor when one takes in another', () => {
  const times = fc.array(fc.integer({ min: -10 * HOUR, max: 2000 * HOUR }), { minLength: 1 })
  fc.assert(
    fc.property(times, times, (first, second) => {
      const [a, b] = [createTrend(), createTrend()]
      for (const at of first) a.add(START + at)
      for (const at of second) b.add(START + at)
      a.absorb(b)
      let counted = 0
      let slots = 0
      a.forEachSlot((_start, _length, count) => {
        counted += count
        slots++
      })
      assert.equal(counted, first.length + second.length)
      assert.ok(slots <= 64)
      const whole = a.resample(START - 4000 * HOUR, START + 4000 * HOUR, 10)
      assert.equal(Math.round(sum(whole)), counted)
    }),
  )
})

test('without events or without a span there is nothing', () => {
  assert.deepEqual(createTrend().resample(START, START + HOUR, 3), [0, 0, 0])
  const trend = createTrend()
  trend.add(START)
  assert.deepEqual(trend.resample(START, START, 2), [0, 0])
})
