import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../src/usage/metrics.ts'
import type { Metrics } from '../../src/usage/metrics.ts'
import type { UsageRecord } from '../../src/usage/record.ts'
import { readPrometheus, valueOf } from '../support/prometheus.ts'
import type { Family } from '../support/prometheus.ts'
import { createRandom } from '../support/random.ts'

const IDLE = { inFlight: 0, logAvailable: true, targets: [] }

function metricsKnowing(
  names: readonly string[],
  costOf: (record: UsageRecord) => number | undefined = () => undefined,
): Metrics {
  const known = new Set(names)
  const knows = (name: string): boolean => known.has(name)
  return createMetrics({ knows: { user: knows, model: knows, provider: knows }, costOf })
}

function record(changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    ts: '2026-11-22T15:12:11.034Z',
    id: 'req_1',
    user: 'user-a',
    api: 'chat',
    model: 'gpt-5',
    served_model: 'gpt-5',
    provider: 'openai',
    status: 200,
    outcome: 'ok',
    prompt_tokens: 13,
    completion_tokens: 39,
    total_tokens: 52,
    ms: 840,
    ...changes,
  }
}

function attemptAt(model: string): { model: string; provider: string; ms: number } {
  return { model, provider: 'p', ms: 1 }
}

function page(metrics: Metrics): ReadonlyMap<string, Family> {
  return readPrometheus(metrics.render(IDLE))
}

test('a page before the first request is a whole page', () => {
  const families = page(metricsKnowing([]))
  assert.equal(valueOf(families, 'aiproxy_requests_in_flight'), 0)
  assert.equal(valueOf(families, 'aiproxy_usage_log_available'), 1)
  assert.deepEqual(families.get('aiproxy_requests_total')?.samples, [])
  for (const { help } of families.values()) assert.ok(help.length > 10)
})

test('requests, tokens, cost and times are counted', () => {
  const metrics = metricsKnowing(['user-a', 'gpt-5', 'openai'], () => 0.1)
  metrics.observe(record())
  metrics.observe(
    record({
      stream: true,
      ttft_ms: 310,
      ms: 100_000,
      cached_tokens: 3,
      cache_write_tokens: 0,
      reasoning_tokens: 7,
    }),
  )
  metrics.observe(record({ api: 'messages', outcome: 'truncated', error: 'upstream_truncated' }))
  const families = page(metrics)
  const whose = { user: 'user-a', model: 'gpt-5', served_model: 'gpt-5', provider: 'openai' }
  const ok = { ...whose, outcome: 'ok', status: '200' }
  assert.equal(valueOf(families, 'aiproxy_requests_total', ok), 2)
  assert.equal(valueOf(families, 'aiproxy_requests_total', { outcome: 'truncated' }), 1)
  assert.equal(valueOf(families, 'aiproxy_errors_total', { code: 'upstream_truncated' }), 1)
  assert.equal(valueOf(families, 'aiproxy_tokens_total', { ...whose, type: 'input' }), 39)
  assert.equal(valueOf(families, 'aiproxy_tokens_total', { ...whose, type: 'output' }), 117)
  assert.equal(valueOf(families, 'aiproxy_tokens_total', { ...whose, type: 'cached' }), 3)
  assert.equal(valueOf(families, 'aiproxy_tokens_total', { ...whose, type: 'reasoning' }), 7)
  // 0.1 + 0.1 + 0.1 is 0.30000000000000004 in binary.
  assert.equal(valueOf(families, 'aiproxy_cost_usd_total', whose), 0.3)

  const chat = {
    gen_ai_operation_name: 'chat',
    gen_ai_provider_name: 'openai',
    gen_ai_request_model: 'gpt-5',
    gen_ai_response_model: 'gpt-5',
  }
  const duration = 'gen_ai_server_request_duration_seconds'
  const good = { ...chat, error_type: '' }
  assert.equal(valueOf(families, `${duration}_count`, good), 2)
  assert.equal(valueOf(families, `${duration}_sum`, good), 100.84)
  assert.equal(valueOf(families, `${duration}_bucket`, { ...good, le: '0.64' }), 0)
  assert.equal(valueOf(families, `${duration}_bucket`, { ...good, le: '1.28' }), 1)
  assert.equal(valueOf(families, `${duration}_bucket`, { ...good, le: '81.92' }), 1)
  assert.equal(valueOf(families, `${duration}_count`, { error_type: 'upstream_truncated' }), 1)
  const first = 'gen_ai_server_time_to_first_token_seconds'
  assert.equal(valueOf(families, `${first}_sum`, chat), 0.31)
  const tokens = 'gen_ai_client_token_usage'
  assert.equal(valueOf(families, `${tokens}_sum`, { gen_ai_token_type: 'output' }), 117)
  assert.equal(
    valueOf(families, `${tokens}_bucket`, { gen_ai_token_type: 'input', le: '16' }),
    3,
    'a value on a bound is within it',
  )
})

