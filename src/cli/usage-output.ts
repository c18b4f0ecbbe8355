/** The report in each `--format`: lines of text for stdout, every one of them cleaned or escaped. */
import type { LogSummary } from '../usage/read.ts'
import type { GroupKey, UsageReport, UsageRow } from '../usage/report.ts'
import type { UsageTotals } from '../usage/tally.ts'
import { cleanForTerminal } from './clean.ts'
import { renderTable } from './table.ts'
import type { TableColumn, TableOptions } from './table.ts'
import { METRICS, UNKNOWN } from './usage-metrics.ts'
import type { Metric } from './usage-metrics.ts'
import { jsonLine } from './words.ts'
import { PRICE_SOURCES } from '../usage/price-table.ts'

/** How a table is to look. */
export interface TableLook {
  readonly by: readonly GroupKey[]
  readonly wide: boolean
  readonly exact: boolean
  readonly noCost: boolean
  /** Places of the terminal; `undefined` off a terminal: natural width, no bars and no trends. */
  readonly terminalWidth: number | undefined
  /** What the trends of rows, where they have one, are drawn over. */
  readonly trendSpan: { readonly fromMs: number; readonly toMs: number }
  readonly paintFrame: (line: string) => string
  readonly paintTotal: (line: string) => string
  readonly paintBar: (bar: string) => string
}

// A bar of so many places stands for the whole.
const BAR_WIDTH = 10
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const
const TREND_WIDTH = 12
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const
const NAME_KEYS: ReadonlySet<GroupKey> = new Set(['user', 'model', 'served', 'provider'])
// What a name keeps when there is no room at all: `us…-a`.
const NAME_SHRINKS_TO = 5

/** The table of cli.md §5: rows, a rule, the total. */
export function renderUsageTable(
  rows: readonly UsageRow[],
  report: UsageReport,
  look: TableLook,
): string[] {
  const metrics = chooseMetrics(look)
  const withBars = look.terminalWidth !== undefined && !look.noCost
  const withTrend = look.terminalWidth !== undefined && report.totals.trend !== undefined
  const columns: TableColumn[] = [
    ...look.by.map((key): TableColumn => ({
      header: key.toUpperCase(),
      align: 'left',
      ...(NAME_KEYS.has(key) ? { shrinkTo: NAME_SHRINKS_TO } : {}),
      ...(key === 'provider' && isSpare(rows, look.by.indexOf(key)) ? { dropOrder: 4.5 } : {}),
    })),
    ...metrics.map((metric): TableColumn => ({
      header: metric.header,
      align: 'right',
      ...(metric.dropOrder === undefined ? {} : { dropOrder: metric.dropOrder }),
    })),
  ]
  if (withBars) {
    columns.push({ header: 'SHARE', align: 'left', dropOrder: 1, paint: look.paintBar })
  }
  if (withTrend) {
    columns.push({ header: 'TREND', align: 'left', dropOrder: 0, paint: look.paintBar })
  }
  const cellsOf = (row: Readonly<UsageTotals>, share: number | undefined): string[] => [
    ...metrics.map((metric) => metric.render(row, look.exact)),
    ...(withBars ? [share === undefined ? '' : renderBar(share)] : []),
    ...(withTrend ? [renderTrend(row, look)] : []),
  ]
  const options: TableOptions = {
    columns,
    rows: rows.map((row) => [
      ...row.group.map((value) => value ?? UNKNOWN),
      ...cellsOf(row, shareOf(row, report.totals)),
    ]),
    total: [
      ...look.by.map((_, i) => (i === 0 ? 'TOTAL' : '')),
      ...cellsOf(report.totals, undefined),
    ],
    rules: true,
    width: look.terminalWidth,
    paintFrame: look.paintFrame,
    paintTotal: look.paintTotal,
  }
  return renderTable(options)
}

function chooseMetrics(look: Pick<TableLook, 'wide' | 'noCost'>): Metric[] {
  return METRICS.filter(
    (metric) => (metric.usual || look.wide) && !(look.noCost && metric.name === 'cost_usd'),
  )
}

/** Of the cost, or of the tokens where no cost is known. */
function shareOf(row: Readonly<UsageTotals>, totals: Readonly<UsageTotals>): number {
  if ((totals.costUsd ?? 0) > 0) return (row.costUsd ?? 0) / (totals.costUsd ?? 1)
  return totals.totalTokens === 0 ? 0 : row.totalTokens / totals.totalTokens
}

function renderBar(share: number): string {
  const eighths = share > 0 ? Math.max(1, Math.round(share * BAR_WIDTH * 8)) : 0
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')
}

/** Requests over the window, each row by its own highest; a part without any is blank. */
function renderTrend({ trend }: Readonly<UsageTotals>, { trendSpan }: TableLook): string {
  const parts = trend?.resample(trendSpan.fromMs, trendSpan.toMs, TREND_WIDTH) ?? []
  const highest = Math.max(...parts)
  return parts
    .map((part) => (part > 0 ? LEVELS[Math.ceil((part / highest) * LEVELS.length) - 1] : ' '))
    .join('')
    .trimEnd()
}

/** Whether rows are told apart without this group key. */
function isSpare(rows: readonly UsageRow[], index: number): boolean {
  const without = rows.map((row) => JSON.stringify(row.group.toSpliced(index, 1)))
  return (rows[0]?.group.length ?? 0) > 1 && new Set(without).size === rows.length
}

