/** One answer of `aiproxy usage`, as the lines of its two outputs. */
import type { LogSummary } from '../usage/read.ts'
import type { UsageReport, UsageRow } from '../usage/report.ts'
import { renderWindow } from '../usage/window.ts'
import type { Window } from '../usage/window.ts'
import { cleanForTerminal } from './clean.ts'
import { breakParts } from './fit.ts'
import type { CommandIo } from './io.ts'
import type { Query } from './usage-flags.ts'
import { sortRows } from './usage-metrics.ts'
import {
  renderCoverage,
  renderHighlights,
  renderPriceNotes,
  renderPrices,
  renderSkipped,
} from './usage-notes.ts'
import {
  renderUsageJson,
  renderUsageJsonLines,
  renderUsageMarkdown,
  renderUsageSeparated,
  renderUsageTable,
} from './usage-output.ts'
import type { TableLook } from './usage-output.ts'
import { countOf } from './words.ts'

const DEFAULT_TERMINAL_WIDTH = 80

/** What the log says to a question at one moment. */
export interface Answer {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly window: Window
  readonly summary: LogSummary
  readonly report: UsageReport
}

/** An answer with everything that decides how it looks. */
export interface View extends Answer {
  readonly io: CommandIo
  readonly query: Query
  /** Those that are shown, in order. */
  readonly rows: readonly UsageRow[]
  /** Rows beyond `--top`, or beyond the height of a screen. */
  readonly rowsLeftOut: number
}

/** The view of an answer: rows in order, the first `--top` of them, and no more than `most`. */
export function createView(io: CommandIo, query: Query, answer: Answer, most = Infinity): View {
  const sorted = sortRows(answer.report.rows, query.by, query.sort, query.reverse)
  const rows = sorted.slice(0, Math.min(query.top ?? Infinity, most))
  return { ...answer, io, query, rows, rowsLeftOut: sorted.length - rows.length }
}

/** Whether the table of this question has room for how requests lie in time. */
export function showsTrend(io: CommandIo, query: Query): boolean {
  const byTime = query.by.some((key) => ['hour', 'day', 'week', 'month'].includes(key))
  return query.format === 'table' && io.stdout.isTTY === true && !byTime
}

/** What stdout gets. */
export function renderBody(view: View): string[] {
  const { query, report, rows, summary } = view
  const look = lookOf(view)
  switch (query.format) {
    case 'json':
      return renderUsageJson(rows, report, {
        by: query.by,
        ...renderSpan(view),
        summary,
        rowsLeftOut: view.rowsLeftOut,
        withCost: query.withCost,
      })
    case 'jsonl':
      return renderUsageJsonLines(rows, query.by)
    case 'csv':
      return renderUsageSeparated(rows, look, ',')
    case 'tsv':
      return renderUsageSeparated(rows, look, '\t')
    case 'md':
      return [renderHeader(view).join(' '), '', ...renderUsageMarkdown(rows, report, look)]
    case 'table':
      if (rows.length > 0) {
        return [...renderHeader(view), '', ...renderUsageTable(rows, report, look)]
      }
      if (summary.lines === 0) return ['No usage recorded yet.']
      return [...renderHeader(view), '', 'No usage in this window.']
    default:
      return query.format satisfies never
  }
}

function lookOf({ io, query, window, summary, now }: View): TableLook {
  const fromMs = Number.isFinite(window.sinceMs) ? window.sinceMs : (summary.earliestMs ?? now)
  const toMs = Number.isFinite(window.untilMs) ? window.untilMs : now
  return {
    by: query.by,
    wide: query.wide,
    exact: query.exact,
    noCost: !query.withCost,
    terminalWidth:
      io.stdout.isTTY === true ? (io.stdout.columns ?? DEFAULT_TERMINAL_WIDTH) : undefined,
    // The future of `--until "this month"` would be an empty half.
    trendSpan: { fromMs, toMs: Math.max(Math.min(toMs, now), fromMs) + 1 },
    paintFrame: (line) => io.paintOut.dim(line),
    paintTotal: (line) => io.paintOut.bold(line),
    paintBar: (bar) => io.paintOut.cyan(bar),
  }
}

/** `Usage · today · Sun 22 Nov 2026 00:00 → now 15:12 (Europe/London)`, and the filters. */
function renderHeader({ io, query, window, summary, now }: View): string[] {
  const { users, models, providers, outcomes } = query.filters
  const span = renderWindow(window, summary.earliestMs, { now, zone: query.zone })
  const parts = [
    'Usage',
    window.label,
    span,
    ...users.map((name) => `user ${name}`),
    ...models.map((name) => `model ${name}`),
    ...providers.map((name) => `provider ${name}`),
    ...outcomes.map((name) => `outcome ${name}`),
  ]
  const width = io.stdout.isTTY === true ? (io.stdout.columns ?? DEFAULT_TERMINAL_WIDTH) : Infinity
  return breakParts(parts.map(cleanForTerminal), ' · ', width)
}

function renderSpan({ window, summary, now, query }: View): {
  since: string | null
  until: string
  tz: string
} {
  const sinceMs = Number.isFinite(window.sinceMs) ? window.sinceMs : summary.earliestMs
  const untilMs = Number.isFinite(window.untilMs) ? window.untilMs : now
  return {
    since: sinceMs === undefined ? null : new Date(sinceMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    tz: query.zone.name,
  }
}

/** `… 3 more rows, all in the total`. */
export function renderLeftOut({ rowsLeftOut }: View): string {
  return `… ${countOf(rowsLeftOut, 'more row')}, all in the total`
}

/** How notes are written; on stderr as wide as they are. */
export interface NotesLook {
  readonly columns: number
  readonly paint: (line: string) => string
}

/** What stderr gets: what stands out, what is missing, what the log does cover. */
export function renderNotes(view: View, look?: NotesLook): string[] {
  const { io, query, report, rows, rowsLeftOut, summary } = view
  const { columns, paint } = look ?? { columns: Infinity, paint: (line) => io.paintErr.dim(line) }
  const wrap = (line: string): string[] => breakParts(line.split(' '), ' ', columns)
  const { format } = query
  const notes: string[] = []
  if (io.flags.quiet !== true) {
    if (format === 'jsonl' || format === 'csv' || format === 'tsv') {
      notes.push(renderHeader(view).join(' '))
    }
    if (rowsLeftOut > 0) notes.push(renderLeftOut(view))
    if (rows.length === 0) notes.push(...renderCoverage(summary, query.zone).flatMap(wrap))
    else if (format === 'table') {
      const said = [...renderHighlights(report), ...(query.withCost ? renderPrices(report) : [])]
      notes.push(...said.flatMap(wrap).map(paint))
    }
    if (query.withCost) notes.push(...renderPriceNotes(report).flatMap(wrap))
  }
  notes.push(...renderSkipped(summary, query.strict).flatMap(wrap))
  // Apart from the table, where both come out on one terminal.
  return io.stdout.isTTY === true && notes.length > 0 ? ['', ...notes] : notes
}

/** Writes an answer to the two outputs. */
export function printView(view: View): void {
  const body = renderBody(view)
  if (body.length > 0) view.io.stdout.write(`${body.join('\n')}\n`)
  const notes = renderNotes(view)
  if (notes.length > 0) view.io.stderr.write(`${notes.join('\n')}\n`)
}
