import assert from 'node:assert/strict'
import test from 'node:test'
import { parseRetryAfter } from '../../src/wire/retry-after.ts'

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0)

const table: ReadonlyArray<[Record<string, string>, number | undefined]> = [
  [{}, undefined],
  [{ 'retry-after': '3' }, 3_000],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': ' 1.5 ' }, 1_500],
  [{ 'retry-after-ms': '250', 'retry-after': '1' }, 250],
  [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2_000],
  [{ 'retry-after': 'Sun, 22 Nov 2026 12:00:10 GMT' }, 10_000],
  [{ 'retry-after': 'Sun, 22 Nov 2026 11:00:00 GMT' }, 0],
  [{ 'retry-after': '-5' }, undefined],
  [{ 'retry-after': 'NaN' }, undefined],
  [{ 'retry-after': '1e9' }, undefined],
  [{ 'retry-after': 'tomorrow' }, undefined],
  [{ 'retry-after': '' }, undefined],
]
for (const [headers, ms] of table) {
  test(`${JSON.stringify(headers)} asks for ${ms} ms`, () => {
    assert.equal(parseRetryAfter(headers, NOW), ms)
  })
}
