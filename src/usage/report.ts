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
import { globToRegExp } from './glob.ts'
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
  readonly unpriced: ReadonlyMap<string, number>
  readonly pairs: Pairs
  readonly uncounted: number
}

/** Where records with the same names are counted, found out once for many of them. */
export interface Place extends RecordKind {
  /** Whether the filters let them through. */
  readonly wanted: boolean
  /** The stretch of time for which the rest holds; NaN before the first record. */
  slot: number
  row: Tally
  /** Of its model. */
  readonly price: PriceNow
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
}

export const GROUP_LIMIT = 100_000
const OTHERS = '(others)'
const PAIR_LIMIT = 1000
const PRICE_LIMIT = 1000
// Every time zone's changes fall on a quarter of an hour, and so do those of prices.
const SLOT_MS = 900_000
const SLOT_LIMIT = 100_000

/** An empty report that records are folded into, in any order. */
export function createReport(options: ReportOptions): ReportFold {
  const { by, priceOf, trends = false, groupLimit = GROUP_LIMIT } = options
  const wanted = createFilter(options.filters)
  const readers = by.map((key) => groupReader(key, options.zone))
  const isTimed = by.some((key) => isTime(key))
  const prices = new Map<string | undefined, PriceNow>()
  const groups: GroupNode = { row: undefined, below: new Map() }
  const rows: Tally[] = []
  const nowhere = createTally([], false)
  const unpriced = new Map<string, number>()
  const pairs = new Map<string, Map<string, number>>()
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

  /** Finds what changes with time: the row of this day or hour, the price of this day. */
  function settle(place: Place, tsMs: number, slot: number): void {
    const { names, price, row } = place
    if (isTimed || row === nowhere) place.row = rowOf(readers.map((read) => read(names, tsMs)))
    place.slot = slot
    if (priceOf === undefined || price.model === undefined) return
    if (price.slot !== slot) {
      price.rates = priceOf(price.model, tsMs)
      price.slot = slot
    }
    const { rates } = price
    if (row === place.row && rates === place.bill?.rates) return
    place.bill = rates === undefined ? undefined : billOf(place.row, rates)
  }

  function priceNow(model: string | undefined): PriceNow {
    let price = prices.get(model)
    if (price === undefined) {
      price = { model, slot: NaN, rates: undefined }
      if (prices.size < PRICE_LIMIT) prices.set(model, price)
    }
    return price
  }

  function addRow(group: readonly (string | undefined)[]): Tally {
    const row = createTally(group, trends)
    rows.push(row)
    return row
  }

  function countPair(model: string, served: string, times = 1): void {
    const byServed = pairs.get(model) ?? new Map<string, number>()
    const known = byServed.get(served)
    if (known === undefined && pairCount++ >= PAIR_LIMIT) return
    byServed.set(served, (known ?? 0) + times)
    pairs.set(model, byServed)
  }

  function countUnpriced(names: LoggedNames, told: boolean): void {
    const model = names.served_model ?? names.model
    if (model === undefined || !told) uncounted++
    else countUnpricedModel(model, 1)
  }

  function countUnpricedModel(model: string, times: number): void {
    const known = unpriced.get(model)
    if (known !== undefined || unpriced.size < PAIR_LIMIT) unpriced.set(model, (known ?? 0) + times)
  }

  function placeOf(names: LoggedNames): Place {
    return {
      names,
      wanted: wanted(names),
      failed: names.outcome === 'failed' || names.outcome === 'truncated',
      refused: names.outcome === 'refused',
      failover: isFailover(names),
      slot: NaN,
      row: nowhere,
      price: priceNow(names.served_model ?? names.model),
      billing: billingOf(names, 1, 1),
      bill: undefined,
    }
  }

  function count(place: Place, figures: Figures): void {
    if (!place.wanted) return
    const tsMs = figures[TS_MS]!
    const slot = Math.floor(tsMs / SLOT_MS)
    if (slot !== place.slot) settle(place, tsMs, slot)
    const { names } = place
    if (place.failover) countPair(names.model ?? '', names.served_model ?? '')
    addRecord(place.row, place, figures)
    if (priceOf !== undefined) countCost(place, figures)
  }

  function countCost(place: Place, figures: Figures): void {
    const { names, row } = place
    const prompt = figures[PROMPT]!
    const completion = figures[COMPLETION]!
    const isUsual = prompt > 0 && completion > 0
    const billing = isUsual ? place.billing : billingOf(names, prompt, completion)
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
      return countUnpriced(names, billing === 'priced' || names.api === 'embeddings')
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
          .map(([model, requests]) => ({ model, requests }))
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
      for (const [model, requests] of part.unpriced) countUnpricedModel(model, requests)
      for (const { model, served, requests } of theirPairs) countPair(model, served, requests)
      uncounted += part.uncounted
      return true
    },
  }
}

type Pairs = ReadonlyMap<string, ReadonlyMap<string, number>>

function listPairs(pairs: Pairs): FailoverPair[] {
  return [...pairs].flatMap(([model, byServed]) =>
    [...byServed].map(([served, requests]) => ({ model, served, requests })),
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

function isTime(key: GroupKey): boolean {
  return key === 'hour' || key === 'day' || key === 'week' || key === 'month'
}

function createFilter(filters: UsageFilters): (usage: LoggedNames) => boolean {
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
  read: (usage: LoggedNames) => string | undefined,
): ((usage: LoggedNames) => boolean) | undefined {
  if (globs.length === 0) return undefined
  const patterns = globs.map((glob) => globToRegExp(glob))
  return (usage) => {
    const name = read(usage)
    return name !== undefined && patterns.some((pattern) => pattern.test(name))
  }
}

function groupReader(
  key: GroupKey,
  zone: Zone,
): (names: LoggedNames, tsMs: number) => string | undefined {
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
      return (_names, tsMs) => {
        const slot = Math.floor(tsMs / SLOT_MS)
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
