import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { readProviderExport } from '../../src/usage/provider-export.ts'
import type { ProviderExport } from '../../src/usage/provider-export.ts'

async function readFixture(name: string): Promise<ProviderExport> {
  const url = new URL(`../../../test/fixtures/usage/${name}`, import.meta.url)
  return readProviderExport(name, fileURLToPath(url))
}

async function readText(t: TestContext, text: string): Promise<ProviderExport> {
  const folder = mkdtempSync(join(tmpdir(), 'aiproxy-export-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'export.csv'), text)
  return readProviderExport('export.csv', join(folder, 'export.csv'))
}

test('OpenAI usage: buckets of one day and model are added up, empty ones only say what is covered', async () => {
  const { rows, ...rest } = await readFixture('openai-completions-usage.csv')
  assert.deepEqual(rest, {
    file: 'openai-completions-usage.csv',
    vendor: 'openai',
    kind: 'usage',
    metrics: ['requests', 'input', 'cached', 'output'],
    days: { first: '2026-11-20', last: '2026-11-22' },
    lines: 5,
    skipped: 0,
    firstSkipped: undefined,
  })
  assert.deepEqual(rows[0], {
    day: '2026-11-21',
    model: 'gpt-5-2025-08-07',
    figures: { requests: 3, input: 3000, cached: 1000, output: 300 },
    rows: 2,
  })
  assert.deepEqual(
    rows.map(({ day, model }) => `${day} ${model}`),
    ['2026-11-21 gpt-5-2025-08-07', '2026-11-22 gpt-5-2025-08-07', '2026-11-22 o3-2025-04-16'],
  )
})

test('OpenAI costs: a line item is a model and what was done with it', async () => {
  const { kind, metrics, rows } = await readFixture('openai-costs.csv')
  assert.equal(kind, 'costs')
  assert.deepEqual(metrics, ['costUsd'])
  assert.deepEqual(
    rows.map(({ day, model, figures, rows: count }) => [
      day,
      model,
      Number(figures.costUsd?.toFixed(9)),
      count,
    ]),
    [
      ['2026-11-21', 'gpt-5-2025-08-07', 0.005625, 3],
      ['2026-11-22', 'gpt-5-2025-08-07', 0.00585, 2],
      ['2026-11-22', 'web search tool calls', 0.03, 1],
    ],
  )
})

test('Anthropic usage: input is what was not cached, read from the cache and written to it', async () => {
  const { vendor, metrics, rows, days } = await readFixture('anthropic-usage.csv')
  assert.equal(vendor, 'anthropic')
  assert.deepEqual(metrics, ['input', 'cached', 'cacheWrite', 'output'])
  assert.deepEqual(days, { first: '2026-11-21', last: '2026-11-22' })
  assert.deepEqual(rows[0]?.figures, { input: 2000, cached: 500, cacheWrite: 200, output: 400 })
})

test('Anthropic costs: what is no token is a thing of its own', async () => {
  const { kind, rows } = await readFixture('anthropic-costs.csv')
  assert.equal(kind, 'costs')
  assert.deepEqual(
    rows.map(({ day, model, figures }) => [day, model, figures.costUsd]),
    [
      ['2026-11-21', 'Claude Sonnet 4', 0.01],
      ['2026-11-22', 'Claude Sonnet 4', 0],
      ['2026-11-22', 'web search', 0.02],
      ['2026-11-22', 'Claude Haiku 3.5', 0],
    ],
  )
})

test('columns are found in any order, case and spelling, with any separator', async (t) => {
  const texts = [
    'model,start_time,num_model_requests,input_tokens,output_tokens\ngpt-5,1795219200,2,"1,234",5\n',
    '\ufeffMODEL;Start Time;Num Model Requests;INPUT_TOKENS;Output Tokens\r\ngpt-5;1795219200;2;1234;5\r\n',
    '"model"\t"start_time_iso"\t"num_model_requests"\t"input_tokens"\t"output_tokens"\n"gpt-5"\t"2026-11-21T00:00:00+00:00"\t"2"\t"1234"\t"5"',
  ]
  for (const text of texts) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { rows, metrics } = await readText(t, text)
    assert.deepEqual(metrics, ['requests', 'input', 'output'], text)
    assert.equal(rows[0]?.figures.input, 1234)
    assert.equal(rows[0]?.day, '2026-11-21')
  }
})

test('an export for embeddings has no output, and says nothing about it', async (t) => {
  const { metrics, rows } = await readText(
    t,
    'start_time,num_model_requests,model,input_tokens\n1795219200,2,text-embedding-3-small,10\n',
  )
  assert.deepEqual(metrics, ['requests', 'input'])
  assert.equal(rows[0]?.figures.input, 10)
})

test('costs that are not told by model are those of all models', async (t) => {
  const { rows } = await readText(
    t,
    'start_time,amount_value,amount_currency,line_item\n1795219200,0.5,usd,\n1795305600,,,\n',
  )
  assert.deepEqual(rows, [
    { day: '2026-11-21', model: undefined, figures: { costUsd: 0.5 }, rows: 1 },
  ])
})

test('times are UTC days, however they are written', async (t) => {
  const times: readonly (readonly [string, string | undefined])[] = [
    ['1795219200', '2026-11-21'],
    ['1795305599.5', '2026-11-21'],
    ['1795219200000', '2026-11-21'],
    ['2026-11-21', '2026-11-21'],
    ['2026/11/21', '2026-11-21'],
    ['2026-11-21T23:59:59Z', '2026-11-21'],
    ['2026-11-21 23:00', '2026-11-21'],
    ['2026-11-21 23:00:00 UTC', '2026-11-21'],
    ['2026-11-21T23:00:00-02:00', '2026-11-22'],
    ['2026-11-22T01:00+02:00', '2026-11-21'],
    ['2026-02-30', undefined],
    ['11/21/2026', undefined],
    ['yesterday', undefined],
    ['-1', undefined],
  ]
  for (const [time, day] of times) {
    const text = `usage_date_utc,cost_usd,model\n${time},1,m\n`
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { rows, skipped } = await readText(t, text)
    assert.equal(rows[0]?.day, day, time)
    assert.equal(skipped, day === undefined ? 1 : 0)
  }
})

test('lines that make no sense are counted and the first is named; the others count', async (t) => {
  const { rows, lines, skipped, firstSkipped } = await readText(
    t,
    [
      'start_time,amount_value,amount_currency,line_item',
      '1795219200,1,usd,m',
      '1795219200,much,usd,m',
      '1795219200,1,eur,m',
      '1795219200,1e400,usd,m',
      ',1,usd,m',
      '1795219200,-0.25,USD,"m, credit"',
    ].join('\n'),
  )
  assert.deepEqual([lines, skipped, firstSkipped], [6, 4, 3])
  assert.deepEqual(rows[0]?.figures, { costUsd: 0.75 })
})

test('an export without rows is an empty one', async (t) => {
  const { rows, days, lines } = await readText(t, 'usage_date_utc,cost_usd,model\n')
  assert.deepEqual([rows, days, lines], [[], undefined, 0])
})

test('another file is refused with what it has and what it lacks', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    [
      '',
      /export\.csv is none of the exports that are known: it has no heading\.\n {2}OpenAI usage has/,
    ],
    ['a,b\n1,2\n', /its columns are a, b\.\n {2}OpenAI usage has start_time, num_model_requests/],
    [
      'usage_date,model_version,usage_input_tokens_no_cache,usage_output_tokens\n',
      /to be Anthropic usage it lacks usage_date_utc$/,
    ],
    [`${'x'.repeat(5000)}\n`, /its columns are x{40}\./],
  ]
  for (const [text, message] of wrong) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await assert.rejects(readText(t, text), (error) => {
      assert.ok(error instanceof ProxyError)
      assert.equal(error.code, 'usage_wrong')
      assert.match(error.message, message)
      return true
    })
  }
  await assert.rejects(readProviderExport('no.csv', '/nowhere/no.csv'), {
    code: 'usage_wrong',
    message: 'There is no file no.csv.',
  })
  await assert.rejects(readProviderExport('folder', tmpdir()), { code: 'usage_wrong' })
})
