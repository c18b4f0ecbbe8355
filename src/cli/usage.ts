/** `aiproxy usage`: folds the usage log into a table, JSON or CSV (cli.md §5). */
import { Command } from 'commander'
import { readUsageLogs } from '../usage/read.ts'
import type { LogSummary, ReadOptions } from '../usage/read.ts'
import { createReport, GROUP_KEYS } from '../usage/report.ts'
import type { ReportOptions } from '../usage/report.ts'
import { createSecondReader } from '../usage/second.ts'
import { resolveWindow } from '../usage/window.ts'
import type { Window } from '../usage/window.ts'
import { FORMATS, OUTCOMES, readQuery } from './usage-flags.ts'
import type { Query, RawFlags } from './usage-flags.ts'
import { USAGE_HELP } from './usage-help.ts'
import { existingLogs, pricesOf, recipeOf, resolveSource } from './usage-source.ts'
import type { UsageSource } from './usage-source.ts'
import type { FollowIo } from './usage-follow.ts'
import { createView, printView, showsTrend } from './usage-view.ts'

/** The `usage` command. Its action throws ProxyError `usage_wrong` for a flag or a time that means nothing. */
export function createUsageCommand(io: FollowIo): Command {
  const command = new Command('usage')
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
    .option('--follow', 'go on as the log grows, until ^C')
    .option('--reconcile <file>', "compare with a provider's usage export (repeatable)", collect)
    .option('--format <format>', FORMATS.join(', '))
    .option('--json', 'the same as --format json')
    .option('--csv', 'the same as --format csv')
    .option('--log <path>', 'a log file, a glob in quotes, or - for stdin (repeatable)', collect)
    .option('--strict', 'fail where a line cannot be read, or --reconcile finds a difference')
    .action((flags: RawFlags) => runUsage(io, readQuery(flags, io.flags)))
  command.helpInformation = () => USAGE_HELP
  return command
}

function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value]
}

async function runUsage(io: FollowIo, query: Query): Promise<void> {
  // Each is loaded where it is used: a small report should be there at once.
  if (query.reconcile.length > 0) {
    const { runReconcile } = await import('./usage-reconcile.ts')
    return runReconcile(io, query)
  }
  if (query.follow) {
    const { runFollow } = await import('./usage-follow.ts')
    return runFollow(io, query)
  }
  const now = io.now()
  const window = resolveWindow(query.since, query.until, { now, zone: query.zone })
  const source = await resolveSource(io, query, window.sinceMs)
  const trends = showsTrend(io, query)
  const options: ReportOptions = { ...query, priceOf: pricesOf(query, source.config), trends }
  const fold = createReport(options)
  // A trend stays where it was begun.
  const second = trends ? undefined : createSecondReader(recipeOf(query, source.config), fold)
  const summary = await readLogs(io, source, window, { onUsage: fold, second })

  printView(createView(io, query, { now, window, summary, report: fold.result() }))
  if (query.strict && summary.skipped > 0) io.exitCode = 1
}

async function readLogs(
  io: FollowIo,
  source: UsageSource,
  window: Window,
  into: Pick<ReadOptions, 'onUsage' | 'second'>,
): Promise<LogSummary> {
  const there = existingLogs(io, source)
  const stdin = there.includes('-') ? io.stdin : undefined
  const span = { sinceMs: window.sinceMs, untilMs: window.untilMs }
  const summary = await readUsageLogs({
    logs: there,
    cwd: io.cwd,
    span,
    ...into,
    ...(stdin === undefined ? {} : { stdin }),
  })
  return there.length === 0 ? { ...summary, files: source.logs } : summary
}