/** GitHub-flavoured Markdown. */
export function renderUsageMarkdown(
  rows: readonly UsageRow[],
  report: UsageReport,
  look: TableLook,
): string[] {
  const metrics = chooseMetrics(look)
  const cellsOf = (row: Readonly<UsageTotals>): string[] =>
    metrics.map((metric) => metric.render(row, look.exact))
  return [
    markdownLine([
      ...look.by.map((key) => key.toUpperCase()),
      ...metrics.map((metric) => metric.header),
    ]),
    `| ${[...look.by.map(() => '---'), ...metrics.map(() => '---:')].join(' | ')} |`,
    ...rows.map((row) =>
      markdownLine([...row.group.map((value) => value ?? UNKNOWN), ...cellsOf(row)]),
    ),
    markdownLine([...look.by.map((_, i) => (i === 0 ? 'TOTAL' : '')), ...cellsOf(report.totals)]),
  ]
}

/** One line of a table; what Markdown would read otherwise is escaped. */
export function markdownLine(cells: readonly string[]): string {
  const safe = cells.map((cell) => cleanForTerminal(cell).replace(/[\\|`*_<>[\]]/g, '\\$&'))
  return `| ${safe.join(' | ')} |`
}

/** One heading line, then one line a row, every figure whole; what is not known is an empty cell. */
export function renderUsageSeparated(
  rows: readonly UsageRow[],
  look: Pick<TableLook, 'by' | 'noCost'>,
  separator: ',' | '\t',
): string[] {
  const metrics = METRICS.filter((metric) => !(look.noCost && metric.name === 'cost_usd'))
  const lines = [[...look.by, ...metrics.map((metric) => metric.name), 'unpriced_requests']]
  for (const row of rows) {
    lines.push([
      ...row.group.map((value) => quoteCell(value ?? '', separator)),
      ...metrics.map((metric) => renderFigure(metric.value(row))),
      String(row.unpriced),
    ])
  }
  return lines.map((cells) => cells.join(separator))
}

function renderFigure(value: number | undefined): string {
  // Never 1e-7: spreadsheets read it, `cut` and `awk` scripts do not.
  return value === undefined ? '' : value.toFixed(9).replace(/\.?0+$/, '')
}

/** A spreadsheet runs what begins with = + - @: a leading quote mark makes it text (CWE-1236). */
export function quoteCell(text: string, separator: ',' | '\t'): string {
  const clean = cleanForTerminal(text)
  const safe = /^[=+\-@]/.test(clean) ? `'${clean}` : clean
  return separator === ',' && /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export interface JsonContext {
  readonly by: readonly GroupKey[]
  /** RFC 3339; `null` where the log is empty and no start was asked for. */
  readonly since: string | null
  readonly until: string
  readonly tz: string
  readonly summary: LogSummary
  /** Rows of the report that are not among those shown. */
  readonly rowsLeftOut: number
  readonly withCost: boolean
}

/** The one JSON shape of cli.md §5, for every grouping and for no data. */
export function renderUsageJson(
  rows: readonly UsageRow[],
  report: UsageReport,
  context: JsonContext,
): string[] {
  const { totals } = report
  const costUsd = totals.requests === 0 ? 0 : totals.costUsd
  const shape = {
    schema: 'aiproxy.usage/1',
    window: { since: context.since, until: context.until, tz: context.tz },
    by: context.by,
    rows: rows.map((row) => jsonRow(row, context.by)),
    rowsLeftOut: context.rowsLeftOut,
    totals: {
      requests: totals.requests,
      failed: totals.failed,
      failovers: totals.failovers,
      tokens: jsonTokens(totals),
      costUsd: roundUsd(costUsd),
      costIsMinimum: totals.unpriced > 0,
      unpricedRequests: totals.unpriced,
      estimatedRequests: totals.estimated,
      mockRequests: totals.mocked,
      latencyMs: jsonLatency(totals),
    },
    unpricedModels: report.unpricedModels.map(({ model }) => model),
    // The day of each vendor's list prices; the config's own prices have none.
    prices: context.withCost
      ? { openai: PRICE_SOURCES.openai.read, anthropic: PRICE_SOURCES.anthropic.read }
      : null,
    source: {
      files: context.summary.files,
      lines: context.summary.lines,
      skipped: context.summary.skipped,
    },
  }
  return [jsonLine(shape)]
}

/** The rows alone, one JSON object a line. */
export function renderUsageJsonLines(rows: readonly UsageRow[], by: readonly GroupKey[]): string[] {
  return rows.map((row) => jsonLine(jsonRow(row, by)))
}

function jsonRow(row: UsageRow, by: readonly GroupKey[]): Record<string, unknown> {
  return {
    ...Object.fromEntries(by.map((key, i) => [key, row.group[i] ?? null])),
    requests: row.requests,
    failed: row.failed,
    failovers: row.failovers,
    tokens: jsonTokens(row),
    costUsd: roundUsd(row.costUsd),
    unpricedRequests: row.unpriced,
    latencyMs: jsonLatency(row),
  }
}

function jsonTokens(row: Readonly<UsageTotals>): Record<string, number> {
  return {
    prompt: row.promptTokens,
    completion: row.completionTokens,
    cached: row.cachedTokens,
    cacheWrite: row.cacheWriteTokens,
    reasoning: row.reasoningTokens,
    total: row.totalTokens,
  }
}

function jsonLatency(row: Readonly<UsageTotals>): Record<string, number | null> {
  return { p50: row.latencyMs.p50 ?? null, p95: row.latencyMs.p95 ?? null }
}

/** Nine decimals, a thousandth of the cheapest token: what lies below is binary arithmetic. */
function roundUsd(usd: number | undefined): number | null {
  return usd === undefined ? null : Math.round(usd * 1e9) / 1e9
}
