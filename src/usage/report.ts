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
import { addToBill, billingOf } from './prices.ts'
import type { Bill, Billing, PriceOf, Rates } from './prices.ts'
import { createBuckets, createFilter, groupReader, SLOT_MS } from './grouping.ts'
import {
  CACHED,
  CACHE_WRITE,
  CACHE_WRITE_HOUR,
  COMPLETION,
  figuresOf,
  PROMPT,
  REASONING,
  TS_MS,
} from './logged.ts'
import type { Figures, LoggedNames, LoggedUsage, UsageSink } from './logged.ts'
import { addPart, addRecord, addTally, billOf, createTally, finish, partOf } from './tally.ts'
import type { RecordKind, Tally, TallyPart, UsageTotals } from './tally.ts'
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

/** A sink for a reader, which records can be added to one by one as well. */
export interface ReportFold extends UsageSink<Place> {
  add(usage: LoggedUsage): void
  result(): UsageReport
  /** All that was added so far, as plain data that can be sent to another thread. */
  part(): ReportPart
  /**
   * Adds what another report of the same options has folded from later records: the same result as if
   * they had been added one by one. Gives false, and adds nothing, where a limit could make a difference,
   * or trends are kept.
   */
  addPart(part: ReportPart): boolean
}

/** A report on the way from one thread to another. */
export interface ReportPart {
  readonly rows: readonly TallyPart[]
  readonly unpriced: ReadonlyMap<string, Readonly<Counter>>
  readonly pairs: Pairs
  readonly uncounted: number
}

/** Where records with the same names are counted, found out once for many of them. */
export interface Place extends RecordKind {
  /** Whether the filters let them through. */
  readonly wanted: boolean
  /** The hour, day, week or month of the row, as a number; -1 before the first record. */
  bucket: number
  row: Tally
  /** Of its model. */
  readonly price: PriceNow
  /** Of the bill. */
  rates: Rates | undefined
  /** Where its failovers are counted; `undefined` before the first. */
  pair: Counter | undefined
  /** How requests are billed that took and gave tokens. */
  readonly billing: Billing
  /** Where the row's tokens at this price are added up; `undefined` where there is no price. */
  bill: Bill | undefined
}

/** The price of a model at the time it was last asked for; few models stand in many places. */
interface PriceNow {
  readonly model: string | undefined
  slot: number
  rates: Rates | undefined
  /** Of requests without a price; `undefined` before the first. */
  unpriced: Counter | undefined
}

interface Counter {
  requests: number
}

export const GROUP_LIMIT = 100_000
const OTHERS = '(others)'
const PAIR_LIMIT = 1000
const PRICE_LIMIT = 1000
// Before all time that Date knows.
const NO_SLOT = -(2 ** 40)

