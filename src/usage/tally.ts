/** One row of a report while records are added to it, and rows that are put together. */
import { createHistogram } from './histogram.ts'
import type { Histogram } from './histogram.ts'
import {
  ABSENT,
  CACHED,
  CACHE_WRITE,
  COMPLETION,
  MS,
  PROMPT,
  REASONING,
  TOTAL,
  TS_MS,
} from './logged.ts'
import type { Figures, LoggedNames } from './logged.ts'
import { absorbBill, billUsd, createBill, isSamePrice } from './prices.ts'
import type { Bill, Rates } from './prices.ts'
import { createTrend } from './trend.ts'
import type { Trend } from './trend.ts'

/** What is told of a group of requests, and of all of them; `report.ts` says what counts as what. */
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

/** A row while it is added up. */
export interface Tally extends Omit<UsageTotals, 'latencyMs' | 'costUsd'> {
  readonly group: readonly (string | undefined)[]
  /** Tokens by what they cost: summed as whole numbers, so that a sum is the same in any order. */
  readonly bills: Bill[]
  /** The cost of at least one request is known, be it nothing. */
  costKnown: boolean
}

/** A row without requests. */
export function createTally(group: readonly (string | undefined)[], trends: boolean): Tally {
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
    latency: createHistogram(),
    trend: trends ? createTrend() : undefined,
    bills: [],
    costKnown: false,
  }
}

/** Where the row's tokens at this price are added up. */
export function billOf(row: Tally, rates: Rates): Bill {
  let bill = row.bills.find((known) => isSamePrice(known.rates, rates))
  if (bill === undefined) {
    bill = createBill(rates)
    row.bills.push(bill)
  }
  return bill
}

/** What follows from a record's names for every row it is counted in. */
export interface RecordKind {
  readonly names: LoggedNames
  readonly failed: boolean
  readonly refused: boolean
  readonly failover: boolean
  readonly estimated: boolean
  readonly mocked: boolean
}

/** Adds one record, but for its cost. */
export function addRecord(row: Tally, kind: RecordKind, figures: Figures): void {
  const ms = figures[MS]!
  row.requests++
  row.trend?.add(figures[TS_MS]!)
  if (kind.failed) row.failed++
  if (kind.refused) row.refused++
  else if (ms !== ABSENT) row.latency.add(ms)
  if (kind.failover) row.failovers++
  if (kind.estimated) row.estimated++
  if (kind.mocked) row.mocked++
  const prompt = orNone(figures[PROMPT]!)
  const completion = orNone(figures[COMPLETION]!)
  const total = figures[TOTAL]!
  row.promptTokens += prompt
  row.completionTokens += completion
  row.cachedTokens += orNone(figures[CACHED]!)
  row.cacheWriteTokens += orNone(figures[CACHE_WRITE]!)
  row.reasoningTokens += orNone(figures[REASONING]!)
  row.totalTokens += total === ABSENT ? prompt + completion : total
}

function orNone(figure: number): number {
  return figure === ABSENT ? 0 : figure
}

/** The counts of a row that add up. */
export const SUMS = [
  'requests',
  'failed',
  'refused',
  'failovers',
  'estimated',
  'mocked',
  'unpriced',
  'promptTokens',
  'completionTokens',
  'cachedTokens',
  'cacheWriteTokens',
  'reasoningTokens',
  'totalTokens',
] as const satisfies readonly (keyof UsageTotals)[]

/** A row as plain data, without its trend. */
export interface TallyPart extends Readonly<Omit<Tally, 'latency' | 'trend'>> {
  readonly latency: readonly (readonly [value: number, times: number])[]
}

/** A row as it is so far. */
export function partOf(row: Tally): TallyPart {
  const { trend: _, ...counts } = row
  const latency: [number, number][] = []
  row.latency.forEachValue((value, times) => latency.push([value, times]))
  return { ...counts, latency }
}

/** Adds all of a row to another. */
export function addTally(into: Tally, row: Tally): void {
  addSums(into, row)
  into.latency.absorb(row.latency)
  if (row.trend !== undefined) into.trend?.absorb(row.trend)
}

/** Adds all of a row that came as plain data. */
export function addPart(into: Tally, part: TallyPart): void {
  addSums(into, part)
  for (const [value, times] of part.latency) into.latency.add(value, times)
}

function addSums(into: Tally, from: Readonly<Omit<Tally, 'latency' | 'trend'>>): void {
  for (const sum of SUMS) into[sum] += from[sum]
  for (const bill of from.bills) absorbBill(billOf(into, bill.rates), bill)
  into.costKnown ||= from.costKnown
}

/** The row for a reader. */
export function finish(row: Tally): UsageTotals {
  const { bills, costKnown, group: _, ...counts } = row
  let sumUsd = 0
  for (const bill of bills) sumUsd += billUsd(bill)
  return {
    ...counts,
    costUsd: readCost(costKnown ? sumUsd : undefined, row.unpriced),
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
