import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPriceLookup } from '../../src/usage/prices.ts'
import { createReport } from '../../src/usage/report.ts'
import type { GroupKey, ReportOptions, UsageFilters, UsageReport } from '../../src/usage/report.ts'
import type { LoggedUsage } from '../../src/usage/logged.ts'
import { resolveZone } from '../../src/usage/zone.ts'
import { comparable, loggedUsage as usage } from './logged-usage.ts'

const NOON = Date.UTC(2026, 10, 22, 12)
const NO_FILTERS: UsageFilters = { users: [], models: [], providers: [], outcomes: [] }

const REFUSED = {
  outcome: 'refused',
  served_model: undefined,
  provider: undefined,
  prompt_tokens: undefined,
  completion_tokens: undefined,
  total_tokens: undefined,
  ms: 1,
}

function fold(usages: readonly LoggedUsage[], options: Partial<ReportOptions> = {}): UsageReport {
  const report = createReport({
    by: ['user', 'model'],
    filters: NO_FILTERS,
    zone: resolveZone('Europe/London'),
    priceOf: createPriceLookup(new Map()),
    ...options,
  })
  for (const one of usages) report.add(one)
  return report.result()
}

test('a row sums what its records say, and the totals are those of all rows', () => {
  const { rows, totals } = fold([
    usage(),
    usage({ cached_tokens: 10, cache_write_tokens: 5, reasoning_tokens: 7 }),
    usage({ user: 'user-b', prompt_tokens: 3, completion_tokens: 4, total_tokens: undefined }),
  ])
  assert.deepEqual(
    rows.map((row) => [row.group, row.requests]),
    [
      [['user-a', 'gpt-5'], 2],
      [['user-b', 'gpt-5'], 1],
    ],
  )
  assert.equal(rows[0]?.cachedTokens, 10)
  assert.equal(rows[0]?.cacheWriteTokens, 5)
  assert.equal(rows[0]?.reasoningTokens, 7)
  assert.equal(rows[1]?.totalTokens, 7)
  for (const field of ['requests', 'promptTokens', 'completionTokens', 'totalTokens'] as const) {
    assert.equal(
      totals[field],
      rows.reduce((sum, row) => sum + row[field], 0),
    )
  }
})

test('every group key has its column', () => {
  const groups: Record<GroupKey, string | undefined> = {
    user: 'user-a',
    model: 'gpt-5',
    served: 'claude-sonnet-4-20250514',
    provider: 'anthropic',
    outcome: 'ok',
    hour: '2026-07-02T00:00+01:00',
    day: '2026-07-02',
    week: '2026-W27',
    month: '2026-07',
  }
  const one = usage({
    ts_ms: Date.UTC(2026, 6, 1, 23, 30),
    served_model: 'claude-sonnet-4-20250514',
    provider: 'anthropic',
  })
  for (const [key, value] of Object.entries(groups)) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const { rows } = fold([one], { by: [key as GroupKey] })
    assert.deepEqual(rows[0]?.group, [value])
  }
})

test('what the log does not say is a group of its own', () => {
  const { rows } = fold([usage(), usage(REFUSED)], { by: ['served'] })
  assert.deepEqual(
    rows.map((row) => row.group),
    [['gpt-5'], [undefined]],
  )
})

test('days are those of the zone, in any order of the records', () => {
  const hours = [0, 30, 5, 47, 23, 24, 12].map((hour) =>
    usage({ ts_ms: Date.UTC(2026, 9, 24, hour) }),
  )
  const { rows } = fold(hours, { by: ['day'] })
  assert.deepEqual(
    rows.map((row) => [row.group[0], row.requests]),
    [
      ['2026-10-24', 3],
      ['2026-10-25', 4],
    ],
  )
})

test('failed is failed or truncated; refused and aborted are not', () => {
  const outcomes = ['ok', 'failed', 'truncated', 'aborted']
  const { totals } = fold([...outcomes.map((outcome) => usage({ outcome })), usage(REFUSED)])
  assert.equal(totals.requests, 5)
  assert.equal(totals.failed, 2)
  assert.equal(totals.refused, 1)
})

