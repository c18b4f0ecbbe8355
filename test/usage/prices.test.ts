import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PRICE_SOURCES, PRICE_TABLE, PRICE_TABLE_DATE } from '../../src/usage/price-table.ts'
import type { PriceSourceFacts } from '../../src/usage/price-table.ts'
import {
  costUsd,
  createPriceLookup,
  recordCostUsd,
  resolvePriceName,
} from '../../src/usage/prices.ts'
import type { Billable, PricedModel } from '../../src/usage/prices.ts'
import { createRandom } from '../support/random.ts'

const NOW = Date.UTC(2026, 10, 22)
const NO_MODELS = new Map<string, PricedModel>()
const listPrice = createPriceLookup(NO_MODELS)

/** A whole answered request; `rest` says otherwise. */
function request(rest: Billable): Billable {
  return { api: 'chat', outcome: 'ok', model: 'gpt-5', served_model: 'gpt-5', ...rest }
}

function close(seen: number | undefined, expected: number): void {
  assert.ok(seen !== undefined && Math.abs(seen - expected) < 1e-12, `${seen} is not ${expected}`)
}

test('input, cached input and output have their own rates', () => {
  const usage = { prompt_tokens: 1000, completion_tokens: 200, cached_tokens: 400 }
  close(costUsd(request(usage), listPrice, NOW), (600 * 1.25 + 400 * 0.125 + 200 * 10) / 1e6)
})

test('cache writes are part of the prompt and have their own rate', () => {
  const usage = request({
    served_model: 'claude-sonnet-4-20250514',
    prompt_tokens: 1000,
    completion_tokens: 10,
    cached_tokens: 300,
    cache_write_tokens: 500,
  })
  close(costUsd(usage, listPrice, NOW), (200 * 3 + 300 * 0.3 + 500 * 3.75 + 10 * 15) / 1e6)
})

test('cache writes that are kept for an hour are a part of the writes, and dearer', () => {
  const usage = request({
    served_model: 'claude-sonnet-4-20250514',
    prompt_tokens: 1000,
    completion_tokens: 10,
    cached_tokens: 300,
    cache_write_tokens: 500,
    cache_write_1h_tokens: 200,
  })
  const rest = 200 * 3 + 300 * 0.3 + 10 * 15
  close(costUsd(usage, listPrice, NOW), (rest + 300 * 3.75 + 200 * 6) / 1e6)
  const impossible = { ...usage, cache_write_1h_tokens: 9000 }
  close(costUsd(impossible, listPrice, NOW), (rest + 500 * 6) / 1e6)
})

test('reasoning is billed as output, unless it has a rate of its own', () => {
  const usage = request({ prompt_tokens: 100, completion_tokens: 1000, reasoning_tokens: 800 })
  close(costUsd(usage, listPrice, NOW), (100 * 1.25 + 1000 * 10) / 1e6)
  const priceOf = createPriceLookup(
    new Map<string, PricedModel>([
      ['gpt-5', { upstreamName: 'gpt-5', price: { input: 2, output: 8, reasoning: 3 } }],
    ]),
  )
  close(costUsd(usage, priceOf, NOW), (100 * 2 + 200 * 8 + 800 * 3) / 1e6)
  const odd = { ...usage, reasoning_tokens: 5000 }
  close(costUsd(odd, priceOf, NOW), (100 * 2 + 1000 * 3) / 1e6)
})

test('who served is billed, not who was asked', () => {
  const usage = request({
    served_model: 'claude-sonnet-4-20250514',
    prompt_tokens: 13,
    completion_tokens: 39,
  })
  close(costUsd(usage, listPrice, NOW), (13 * 3 + 39 * 15) / 1e6)
})

test('more cached tokens than prompt tokens never make input cheaper than nothing', () => {
  const usage = {
    prompt_tokens: 10,
    completion_tokens: 0,
    cached_tokens: 50,
    cache_write_tokens: 50,
  }
  close(costUsd(request(usage), listPrice, NOW), (10 * 0.125) / 1e6)
})

test('tokens nobody told or a price nobody knows is no cost, never zero', () => {
  assert.equal(costUsd(request({}), listPrice, NOW), undefined)
  assert.equal(costUsd(request({ prompt_tokens: 10 }), listPrice, NOW), undefined)
  assert.equal(costUsd(request({ completion_tokens: 10 }), listPrice, NOW), undefined)
  const unknown = { served_model: 'local', prompt_tokens: 10, completion_tokens: 10 }
  assert.equal(costUsd(request(unknown), listPrice, NOW), undefined)
  assert.equal(costUsd(request({ outcome: 'aborted' }), listPrice, NOW), undefined)
})

