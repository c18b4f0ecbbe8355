import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExportFigures, ProviderExport } from '../../src/usage/provider-export.ts'
import { reconcile, totalsOf } from '../../src/usage/reconcile.ts'
import type { LogFigures, ReconciledRow } from '../../src/usage/reconcile.ts'

const DAY = '2026-11-21'
const SPAN = { first: '2026-11-01', last: '2026-11-30' }

type Told = readonly (readonly [model: string | undefined, figures: ExportFigures])[]

function exported(told: Told, rest: Partial<ProviderExport> = {}): ProviderExport {
  return {
    file: 'export.csv',
    vendor: 'openai',
    kind: 'usage',
    metrics: ['requests', 'input'],
    rows: told.map(([model, figures]) => ({ day: DAY, model, figures, rows: 1 })),
    days: { first: DAY, last: DAY },
    lines: told.length,
    skipped: 0,
    firstSkipped: undefined,
    ...rest,
  }
}

function logged(model: string, input: number, rest: Partial<LogFigures> = {}): LogFigures {
  return {
    vendor: 'openai',
    day: DAY,
    model,
    upstreamModel: model,
    figures: { requests: 1, input, cached: 0, cacheWrite: 0, output: 0, costUsd: input / 1000 },
    unpricedRequests: 0,
    estimatedRequests: 0,
    ...rest,
  }
}

function compare(told: Told, log: readonly LogFigures[]): readonly ReconciledRow[] {
  return reconcile([exported(told)], log, SPAN).rows
}

/** What was put together: the provider's names, ours, how, and the difference in input. */
function matches(told: readonly string[], log: readonly LogFigures[]): unknown[] {
  const rows = compare(
    told.map((model) => [model, { requests: 1, input: 10 }]),
    log,
  )
  return rows.map((row) => [
    row.match === 'log-only' ? '' : row.models?.join(' '),
    row.logModels.join(' '),
    row.match,
    row.comparisons.find(({ metric }) => metric === 'input')?.difference,
  ])
}

test('a model is found by its name, else as the dated version of it, else by the words people use', () => {
  assert.deepEqual(matches(['gpt-5'], [logged('gpt-5', 10)]), [['gpt-5', 'gpt-5', 'exact', 0]])
  assert.deepEqual(matches(['gpt-5-2025-08-07'], [logged('gpt-5', 10)]), [
    ['gpt-5-2025-08-07', 'gpt-5', 'dated', 0],
  ])
  assert.deepEqual(matches(['claude-sonnet-4'], [logged('claude-sonnet-4-20250514', 10)]), [
    ['claude-sonnet-4', 'claude-sonnet-4-20250514', 'dated', 0],
  ])
  assert.deepEqual(matches(['Claude Haiku 3.5'], [logged('claude-3-5-haiku-20241022', 10)]), [
    ['Claude Haiku 3.5', 'claude-3-5-haiku-20241022', 'similar', 0],
  ])
  // The config's own name for it is ours, the provider's is what it was asked for.
  const ours = logged('smart', 10, { upstreamModel: 'gpt-5-2025-08-07' })
  assert.deepEqual(matches(['gpt-5-2025-08-07'], [ours]), [
    ['gpt-5-2025-08-07', 'smart', 'exact', 0],
  ])
})

test('no model is taken for another one: not a smaller one, not another version', () => {
  assert.deepEqual(matches(['gpt-5-mini-2025-08-07'], [logged('gpt-5', 10)]), [
    ['', 'gpt-5', 'log-only', -10],
    ['gpt-5-mini-2025-08-07', '', 'provider-only', 10],
  ])
  assert.deepEqual(matches(['gpt-5-2025-08-07'], [logged('gpt-5-2026-01-01', 10)]), [
    ['gpt-5-2025-08-07', '', 'provider-only', 10],
    ['', 'gpt-5-2026-01-01', 'log-only', -10],
  ])
  // The exact name wins, and leaves the dated one alone.
  assert.deepEqual(matches(['gpt-5', 'gpt-5-2025-08-07'], [logged('gpt-5', 10)]), [
    ['gpt-5', 'gpt-5', 'exact', 0],
    ['gpt-5-2025-08-07', '', 'provider-only', 10],
  ])
})

test('versions that our one name may mean are one row with all of them', () => {
  assert.deepEqual(matches(['gpt-5-2025-08-07', 'gpt-5-2026-01-01'], [logged('gpt-5', 20)]), [
    ['gpt-5-2025-08-07 gpt-5-2026-01-01', 'gpt-5', 'dated', 0],
  ])
  // Two names of ours for one of theirs.
  const both = [logged('gpt-5', 4), logged('gpt-5-2025-08-07', 6)]
  assert.deepEqual(matches(['gpt-5-2025-08-07'], both), [
    ['gpt-5-2025-08-07', 'gpt-5 gpt-5-2025-08-07', 'dated', 0],
  ])
})

