/**
 * What tokens cost. Prices are applied when the log is read, never written into it (design §7), so a
 * corrected price corrects the past; a built-in price is the one that held on the day of the request.
 */
import { PRICE_TABLE } from './price-table.ts'
import type { UsageRecord } from './record.ts'

/** US dollars per million tokens. */
export interface Rates {
  readonly input: number
  readonly output: number
  /** Absent: billed as input. */
  readonly cachedInput?: number | undefined
  /** Absent: 1.25 × input, what both vendors ask for a cache entry of the shorter life. */
  readonly cacheWrite?: number | undefined
  /** Prompts above so many tokens: the whole request is billed by these factors. */
  readonly long?:
    | { readonly above: number; readonly input: number; readonly output: number }
    | undefined
}

/** The rates of a model, by our name for it, on a day; `undefined` where no price is known. */
export type PriceOf = (model: string, atMs: number) => Rates | undefined

/** What the lookup needs to know of a configured model. */
export interface PricedModel {
  /** The provider's own name. */
  readonly upstreamName: string
  readonly price: Rates | undefined
}

/** What a bill is made from: a log line, or any record like it. */
export interface Billable {
  readonly api?: string | undefined
  readonly outcome?: string | undefined
  readonly model?: string | undefined
  readonly served_model?: string | undefined
  readonly mock?: boolean | undefined
  readonly prompt_tokens?: number | undefined
  readonly completion_tokens?: number | undefined
  readonly cached_tokens?: number | undefined
  readonly cache_write_tokens?: number | undefined
}

const CACHE_WRITE_FACTOR = 1.25
const TOKENS_PER_RATE = 1_000_000
// Names in a log are anybody's text: do not remember more of them than any config has.
const REMEMBERED_NAMES = 10_000

interface DatedRates {
  readonly fromMs: number
  readonly rates: Rates
}

/**
 * A price lookup over the configured models and the built-in table: `price` in the config wins, then the
 * list price of the provider's own name. A configured name is never priced as another model that happens
 * to have the same name elsewhere.
 */
export function createPriceLookup(models: ReadonlyMap<string, PricedModel>): PriceOf {
  const listPrices = readTable()
  const remembered = new Map<string, readonly DatedRates[]>()

  function find(model: string): readonly DatedRates[] {
    const configured = models.get(model)
    if (configured?.price !== undefined) return [{ fromMs: -Infinity, rates: configured.price }]
    return listPrices.get(resolvePriceName(configured?.upstreamName ?? model, listPrices)) ?? []
  }

  return (model, atMs) => {
    let dated = remembered.get(model)
    if (dated === undefined) {
      dated = find(model)
      if (remembered.size < REMEMBERED_NAMES) remembered.set(model, dated)
    }
    return dated.findLast((row) => row.fromMs <= atMs)?.rates
  }
}

function readTable(): Map<string, DatedRates[]> {
  const byName = new Map<string, DatedRates[]>()
  for (const row of PRICE_TABLE) {
    const fromMs = row.from === undefined ? -Infinity : Date.parse(`${row.from}T00:00:00Z`)
    for (const model of row.models) {
      const dated = byName.get(model) ?? []
      dated.push({ fromMs, rates: row })
      byName.set(model, dated)
    }
  }
  return byName
}

// `us.anthropic.`, `openai/`, `models/`, `openrouter/anthropic/`: who resells it is not part of the name.
const PREFIX = /^(?:[a-z0-9-]+\/)*(?:(?:[a-z]{2,6}\.)?anthropic\.)?/
// -2025-08-07, -20250514, @20250514, -latest, -v1:0 and their like, at the end.
const SUFFIX = /(?:[-@]\d{4}-?\d{2}-?\d{2}|-latest|@latest|-v\d+(?::\d+)?|\[1m\])$/

/**
 * A model's name as the price table has it: the exact name where it is there, else without prefixes and
 * date suffixes. Never a guess by family: `gpt-5-mini` is not `gpt-5`.
 */
export function resolvePriceName(name: string, known: { has(name: string): boolean }): string {
  let short = name.toLowerCase()
  if (known.has(short)) return short
  short = short.replace(PREFIX, '')
  // Resellers write `claude-sonnet-4.5` for claude-sonnet-4-5.
  if (short.startsWith('claude-')) short = short.replaceAll('.', '-')
  while (!known.has(short) && SUFFIX.test(short)) short = short.replace(SUFFIX, '')
  return short
}

/**
 * US dollars for one request that came at `atMs`; `undefined` where its tokens or its price are unknown.
 * Cached tokens and cache writes are parts of the prompt and have their own rates. Nothing is billed for
 * what no provider answered, nor for counting tokens. A mocked answer has no price at all: `undefined`.
 */
export function costUsd(record: Billable, priceOf: PriceOf, atMs: number): number | undefined {
  if (record.mock === true) return undefined
  if (record.outcome === 'refused' || record.api === 'count_tokens') return 0
  const prompt = record.prompt_tokens
  const completion = record.completion_tokens ?? (record.api === 'embeddings' ? 0 : undefined)
  if (prompt === undefined && completion === undefined && record.outcome === 'failed') return 0
  if (prompt === undefined || completion === undefined) return undefined
  if (prompt === 0 && completion === 0) return 0
  const model = record.served_model ?? record.model
  const rates = model === undefined ? undefined : priceOf(model, atMs)
  if (rates === undefined) return undefined

  const cached = Math.min(record.cached_tokens ?? 0, prompt)
  const written = Math.min(record.cache_write_tokens ?? 0, prompt - cached)
  const inputUsd =
    (prompt - cached - written) * rates.input +
    cached * (rates.cachedInput ?? rates.input) +
    written * (rates.cacheWrite ?? rates.input * CACHE_WRITE_FACTOR)
  const outputUsd = completion * rates.output
  const long = rates.long !== undefined && prompt > rates.long.above ? rates.long : undefined
  return (inputUsd * (long?.input ?? 1) + outputUsd * (long?.output ?? 1)) / TOKENS_PER_RATE
}

/** `costUsd` for a whole log record, at its own time. */
export function recordCostUsd(record: UsageRecord, priceOf: PriceOf): number | undefined {
  return costUsd(record, priceOf, Date.parse(record.ts))
}
