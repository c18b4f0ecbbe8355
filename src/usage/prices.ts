/**
 * What tokens cost. Prices are applied when the log is read, never written into it (design §7), so a
 * corrected price corrects the past; a built-in price is the one that held on the day of the request.
 */
import { ABSENT } from './logged.ts'
import { PRICE_SOURCES, PRICE_TABLE } from './price-table.ts'
import type { PeakHours, PriceSourceFacts } from './price-table.ts'
import type { UsageRecord } from './record.ts'
import { msOfIso } from '../wire/timestamp.ts'

/** US dollars per million tokens. */
export interface Rates {
  readonly input: number
  readonly output: number
  /** Absent: billed as input. */
  readonly cachedInput?: number | undefined
  /** Absent: 1.25 × input, what both vendors ask for a cache entry of the shorter life. */
  readonly cacheWrite?: number | undefined
  /** For an entry that lives an hour. Absent: 2 × input. */
  readonly cacheWriteHour?: number | undefined
  /** For the part of the output that was reasoning. Absent: billed as output. */
  readonly reasoning?: number | undefined
  /** Prompts above so many tokens: the whole request is billed by these factors. */
  readonly long?:
    | { readonly above: number; readonly input: number; readonly output: number }
    | undefined
}

/**
 * Since the epoch in milliseconds, or as the log writes it: few models have a price that changes, and a
 * timestamp is not read for the others.
 */
export type Moment = number | string

/** The rates of a model, by our name for it, at a moment; `undefined` where no price is known. */
export type PriceOf = (model: string, at: Moment) => Rates | undefined

/** What the lookup needs to know of a configured model. */
export interface PricedModel {
  /** The provider's own name. */
  readonly upstreamName: string
  readonly price: Rates | undefined
  /** Its provider, by our name for it. */
  readonly provider?: string
}

/** What the lookup needs to know of a provider. */
export interface PricedProvider {
  readonly baseUrl: string
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
  readonly cache_write_1h_tokens?: number | undefined
  readonly reasoning_tokens?: number | undefined
}

const CACHE_WRITE_FACTOR = 1.25
const CACHE_WRITE_HOUR_FACTOR = 2
const HOUR_MS = 3_600_000
const TOKENS_PER_RATE = 1_000_000
// Names in a log are anybody's text: do not remember more of them than any config has.
const REMEMBERED_NAMES = 10_000

interface DatedRates {
  readonly fromMs: number
  readonly rates: Rates
  /** In force in these hours instead. */
  readonly peak?: { readonly hours: PeakHours; readonly rates: Rates }
}

/** Rows by model name; a host's prices stand under `host name`. */
type PriceIndex = ReadonlyMap<string, readonly DatedRates[]>

/**
 * A price lookup over the configured models and the built-in table: `price` in the config wins, then what
 * the host behind the model's provider asks, then the list price of the provider's own name. A configured
 * name is never priced as another model that happens to have the same name elsewhere. Without `providers`
 * no host is known.
 */
export function createPriceLookup(
  models: ReadonlyMap<string, PricedModel>,
  providers: ReadonlyMap<string, PricedProvider> = new Map(),
): PriceOf {
  const listPrices = readTable()
  const remembered = new Map<string, readonly DatedRates[]>()

  function find(model: string): readonly DatedRates[] {
    const configured = models.get(model)
    if (configured?.price !== undefined) return [{ fromMs: -Infinity, rates: configured.price }]
    const name = configured?.upstreamName ?? model
    const host = hostOf(providers.get(configured?.provider ?? ''))
    const atHost = { has: (short: string) => listPrices.has(`${host} ${short}`) }
    return (
      listPrices.get(`${host} ${resolvePriceName(name, atHost)}`) ??
      listPrices.get(resolvePriceName(name, listPrices)) ??
      []
    )
  }

  return (model, at) => {
    let dated = remembered.get(model)
    if (dated === undefined) {
      dated = find(model)
      if (remembered.size < REMEMBERED_NAMES) remembered.set(model, dated)
    }
    const [only] = dated
    if (only === undefined) return undefined
    if (dated.length === 1 && only.fromMs === -Infinity && only.peak === undefined) {
      return only.rates
    }
    return ratesAt(dated, typeof at === 'string' ? msOfIso(at) : at)
  }
}

function ratesAt(dated: readonly DatedRates[], atMs: number): Rates | undefined {
  const row = dated.findLast(({ fromMs }) => fromMs <= atMs)
  return row?.peak !== undefined && isPeak(row.peak.hours, atMs) ? row.peak.rates : row?.rates
}

function readTable(): PriceIndex {
  const byName = new Map<string, DatedRates[]>()
  for (const row of PRICE_TABLE) {
    const source: PriceSourceFacts = PRICE_SOURCES[row.source]
    const fromMs = row.from === undefined ? -Infinity : Date.parse(`${row.from}T00:00:00Z`)
    const dated: DatedRates = {
      fromMs,
      rates: row,
      ...(row.peak !== undefined && {
        peak: { hours: row.peak, rates: multiply(row, row.peak.factor) },
      }),
    }
    for (const model of row.models) {
      for (const name of source.hosts?.map((host) => `${host} ${model}`) ?? [model]) {
        const known = byName.get(name)
        if (known === undefined) byName.set(name, [dated])
        else known.push(dated)
      }
    }
  }
  return byName
}

