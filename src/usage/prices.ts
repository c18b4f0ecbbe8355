/**
 * What tokens cost. Prices are applied when the log is read, never written into it (design §7), so a
 * corrected price corrects the past; a built-in price is the one that held on the day of the request.
 */
import { PRICE_SOURCES, PRICE_TABLE } from './price-table.ts'
import type { PeakHours, PriceSourceFacts } from './price-table.ts'
import type { UsageRecord } from './record.ts'

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

/** The rates of a model, by our name for it, on a day; `undefined` where no price is known. */
export type PriceOf = (model: string, atMs: number) => Rates | undefined

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

  return (model, atMs) => {
    let dated = remembered.get(model)
    if (dated === undefined) {
      dated = find(model)
      if (remembered.size < REMEMBERED_NAMES) remembered.set(model, dated)
    }
    const row = dated.findLast(({ fromMs }) => fromMs <= atMs)
    return row?.peak !== undefined && isPeak(row.peak.hours, atMs) ? row.peak.rates : row?.rates
  }
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
 * US dollars for one request that came at `atMs`; `undefined` where its tokens or its price are unknown.
 * Cached tokens and cache writes are parts of the prompt, writes for an hour a part of the writes, and
 * reasoning is a part of the completion; each has its own rate. Nothing is billed for
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
  const forAnHour = Math.min(record.cache_write_1h_tokens ?? 0, written)
  const inputUsd =
    (prompt - cached - written) * rates.input +
    cached * (rates.cachedInput ?? rates.input) +
    (written - forAnHour) * (rates.cacheWrite ?? rates.input * CACHE_WRITE_FACTOR) +
    forAnHour * (rates.cacheWriteHour ?? rates.input * CACHE_WRITE_HOUR_FACTOR)
  const reasoning = Math.min(record.reasoning_tokens ?? 0, completion)
  const outputUsd =
    (completion - reasoning) * rates.output + reasoning * (rates.reasoning ?? rates.output)
  const long = rates.long !== undefined && prompt > rates.long.above ? rates.long : undefined
  return (inputUsd * (long?.input ?? 1) + outputUsd * (long?.output ?? 1)) / TOKENS_PER_RATE
}

/** `costUsd` for a whole log record, at its own time. */
export function recordCostUsd(record: UsageRecord, priceOf: PriceOf): number | undefined {
  return costUsd(record, priceOf, Date.parse(record.ts))
}