test('nothing is billed for refusals, for failures nobody answered, and for counting tokens', () => {
  assert.equal(costUsd({ api: 'chat', outcome: 'refused' }, listPrice, NOW), 0)
  assert.equal(costUsd({ api: 'chat', outcome: 'failed', model: 'gpt-5' }, listPrice, NOW), 0)
  const counting = request({ api: 'count_tokens', prompt_tokens: 500 })
  assert.equal(costUsd(counting, listPrice, NOW), 0)
})

test('embeddings have no output to be told of', () => {
  const usage = {
    api: 'embeddings',
    outcome: 'ok',
    served_model: 'text-embedding-3-small',
    prompt_tokens: 1e6,
  }
  close(costUsd(usage, listPrice, NOW), 0.02)
})

test('a mocked answer has no price', () => {
  const usage = request({ mock: true, prompt_tokens: 10, completion_tokens: 10 })
  assert.equal(costUsd(usage, listPrice, NOW), undefined)
})

test('a price in the config wins, a price of zero is a price, and what it leaves out is filled in', () => {
  const priceOf = createPriceLookup(
    new Map<string, PricedModel>([
      ['gpt-5', { upstreamName: 'gpt-5', price: { input: 1, output: 2 } }],
      ['local', { upstreamName: 'qwen3:8b', price: { input: 0, output: 0 } }],
    ]),
  )
  const usage = request({
    prompt_tokens: 1000,
    completion_tokens: 100,
    cached_tokens: 200,
    cache_write_tokens: 400,
  })
  close(costUsd(usage, priceOf, NOW), (400 * 1 + 200 * 1 + 400 * 1.25 + 100 * 2) / 1e6)
  assert.equal(costUsd({ ...usage, served_model: 'local' }, priceOf, NOW), 0)
})

test('a configured name is priced as the model behind it, and as no other', () => {
  const priceOf = createPriceLookup(
    new Map<string, PricedModel>([
      ['smart', { upstreamName: 'claude-opus-4-5-20251101', price: undefined }],
      ['gpt-5', { upstreamName: 'qwen3:8b', price: undefined }],
    ]),
  )
  assert.equal(priceOf('smart', NOW)?.output, 25)
  assert.equal(priceOf('gpt-5', NOW), undefined)
})

function oss(provider: string): PricedModel {
  return { upstreamName: 'openai/gpt-oss-120b', price: undefined, provider }
}

test('an open model costs what its host asks, and where no host is known nothing is guessed', () => {
  const models = new Map<string, PricedModel>([
    ['fast', oss('groq')],
    ['local', oss('ollama')],
    ['odd', oss('broken')],
    ['nobody', oss('constructor')],
    ['mine', { ...oss('groq'), price: { input: 1, output: 1 } }],
    ['resold', { upstreamName: 'openai/gpt-5', price: undefined, provider: 'groq' }],
  ])
  const providers = new Map([
    ['groq', { baseUrl: 'https://api.groq.com/openai/v1' }],
    ['ollama', { baseUrl: 'http://127.0.0.1:11434/v1' }],
    ['broken', { baseUrl: 'api.groq.com' }],
  ])
  const priceOf = createPriceLookup(models, providers)
  assert.equal(priceOf('fast', NOW)?.output, 0.6)
  assert.equal(priceOf('local', NOW), undefined)
  assert.equal(priceOf('odd', NOW), undefined)
  assert.equal(priceOf('nobody', NOW), undefined)
  assert.equal(priceOf('mine', NOW)?.output, 1, 'the config wins')
  assert.equal(priceOf('resold', NOW)?.output, 10, 'a vendor’s own model costs the same everywhere')
  assert.equal(listPrice('gpt-oss-120b', NOW), undefined)
  assert.equal(createPriceLookup(models)('fast', NOW), undefined)
})