test('failovers are counted by what went wrong; who was passed over untried is no failure', () => {
  const metrics = metricsKnowing(['a', 'b', 'c', 'd', 'p'])
  metrics.observe(
    record({
      attempts: [
        { ...attemptAt('a'), class: 'rate', resting_s: 4 },
        { ...attemptAt('b'), class: 'limit' },
        { ...attemptAt('c'), class: 'server', status: 500 },
        { ...attemptAt('d'), status: 200 },
      ],
    }),
  )
  metrics.observe(record({ attempts: [{ ...attemptAt('a'), class: 'rate', status: 429 }] }))
  const families = page(metrics)
  const { samples } = families.get('aiproxy_failovers_total') ?? { samples: [] }
  assert.deepEqual(
    samples.map(({ labels, value }) => [{ ...labels }, value]),
    [[{ model: 'c', provider: 'p', class: 'server' }, 1]],
  )
  const skipped = 'aiproxy_targets_skipped_total'
  assert.equal(valueOf(families, skipped, { model: 'a', provider: 'p', reason: 'resting' }), 1)
  assert.equal(valueOf(families, skipped, { model: 'b', provider: 'p', reason: 'limit' }), 1)
})

test('what callers make up is never a label, however much of it there is', () => {
  const metrics = metricsKnowing(['user-a'])
  for (let i = 0; i < 500; i += 1) {
    metrics.observe(
      record({ user: `u${i}`, model: `m${i}`, served_model: `s${i}`, provider: `p${i}` }),
    )
    metrics.observe(
      record({
        model: '__proto__',
        attempts: [
          { model: `m${i}`, provider: 'p', ms: 1, class: 'server' },
          { model: 'x', provider: 'y', ms: 1 },
        ],
      }),
    )
  }
  const text = metrics.render(IDLE)
  const families = readPrometheus(text)
  assert.equal(families.get('aiproxy_requests_total')?.samples.length, 2)
  assert.equal(valueOf(families, 'aiproxy_failovers_total', { class: 'server' }), 500)
  assert.doesNotMatch(text, /__proto__|m\d|u\d/)
})

test('label values are escaped as the format wants it', () => {
  const odd = 'a"b\\c\nd{e="f"} 1'
  const metrics = metricsKnowing([odd])
  metrics.observe(record({ user: odd }))
  assert.equal(valueOf(page(metrics), 'aiproxy_requests_total', { user: odd }), 1)
})

test('what is so now is told as a gauge', () => {
  const families = readPrometheus(
    metricsKnowing([]).render({
      inFlight: 3,
      logAvailable: false,
      targets: [
        { model: 'gpt-5', provider: 'openai', resting: true },
        { model: 'claude', provider: 'anthropic', resting: false },
      ],
    }),
  )
  assert.equal(valueOf(families, 'aiproxy_requests_in_flight'), 3)
  assert.equal(valueOf(families, 'aiproxy_usage_log_available'), 0)
  assert.equal(valueOf(families, 'aiproxy_target_resting', { model: 'gpt-5' }), 1)
  assert.equal(valueOf(families, 'aiproxy_target_resting', { model: 'claude' }), 0)
  assert.equal(families.get('aiproxy_target_resting')?.type, 'gauge')
})

