/** `aiproxy usage`: folds the usage log into a table, JSON or CSV (cli.md §5). */
import { existsSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { nearest } from '../usage/nearest.ts'
import { createReportFrom, createSecondReader } from '../usage/second.ts'
import type { PricedModel } from '../usage/prices.ts'
import { readUsageLogs } from '../usage/read.ts'
import type { LogSummary, ReadOptions } from '../usage/read.ts'
import { GROUP_KEYS } from '../usage/report.ts'
import type { GroupKey, UsageReport, UsageRow } from '../usage/report.ts'
import { renderWindow, resolveWindow } from '../usage/window.ts'
import type { Window } from '../usage/window.ts'
import { resolveZone } from '../usage/zone.ts'
import type { Zone } from '../usage/zone.ts'
import { cleanForTerminal } from './clean.ts'
import type { CommandIo } from './io.ts'
import { resolveSort, sortRows } from './usage-metrics.ts'
import { renderCoverage, renderHighlights, renderPriceNotes, renderSkipped } from './usage-notes.ts'
import {
  renderUsageJson,
  renderUsageJsonLines,
  renderUsageMarkdown,
  renderUsageSeparated,
  renderUsageTable,
} from './usage-output.ts'
import type { TableLook } from './usage-output.ts'

const FORMATS = ['table', 'json', 'jsonl', 'csv', 'tsv', 'md'] as const
type Format = (typeof FORMATS)[number]
const OUTCOMES = ['ok', 'refused', 'failed', 'truncated', 'aborted'] as const
const DEFAULT_BY: readonly GroupKey[] = ['user', 'model']
const DEFAULT_TERMINAL_WIDTH = 80

/** The flags as commander leaves them. */
interface RawFlags {
  readonly since?: string
  readonly until?: string
  readonly tz: string
  readonly by?: readonly string[]
  readonly user?: readonly string[]
  readonly model?: readonly string[]
  readonly provider?: readonly string[]
  readonly outcome?: readonly string[]
  readonly sort?: string
  readonly reverse?: true
  readonly top?: string
  readonly wide?: true
  readonly exact?: true
  readonly cost: boolean
  readonly format?: string
  readonly json?: true
  readonly csv?: true
  readonly log?: readonly string[]
  readonly strict?: true
}

/** The `usage` command. Its action throws ProxyError `usage_wrong` for a flag or a time that means nothing. */
export function createUsageCommand(io: CommandIo): Command {
  return new Command('usage')
    .description('what was used, by whom, and what it cost')
    .option('-S, --since <time>', 'from then on: today, 7d, last month, 2026-11-01, 09:30')
    .option('-U, --until <time>', 'up to then; a day, week or month is covered whole')
    .option('--tz <zone>', 'IANA time zone, local or UTC', 'local')
    .option('-b, --by <list>', `group by any of ${GROUP_KEYS.join(',')}`, collect)
    .option('-u, --user <name>', 'only this user (repeatable, globs)', collect)
    .option('-m, --model <id>', 'only this requested model (repeatable, globs)', collect)
    .option('--provider <name>', 'only this provider (repeatable, globs)', collect)
    .option('--outcome <outcome>', `only ${OUTCOMES.join(', ')} (repeatable)`, collect)
    .option('--sort <column>', 'order by a column: cost, reqs, input, user, …')
    .option('-r, --reverse', 'the other way round')
    .option('--top <n>', 'only the first n rows; the total stays that of all')
    .option('--wide', 'all columns')
    .option('--exact', 'numbers in full')
    .option('--no-cost', 'leave costs away')
    .option('--format <format>', FORMATS.join(', '))
    .option('--json', 'the same as --format json')
    .option('--csv', 'the same as --format csv')
    .option('--log <path>', 'a log file, a glob in quotes, or - for stdin (repeatable)', collect)
    .option('--strict', 'fail where a line of the log cannot be read')
    .addHelpText(
      'after',
      `
Examples:
  aiproxy usage --since today
  aiproxy usage --since "last month" --until "last month" --by day
  aiproxy usage -u user-a --by served --json | jq .totals.costUsd
  aiproxy usage --log "logs/usage*.jsonl*" --by month,model --top 10`,
    )
    .action((flags: RawFlags) => runUsage(io, withLists(flags)))
}

/** The flags, with nothing given for a list as an empty one. */
type UsageFlags = RawFlags & Readonly<Record<ListFlag, readonly string[]>>
type ListFlag = 'user' | 'model' | 'provider' | 'outcome' | 'log'

function withLists(flags: RawFlags): UsageFlags {
  const { user = [], model = [], provider = [], outcome = [], log = [] } = flags
  return { ...flags, user, model, provider, outcome, log }
}

function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value]
}