/** An empty report that records are folded into, in any order. */
export function createReport(options: ReportOptions): ReportFold {
  const { by, priceOf, trends = false, groupLimit = GROUP_LIMIT } = options
  const wanted = createFilter(options.filters)
  const readers = by.map((key) => groupReader(key, options.zone))
  const bucketAt = createBuckets(by, options.zone)
  const prices = new Map<string | undefined, PriceNow>()
  const groups: GroupNode = { row: undefined, below: new Map() }
  const rows: Tally[] = []
  const nowhere = createTally([], false)
  const unpriced = new Map<string, Counter>()
  const pairs = new Map<string, Map<string, Counter>>()
  let pairCount = 0
  let uncounted = 0
  let others: Tally | undefined

  function rowOf(group: readonly (string | undefined)[]): Tally {
    let node = groups
    for (const value of group) {
      let next = node.below.get(value)
      if (next === undefined) {
        if (rows.length >= groupLimit) return (others ??= addRow(by.map(() => OTHERS)))
        next = { row: undefined, below: new Map() }
        node.below.set(value, next)
      }
      node = next
    }
    return (node.row ??= addRow(group))
  }

  function findRow(place: Place, tsMs: number, bucket: number): void {
    const { names } = place
    place.row = rowOf(readers.map((read) => read(names, tsMs)))
    place.rates = undefined
    place.bill = undefined
    place.bucket = bucket
  }

  function findPrice(price: PriceNow, tsMs: number, slot: number): void {
    price.rates = price.model === undefined ? undefined : priceOf?.(price.model, tsMs)
    price.slot = slot
  }

  function priceNow(model: string | undefined): PriceNow {
    let price = prices.get(model)
    if (price === undefined) {
      price = { model, slot: NO_SLOT, rates: undefined, unpriced: undefined }
      if (prices.size < PRICE_LIMIT) prices.set(model, price)
    }
    return price
  }

  function addRow(group: readonly (string | undefined)[]): Tally {
    const row = createTally(group, trends)
    rows.push(row)
    return row
  }

  /** Where such failovers are counted; `undefined` where there are too many kinds of them. */
  function pairOf(model: string, served: string): Counter | undefined {
    const byServed = pairs.get(model) ?? new Map<string, Counter>()
    let pair = byServed.get(served)
    if (pair === undefined) {
      if (pairCount++ >= PAIR_LIMIT) return undefined
      pair = { requests: 0 }
      byServed.set(served, pair)
      pairs.set(model, byServed)
    }
    return pair
  }

  function countPair(place: Place): void {
    const { names } = place
    place.pair ??= pairOf(names.model ?? '', names.served_model ?? '')
    if (place.pair !== undefined) place.pair.requests++
  }

  function countUnpriced(price: PriceNow, told: boolean): void {
    if (price.model === undefined || !told) uncounted++
    else {
      price.unpriced ??= unpricedOf(price.model)
      if (price.unpriced !== undefined) price.unpriced.requests++
    }
  }

  function unpricedOf(model: string): Counter | undefined {
    let counter = unpriced.get(model)
    if (counter === undefined && unpriced.size < PAIR_LIMIT) {
      counter = { requests: 0 }
      unpriced.set(model, counter)
    }
    return counter
  }

  function placeOf(names: LoggedNames): Place {
    return {
      names,
      wanted: wanted(names),
      failed: names.outcome === 'failed' || names.outcome === 'truncated',
      refused: names.outcome === 'refused',
      failover: isFailover(names),
      estimated: names.estimated,
      mocked: names.mock,
      bucket: -1,
      row: nowhere,
      price: priceNow(names.served_model ?? names.model),
      rates: undefined,
      pair: undefined,
      billing: billingOf(names, 1, 1),
      bill: undefined,
    }
  }

  function count(place: Place, figures: Figures): void {
    if (!place.wanted) return
    const tsMs = figures[TS_MS]!
    const slot = Math.floor(tsMs / SLOT_MS)
    const bucket = bucketAt === undefined ? 0 : bucketAt(slot, tsMs)
    if (place.bucket !== bucket) findRow(place, tsMs, bucket)
    const { price } = place
    if (price.slot !== slot) findPrice(price, tsMs, slot)
    if (price.rates !== place.rates) findBill(place, price.rates)
    if (place.failover) countPair(place)
    addRecord(place.row, place, figures)
    if (priceOf !== undefined) countCost(place, figures)
  }

  function countCost(place: Place, figures: Figures): void {
    const { row } = place
    const prompt = figures[PROMPT]!
    const completion = figures[COMPLETION]!
    const isUsual = prompt > 0 && completion > 0
    const billing = isUsual ? place.billing : billingOf(place.names, prompt, completion)
    if (billing === 'made-up') return
    if (billing === 'priced' && place.bill !== undefined) {
      addToBill(place.bill, {
        prompt,
        completion,
        cached: figures[CACHED]!,
        written: figures[CACHE_WRITE]!,
        writtenForAnHour: figures[CACHE_WRITE_HOUR]!,
        reasoning: figures[REASONING]!,
      })
    } else if (billing !== 'free') {
      row.unpriced++
      const told = billing === 'priced' || place.names.api === 'embeddings'
      return countUnpriced(place.price, told)
    }
    row.costKnown = true
  }

  return {
    placeOf,
    count,
    add(usage) {
      count(placeOf(usage), figuresOf(usage))
    },
    result() {
      const totals = createTally([], trends)
      for (const row of rows) addTally(totals, row)
      return {
        rows: rows.map((row) => ({ ...finish(row), group: row.group })),
        totals: finish(totals),
        uncounted,
        unpricedModels: [...unpriced]
          .map(([model, { requests }]) => ({ model, requests }))
          .toSorted(byRequests),
        failoverPairs: listPairs(pairs).toSorted(byRequests),
      }
    },
    part() {
      return { rows: rows.map(partOf), unpriced, pairs, uncounted }
    },
    addPart(part) {
      const theirPairs = listPairs(part.pairs)
      if (
        trends ||
        rows.length + part.rows.length >= groupLimit ||
        unpriced.size + part.unpriced.size >= PAIR_LIMIT ||
        pairCount + theirPairs.length >= PAIR_LIMIT
      ) {
        return false
      }
      for (const row of part.rows) addPart(rowOf(row.group), row)
      for (const [model, { requests }] of part.unpriced) addCount(unpricedOf(model), requests)
      for (const { model, served, requests } of theirPairs) {
        addCount(pairOf(model, served), requests)
      }
      uncounted += part.uncounted
      return true
    },
  }
}

function findBill(place: Place, rates: Rates | undefined): void {
  place.rates = rates
  place.bill = rates === undefined ? undefined : billOf(place.row, rates)
}

type Pairs = ReadonlyMap<string, ReadonlyMap<string, Readonly<Counter>>>

function addCount(counter: Counter | undefined, requests: number): void {
  if (counter !== undefined) counter.requests += requests
}

function listPairs(pairs: Pairs): FailoverPair[] {
  return [...pairs].flatMap(([model, byServed]) =>
    [...byServed].map(([served, { requests }]) => ({ model, served, requests })),
  )
}

interface GroupNode {
  row: Tally | undefined
  readonly below: Map<string | undefined, GroupNode>
}

/** Most requests first. */
export function byRequests(a: { requests: number }, b: { requests: number }): number {
  return b.requests - a.requests
}

/** A model rests and is skipped before any attempt, so the request's own model is what counts. */
function isFailover(usage: LoggedNames): boolean {
  return (
    usage.served_model !== undefined &&
    usage.model !== undefined &&
    usage.served_model !== usage.model
  )
}
