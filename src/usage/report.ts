/**
 * Folds log records into rows. Every record is a request, a refused one too: it has no tokens and costs
 * nothing. What a row counts:
 *
 * - `failed`: ended `failed` or `truncated`, that is without a whole answer and not by the caller's wish.
 * - `failovers`: another model than the requested one answered.
 * - `costUsd`: the sum of the known costs; `undefined` where the row has none (all unknown, or all mocked),
 *   or where only what failed, and so cost nothing, is known.
 * - `unpriced`: requests that cost something nobody knows; with any of them a sum is a minimum. Mocked
 *   requests are not among them: they cost nothing anywhere, and have no price to be shown either.
 * - `latency`: the whole time of every request that was not refused.
 */
import { createHistogram } from './histogram.ts'
import type { Histogram } from './histogram.ts'
import { costUsd } from './prices.ts'
import type { PriceOf } from './prices.ts'
import { globToRegExp } from './glob.ts'
import type { LoggedUsage } from './scan.ts'
import { createTrend } from './trend.ts'
import type { Trend } from './trend.ts'
import { renderBucket } from './zone.ts'
import type { Zone } from './zone.ts'

export const GROUP_KEYS = [
  'user',
  'model',
  'served',
  'provider',
  'outcome',
  'hour',
  'day',
  'week',
  'month',
] as const
export type GroupKey = (typeof GROUP_KEYS)[number]

/** Each list is "any of these"; an empty one is no filter. Users, models and providers may be globs. */
export interface UsageFilters {
  readonly users: readonly string[]
  /** Of the requested model. */
  readonly models: readonly string[]
  readonly providers: readonly string[]
  readonly outcomes: readonly string[]
}

export interface UsageTotals {
  requests: number
  failed: number
  refused: number
  failovers: number
  /** Requests whose tokens are an estimate. */
  estimated: number
  mocked: number
  unpriced: number
  promptTokens: number
  completionTokens: number
  cachedTokens: number
  cacheWriteTokens: number
  reasoningTokens: number
  totalTokens: number
  costUsd: number | undefined
  /** Milliseconds; `undefined` where nothing was measured. */
  latencyMs: { p50: number | undefined; p95: number | undefined }
  /** What `latencyMs` was read from; reports that are put together need it. */
  latency: Histogram
  /** Requests over time; `undefined` where it was not asked for. */
  trend: Trend | undefined
}

export interface UsageRow extends Readonly<UsageTotals> {
  /** One per group key, in the order asked for; `undefined` where the log does not say. */
  readonly group: readonly (string | undefined)[]
}

/** How often one model answered for another. */
export interface FailoverPair {
  readonly model: string
  readonly served: string
  readonly requests: number
}

export interface UsageReport {
  /** In the order of first appearance. */
  readonly rows: readonly UsageRow[]
  readonly totals: Readonly<UsageTotals>
  /** Requests of priced or unpriced models whose tokens nobody told, so that no price helps. */
  readonly uncounted: number
  /** Models that answered and have no price, with their requests, most first. */
  readonly unpricedModels: readonly { readonly model: string; readonly requests: number }[]
  /** Most frequent first. */
  readonly failoverPairs: readonly FailoverPair[]
}

export interface ReportOptions {
  readonly by: readonly GroupKey[]
  readonly filters: UsageFilters
  /** Of hours, days, weeks and months. */
  readonly zone: Zone
  /** `undefined`: costs are left away altogether. */
  readonly priceOf: PriceOf | undefined
  /** Whether rows keep how their requests lie in time. Default false. */
  readonly trends?: boolean
  /** Groups beyond so many share one row. Default 100,000: model names are anybody's text. */
  readonly groupLimit?: number
}

export interface ReportFold {
  add(usage: LoggedUsage): void
  result(): UsageReport
}

export const GROUP_LIMIT = 100_000
const OTHERS = '(others)'
const PAIR_LIMIT = 1000
// Every time zone's changes fall on a quarter of an hour.
const SLOT_MS = 900_000
const SLOT_LIMIT = 100_000