test('mixed traffic is counted as if every request were looked at by itself, also across a reload', () => {
  const random = createRandom(11)
  const names = ['u', 'v', 'm', 'n', 'p', 'q']
  let known = new Set(names.slice(0, 5))
  const knows = (name: string): boolean => known.has(name)
  const metrics = createMetrics({
    knows: { user: knows, model: knows, provider: knows },
    costOf: ({ ms }) => (ms % 3 === 0 ? undefined : 0.5),
  })
  const expected = new Map<string, number>()
  const count = (name: string, labels: Readonly<Record<string, string>>, by: number): void => {
    const said = Object.entries(labels).filter(([, value]) => value !== '')
    const key = JSON.stringify([name, ...said.toSorted(([a], [b]) => (a < b ? -1 : 1))])
    expected.set(key, (expected.get(key) ?? 0) + by)
  }
  for (let i = 0; i < 5000; i++) {
    if (i === 2500) known = new Set(names.slice(1))
    const one = record({
      user: random.pick(['u', 'v', 'x', 'z']),
      model: random.pick(['m', 'n', 'x']),
      served_model: random.pick(['m', 'n', 'x']),
      provider: random.pick(['p', 'q', 'x']),
      api: random.pick(['chat', 'embeddings']),
      status: random.pick([200, 404]),
      outcome: random.pick(['ok', 'failed']),
      ...(random.once(2) && { error: random.pick(['internal', 'upstream_error']) }),
      ...(random.once(2) && { stream: true, ttft_ms: random.below(500) }),
      prompt_tokens: random.below(3),
      reasoning_tokens: random.below(3),
      ms: random.below(1000),
    })
    metrics.observe(one)
    const label = (name: string | undefined): string =>
      name !== undefined && known.has(name) ? name : ''
    const whose = {
      user: label(one.user),
      model: label(one.model),
      served_model: label(one.served_model),
      provider: label(one.provider),
    }
    const { outcome, status, error, ms, prompt_tokens: input = 0, ttft_ms: ttftMs } = one
    count('aiproxy_requests_total', { ...whose, outcome, status: String(status) }, 1)
    if (error !== undefined) count('aiproxy_errors_total', { code: error }, 1)
    if (ms % 3 !== 0) count('aiproxy_cost_usd_total', whose, 0.5)
    if (input > 0) count('aiproxy_tokens_total', { ...whose, type: 'input' }, input)
    const thought = one.reasoning_tokens ?? 0
    if (thought > 0) count('aiproxy_tokens_total', { ...whose, type: 'reasoning' }, thought)
    const genAi = {
      gen_ai_operation_name: one.api,
      gen_ai_provider_name: whose.provider,
      gen_ai_request_model: whose.model,
      gen_ai_response_model: whose.served_model,
    }
    const duration = 'gen_ai_server_request_duration_seconds_count'
    count(duration, { ...genAi, error_type: error ?? '' }, 1)
    const first = 'gen_ai_server_time_to_first_token_seconds_count'
    if (ttftMs !== undefined) count(first, genAi, 1)
    const sizes = { ...genAi, gen_ai_token_type: 'input' }
    count('gen_ai_client_token_usage_count', sizes, 1)
    count('gen_ai_client_token_usage_sum', sizes, input)
  }
  const seen = new Map<string, number>()
  for (const { samples } of page(metrics).values()) {
    for (const { name, labels, value } of samples) {
      const key = JSON.stringify([
        name,
        ...Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)),
      ])
      seen.set(key, value)
    }
  }
  assert.ok(expected.size > 300)
  for (const [key, value] of expected) {
    assert.equal(seen.get(key), value, key)
  }
})
