/** A comparison with a provider's export, in each `--format`. */
import { VENDOR_NAMES } from '../usage/provider-export.ts'
import type { ExportMetric, ProviderExport } from '../usage/provider-export.ts'
import type { Comparison, ReconciledRow } from '../usage/reconcile.ts'
import { renderInstant, resolveZone } from '../usage/zone.ts'
import { cleanForTerminal } from './clean.ts'
import { breakParts } from './fit.ts'
import type { CommandIo } from './io.ts'
import { cutMiddle, renderTable } from './table.ts'
import type { Query } from './usage-flags.ts'
import { renderUsd, UNKNOWN } from './usage-metrics.ts'
import { renderSkipped } from './usage-notes.ts'
import { markdownLine, quoteCell } from './usage-output.ts'
import type { ReconcileAnswer } from './usage-reconcile.ts'
import { countOf, groupDigits, jsonLine } from './words.ts'

const WORDS: Readonly<Record<ExportMetric, string>> = {
  requests: 'requests',
  input: 'input',
  cached: 'cached',
  cacheWrite: 'written',
  output: 'output',
  costUsd: 'cost',
}

/** What stdout gets. */
export function renderReconciliation(
  io: CommandIo,
  query: Query,
  answer: ReconcileAnswer,
): string[] {
  const { rows, totals } = answer.result
  const shown = rows.filter((row) => query.wide || !row.agrees)
  switch (query.format) {
    case 'json':
      return [jsonLine(jsonOf(answer))]
    case 'jsonl':
      return rows.map((row) => jsonLine(jsonRow(row)))
    case 'csv':
    case 'tsv':
      return renderSeparated(rows, query.format === 'csv' ? ',' : '\t')
    case 'md':
      return [...renderHeader(io, answer), '', ...renderMarkdown(query, shown, totals)]
    case 'table':
      if (rows.length === 0) {
        return [...renderHeader(io, answer), '', 'Nothing to compare: no use on these days.']
      }
      if (shown.length === 0) {
        return [...renderHeader(io, answer), '', `Everything agrees: ${scopeOf(rows)}.`]
      }
      return [...renderHeader(io, answer), '', ...renderRows(io, query, shown, totals)]
    default:
      return query.format satisfies never
  }
}

/** `Reconcile · OpenAI usage · Sun 1 Nov 2026 → Sat 21 Nov 2026 (UTC days)`. */
function renderHeader(io: CommandIo, { exports, span }: ReconcileAnswer): string[] {
  const kinds = exports.map(({ vendor, kind }) => `${VENDOR_NAMES[vendor]} ${kind}`)
  const days =
    span === undefined
      ? 'no days'
      : `${renderDay(span.first)}${span.first === span.last ? '' : ` → ${renderDay(span.last)}`}`
  const parts = ['Reconcile', ...new Set(kinds), `${days} (UTC days)`]
  return breakParts(parts, ' · ', widthOf(io) ?? Infinity)
}

function renderDay(day: string): string {
  return renderInstant(Date.parse(day), resolveZone('UTC')).replace(/ 00:00$/, '')
}

function widthOf(io: CommandIo): number | undefined {
  return io.stdout.isTTY === true ? (io.stdout.columns ?? 80) : undefined
}

function scopeOf(rows: readonly ReconciledRow[]): string {
  const days = new Set(rows.map(({ day }) => day)).size
  const models = new Set(rows.map((row) => modelOf(row))).size
  return `${countOf(days, 'day')}, ${countOf(models, 'model')}`
}

/** The provider's names, and ours behind them where they are others. */
function modelOf({ models, logModels }: ReconciledRow): string {
  if (models === undefined) return '(all models)'
  const others = logModels.filter((name) => !models.includes(name))
  // Costs call it `Claude Sonnet 4`, which says nothing beside the name in the usage.
  const ids = models.filter((name) => !/\s/.test(name))
  const shown = ids.length > 0 ? ids : models
  return `${shown.join(' + ')}${others.length > 0 ? ` (${others.join(', ')})` : ''}`
}

// ── table ───────────────────────────────────────────────────────────────────────────────────────