/** An empty report that records are folded into, in any order. */
export function createReport(options: ReportOptions): ReportFold {
  const { by, priceOf, trends = false, groupLimit = GROUP_LIMIT } = options
  const wanted = createFilter(options.filters)
  const readers = by.map((key) => groupReader(key, options.zone))
  const groups: GroupNode = { row: undefined, below: new Map() }
  const rows: Tally[] = []
  const totals = createTally([], trends)
  const unpriced = new Map<string, number>()
  const pairs = new Map<string, Map<string, number>>()
  let pairCount = 0
  let uncounted = 0
  let others: Tally | undefined

  function rowOf(usage: LoggedUsage): Tally {
    let node = groups
    for (const read of readers) {
      const value = read(usage)
      let next = node.below.get(value)
      if (next === undefined) {
        if (rows.length >= groupLimit) return (others ??= addRow(by.map(() => OTHERS)))
        next = { row: undefined, below: new Map() }
        node.below.set(value, next)
      }
      node = next
    }
    return (node.row ??= addRow(readers.map((read) => read(usage))))
  }

  function addRow(group: readonly (string | undefined)[]): Tally {
    const row = createTally(group, trends)
    rows.push(row)
    return row
  }

  function countPair(model: string, served: string): void {
    const byServed = pairs.get(model) ?? new Map<string, number>()
    const known = byServed.get(served)
    if (known === undefined && pairCount++ >= PAIR_LIMIT) return
    byServed.set(served, (known ?? 0) + 1)
    pairs.set(model, byServed)
  }

  function countUnpriced(usage: LoggedUsage): void {
    const model = usage.served_model ?? usage.model
    const told = usage.prompt_tokens !== undefined && usage.completion_tokens !== undefined
    if (model === undefined || !(told || usage.api === 'embeddings')) {
      uncounted++
      return
    }
    const known = unpriced.get(model)
    if (known !== undefined || unpriced.size < PAIR_LIMIT) unpriced.set(model, (known ?? 0) + 1)
  }

  return {
    add(usage) {
      if (!wanted(usage)) return
      const cost = priceOf === undefined ? undefined : costUsd(usage, priceOf, usage.ts_ms)
      const isUnpriced = priceOf !== undefined && cost === undefined && !usage.mock
      if (isUnpriced) countUnpriced(usage)
      if (isFailover(usage)) countPair(usage.model ?? '', usage.served_model ?? '')
      tally(rowOf(usage), usage, cost, isUnpriced)
      tally(totals, usage, cost, isUnpriced)
    },
    result() {
      return {
        rows: rows.map((row) => ({ ...finish(row), group: row.group })),
        totals: finish(totals),
        uncounted,
        unpricedModels: [...unpriced]
          .map(([model, requests]) => ({ model, requests }))
          .toSorted(byRequests),
        failoverPairs: [...pairs]
          .flatMap(([model, byServed]) =>
            [...byServed].map(([served, requests]) => ({ model, served, requests })),
          )
          .toSorted(byRequests),
      }
    },
  }
}

interface GroupNode {
  row: Tally | undefined
  readonly below: Map<string | undefined, GroupNode>
}

interface Tally extends Omit<UsageTotals, 'latencyMs'> {
  readonly group: readonly (string | undefined)[]
}

function createTally(group: readonly (string | undefined)[], trends: boolean): Tally {
  return {
    group,
    requests: 0,
    failed: 0,
    refused: 0,
    failovers: 0,
    estimated: 0,
    mocked: 0,
    unpriced: 0,
    promptTokens: 0,
    completionTokens: 0,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    totalTokens: 0,
    costUsd: undefined,
    latency: createHistogram(),
    trend: trends ? createTrend() : undefined,
  }
}

