/**
 * What tokens cost. Prices are applied when the log is read, never written into it (design §7), so a
 * corrected price corrects the past; a built-in price is the one that held on the day of the request.
 */
import { ABSENT } from './logged.ts'
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
 * How a request is billed. `free`: known to cost nothing, as what no provider answered, and counting
 * tokens. `made-up`: a mocked answer has no price at all. `untold`: nobody knows its tokens. `priced`: by its tokens.
 */
export type Billing = 'free' | 'made-up' | 'untold' | 'priced'

/** `prompt` and `completion` are tokens, `ABSENT` where nobody told them. */
export function billingOf(
  record: Pick<Billable, 'api' | 'outcome' | 'mock'>,
  prompt: number,
  completion: number,
): Billing {
  if (record.mock === true) return 'made-up'
  if (record.outcome === 'refused' || record.api === 'count_tokens') return 'free'
  const output = completion === ABSENT && record.api === 'embeddings' ? 0 : completion
  if (prompt === ABSENT && output === ABSENT && record.outcome === 'failed') return 'free'
  if (prompt === ABSENT || output === ABSENT) return 'untold'
  return prompt === 0 && output === 0 ? 'free' : 'priced'
}

/**
 * US dollars for one request that came at `atMs`; `undefined` where its tokens or its price are unknown,
 * and for a mocked answer.
 */
export function costUsd(record: Billable, priceOf: PriceOf, atMs: number): number | undefined {
  const { prompt_tokens: prompt = ABSENT, completion_tokens: completion = ABSENT } = record
  const billing = billingOf(record, prompt, completion)
  if (billing === 'free') return 0
  const model = record.served_model ?? record.model
  if (billing !== 'priced' || model === undefined) return undefined
  const rates = priceOf(model, atMs)
  if (rates === undefined) return undefined
  const bill = createBill(rates)
  addToBill(bill, prompt, completion, record.cached_tokens ?? 0, record.cache_write_tokens ?? 0)
  return billUsd(bill)
}

/** Tokens at one price, of any number of requests. Sums of whole numbers are exact, in whatever order they are added. */
export interface Bill {
  readonly rates: Rates
  readonly usual: BilledTokens
  /** Of requests whose prompt is above `rates.long`; `undefined` before the first. */
  long: BilledTokens | undefined
}

interface BilledTokens {
  /** Prompt tokens neither read from a cache nor written to one. */
  input: number
  cached: number
  written: number
  output: number
}

/** An empty bill. */
export function createBill(rates: Rates): Bill {
  return { rates, usual: noTokens(), long: undefined }
}

function noTokens(): BilledTokens {
  return { input: 0, cached: 0, written: 0, output: 0 }
}

/**
 * Adds one `priced` request. Cached tokens and cache writes are parts of the prompt and have their own
 * rates. `ABSENT` counts as none.
 */
export function addToBill(
  bill: Bill,
  prompt: number,
  completion: number,
  cachedTokens: number,
  writtenTokens: number,
): void {
  const { long } = bill.rates
  const isLong = long !== undefined && prompt > long.above
  const tokens = isLong ? (bill.long ??= noTokens()) : bill.usual
  const cached = Math.min(Math.max(cachedTokens, 0), prompt)
  const written = Math.min(Math.max(writtenTokens, 0), prompt - cached)
  tokens.input += prompt - cached - written
  tokens.cached += cached
  tokens.written += written
  tokens.output += Math.max(completion, 0)
}

/** Whether two prices are one, be they two values or the same. */
export function isSamePrice(a: Rates, b: Rates): boolean {
  if (a === b) return true
  const parts = ['input', 'output', 'cachedInput', 'cacheWrite'] as const
  const longParts = ['above', 'input', 'output'] as const
  return (
    parts.every((part) => a[part] === b[part]) &&
    longParts.every((part) => a.long?.[part] === b.long?.[part])
  )
}

/** Adds all of a bill to another at the same price. */
export function absorbBill(into: Bill, bill: Bill): void {
  absorbTokens(into.usual, bill.usual)
  if (bill.long !== undefined) absorbTokens((into.long ??= noTokens()), bill.long)
}

function absorbTokens(into: BilledTokens, tokens: BilledTokens): void {
  into.input += tokens.input
  into.cached += tokens.cached
  into.written += tokens.written
  into.output += tokens.output
}

/** US dollars. */
export function billUsd({ rates, usual, long }: Bill): number {
  const inputUsd = (tokens: BilledTokens): number =>
    tokens.input * rates.input +
    tokens.cached * (rates.cachedInput ?? rates.input) +
    tokens.written * (rates.cacheWrite ?? rates.input * CACHE_WRITE_FACTOR)
  const usualUsd = inputUsd(usual) + usual.output * rates.output
  if (rates.long === undefined || long === undefined) return usualUsd / TOKENS_PER_RATE
  const longUsd = inputUsd(long) * rates.long.input + long.output * rates.output * rates.long.output
  return (usualUsd + longUsd) / TOKENS_PER_RATE
}

/** `costUsd` for a whole log record, at its own time. */
export function recordCostUsd(record: UsageRecord, priceOf: PriceOf): number | undefined {
  return costUsd(record, priceOf, Date.parse(record.ts))
}