async function runUsage(io: CommandIo, flags: UsageFlags): Promise<void> {
  const now = io.now()
  const zone = resolveZone(flags.tz)
  const window = resolveWindow(flags.since, flags.until, { now, zone })
  const by = readBy(flags.by)
  const format = readFormat(io, flags)
  const top = readTop(flags.top)
  const sort = flags.sort === undefined ? undefined : resolveSort(flags.sort, by)
  const filters = {
    users: flags.user,
    models: flags.model,
    providers: flags.provider,
    outcomes: flags.outcome.map((name) => oneOf('--outcome', name, OUTCOMES)),
  }

  const config = await loadConfig(io, flags)
  const prices = flags.cost ? (config?.models ?? new Map<string, PricedModel>()) : undefined
  const recipe = { by, filters, zone: zone.name, prices }
  const fold = createReportFrom(recipe)
  const summary = await readLogs(io, flags, config, window, {
    onUsage: fold,
    second: createSecondReader(recipe, fold),
  })
  const report = fold.result()
  const sorted = sortRows(report.rows, by, sort, flags.reverse === true)
  const rows = sorted.slice(0, top)

  const view: View = { io, flags, now, zone, window, by, format, summary, report, rows }
  const body = renderBody(view)
  if (body.length > 0) io.stdout.write(`${body.join('\n')}\n`)
  const notes = renderNotes(view, sorted.length - rows.length)
  if (notes.length > 0) io.stderr.write(`${notes.join('\n')}\n`)
  if (flags.strict === true && summary.skipped > 0) io.exitCode = 1
}

/** Everything the two outputs are made from. */
interface View {
  readonly io: CommandIo
  readonly flags: UsageFlags
  readonly now: number
  readonly zone: Zone
  readonly window: Window
  readonly by: readonly GroupKey[]
  readonly format: Format
  readonly summary: LogSummary
  readonly report: UsageReport
  readonly rows: readonly UsageRow[]
}

// ── what is asked ───────────────────────────────────────────────────────────────────────────────

function readBy(lists: readonly string[] | undefined): readonly GroupKey[] {
  if (lists === undefined) return DEFAULT_BY
  const names = lists.flatMap((list) => list.split(',')).map((name) => name.trim())
  const keys = names.filter((name) => name !== '').map((name) => oneOf('--by', name, GROUP_KEYS))
  if (keys.length === 0) {
    throw new ProxyError('usage_wrong', '--by needs at least one column.', {
      hint: `aiproxy usage --by ${DEFAULT_BY.join(',')}`,
    })
  }
  return [...new Set(keys)]
}

function readFormat(io: CommandIo, flags: UsageFlags): Format {
  const asked = new Set<Format>()
  if (flags.format !== undefined) asked.add(oneOf('--format', flags.format, FORMATS))
  if (flags.json === true || io.flags.json === true) asked.add('json')
  if (flags.csv === true) asked.add('csv')
  const [first = 'table', second] = asked
  if (second !== undefined) {
    throw new ProxyError('usage_wrong', `Two formats at once: ${first} and ${second}.`, {
      hint: `aiproxy usage --format ${first}`,
    })
  }
  return first
}

function readTop(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new ProxyError('usage_wrong', `--top "${text}" is not a number of rows.`, {
    hint: 'aiproxy usage --top 10',
  })
}

function oneOf<Name extends string>(flag: string, text: string, names: readonly Name[]): Name {
  const wanted = text.trim().toLowerCase()
  const found = names.find((name) => name === wanted)
  if (found !== undefined) return found
  const close = nearest(wanted, names)
  throw new ProxyError('usage_wrong', `${flag} "${text}" is not one of ${names.join(', ')}.`, {
    hint: close === undefined ? undefined : `aiproxy usage ${flag} ${close}`,
  })
}

/** `undefined` where there is none and none is needed, because the log is named. */
async function loadConfig(io: CommandIo, flags: UsageFlags): Promise<Config | undefined> {
  try {
    return await io.loadConfig()
  } catch (error) {
    if (flags.log.length === 0) throw error
    const reason = error instanceof Error ? error.message : String(error)
    if (io.flags.quiet !== true) {
      io.stderr.write(`note: without the config's own prices: ${cleanForTerminal(reason)}\n`)
    }
    return undefined
  }
}