test('dearer hours are dearer: on weekdays, from their first minute to their last', () => {
  const priceOf = createPriceLookup(
    new Map<string, PricedModel>([
      ['ds', { upstreamName: 'deepseek-flash', price: undefined, provider: 'deepseek' }],
    ]),
    new Map([['deepseek', { baseUrl: 'https://api.deepseek.com' }]]),
  )
  const input = (time: string): number | undefined => priceOf('ds', Date.parse(time))?.input
  // A Monday.
  assert.equal(input('2026-11-23T00:59:59.999Z'), 0.15)
  assert.equal(input('2026-11-23T01:00:00.000Z'), 0.3)
  assert.equal(input('2026-11-23T03:59:59.999Z'), 0.3)
  assert.equal(input('2026-11-23T04:00:00.000Z'), 0.15)
  assert.equal(input('2026-11-23T06:00:00.000Z'), 0.3)
  assert.equal(input('2026-11-23T10:00:00.000Z'), 0.15)
  assert.equal(input('2026-11-22T02:00:00.000Z'), 0.15, 'a Sunday')
  assert.equal(priceOf('ds', Date.parse('2026-11-23T02:00:00Z'))?.cachedInput, 0.006)
  assert.equal(priceOf('ds', Date.parse('2026-09-09T02:00:00Z')), undefined, 'not yet there')
})

test('a long prompt is billed at its own rates as a whole, from the first token over the limit', () => {
  const at = { served_model: 'claude-haiku-5-5', completion_tokens: 1000, prompt_tokens: 100_000 }
  close(costUsd(request(at), listPrice, NOW), (100_000 * 0.1 + 1000 * 0.5) / 1e6)
  const over = { ...at, prompt_tokens: 100_001, cached_tokens: 50_000 }
  close(costUsd(request(over), listPrice, NOW), (50_001 * 0.5 + 50_000 * 0.05 + 1000 * 2.5) / 1e6)
})

test('the price of the day of the request is taken', () => {
  const rate = (day: string): number | undefined =>
    listPrice('claude-sonnet-5-5', Date.parse(`${day}T00:00:00Z`))?.cachedInput
  assert.equal(rate('2026-10-06'), 0.2)
  assert.equal(rate('2026-10-07'), 0.1)
  assert.equal(listPrice('o3', Date.parse('2025-06-09'))?.input, 10)
  assert.equal(listPrice('o3-2025-04-16', Date.parse('2025-06-10'))?.input, 2)
})

test('a log record is priced at its own time', () => {
  const record = {
    ts: '2026-10-06T23:59:59.999Z',
    id: 'req_1',
    api: 'messages',
    model: 'claude-sonnet-5-5',
    served_model: 'claude-sonnet-5-5',
    status: 200,
    outcome: 'ok',
    prompt_tokens: 1e6,
    completion_tokens: 0,
    cached_tokens: 1e6,
    ms: 1,
  } as const
  close(recordCostUsd(record, listPrice), 0.2)
  close(recordCostUsd({ ...record, ts: '2026-10-07T00:00:00.000Z' }, listPrice), 0.1)
})

test('dates, vendors and versions around a name are taken off; families are never guessed', () => {
  const names: readonly (readonly [string, string | undefined])[] = [
    ['gpt-5', 'gpt-5'],
    ['gpt-5-2025-08-07', 'gpt-5'],
    ['GPT-5', 'gpt-5'],
    ['openai/gpt-5', 'gpt-5'],
    ['gpt-5-mini-2025-08-07', 'gpt-5-mini'],
    ['gpt-4o-2024-05-13', 'gpt-4o-2024-05-13'],
    ['openai/gpt-4o-2024-05-13', 'gpt-4o-2024-05-13'],
    ['gpt-4o-2024-11-20', 'gpt-4o'],
    ['chatgpt-4o-latest', 'chatgpt-4o'],
    ['gpt-5.6-luna', 'gpt-5.6-luna'],
    ['claude-sonnet-4-20250514', 'claude-sonnet-4'],
    ['claude-opus-4-1-20250805', 'claude-opus-4-1'],
    ['claude-3-5-haiku-latest', 'claude-3-5-haiku'],
    ['claude-3-5-sonnet-20241022', 'claude-3-5-sonnet'],
    ['anthropic/claude-sonnet-4.5', 'claude-sonnet-4-5'],
    ['us.anthropic.claude-sonnet-4-20250514-v1:0', 'claude-sonnet-4'],
    ['anthropic.claude-opus-4-5-20251101-v1:0', 'claude-opus-4-5'],
    ['claude-haiku-4-5@20251001', 'claude-haiku-4-5'],
    ['claude-sonnet-5-5[1m]', 'claude-sonnet-5-5'],
    ['gpt-5-super', undefined],
    ['gpt-5-mini-fast', undefined],
    ['gpt-7', undefined],
    ['my-gpt-5', undefined],
    ['claude-sonnet-9', undefined],
    ['constructor', undefined],
    ['', undefined],
  ]
  const known = new Set(PRICE_TABLE.flatMap((row) => row.models))
  for (const [name, expected] of names) {
    const found = resolvePriceName(name, known)
    assert.equal(known.has(found) ? found : undefined, expected, name)
  }
})

