/**
 * What a provider says was used, beside what our log says: by UTC day and model, since that is what the
 * exports are made by. Every difference is the provider's figure less ours.
 */
import { METRICS } from './provider-export.ts'
import type { ExportFigures, ExportMetric, ProviderExport, Vendor } from './provider-export.ts'

/** What the log says of one model on one UTC day. */
export interface LogFigures {
  readonly vendor: Vendor
  readonly day: string
  /** Our name for it. */
  readonly model: string
  /** The name the provider was asked for; the same where the config does not say otherwise. */
  readonly upstreamModel: string
  readonly figures: Readonly<Required<Omit<ExportFigures, 'costUsd'>>> & {
    /** The known part of it; `undefined` where none is known. */
    readonly costUsd: number | undefined
  }
  readonly unpricedRequests: number
  readonly estimatedRequests: number
}

/**
 * How the two sides were put together: by the same name; as a name and its dated version; by what is left
 * of a name that people say (`Claude Sonnet 4.5`); not at all; or as the sum of all models.
 */
export type Match = 'exact' | 'dated' | 'similar' | 'provider-only' | 'log-only' | 'all-models'

export interface Comparison {
  readonly metric: ExportMetric
  readonly provider: number
  /** `undefined` where the log cannot say: a cost without any price. */
  readonly log: number | undefined
  /** The log's figure lacks requests without a price. */
  readonly logIsMinimum: boolean
  readonly difference: number | undefined
  readonly agrees: boolean
}

export interface ReconciledRow {
  readonly day: string
  readonly vendor: Vendor
  /** The provider's names, or ours where it has none; `undefined` for all models together. */
  readonly models: readonly string[] | undefined
  /** Our names. */
  readonly logModels: readonly string[]
  readonly match: Match
  readonly estimatedRequests: number
  readonly comparisons: readonly Comparison[]
  readonly agrees: boolean
}

export interface Reconciliation {
  /** By day, then provider, then model. */
  readonly rows: readonly ReconciledRow[]
  readonly totals: readonly Comparison[]
}

/** Within these days, `YYYY-MM-DD` and both inclusive; only what the exports cover is compared. */
export interface DaySpan {
  readonly first: string
  readonly last: string
}

// Nobody looks for less than a cent.
const ROUNDING_USD = 0.005

/** Compares; what the exports do not tell (requests, costs) is left out. */
export function reconcile(
  exports: readonly ProviderExport[],
  log: readonly LogFigures[],
  span: DaySpan,
): Reconciliation {
  const groups = new Map<string, Group>()
  const inSpan = (day: string): boolean => day >= span.first && day <= span.last
  for (const vendor of ['openai', 'anthropic'] as const) {
    const own = exports.filter((one) => one.vendor === vendor)
    const logged = log.filter((one) => one.vendor === vendor && inSpan(one.day))
    const names = matchNames(
      own.flatMap(({ rows }) => rows.flatMap(({ model }) => model ?? [])),
      logged,
    )
    const groupOf = (day: string, name: string | undefined): Group => {
      const key = JSON.stringify([day, vendor, name])
      const known = groups.get(key)
      if (known !== undefined) return known
      const group = {
        day,
        vendor,
        names: name === undefined ? undefined : names,
        exported: [],
        logged: [],
      }
      groups.set(key, group)
      return group
    }
    for (const one of own) {
      for (const row of one.rows.filter(({ day }) => inSpan(day))) {
        const name = row.model === undefined ? undefined : names.groupOf('provider', row.model)
        groupOf(row.day, name).exported.push({ ...row, metrics: one.metrics })
      }
    }
    for (const one of logged) {
      const covering = own.filter((file) => covers(file, one.day))
      if (covering.some(namesModels)) {
        groupOf(one.day, names.groupOf('log', one.upstreamModel)).logged.push(one)
      }
      if (covering.some(sumsModels)) groupOf(one.day, undefined).logged.push(one)
    }
  }
  const rows = [...groups.values()]
    .map((group) => compareGroup(group, exports))
    .filter((row) => row.comparisons.length > 0)
    .toSorted(inOrder)
  return { rows, totals: totalsOf(rows) }
}