test('usage and costs of one model are one row, although they name it differently', () => {
  const anthropic = { vendor: 'anthropic' } as const
  const usage = exported([['claude-sonnet-4-20250514', { input: 1000 }]], {
    ...anthropic,
    metrics: ['input'],
  })
  const costs = exported([['Claude Sonnet 4', { costUsd: 1 }]], {
    ...anthropic,
    kind: 'costs',
    metrics: ['costUsd'],
  })
  for (const log of [[logged('claude-sonnet-4-20250514', 1000, anthropic)], []]) {
    const { rows } = reconcile([usage, costs], log, SPAN)
    assert.equal(rows.length, 1)
    assert.deepEqual(
      rows[0]?.comparisons.map(({ metric, provider }) => [metric, provider]),
      [
        ['input', 1000],
        ['costUsd', 1],
      ],
    )
    assert.equal(rows[0]?.agrees, log.length > 0)
  }
})

test('a difference is the provider’s figure less ours', () => {
  const [row] = compare([['gpt-5', { requests: 3, input: 10 }]], [logged('gpt-5', 14)])
  assert.deepEqual(
    row?.comparisons.map(({ metric, provider, log, difference, agrees }) => [
      metric,
      provider,
      log,
      difference,
      agrees,
    ]),
    [
      ['requests', 3, 1, 2, false],
      ['input', 10, 14, -4, false],
    ],
  )
  assert.equal(row?.agrees, false)
})

test('only days that an export covers are compared, and only what it tells', () => {
  const log = [
    logged('gpt-5', 10),
    logged('gpt-5', 99, { day: '2026-11-20' }),
    logged('gpt-5', 99, { day: '2026-11-22' }),
    logged('claude', 99, { vendor: 'anthropic' }),
  ]
  const { rows } = reconcile([exported([['gpt-5', { requests: 1, input: 10 }]])], log, SPAN)
  assert.deepEqual(
    rows.map(({ day, vendor, agrees }) => [day, vendor, agrees]),
    [[DAY, 'openai', true]],
  )
  const narrow = { first: '2026-11-22', last: '2026-11-30' }
  assert.deepEqual(reconcile([exported([['gpt-5', { input: 1 }]])], log, narrow).rows, [])
})

test('a day of use that a covering export does not have is only in the log', () => {
  const wide = exported([], { days: { first: '2026-11-20', last: '2026-11-22' } })
  const { rows } = reconcile([wide], [logged('gpt-5', 10)], SPAN)
  assert.equal(rows[0]?.match, 'log-only')
  assert.equal(rows[0]?.comparisons[0]?.provider, 0)
})

function cost(vendor: 'openai' | 'anthropic', usd: number, rows: number): boolean | undefined {
  const told = exported([], {
    vendor,
    kind: 'costs',
    metrics: ['costUsd'],
    rows: [{ day: DAY, model: 'm', figures: { costUsd: usd }, rows }],
  })
  return reconcile([told], [logged('m', 1000, { vendor })], SPAN).rows[0]?.agrees
}

test('costs agree within half a cent, and within half a cent a row where rows are rounded', () => {
  assert.equal(cost('openai', 1.004, 1), true)
  assert.equal(cost('openai', 1.006, 5), false)
  assert.equal(cost('anthropic', 1.02, 4), true)
  assert.equal(cost('anthropic', 1.021, 4), false)
})

test('a cost without a price is no figure, and never agrees', () => {
  const costs = exported([['m', { costUsd: 1 }]], { kind: 'costs', metrics: ['costUsd'] })
  const figures = { requests: 1, input: 1, cached: 0, cacheWrite: 0, output: 0, costUsd: undefined }
  const none = logged('m', 1, { unpricedRequests: 1, figures })
  const [row] = reconcile([costs], [none], SPAN).rows
  assert.deepEqual(row?.comparisons, [
    {
      metric: 'costUsd',
      provider: 1,
      log: undefined,
      logIsMinimum: true,
      difference: undefined,
      agrees: false,
    },
  ])
  const some = logged('m', 1, { unpricedRequests: 1, figures: { ...figures, costUsd: 1 } })
  const [least] = reconcile([costs], [some], SPAN).rows
  assert.deepEqual([least?.comparisons[0]?.log, least?.agrees], [1, false])
})

test('costs of all models are compared with all of ours, beside usage by model', () => {
  const usage = exported([['gpt-5', { requests: 1, input: 1000 }]])
  const costs = exported([[undefined, { costUsd: 3 }]], { kind: 'costs', metrics: ['costUsd'] })
  const log = [logged('gpt-5', 1000), logged('o3', 2000)]
  const { rows, totals } = reconcile([usage, costs], log, SPAN)
  assert.deepEqual(
    rows.map(({ models, match, comparisons }) => [
      models?.join(),
      match,
      comparisons.map(({ metric }) => metric).join(),
    ]),
    [
      ['gpt-5', 'exact', 'requests,input'],
      ['o3', 'log-only', 'requests,input'],
      [undefined, 'all-models', 'costUsd'],
    ],
  )
  assert.equal(rows.at(-1)?.agrees, true)
  assert.deepEqual(
    totals.map(({ metric, provider, log: ours }) => [metric, provider, ours]),
    [
      ['requests', 1, 2],
      ['input', 1000, 3000],
      ['costUsd', 3, 3],
    ],
  )
  assert.deepEqual(totalsOf([]), [])
})