function tally(
  row: Tally,
  usage: LoggedUsage,
  cost: number | undefined,
  isUnpriced: boolean,
): void {
  row.requests++
  row.trend?.add(usage.ts_ms)
  if (usage.outcome === 'failed' || usage.outcome === 'truncated') row.failed++
  if (usage.outcome === 'refused') row.refused++
  else if (usage.ms !== undefined) row.latency.add(usage.ms)
  if (isFailover(usage)) row.failovers++
  if (usage.estimated) row.estimated++
  if (usage.mock) row.mocked++
  if (isUnpriced) row.unpriced++
  const prompt = usage.prompt_tokens ?? 0
  const completion = usage.completion_tokens ?? 0
  row.promptTokens += prompt
  row.completionTokens += completion
  row.cachedTokens += usage.cached_tokens ?? 0
  row.cacheWriteTokens += usage.cache_write_tokens ?? 0
  row.reasoningTokens += usage.reasoning_tokens ?? 0
  row.totalTokens += usage.total_tokens ?? prompt + completion
  if (cost !== undefined) row.costUsd = (row.costUsd ?? 0) + cost
}

/** Most requests first. */
export function byRequests(a: { requests: number }, b: { requests: number }): number {
  return b.requests - a.requests
}

function finish(row: Tally): UsageTotals {
  const { group: _, ...counts } = row
  return {
    ...counts,
    costUsd: readCost(row.costUsd, row.unpriced),
    latencyMs: readLatency(row.latency),
  }
}

/** A sum of costs; `undefined` where all that is known of it are requests that cost nothing. */
export function readCost(sumUsd: number | undefined, unpriced: number): number | undefined {
  return sumUsd === 0 && unpriced > 0 ? undefined : sumUsd
}

/** The percentiles that are shown, in whole milliseconds. */
export function readLatency(latency: Histogram): UsageTotals['latencyMs'] {
  const read = (fraction: number): number | undefined => {
    const value = latency.percentile(fraction)
    return value === undefined ? undefined : Math.round(value)
  }
  return { p50: read(0.5), p95: read(0.95) }
}

/** A model rests and is skipped before any attempt, so the request's own model is what counts. */
function isFailover(usage: LoggedUsage): boolean {
  return (
    usage.served_model !== undefined &&
    usage.model !== undefined &&
    usage.served_model !== usage.model
  )
}

function createFilter(filters: UsageFilters): (usage: LoggedUsage) => boolean {
  const tests = [
    createNameTest(filters.users, (usage) => usage.user),
    createNameTest(filters.models, (usage) => usage.model),
    createNameTest(filters.providers, (usage) => usage.provider),
    createNameTest(filters.outcomes, (usage) => usage.outcome),
  ].filter((test) => test !== undefined)
  return (usage) => tests.every((test) => test(usage))
}

function createNameTest(
  globs: readonly string[],
  read: (usage: LoggedUsage) => string | undefined,
): ((usage: LoggedUsage) => boolean) | undefined {
  if (globs.length === 0) return undefined
  const patterns = globs.map((glob) => globToRegExp(glob))
  return (usage) => {
    const name = read(usage)
    return name !== undefined && patterns.some((pattern) => pattern.test(name))
  }
}

function groupReader(key: GroupKey, zone: Zone): (usage: LoggedUsage) => string | undefined {
  switch (key) {
    case 'user':
      return (usage) => usage.user
    case 'model':
      return (usage) => usage.model
    case 'served':
      return (usage) => usage.served_model
    case 'provider':
      return (usage) => usage.provider
    case 'outcome':
      return (usage) => usage.outcome
    case 'hour':
    case 'day':
    case 'week':
    case 'month': {
      const labels = new Map<number, string>()
      let lastSlot = NaN
      let lastLabel = ''
      return (usage) => {
        const slot = Math.floor(usage.ts_ms / SLOT_MS)
        if (slot === lastSlot) return lastLabel
        let label = labels.get(slot)
        if (label === undefined) {
          label = renderBucket(key, slot * SLOT_MS, zone)
          if (labels.size >= SLOT_LIMIT) labels.clear()
          labels.set(slot, label)
        }
        lastSlot = slot
        lastLabel = label
        return label
      }
    }
    default:
      return key satisfies never
  }
}