async function readLogs(
  io: CommandIo,
  flags: UsageFlags,
  config: Config | undefined,
  window: Window,
  into: Pick<ReadOptions, 'onUsage' | 'second'>,
): Promise<LogSummary> {
  const span = { sinceMs: window.sinceMs, untilMs: window.untilMs }
  if (flags.log.length > 0) {
    if (flags.log.includes('-') && io.stdin.isTTY) {
      throw new ProxyError('usage_wrong', '--log - reads stdin, and nothing is piped in.', {
        hint: 'cat usage.jsonl | aiproxy usage --log -',
      })
    }
    return readUsageLogs({ logs: flags.log, cwd: io.cwd, span, stdin: io.stdin, ...into })
  }
  const path = config?.log ?? '-'
  if (path === '-') {
    throw new ProxyError(
      'usage_wrong',
      'The config writes the usage log to stdout: there is no file.',
      {
        hint: 'aiproxy usage --log <file>',
      },
    )
  }
  const shown = shorten(resolve(io.cwd, path), io.cwd)
  if (!existsSync(resolve(io.cwd, path))) {
    const nothing = { lines: 0, skipped: 0, firstSkipped: undefined }
    return { ...nothing, earliestMs: undefined, latestMs: undefined, files: [shown] }
  }
  return readUsageLogs({ logs: [shown], cwd: io.cwd, span, ...into })
}

function shorten(path: string, cwd: string): string {
  const below = relative(cwd, path)
  return below === '' || below.startsWith('..') || isAbsolute(below) ? path : below
}

// ── what is answered ────────────────────────────────────────────────────────────────────────────

function renderBody(view: View): string[] {
  const { io, format, report, rows, by, summary, flags } = view
  const look: TableLook = {
    by,
    wide: flags.wide === true,
    exact: flags.exact === true,
    noCost: !flags.cost,
    terminalWidth:
      io.stdout.isTTY === true ? (io.stdout.columns ?? DEFAULT_TERMINAL_WIDTH) : undefined,
    paintFrame: (line) => io.paintOut.dim(line),
    paintTotal: (line) => io.paintOut.bold(line),
    paintBar: (bar) => io.paintOut.cyan(bar),
  }
  switch (format) {
    case 'json':
      return renderUsageJson(rows, report, { by, ...renderSpan(view), summary })
    case 'jsonl':
      return renderUsageJsonLines(rows, by)
    case 'csv':
      return renderUsageSeparated(rows, look, ',')
    case 'tsv':
      return renderUsageSeparated(rows, look, '\t')
    case 'md':
      return [renderHeader(view), '', ...renderUsageMarkdown(rows, report, look)]
    case 'table':
      if (rows.length > 0) {
        return [renderHeader(view), '', ...renderUsageTable(rows, report, look)]
      }
      if (summary.lines === 0) return ['No usage recorded yet.']
      return [renderHeader(view), '', 'No usage in this window.']
    default:
      return format satisfies never
  }
}

/** `Usage · today · Sun 22 Nov 2026 00:00 → now 15:12 (Europe/London)`, and the filters. */
function renderHeader({ window, summary, now, zone, flags }: View): string {
  const filters = [
    ...flags.user.map((name) => `user ${name}`),
    ...flags.model.map((name) => `model ${name}`),
    ...flags.provider.map((name) => `provider ${name}`),
    ...flags.outcome.map((name) => `outcome ${name}`),
  ]
  const span = renderWindow(window, summary.earliestMs, { now, zone })
  return cleanForTerminal(['Usage', window.label, span, ...filters].join(' · '))
}

function renderSpan({ window, summary, now, zone }: View): {
  since: string | null
  until: string
  tz: string
} {
  const sinceMs = Number.isFinite(window.sinceMs) ? window.sinceMs : summary.earliestMs
  const untilMs = Number.isFinite(window.untilMs) ? window.untilMs : now
  return {
    since: sinceMs === undefined ? null : new Date(sinceMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    tz: zone.name,
  }
}

/** Everything about the answer: what stands out, what is missing, what the log does cover. */
function renderNotes(view: View, hiddenRows: number): string[] {
  const { io, flags, format, report, rows, summary, zone } = view
  const notes: string[] = []
  if (io.flags.quiet !== true) {
    if (format === 'jsonl' || format === 'csv' || format === 'tsv') notes.push(renderHeader(view))
    if (hiddenRows > 0) notes.push(`… ${hiddenRows} more rows, all in the total`)
    if (rows.length === 0) notes.push(...renderCoverage(summary, zone))
    else if (format === 'table') {
      notes.push(...renderHighlights(report).map((line) => io.paintErr.dim(line)))
    }
    if (flags.cost) notes.push(...renderPriceNotes(report))
  }
  notes.push(...renderSkipped(summary, flags.strict === true))
  // Apart from the table, where both come out on one terminal.
  return format === 'table' && notes.length > 0 ? ['', ...notes] : notes
}