test('every row of the table is sane: finite, positive, output dearer, cached cheaper, dates in order', () => {
  const lastFrom = new Map<string, string>()
  for (const row of PRICE_TABLE) {
    const [name] = row.models
    const source: PriceSourceFacts = PRICE_SOURCES[row.source]
    assert.ok(row.models.length > 0 && new Set(row.models).size === row.models.length, name)
    const rates = [row.input, row.output, row.cachedInput, row.cacheWrite, row.cacheWriteHour]
    for (const rate of rates) {
      assert.ok(rate === undefined || (Number.isFinite(rate) && rate >= 0 && rate <= 1000), name)
    }
    assert.ok(row.input > 0, name)
    if (row.output > 0) assert.ok(row.output > row.input, name)
    if (row.cachedInput !== undefined) assert.ok(row.cachedInput < row.input, name)
    const { cacheWrite = 1.25 * row.input, cacheWriteHour = 2 * row.input } = row
    assert.ok(row.input < cacheWrite && cacheWrite < cacheWriteHour, name)
    if (row.long !== undefined) {
      assert.ok(row.long.above > 50_000 && row.long.input > 1 && row.long.output > 1, name)
    }
    if (row.from !== undefined) assert.match(row.from, DAY)
    for (const model of row.models) {
      assert.equal(model, model.toLowerCase(), 'names are looked up in lower case')
      const key = `${source.hosts?.join() ?? ''} ${model}`
      const before = lastFrom.get(key)
      if (before !== undefined) assert.ok((row.from ?? '') > before, `${key} twice`)
      lastFrom.set(key, row.from ?? '')
    }
  }
})

const DAY = /^20\d\d-[01]\d-[0-3]\d$/

test('every row has a page and a day it was compared on, and the table has the latest of them', () => {
  const days = PRICE_TABLE.map((row) => {
    const source: PriceSourceFacts = PRICE_SOURCES[row.source]
    const read = row.read ?? source.read
    assert.match(read, DAY, row.models[0])
    assert.equal(new URL(source.page).protocol, 'https:')
    for (const host of source.hosts ?? []) assert.equal(new URL(`https://${host}/v1`).host, host)
    return read
  })
  assert.equal(PRICE_TABLE_DATE, days.toSorted().at(-1))
})

test('every name of the table is found by itself', () => {
  for (const row of PRICE_TABLE) {
    const source: PriceSourceFacts = PRICE_SOURCES[row.source]
    const baseUrl = `https://${source.hosts?.[0] ?? 'elsewhere.example'}/v1`
    for (const model of row.models) {
      const priceOf = createPriceLookup(
        new Map([['m', { upstreamName: model, price: undefined, provider: 'p' }]]),
        new Map([['p', { baseUrl }]]),
      )
      // A Saturday: no dearer hours.
      const atMs = Date.parse(row.from ?? '2026-06-20') + 1
      const found = priceOf('m', atMs)
      assert.ok(found !== undefined, model)
    }
  }
})

test('a moment as the log writes it has the price of the same moment in milliseconds', () => {
  const random = createRandom(7)
  const models = new Map<string, PricedModel>()
  const providers = new Map<string, { baseUrl: string }>()
  for (const row of PRICE_TABLE) {
    const source: PriceSourceFacts = PRICE_SOURCES[row.source]
    for (const host of source.hosts ?? ['127.0.0.1']) {
      providers.set(host, { baseUrl: `https://${host}/v1` })
      for (const upstreamName of row.models) {
        models.set(`${host} ${upstreamName}`, { upstreamName, price: undefined, provider: host })
      }
    }
  }
  const priceOf = createPriceLookup(models, providers)
  for (const name of models.keys()) {
    const seen = new Set<unknown>()
    for (let i = 0; i < 50; i++) {
      const atMs = Date.UTC(2025, 0, 1) + random.below(3 * 365 * 86_400_000)
      const rates = priceOf(name, new Date(atMs).toISOString())
      assert.equal(rates, priceOf(name, atMs), `${name} at ${atMs}`)
      seen.add(rates)
    }
    assert.ok(seen.size > 1 || !seen.has(undefined), `${name} has a price`)
  }
})
