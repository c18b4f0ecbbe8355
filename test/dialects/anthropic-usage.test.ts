import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeUsage,
  emptyCounts,
  mergeCounts,
  toUsage,
} from '../../src/dialects/anthropic/usage.ts'

test('cache writes that are kept for an hour are told apart, and only where there are some', () => {
  const usage = {
    input_tokens: 10,
    cache_creation_input_tokens: 500,
    cache_read_input_tokens: 0,
    output_tokens: 5,
    cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 200 },
  }
  const decoded = decodeUsage(usage)
  assert.equal(decoded?.cacheWriteTokens, 500)
  assert.equal(decoded?.cacheWriteHourTokens, 200)
  assert.equal(decoded?.promptTokens, 510, 'they are a part of the writes')
  const none = { ...usage, cache_creation: { ephemeral_1h_input_tokens: 0 } }
  assert.equal('cacheWriteHourTokens' in (decodeUsage(none) ?? {}), false)
})

test('what a stream told at its start is not undone by what it does not tell at its end', () => {
  const counts = emptyCounts()
  mergeCounts(counts, {
    input_tokens: 10,
    cache_creation_input_tokens: 500,
    cache_creation: { ephemeral_1h_input_tokens: 500 },
  })
  for (const later of [
    { output_tokens: 7 },
    { output_tokens: 7, cache_creation: null },
    { output_tokens: 7, cache_creation: { ephemeral_1h_input_tokens: 0 } },
    { output_tokens: 7, cache_creation: 'nonsense' },
    { output_tokens: 7, cache_creation: { ephemeral_1h_input_tokens: -4 } },
  ]) {
    mergeCounts(counts, later)
    assert.equal(toUsage(counts)?.cacheWriteHourTokens, 500)
  }
})