function covers({ days }: ProviderExport, day: string): boolean {
  return days !== undefined && day >= days.first && day <= days.last
}

function namesModels({ rows }: ProviderExport): boolean {
  return rows.length === 0 || rows.some(({ model }) => model !== undefined)
}

function sumsModels({ rows }: ProviderExport): boolean {
  return rows.some(({ model }) => model === undefined)
}

/** What belongs together on one day. */
interface Group {
  readonly day: string
  readonly vendor: Vendor
  /** `undefined` for all models together. */
  readonly names: Names | undefined
  readonly exported: (ProviderExport['rows'][number] & {
    readonly metrics: readonly ExportMetric[]
  })[]
  readonly logged: LogFigures[]
}

function compareGroup(
  { day, vendor, names, exported, logged }: Group,
  exports: readonly ProviderExport[],
): ReconciledRow {
  const isWhole = names === undefined
  const told = new Set(
    exports
      .filter((one) => one.vendor === vendor && covers(one, day))
      .filter(isWhole ? sumsModels : namesModels)
      .flatMap((one) => one.metrics),
  )
  const comparisons = METRICS.filter((metric) => told.has(metric)).map((metric) => {
    const provider = sumOf(exported.map((row) => row.figures[metric] ?? 0))
    const rows = sumOf(exported.map((row) => (metric in row.figures ? row.rows : 0)))
    // Anthropic's costs are rounded row by row.
    const tolerance = ROUNDING_USD * (vendor === 'anthropic' ? Math.max(1, rows) : 1)
    return compare(metric, provider, logged, metric === 'costUsd' ? tolerance : 0)
  })
  const models = [...new Set(exported.flatMap(({ model }) => model ?? []))].toSorted()
  const logModels = [...new Set(logged.map(({ model }) => model))].toSorted()
  return {
    day,
    vendor,
    models: isWhole ? undefined : models.length > 0 ? models : logModels,
    logModels,
    match: isWhole ? 'all-models' : matchOf(models, logged),
    estimatedRequests: logged.reduce((sum, one) => sum + one.estimatedRequests, 0),
    comparisons,
    agrees: comparisons.every(({ agrees }) => agrees),
  }
}

function compare(
  metric: ExportMetric,
  provider: number,
  logged: readonly LogFigures[],
  tolerance: number,
): Comparison {
  const known = logged.flatMap(({ figures }) => figures[metric] ?? [])
  const unpriced = logged.some((one) => one.unpricedRequests > 0)
  const isCost = metric === 'costUsd'
  const log = isCost && unpriced && known.every((value) => value === 0) ? undefined : sumOf(known)
  return compareFigures(metric, provider, log, {
    logIsMinimum: isCost && unpriced,
    tolerance,
  })
}

function compareFigures(
  metric: ExportMetric,
  provider: number,
  log: number | undefined,
  { logIsMinimum, tolerance }: { readonly logIsMinimum: boolean; readonly tolerance: number },
): Comparison {
  const difference = log === undefined ? undefined : provider - log
  // Sums of money gather binary dust.
  const agrees = difference !== undefined && Math.abs(difference) <= tolerance + 1e-9
  return { metric, provider, log, logIsMinimum, difference, agrees: agrees && !logIsMinimum }
}

/**
 * Sums over rows. A metric that is told by model is summed by model: the day's own sum of all models would
 * count it twice.
 */
export function totalsOf(rows: readonly ReconciledRow[]): Comparison[] {
  return METRICS.flatMap((metric) => {
    const telling = rows.filter((row) => row.comparisons.some((one) => one.metric === metric))
    const named = telling.filter((row) => row.models !== undefined)
    const parts = (named.length > 0 ? named : telling).flatMap((row) =>
      row.comparisons.filter((one) => one.metric === metric),
    )
    if (parts.length === 0) return []
    const known = parts.flatMap((part) => part.log ?? [])
    const total = compareFigures(
      metric,
      sumOf(parts.map((part) => part.provider)),
      known.length === 0 ? undefined : sumOf(known),
      { logIsMinimum: parts.some((part) => part.logIsMinimum), tolerance: 0 },
    )
    return [{ ...total, agrees: parts.every((part) => part.agrees) }]
  })
}

