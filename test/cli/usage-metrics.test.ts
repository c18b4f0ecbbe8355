import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderCount, renderUsd } from '../../src/cli/usage-metrics.ts'

test('counts shrink to four figures and never lose a unit on the way', () => {
  const cases: readonly (readonly [number, string, string])[] = [
    [0, '0', '0'],
    [999, '999', '999'],
    [1000, '1.0K', '1,000'],
    [9_100, '9.1K', '9,100'],
    [433_314, '433.3K', '433,314'],
    [999_949, '999.9K', '999,949'],
    [999_950, '1.0M', '999,950'],
    [1_234_567_890, '1.2B', '1,234,567,890'],
    [999_950_000_000, '1.0T', '999,950,000,000'],
    [12_345_000_000_000, '12.3T', '12,345,000,000,000'],
  ]
  for (const [count, short, exact] of cases) {
    assert.equal(renderCount(count, false), short)
    assert.equal(renderCount(count, true), exact)
  }
})

test('a cost that is not nothing never looks like nothing', () => {
  const cases: readonly (readonly [number, string, string])[] = [
    [0, '$0.00', '$0.00'],
    [1e-9, '<$0.0001', '<$0.000001'],
    [0.00004, '<$0.0001', '$0.00004'],
    [0.00005, '$0.0001', '$0.00005'],
    [0.0032, '$0.0032', '$0.0032'],
    [0.00994, '$0.0099', '$0.00994'],
    [0.00996, '$0.01', '$0.00996'],
    [0.07, '$0.07', '$0.07'],
    [1.1558, '$1.16', '$1.1558'],
    [1234.5, '$1,234.50', '$1,234.50'],
    [1_234_567.891, '$1,234,567.89', '$1,234,567.891'],
  ]
  for (const [usd, short, exact] of cases) {
    assert.equal(renderUsd(usd, false), short)
    assert.equal(renderUsd(usd, true), exact)
  }
})