/** The figures of each day and model below a line that names them: names may be long, and stand once. */
function renderRows(
  io: CommandIo,
  query: Query,
  rows: readonly ReconciledRow[],
  totals: readonly Comparison[],
): string[] {
  const width = widthOf(io)
  const groups = rows
    .map((row) => ({ row, figures: comparisonsOf(row, query.wide) }))
    .filter(({ figures }) => figures.length > 0)
  const [head = '', rule = '', ...lines] = renderTable({
    columns: [
      { header: '', align: 'left' },
      { header: 'PROVIDER', align: 'right' },
      { header: 'LOG', align: 'right' },
      { header: 'DIFF', align: 'right' },
      { header: '%', align: 'right' },
    ],
    rows: groups.flatMap(({ row, figures }) => figures.map((one) => cellsOf(one, row, '  '))),
    totals: totals.map((one) => cellsOf(one, undefined, 'TOTAL ')),
    rules: true,
    width,
    paintFrame: (line) => io.paintOut.dim(line),
    paintTotal: (line) => io.paintOut.bold(line),
  })
  const body = groups.flatMap(({ row, figures }) => {
    const name = [row.day, modelOf(row), ...onlySide(row)].map(cleanForTerminal).join('  ')
    return [cutMiddle(name, width ?? Infinity), ...lines.splice(0, figures.length)]
  })
  return [head, rule, ...body, ...lines]
}

/** What differs of a row; with `--wide`, all that is not nothing on both sides. */
function comparisonsOf(row: ReconciledRow, wide: boolean): readonly Comparison[] {
  return row.comparisons.filter(
    (one) => !one.agrees || (wide && (one.provider !== 0 || one.log !== 0)),
  )
}

function cellsOf(one: Comparison, row: ReconciledRow | undefined, before = ''): string[] {
  return [
    before + WORDS[one.metric],
    row?.match === 'log-only' ? UNKNOWN : renderFigure(one.metric, one.provider),
    row?.match === 'provider-only' ? UNKNOWN : renderLog(one),
    one.difference === undefined ? UNKNOWN : renderSigned(one.metric, one.difference),
    renderPercent(one),
  ]
}

/** `only in the log`, `only with OpenAI`; none where both sides have it. */
function onlySide({ match, vendor }: ReconciledRow): string[] {
  if (match === 'log-only') return ['only in the log']
  return match === 'provider-only' ? [`only with ${VENDOR_NAMES[vendor]}`] : []
}

function renderFigure(metric: ExportMetric, value: number): string {
  if (metric !== 'costUsd') return groupDigits(String(value))
  return `${value < 0 ? '-' : ''}${renderUsd(Math.abs(value), true)}`
}

function renderLog({ metric, log, logIsMinimum }: Comparison): string {
  if (log === undefined) return UNKNOWN
  return `${logIsMinimum ? '≥' : ''}${renderFigure(metric, log)}`
}

function renderSigned(metric: ExportMetric, value: number): string {
  const sign = value > 0 ? '+' : value < 0 ? '-' : ''
  return `${sign}${renderFigure(metric, Math.abs(value))}`
}

/** Of the provider's figure, `+3.2%`; none where that is nothing. */
function renderPercent(one: Comparison): string {
  const percent = percentOf(one)
  if (percent === undefined) return UNKNOWN
  if (percent === 0) return '0%'
  const size = Math.abs(percent)
  const digits = size < 0.05 ? '<0.1' : size.toFixed(1)
  return `${percent > 0 ? '+' : '-'}${digits}%`
}

function percentOf({ difference, provider }: Comparison): number | undefined {
  if (difference === undefined || (provider === 0 && difference !== 0)) return undefined
  return difference === 0 ? 0 : (100 * difference) / Math.abs(provider)
}

function renderMarkdown(
  query: Query,
  rows: readonly ReconciledRow[],
  totals: readonly Comparison[],
): string[] {
  return [
    markdownLine(['DAY', 'MODEL', 'WHAT', 'PROVIDER', 'LOG', 'DIFF', '%']),
    '| --- | --- | --- | ---: | ---: | ---: | ---: |',
    ...rows.flatMap((row) =>
      comparisonsOf(row, query.wide).map((one) =>
        markdownLine([row.day, modelOf(row), ...cellsOf(one, row)]),
      ),
    ),
    ...totals.map((one) => markdownLine(['TOTAL', '', ...cellsOf(one, undefined)])),
  ]
}

// ── for programs ────────────────────────────────────────────────────────────────────────────────

function renderSeparated(rows: readonly ReconciledRow[], separator: ',' | '\t'): string[] {
  const heading = ['day', 'vendor', 'model', 'log_model', 'match', 'metric', 'provider', 'log']
  const lines = [[...heading, 'difference', 'percent', 'log_is_minimum', 'agrees']]
  for (const row of rows) {
    for (const one of row.comparisons) {
      lines.push([
        row.day,
        row.vendor,
        quoteCell(row.match === 'log-only' ? '' : (row.models?.join(' + ') ?? ''), separator),
        quoteCell(row.logModels.join(' + '), separator),
        row.match,
        one.metric,
        plain(one.provider),
        plain(one.log),
        plain(one.difference),
        plain(percentOf(one)),
        String(one.logIsMinimum),
        String(one.agrees),
      ])
    }
  }
  return lines.map((cells) => cells.join(separator))
}