function sumOf(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function inOrder(a: ReconciledRow, b: ReconciledRow): number {
  const keyOf = (row: ReconciledRow): readonly string[] => [
    row.day,
    row.vendor,
    // All models together come last.
    row.models === undefined ? '1' : `0${row.models.join(' ')}`,
  ]
  const [left, right] = [keyOf(a), keyOf(b)]
  const place = left.findIndex((text, i) => text !== right[i])
  return place === -1 ? 0 : left[place]! < right[place]! ? -1 : 1
}

// ── names ───────────────────────────────────────────────────────────────────────────────────────

interface Names {
  /** What stands for all names that mean the same model. */
  groupOf(side: 'provider' | 'log', name: string): string
}

// -2025-08-07, -20250514, @20250514, -latest
const VERSION = /(?:[-@]\d{4}-?\d{2}-?\d{2}|[-@]latest)$/

/**
 * Which names mean the same model. A name of ours that the provider has too is that one; else it is every
 * version of it (`gpt-5` → `gpt-5-2025-08-07`). Names for people are compared word by word.
 */
function matchNames(theirs: readonly string[], logged: readonly LogFigures[]): Names {
  const groups = createGroups()
  const provider = [...new Set(theirs)]
  const byPlain = indexBy(provider, (name) => name.toLowerCase())
  const byBare = indexBy(provider, bareName)
  const byWords = indexBy(provider, wordsOf)
  for (const ours of new Set(logged.map((one) => one.upstreamModel))) {
    const same = byPlain.get(ours.toLowerCase())
    const versions = isVersion(ours) ? byPlain.get(bareName(ours)) : byBare.get(bareName(ours))
    for (const name of same ?? versions ?? []) groups.join(`log ${ours}`, `provider ${name}`)
    for (const name of byWords.get(wordsOf(ours)) ?? []) {
      if (isForPeople(name)) groups.join(`log ${ours}`, `provider ${name}`)
    }
  }
  // Usage and costs of one provider name the same model differently.
  for (const name of provider.filter(isForPeople)) {
    for (const other of byWords.get(wordsOf(name)) ?? []) {
      groups.join(`provider ${name}`, `provider ${other}`)
    }
  }
  return { groupOf: (side, name) => groups.find(`${side} ${name}`) }
}

function matchOf(models: readonly string[], logged: readonly LogFigures[]): Match {
  if (logged.length === 0) return 'provider-only'
  if (models.length === 0) return 'log-only'
  const plain = new Set(models.map((name) => name.toLowerCase()))
  if (logged.every((one) => plain.has(one.upstreamModel.toLowerCase()))) return 'exact'
  return models.some((name) => !isForPeople(name)) ? 'dated' : 'similar'
}

function isVersion(name: string): boolean {
  return VERSION.test(name.toLowerCase())
}

function bareName(name: string): string {
  return name.toLowerCase().replace(VERSION, '')
}

/** `Claude Haiku 3.5` and `claude-3-5-haiku-20241022`: the same words in another order. */
function wordsOf(name: string): string {
  return bareName(name)
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
    .toSorted()
    .join(' ')
}

function isForPeople(name: string): boolean {
  return /\s/.test(name)
}

function indexBy(
  names: readonly string[],
  keyOf: (name: string) => string,
): ReadonlyMap<string, readonly string[]> {
  const index = new Map<string, string[]>()
  for (const name of names) {
    const key = keyOf(name)
    const same = index.get(key)
    if (same === undefined) index.set(key, [name])
    else same.push(name)
  }
  return index
}

/** Disjoint sets of names, each known by one of its members. */
function createGroups(): { join(a: string, b: string): void; find(name: string): string } {
  const parents = new Map<string, string>()
  const find = (name: string): string => {
    let top = name
    for (let next = parents.get(top); next !== undefined; next = parents.get(top)) top = next
    return top
  }
  return {
    find,
    join(a, b) {
      const [from, to] = [find(a), find(b)]
      if (from !== to) parents.set(from, to)
    },
  }
}
