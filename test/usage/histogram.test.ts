import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createHistogram } from '../../src/usage/histogram.ts'

function exactPercentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1] ?? NaN
}

test('percentiles are exact for few values', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 64 }), (values) => {
      const histogram = createHistogram()
      for (const value of values) histogram.add(value)
      for (const fraction of [0, 0.5, 0.95, 1]) {
        assert.equal(histogram.percentile(fraction), exactPercentile(values, fraction))
      }
    }),
  )
})

test('percentiles are within one per cent for many values, whatever their range', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1e9 })), {
        minLength: 65,
        maxLength: 2000,
      }),
      (values) => {
        const histogram = createHistogram()
        for (const value of values) histogram.add(value)
        for (const fraction of [0.01, 0.5, 0.9, 0.95, 0.99, 1]) {
          const exact = exactPercentile(values, fraction)
          const seen = histogram.percentile(fraction) ?? NaN
          assert.ok(Math.abs(seen - exact) <= exact * 0.01 + 1e-9, `${seen} for ${exact}`)
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('zeros are zero, and no values have no percentile', () => {
  const histogram = createHistogram()
  assert.equal(histogram.percentile(0.5), undefined)
  for (let i = 0; i < 100; i++) histogram.add(0)
  assert.equal(histogram.percentile(0.5), 0)
})

test('one that takes in another answers as if it had counted all itself', () => {
  for (const [few, many] of [
    [10, 20],
    [40, 60],
    [100, 30],
    [500, 800],
  ] as const) {
    const [a, b, both] = [createHistogram(), createHistogram(), createHistogram()]
    for (let i = 0; i < few; i++) {
      a.add(i * 3)
      both.add(i * 3)
    }
    for (let i = 0; i < many; i++) {
      b.add(i * 7)
      both.add(i * 7)
    }
    a.absorb(b)
    for (const fraction of [0, 0.5, 0.95, 1]) {
      const expected = both.percentile(fraction) ?? NaN
      const seen = a.percentile(fraction) ?? NaN
      assert.ok(Math.abs(seen - expected) <= 0.02 * expected, `${few}+${many} ${fraction}: ${seen}`)
    }
  }
  const empty = createHistogram()
  empty.absorb(createHistogram())
  assert.equal(empty.percentile(0.5), undefined)
})

test('two that are put together say what one says', () => {
  for (const [few, more] of [
    [3, 5],
    [40, 40],
    [10, 500],
    [500, 10],
    [300, 900],
  ] as const) {
    const [one, first, second] = [createHistogram(), createHistogram(), createHistogram()]
    for (let i = 0; i < few + more; i++) {
      const value = (i * 7919) % 20_011
      one.add(value)
      if (i < few) first.add(value)
      else second.add(value)
    }
    second.forEachValue((value, times) => first.add(value, times))
    for (const fraction of [0, 0.1, 0.5, 0.95, 1]) {
      assert.equal(first.percentile(fraction), one.percentile(fraction), `${few} and ${more}`)
    }
  }
})