function plain(value: number | undefined): string {
  return value === undefined ? '' : String(round(value))
}

function round(value: number): number {
  return Math.round(value * 1e9) / 1e9
}

function jsonOf({ exports, span, result, summary, leftOut }: ReconcileAnswer): object {
  return {
    schema: 'aiproxy.reconcile/1',
    window: { firstDay: span?.first ?? null, lastDay: span?.last ?? null, tz: 'UTC' },
    exports: exports.map((one) => ({
      file: one.file,
      vendor: one.vendor,
      kind: one.kind,
      firstDay: one.days?.first ?? null,
      lastDay: one.days?.last ?? null,
      lines: one.lines,
      skipped: one.skipped,
    })),
    rows: result.rows.map(jsonRow),
    totals: jsonFigures(result.totals),
    agrees: result.rows.every(({ agrees }) => agrees),
    mockRequestsLeftOut: leftOut.mocked,
    source: { files: summary.files, lines: summary.lines, skipped: summary.skipped },
  }
}

function jsonRow(row: ReconciledRow): object {
  return {
    day: row.day,
    vendor: row.vendor,
    models: row.match === 'log-only' ? [] : (row.models ?? null),
    logModels: row.logModels,
    match: row.match,
    agrees: row.agrees,
    ...jsonFigures(row.comparisons),
    costIsMinimum: row.comparisons.some(({ logIsMinimum }) => logIsMinimum),
    estimatedRequests: row.estimatedRequests,
  }
}

/** What no export tells is absent; what the log cannot say is null. */
function jsonFigures(comparisons: readonly Comparison[]): {
  provider: object
  log: object
  difference: object
} {
  const pick = (read: (one: Comparison) => number | undefined): object =>
    Object.fromEntries(
      comparisons.map((one) => {
        const value = read(one)
        return [one.metric, value === undefined ? null : round(value)]
      }),
    )
  return {
    provider: pick((one) => one.provider),
    log: pick((one) => one.log),
    difference: pick((one) => one.difference),
  }
}

// ── notes ───────────────────────────────────────────────────────────────────────────────────────

/** What stderr gets. */
export function renderReconciliationNotes(
  io: CommandIo,
  query: Query,
  answer: ReconcileAnswer,
): string[] {
  const { exports, span, result, summary, leftOut, now } = answer
  const notes: string[] = []
  if (io.flags.quiet !== true) {
    const differing = result.rows.filter((row) => !row.agrees)
    const agreeing = result.rows.length - differing.length
    if (query.format === 'table' && differing.length > 0 && agreeing > 0 && !query.wide) {
      notes.push(
        `${groupDigits(String(agreeing))} of ${countOf(result.rows.length, 'row')} agree: --wide shows them`,
      )
    }
    const estimated = result.rows.reduce((total, row) => total + row.estimatedRequests, 0)
    if (estimated > 0) {
      notes.push(`note: the log has only an estimate of ${countOf(estimated, 'request')}`)
    }
    if (leftOut.mocked > 0) {
      notes.push(`note: ${countOf(leftOut.mocked, 'mocked request')} left out`)
    }
    if (span !== undefined && Date.parse(span.last) + 2 * 86_400_000 > now) {
      notes.push('note: the last days may not be complete, providers report late')
    }
    notes.push(...renderOverlaps(exports))
  }
  for (const one of exports) {
    if (one.skipped === 0) continue
    const where = `${one.file}:${one.firstSkipped ?? ''}`
    notes.push(
      `${query.strict ? 'error' : 'note'}: skipped ${countOf(one.skipped, 'unreadable line')}, first: ${cleanForTerminal(where)}`,
    )
  }
  notes.push(...renderSkipped(summary, query.strict))
  return io.stdout.isTTY === true && notes.length > 0 ? ['', ...notes] : notes
}

/** Two exports of one kind that tell of the same days: parts of one account, or one thing twice. */
function renderOverlaps(exports: readonly ProviderExport[]): string[] {
  return exports.flatMap((one, i) =>
    exports.slice(i + 1).flatMap((other) => {
      if (one.vendor !== other.vendor || one.kind !== other.kind) return []
      const days = new Set(one.rows.map(({ day }) => day))
      const shared = other.rows.find(({ day }) => days.has(day))
      if (shared === undefined) return []
      const files = [one.file, other.file].map(cleanForTerminal).join(' and ')
      return [`note: ${files} both tell of ${shared.day}: their figures are added`]
    }),
  )
}
