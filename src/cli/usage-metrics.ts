/** What can be said of a row of usage: names, headings, values and how each is written. */
import { nearest } from '../errors/nearest.ts'
import type { GroupKey, UsageRow } from '../usage/report.ts'
import type { UsageTotals } from '../usage/tally.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { groupDigits, renderDuration, renderCount as renderShortCount } from './words.ts'

export interface Metric {
  /** Column name in CSV. */
  readonly name: string
  readonly header: string
  /** What `--sort` calls it, beside its heading. */
  readonly aliases: readonly string[]
  /** Shown without `--wide`. */
  readonly usual: boolean
  /** Which goes first on a narrow terminal; absent: never goes. */
  readonly dropOrder?: number
  readonly value: (row: Readonly<UsageTotals>) => number | undefined
  readonly render: (row: Readonly<UsageTotals>, exact: boolean) => string
}

export const UNKNOWN = '–'

export const METRICS: readonly Metric[] = [
  counted('requests', 'REQS', ['requests'], true, undefined, (row) => row.requests),
  counted('failed', 'FAILED', ['errors'], false, 9, (row) => row.failed),
  counted('failovers', 'FAILOVERS', ['failover'], false, 5, (row) => row.failovers),
  counted('prompt_tokens', 'INPUT', ['prompt'], true, undefined, (row) => row.promptTokens),
  counted(
    'completion_tokens',
    'OUTPUT',
    ['completion'],
    true,
    undefined,
    (row) => row.completionTokens,
  ),
  counted('cached_tokens', 'CACHED', [], true, 2, (row) => row.cachedTokens),
  counted(
    'cache_write_tokens',
    'WRITTEN',
    ['cache-write'],
    false,
    3,
    (row) => row.cacheWriteTokens,
  ),
  counted('reasoning_tokens', 'REASONING', [], false, 4, (row) => row.reasoningTokens),
  counted('total_tokens', 'TOTAL', ['tokens'], false, 8, (row) => row.totalTokens),
  {
    name: 'cost_usd',
    header: 'COST',
    aliases: ['price', 'share'],
    usual: true,
    value: (row) => row.costUsd,
    render: (row, exact) =>
      row.costUsd === undefined
        ? UNKNOWN
        : `${row.unpriced > 0 ? '≥' : ''}${renderUsd(row.costUsd, exact)}`,
  },
  latency('p50_ms', 'P50', ['latency'], 7, (row) => row.latencyMs.p50),
  latency('p95_ms', 'P95', [], 6, (row) => row.latencyMs.p95),
]

function counted(
  name: string,
  header: string,
  aliases: readonly string[],
  usual: boolean,
  dropOrder: number | undefined,
  value: (row: Readonly<UsageTotals>) => number,
): Metric {
  return {
    name,
    header,
    aliases,
    usual,
    ...(dropOrder === undefined ? {} : { dropOrder }),
    value,
    render: (row, exact) => renderCount(value(row), exact),
  }
}

function latency(
  name: string,
  header: string,
  aliases: readonly string[],
  dropOrder: number,
  value: (row: Readonly<UsageTotals>) => number | undefined,
): Metric {
  return {
    name,
    header,
    aliases,
    usual: false,
    dropOrder,
    value,
    render: (row, exact) => {
      const ms = value(row)
      if (ms === undefined) return UNKNOWN
      return exact ? `${renderCount(ms, true)}ms` : renderDuration(ms)
    },
  }
}

/** `433.3K`; with `exact`, `433,314`. */
export function renderCount(count: number, exact: boolean): string {
  return exact ? groupDigits(String(Math.round(count))) : renderShortCount(count, 1000)
}

/** A sum: `$1.48`, `$0.0032`, `<$0.0001`, cents from one cent on; with `exact`, six decimals at most. `$0.00` only for nothing at all. */
export function renderUsd(usd: number, exact: boolean): string {
  if (usd > 0 && usd < (exact ? 0.0000005 : 0.00005)) return exact ? '<$0.000001' : '<$0.0001'
  if (exact) {
    const [whole = '0', decimals = ''] = usd.toFixed(6).split('.')
    return `$${groupDigits(whole)}.${decimals.replace(/0+$/, '').padEnd(2, '0')}`
  }
  if (usd > 0 && usd < 0.00995) return `$${usd.toFixed(4)}`
  const [dollars = '0', cents = '00'] = usd.toFixed(2).split('.')
  return `$${groupDigits(dollars)}.${cents}`
}

/** What rows can be put in order by. */
export type SortColumn =
  | { readonly kind: 'group'; readonly index: number }
  | { readonly kind: 'metric'; readonly metric: Metric }

/** The column `--sort` names. Throws ProxyError `usage_wrong` with the nearest for one that is not there. */
export function resolveSort(name: string, by: readonly GroupKey[]): SortColumn {
  const wanted = name.trim().toLowerCase()
  const index = by.findIndex((key) => key === wanted)
  if (index !== -1) return { kind: 'group', index }
  const found = METRICS.find((metric) => namesOf(metric).includes(wanted))
  if (found !== undefined) return { kind: 'metric', metric: found }
  const names = [...by, ...METRICS.flatMap(namesOf)]
  const close = nearest(wanted, names)
  throw new ProxyError('usage_wrong', `There is no column "${name}" to sort by.`, {
    hint:
      close === undefined
        ? `Sort by one of ${[...by, ...METRICS.map((metric) => metric.header.toLowerCase())].join(', ')}.`
        : `aiproxy usage --sort ${close}`,
  })
}

function namesOf(metric: Metric): string[] {
  return [metric.header.toLowerCase(), metric.name, ...metric.aliases]
}

const TIME_KEYS: ReadonlySet<GroupKey> = new Set(['hour', 'day', 'week', 'month'])

/**
 * By `sort`, else by time where a time is among the group keys, else by cost; what has no figure comes
 * last. Figures begin with the largest, names and times with the first.
 */
export function sortRows(
  rows: readonly UsageRow[],
  by: readonly GroupKey[],
  sort: SortColumn | undefined,
  reverse: boolean,
): UsageRow[] {
  const time = by.findIndex((key) => TIME_KEYS.has(key))
  const chosen = (a: UsageRow, b: UsageRow): number => {
    if (sort?.kind === 'metric') return compareFigures(sort.metric.value(a), sort.metric.value(b))
    const index = sort?.index ?? time
    return index === -1 ? 0 : compareNames(a.group[index], b.group[index])
  }
  const sign = reverse ? -1 : 1
  return rows.toSorted((a, b) => sign * (chosen(a, b) || compareCosts(a, b) || compareGroups(a, b)))
}

function compareCosts(a: UsageRow, b: UsageRow): number {
  return (
    compareFigures(a.costUsd, b.costUsd) || b.totalTokens - a.totalTokens || b.requests - a.requests
  )
}

function compareGroups(a: UsageRow, b: UsageRow): number {
  return a.group.reduce((order, value, i) => order || compareNames(value, b.group[i]), 0)
}

function compareFigures(a: number | undefined, b: number | undefined): number {
  return (b ?? -1) - (a ?? -1)
}

/** By UTF-16 code units, whatever the locale. */
function compareNames(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0
  if (a === undefined) return 1
  return b === undefined || a < b ? -1 : 1
}
