/** `aiproxy usage --reconcile FILE`: what a provider's export says, beside what the log says. */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { globToRegExp } from '../usage/glob.ts'
import type { TimeSpan } from '../usage/lines.ts'
import { readProviderExport } from '../usage/provider-export.ts'
import type { ProviderExport, Vendor } from '../usage/provider-export.ts'
import { readUsageLogs } from '../usage/read.ts'
import type { LogSummary } from '../usage/read.ts'
import { reconcile, totalsOf } from '../usage/reconcile.ts'
import type { DaySpan, LogFigures, Reconciliation } from '../usage/reconcile.ts'
import { createReport } from '../usage/report.ts'
import type { LoggedUsage } from '../usage/logged.ts'
import { resolveWindow } from '../usage/window.ts'
import { resolveZone } from '../usage/zone.ts'
import type { CommandIo } from './io.ts'
import type { Query } from './usage-flags.ts'
import { renderReconciliation, renderReconciliationNotes } from './usage-reconcile-view.ts'
import { existingLogs, pricesOf, resolveSource } from './usage-source.ts'

/** What was left out of the comparison, because no provider saw it. */
export interface LeftOut {
  mocked: number
}

/** One comparison and what it was made from. */
export interface ReconcileAnswer {
  readonly now: number
  readonly exports: readonly ProviderExport[]
  /** Of the exports, within the window. */
  readonly span: DaySpan | undefined
  readonly result: Reconciliation
  readonly summary: LogSummary
  readonly leftOut: Readonly<LeftOut>
}

const DAY_MS = 86_400_000
const VENDOR_HOSTS = [
  ['openai', 'openai.com'],
  ['anthropic', 'anthropic.com'],
] as const

/**
 * Reads the exports, folds the log by UTC day, and prints what differs. Throws ProxyError `usage_wrong` for
 * a file that is no known export.
 */
export async function runReconcile(io: CommandIo, query: Query): Promise<void> {
  const now = io.now()
  const utc = resolveZone('UTC')
  const window = resolveWindow(query.since, query.until, { now, zone: utc })
  const exports: ProviderExport[] = []
  for (const file of distinctFiles(query.reconcile, io.cwd)) {
    // oxlint-disable-next-line no-await-in-loop -- one file after the other
    exports.push(await readProviderExport(file, resolve(io.cwd, file)))
  }
  const span = daysOf(exports, window)
  const timeSpan: TimeSpan =
    span === undefined
      ? { sinceMs: Infinity, untilMs: Infinity }
      : { sinceMs: Date.parse(span.first), untilMs: Date.parse(span.last) + DAY_MS }

  const source = await resolveSource(io, query, timeSpan.sinceMs)
  const vendorOf = createVendorOf(query, source.config, exports)
  const fold = createReport({
    by: ['day', 'served', 'provider'],
    filters: { ...query.filters, models: [] },
    zone: utc,
    priceOf: pricesOf(query, source.config),
  })
  const leftOut: LeftOut = { mocked: 0 }
  const summary = await readUsageLogs({
    logs: existingLogs(io, source),
    cwd: io.cwd,
    span: timeSpan,
    ...(source.logs.includes('-') ? { stdin: io.stdin } : {}),
    onUsage(usage) {
      if (!wasBilled(usage) || vendorOf(usage.provider) === undefined) return
      if (usage.mock) leftOut.mocked++
      else fold.add(usage)
    },
  })

  const result = narrow(
    reconcile(
      withoutCost(exports, query),
      fold.result().rows.map((row): LogFigures => {
        const [day = '', served = '', provider] = row.group
        return {
          vendor: vendorOf(provider) ?? 'openai',
          day,
          model: served,
          upstreamModel: source.config?.models.get(served)?.upstreamName ?? served,
          figures: {
            requests: row.requests,
            input: row.promptTokens,
            cached: row.cachedTokens,
            cacheWrite: row.cacheWriteTokens,
            output: row.completionTokens,
            costUsd: row.costUsd,
          },
          unpricedRequests: row.unpriced,
          estimatedRequests: row.estimated,
        }
      }),
      span ?? { first: '9999-12-31', last: '0000-01-01' },
    ),
    query,
  )

  const answer: ReconcileAnswer = { now, exports, span, result, summary, leftOut }
  const body = renderReconciliation(io, query, answer)
  if (body.length > 0) io.stdout.write(`${body.join('\n')}\n`)
  const notes = renderReconciliationNotes(io, query, answer)
  if (notes.length > 0) io.stderr.write(`${notes.join('\n')}\n`)
  const unreadable = summary.skipped > 0 || exports.some(({ skipped }) => skipped > 0)
  const differs = result.rows.some(({ agrees }) => !agrees)
  if (query.strict && (unreadable || differs)) io.exitCode = 1
}

