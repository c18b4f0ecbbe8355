import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOutputCeiling } from '../../src/dialects/estimate.ts'
import { renderRateLimits } from '../../src/dialects/own-rate-limits.ts'
import type { RateLimits } from '../../src/dialects/own-rate-limits.ts'

const NOW = Date.parse('2026-11-22T12:00:00.250Z')
const LIMITS: RateLimits = {
  requests: { limit: 60, remaining: 59, resetMs: 60_000 },
  tokens: { limit: 200_000, remaining: 0, resetMs: 43_199_750 },
}

test('an OpenAI caller reads durations', () => {
  for (const dialect of ['openai-chat', 'openai-responses'] as const) {
    assert.deepEqual(renderRateLimits(LIMITS, [], dialect, NOW), [
      ['x-ratelimit-limit-requests', '60'],
      ['x-ratelimit-remaining-requests', '59'],
      ['x-ratelimit-reset-requests', '1m0s'],
      ['x-ratelimit-limit-tokens', '200000'],
      ['x-ratelimit-remaining-tokens', '0'],
      ['x-ratelimit-reset-tokens', '12h0m0s'],
    ])
  }
})

test('an Anthropic caller reads instants, never one too early', () => {
  assert.deepEqual(renderRateLimits(LIMITS, [], 'anthropic', NOW), [
    ['anthropic-ratelimit-requests-limit', '60'],
    ['anthropic-ratelimit-requests-remaining', '59'],
    ['anthropic-ratelimit-requests-reset', '2026-11-22T12:01:01Z'],
    ['anthropic-ratelimit-tokens-limit', '200000'],
    ['anthropic-ratelimit-tokens-remaining', '0'],
    ['anthropic-ratelimit-tokens-reset', '2026-11-23T00:00:00Z'],
  ])
})

function left(...passed: [string, string][]): string[] {
  return renderRateLimits(LIMITS, passed, 'openai-chat', NOW).map(([name]) => name)
}

test('where a provider tells of requests or tokens, ours are left out, whoever its words are', () => {
  const requests = left(['anthropic-ratelimit-tokens-remaining', '5'])
  assert.equal(requests.length, 3)
  assert.ok(requests.every((name) => name.endsWith('-requests')))
  const tokens = left(['x-ratelimit-reset-requests', '1s'])
  assert.equal(tokens.length, 3)
  assert.ok(tokens.every((name) => name.endsWith('-tokens')))
  assert.equal(
    left(['anthropic-ratelimit-input-tokens-limit', '5'], ['retry-after', '1']).length,
    6,
  )
})

test('what is not limited is not told', () => {
  const none = { requests: undefined, tokens: undefined }
  assert.deepEqual(renderRateLimits(none, [], 'openai-chat', NOW), [])
})

test('the most a request may write is read in every dialect, for all its choices', () => {
  const rows = [
    [{ max_tokens: 50 }, 50],
    [{ max_completion_tokens: 60, max_tokens: 50 }, 60],
    [{ max_output_tokens: 70 }, 70],
    [{ max_tokens: 50, n: 3 }, 150],
    [{}, 1000],
    [{ n: 2 }, 2000],
    // Nonsense is the provider's to refuse; here it must not count for less than nothing.
    [{ max_tokens: -5, n: 0 }, 1000],
    [{ max_tokens: '50', n: 1.5 }, 1000],
    [{ max_tokens: 1e300 }, 1000],
    [{ max_tokens: null }, 1000],
  ] as const
  for (const [body, ceiling] of rows) {
    assert.equal(readOutputCeiling(body, 1000), ceiling, JSON.stringify(body))
  }
})