test('a failover is an answer by another model than the one asked for', () => {
  const served = { served_model: 'claude-sonnet-4-20250514' }
  const { totals, failoverPairs } = fold([
    usage(),
    usage(served),
    usage(served),
    usage({ model: 'o3', served_model: 'gpt-5' }),
    usage({ outcome: 'failed', served_model: undefined }),
  ])
  assert.equal(totals.failovers, 3)
  assert.deepEqual(failoverPairs, [
    { model: 'gpt-5', served: 'claude-sonnet-4-20250514', requests: 2 },
    { model: 'o3', served: 'gpt-5', requests: 1 },
  ])
})

test('an unknown price is no cost, makes a sum a minimum, and is named', () => {
  const local = usage({ model: 'local', served_model: 'local' })
  const { rows, totals, unpricedModels, uncounted } = fold([usage(), local, local])
  assert.equal(rows[1]?.costUsd, undefined)
  assert.equal(rows[1]?.unpriced, 2)
  assert.equal(totals.costUsd, (1000 * 1.25 + 100 * 10) / 1e6)
  assert.equal(totals.unpriced, 2)
  assert.deepEqual(unpricedModels, [{ model: 'local', requests: 2 }])
  assert.equal(uncounted, 0)
})

test('tokens nobody told make a sum a minimum too, but that is no missing price', () => {
  const silent = usage({ prompt_tokens: undefined, completion_tokens: undefined })
  const { totals, unpricedModels, uncounted } = fold([usage(), silent])
  assert.equal(totals.unpriced, 1)
  assert.equal(uncounted, 1)
  assert.deepEqual(unpricedModels, [])
})

test('a mocked answer has no price, and is no reason to call a sum a minimum', () => {
  const mocked = usage({ user: 'user-b', mock: true })
  const { rows, totals, unpricedModels } = fold([usage(), mocked])
  assert.equal(rows[1]?.costUsd, undefined)
  assert.equal(totals.mocked, 1)
  assert.equal(totals.unpriced, 0)
  assert.deepEqual(unpricedModels, [])
})

test('refused requests cost nothing, which is known', () => {
  const { totals } = fold([usage(REFUSED)])
  assert.equal(totals.costUsd, 0)
  assert.equal(totals.unpriced, 0)
})

test('latency is that of all requests but the refused', () => {
  const times = Array.from({ length: 20 }, (_, i) => usage({ ms: (i + 1) * 100 }))
  const { totals } = fold([...times, usage(REFUSED), usage(REFUSED)])
  assert.deepEqual(totals.latencyMs, { p50: 1000, p95: 1900 })
  assert.deepEqual(fold([usage(REFUSED)]).totals.latencyMs, { p50: undefined, p95: undefined })
})

test('filters are any of each kind, and all kinds; names may be globs', () => {
  const usages = [
    usage(),
    usage({ model: 'claude-sonnet-4-20250514', provider: 'anthropic' }),
    usage({ model: 'claude-opus-5', provider: 'anthropic', user: 'user-b' }),
    usage({ ...REFUSED, user: undefined }),
  ]
  const count = (filters: Partial<UsageFilters>): number =>
    fold(usages, { filters: { ...NO_FILTERS, ...filters } }).totals.requests
  assert.equal(count({}), 4)
  assert.equal(count({ users: ['user-a'] }), 2)
  assert.equal(count({ users: ['user-a', 'user-b'] }), 3)
  assert.equal(count({ users: ['user-*'] }), 3)
  assert.equal(count({ models: ['claude-*'] }), 2)
  assert.equal(count({ models: ['claude-????-5'] }), 1)
  assert.equal(count({ models: ['[!c]*'] }), 2)
  assert.equal(count({ models: ['claude'] }), 0)
  assert.equal(count({ models: ['gpt.5'] }), 0)
  assert.equal(count({ models: ['claude-*'], users: ['user-b'] }), 1)
  assert.equal(count({ providers: ['anthropic'] }), 2)
  assert.equal(count({ outcomes: ['refused'] }), 1)
})

test('without prices there is no cost, and nothing is missing', () => {
  const { totals, unpricedModels } = fold([usage()], { priceOf: undefined })
  assert.equal(totals.costUsd, undefined)
  assert.equal(totals.unpriced, 0)
  assert.deepEqual(unpricedModels, [])
})