function hostOf(provider: PricedProvider | undefined): string {
  if (provider === undefined) return ''
  try {
    return new URL(provider.baseUrl).host
  } catch {
    return ''
  }
}

function isPeak({ hours }: PeakHours, atMs: number): boolean {
  const at = new Date(atMs)
  const day = at.getUTCDay()
  const hour = (atMs - Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate())) / HOUR_MS
  return day >= 1 && day <= 5 && hours.some(([from, until]) => hour >= from && hour < until)
}

function multiply(rates: Rates, factor: number): Rates {
  const times = (rate: number | undefined): number | undefined =>
    rate === undefined ? undefined : rate * factor
  return {
    input: rates.input * factor,
    output: rates.output * factor,
    cachedInput: times(rates.cachedInput),
    cacheWrite: times(rates.cacheWrite),
    cacheWriteHour: times(rates.cacheWriteHour),
    reasoning: times(rates.reasoning),
    long: rates.long,
  }
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
 * US dollars for one request that came `at` a moment; `undefined` where its tokens or its price are unknown,
 * and for a mocked answer.
 */
export function costUsd(record: Billable, priceOf: PriceOf, at: Moment): number | undefined {
  const { prompt_tokens: prompt = ABSENT, completion_tokens: completion = ABSENT } = record
  const billing = billingOf(record, prompt, completion)
  if (billing === 'free') return 0
  const model = record.served_model ?? record.model
  if (billing !== 'priced' || model === undefined) return undefined
  const rates = priceOf(model, at)
  if (rates === undefined) return undefined
  const bill = createBill(rates)
  addToBill(bill, {
    prompt,
    completion,
    cached: record.cached_tokens ?? 0,
    written: record.cache_write_tokens ?? 0,
    writtenForAnHour: record.cache_write_1h_tokens ?? 0,
    reasoning: record.reasoning_tokens ?? 0,
  })
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
  /** To a cache, for its shorter life. */
  written: number
  writtenForAnHour: number
  /** Completion tokens that were no reasoning. */
  output: number
  reasoning: number
}

/** The tokens of one request as they were told; `ABSENT` counts as none. */
export interface ToldTokens {
  readonly prompt: number
  readonly completion: number
  readonly cached: number
  readonly written: number
  readonly writtenForAnHour: number
  readonly reasoning: number
}

/** An empty bill. */
export function createBill(rates: Rates): Bill {
  return { rates, usual: noTokens(), long: undefined }
}

function noTokens(): BilledTokens {
  return { input: 0, cached: 0, written: 0, writtenForAnHour: 0, output: 0, reasoning: 0 }
}

/**
 * Adds one `priced` request. Cached tokens and cache writes are parts of the prompt, writes for an hour a
 * part of the writes, and reasoning is a part of the completion; each has its own rate.
 */
export function addToBill(bill: Bill, told: ToldTokens): void {
  const { prompt } = told
  const { long } = bill.rates
  const isLong = long !== undefined && prompt > long.above
  const tokens = isLong ? (bill.long ??= noTokens()) : bill.usual
  const completion = Math.max(told.completion, 0)
  const cached = Math.min(Math.max(told.cached, 0), prompt)
  const written = Math.min(Math.max(told.written, 0), prompt - cached)
  const forAnHour = Math.min(Math.max(told.writtenForAnHour, 0), written)
  const reasoning = Math.min(Math.max(told.reasoning, 0), completion)
  tokens.input += prompt - cached - written
  tokens.cached += cached
  tokens.written += written - forAnHour
  tokens.writtenForAnHour += forAnHour
  tokens.output += completion - reasoning
  tokens.reasoning += reasoning
}

const RATES = [
  'input',
  'output',
  'cachedInput',
  'cacheWrite',
  'cacheWriteHour',
  'reasoning',
] as const
const LONG_RATES = ['above', 'input', 'output'] as const

/** Whether two prices are one, be they two values or the same. */
export function isSamePrice(a: Rates, b: Rates): boolean {
  if (a === b) return true
  return (
    RATES.every((rate) => a[rate] === b[rate]) &&
    LONG_RATES.every((rate) => a.long?.[rate] === b.long?.[rate])
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
  into.writtenForAnHour += tokens.writtenForAnHour
  into.output += tokens.output
  into.reasoning += tokens.reasoning
}

/** US dollars. */
export function billUsd({ rates, usual, long }: Bill): number {
  const inputUsd = (tokens: BilledTokens): number =>
    tokens.input * rates.input +
    tokens.cached * (rates.cachedInput ?? rates.input) +
    tokens.written * (rates.cacheWrite ?? rates.input * CACHE_WRITE_FACTOR) +
    tokens.writtenForAnHour * (rates.cacheWriteHour ?? rates.input * CACHE_WRITE_HOUR_FACTOR)
  const outputUsd = (tokens: BilledTokens): number =>
    tokens.output * rates.output + tokens.reasoning * (rates.reasoning ?? rates.output)
  const usualUsd = inputUsd(usual) + outputUsd(usual)
  if (rates.long === undefined || long === undefined) return usualUsd / TOKENS_PER_RATE
  const longUsd = inputUsd(long) * rates.long.input + outputUsd(long) * rates.long.output
  return (usualUsd + longUsd) / TOKENS_PER_RATE
}

/** `costUsd` for a whole log record, at its own time. */
export function recordCostUsd(record: UsageRecord, priceOf: PriceOf): number | undefined {
  return costUsd(record, priceOf, record.ts)
}