/** The same file given twice would be counted twice. */
function distinctFiles(files: readonly string[], cwd: string): string[] {
  const seen = new Set<string>()
  return files.filter((file) => {
    const path = resolve(cwd, file)
    let real = path
    try {
      real = realpathSync(path)
    } catch {
      // Reading it says what is wrong.
    }
    if (seen.has(real)) return false
    seen.add(real)
    return true
  })
}

/** The days that some export covers and that lie in the window as wholes. */
function daysOf(
  exports: readonly ProviderExport[],
  { sinceMs, untilMs }: TimeSpan,
): DaySpan | undefined {
  const covered = exports.flatMap(({ days }) => days ?? [])
  if (covered.length === 0) return undefined
  const first = Math.max(
    Math.min(...covered.map((days) => Date.parse(days.first))),
    Math.ceil(sinceMs / DAY_MS) * DAY_MS,
  )
  const last = Math.min(
    Math.max(...covered.map((days) => Date.parse(days.last))),
    Math.floor(untilMs / DAY_MS) * DAY_MS - DAY_MS,
  )
  if (first > last) return undefined
  return { first: dayOf(first), last: dayOf(last) }
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10)
}

/** A provider answered it, and it is among what providers report. */
function wasBilled(usage: LoggedUsage): boolean {
  return usage.served_model !== undefined && usage.api !== 'count_tokens'
}

/**
 * Whose export a provider of ours appears in: by its name, else by its host; one that `--provider` names is
 * the exports' own, wherever it is.
 */
function createVendorOf(
  query: Query,
  config: Config | undefined,
  exports: readonly ProviderExport[],
): (provider: string | undefined) => Vendor | undefined {
  const vendors = [...new Set(exports.map(({ vendor }) => vendor))]
  const named = query.filters.providers.map(globToRegExp)
  return (provider) => {
    if (provider === undefined) return undefined
    if (named.length > 0 && !named.some((glob) => glob.test(provider))) return undefined
    const host = hostOf(config?.providers.get(provider)?.baseUrl)
    const known = VENDOR_HOSTS.find(
      ([vendor, domain]) => provider === vendor || host === domain || host.endsWith(`.${domain}`),
    )?.[0]
    if (known !== undefined) return vendors.includes(known) ? known : undefined
    return named.length > 0 && vendors.length === 1 ? vendors[0] : undefined
  }
}

function hostOf(url: string | undefined): string {
  return url !== undefined && URL.canParse(url) ? new URL(url).hostname : ''
}

function withoutCost(exports: readonly ProviderExport[], query: Query): readonly ProviderExport[] {
  if (query.withCost) return exports
  return exports.map((one) => ({
    ...one,
    metrics: one.metrics.filter((metric) => metric !== 'costUsd'),
  }))
}

/** Only the models asked for, by any of their names. */
function narrow(result: Reconciliation, { filters, reverse }: Query): Reconciliation {
  const globs = filters.models.map(globToRegExp)
  const rows = result.rows.filter(
    ({ models = [], logModels }) =>
      globs.length === 0 ||
      [...models, ...logModels].some((name) => globs.some((glob) => glob.test(name))),
  )
  return { rows: reverse ? rows.toReversed() : rows, totals: totalsOf(rows) }
}