test('a log with more names than a report can hold is still counted whole', () => {
  const report = createReport({
    by: ['model'],
    filters: NO_FILTERS,
    zone: resolveZone('UTC'),
    priceOf: undefined,
  })
  for (let i = 0; i < 100_010; i++) report.add(usage({ ...REFUSED, model: `model-${i}` }))
  const { rows, totals } = report.result()
  assert.equal(totals.requests, 100_010)
  assert.equal(rows.length, 100_001)
  assert.deepEqual(rows.at(-1)?.group, ['(others)'])
  assert.equal(rows.at(-1)?.requests, 10)
})

test('names that every object has are ordinary names', () => {
  const names = ['constructor', '__proto__', 'toString']
  const { rows } = fold(
    names.map((user) => usage({ user })),
    { by: ['user'] },
  )
  assert.deepEqual(
    rows.map((row) => row.group[0]),
    names,
  )
})

test('a price that changed is the one of the day, and prompts above a limit have their own', () => {
  // gpt-5.6-sol: 5 and 30 dollars a million, since 21 August 4 and 20; above 272,000 twice and one and a half.
  const sol = { model: 'gpt-5.6-sol', served_model: 'gpt-5.6-sol' }
  const tokens = { prompt_tokens: 1_000_000, completion_tokens: 1_000_000 }
  const short = { prompt_tokens: 100_000, completion_tokens: 0 }
  const { rows, totals } = fold(
    [
      usage({ ...sol, ...short, ts_ms: Date.UTC(2026, 7, 20, 23, 59) }),
      usage({ ...sol, ...short, ts_ms: Date.UTC(2026, 7, 21) }),
      usage({ ...sol, ...tokens, ts_ms: Date.UTC(2026, 7, 21) }),
      usage({ ...sol, ...short, ts_ms: Date.UTC(2026, 7, 20) }),
    ],
    { by: ['model'] },
  )
  assert.equal(rows[0]?.costUsd, 0.5 + 0.4 + (8 + 30) + 0.5)
  assert.equal(totals.costUsd, rows[0]?.costUsd)
})

test('a sum of costs does not depend on the order of a million small ones', () => {
  const small = usage({ prompt_tokens: 7, completion_tokens: 3, cached_tokens: 1 })
  const large = usage({ prompt_tokens: 100_000_000, completion_tokens: 1 })
  const many = Array.from({ length: 1000 }, () => small)
  const first = fold([large, ...many]).totals.costUsd
  assert.equal(fold([...many, large]).totals.costUsd, first)
})

test('reports of two parts of a log, added, are the report of the whole', () => {
  const all = Array.from({ length: 300 }, (_, i) =>
    usage({
      ts_ms: NOON + i * 7_000_000,
      user: `user-${i % 5}`,
      model: i % 2 === 0 ? 'gpt-5' : 'unheard-of',
      served_model: i % 3 === 0 ? 'gpt-5' : 'unheard-of',
      outcome: i % 7 === 0 ? 'failed' : 'ok',
      prompt_tokens: i % 11 === 0 ? undefined : i,
      ms: i * 13,
    }),
  )
  for (const cut of [0, 1, 150, 299, 300]) {
    const options = {
      by: ['user', 'month'] as const,
      filters: NO_FILTERS,
      zone: resolveZone('Europe/London'),
      priceOf: createPriceLookup(new Map()),
    }
    const [first, second] = [createReport(options), createReport(options)]
    all.forEach((one, i) => (i < cut ? first : second).add(one))
    assert.equal(first.addPart(structuredClone(second.part())), true)
    assert.deepEqual(comparable(first.result()), comparable(fold(all, { by: options.by })))
  }
})

test('parts with more than a report keeps are not added: which are kept depends on the order', () => {
  const parts = ['a', 'b'].map((letter) => {
    const report = createReport({
      by: ['user'],
      filters: NO_FILTERS,
      zone: resolveZone('UTC'),
      priceOf: createPriceLookup(new Map()),
    })
    for (let i = 0; i < 600; i++)
      report.add(usage({ model: `${letter}-${i}`, served_model: 'gpt-5' }))
    return report
  })
  const before = comparable(parts[0]?.result() ?? assert.fail())
  assert.equal(parts[0]?.addPart(parts[1]?.part() ?? assert.fail()), false)
  assert.deepEqual(comparable(parts[0]?.result() ?? assert.fail()), before)
})
