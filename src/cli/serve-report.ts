/**
 * What a running proxy tells: lines for a person on a terminal, one JSON object an event for a machine.
 * Prompts, replies and keys are never among it.
 */
import type { AppOptions } from '../app.ts'
import type { Config } from '../config/config.ts'
import type { ProxyError } from '../errors/proxy-error.ts'
import type { UsageRecord } from '../usage/record.ts'
import type { FailoverEvent } from './ask-view.ts'
import { renderBanner } from './banner.ts'
import type { CostOf, OutputStream, ProgramIo } from './io.ts'
import { chooseUserColumns, renderFailoverLine, renderRequestLine } from './request-lines.ts'
import type { LineStyle } from './request-lines.ts'
import { renderReload } from './serve-changes.ts'
import type { Reload } from './serve-changes.ts'
import { reportError } from './report-error.ts'
import { cleanForTerminal } from './clean.ts'
import {
  countOf,
  jsonLine,
  keySource,
  renderCost,
  renderCount,
  renderDuration,
  renderPath,
} from './words.ts'

export type LogFormat = 'auto' | 'pretty' | 'json'

export interface ServeReport {
  readonly options: Required<
    Pick<AppOptions, 'hooks' | 'onLogFailure' | 'onAuditFailure' | 'onUnexpected'>
  >
  listening(at: { readonly host: string; readonly port: number }): void
  /** Another config is in force from here on, with `costOf` its prices. */
  reloaded(reload: Reload, costOf: CostOf | undefined): void
  /** What was found is not put in force: the config stays as it was. */
  reloadRefused(error: ProxyError): void
  /** The first signal: `inFlight` requests are still waited for. */
  draining(inFlight: number): void
  stopped(): void
}

export interface ServeReportPlan {
  readonly config: Config
  readonly format: LogFormat
  readonly mockFlag: boolean
  readonly costOf: CostOf | undefined
}

// A full disk fails every request; once in this long is loud enough.
const LOG_FAILURE_EVERY_MS = 10_000
const DEFAULT_COLUMNS = 120

/**
 * A report for one run. Request lines and events go to stdout, the banner and warnings to stderr. Where
 * the usage log itself is stdout (`log: "-"`) everything here goes to stderr, and JSON has no `request`
 * events, because the log has them.
 */
export function createServeReport(io: ProgramIo, plan: ServeReportPlan): ServeReport {
  // Of the config in force; a reload replaces them.
  let { config, costOf } = plan
  let userColumns = chooseUserColumns(config.users.keys())
  const logOnStdout = config.log === '-'
  const out: OutputStream = logOnStdout ? io.stderr : io.stdout
  const paint = logOnStdout ? io.paintErr : io.paintOut
  const pretty = plan.format === 'pretty' || (plan.format === 'auto' && out.isTTY === true)
  const quiet = io.flags.quiet === true
  const totals = { requests: 0, unwell: 0, prompt: 0, completion: 0, costUsd: 0, unpriced: 0 }
  let lastLogFailureMs = -Infinity
  // Providers whose key was complained about and that have not answered since.
  const keyTrouble = new Set<string>()

  const style = (): LineStyle => ({ columns: out.columns ?? DEFAULT_COLUMNS, userColumns, paint })
  const event = (name: string, fields: object): void => {
    out.write(`${jsonLine({ event: name, ts: new Date(io.now()).toISOString(), ...fields })}\n`)
  }
  const warn = (text: string): void => {
    io.stderr.write(`${io.paintErr.red.bold('!')} ${cleanForTerminal(text)}\n`)
  }

  function onFinished(record: UsageRecord): void {
    const costUsd = costOf?.(record)
    count(record, costUsd)
    watchKeys(record)
    if (quiet) return
    if (pretty) out.write(`${renderRequestLine(record, io.now(), costUsd, style())}\n`)
    else if (!logOnStdout) event('request', costUsd === undefined ? record : { ...record, costUsd })
  }

  function onFailover(failover: FailoverEvent): void {
    if (quiet) return
    if (pretty) out.write(`${renderFailoverLine(failover, io.now(), style())}\n`)
    else event('failover', failover)
  }

  function count(record: UsageRecord, costUsd: number | undefined): void {
    totals.requests++
    if (record.outcome !== 'ok') totals.unwell++
    totals.prompt += record.prompt_tokens ?? 0
    totals.completion += record.completion_tokens ?? 0
    totals.costUsd += costUsd ?? 0
    if (costUsd === undefined && record.prompt_tokens !== undefined) totals.unpriced++
  }

  /** Failing over hides a broken key from the caller; it must not be hidden from the operator. */
  function watchKeys(record: UsageRecord): void {
    for (const { provider, status, class: fault } of record.attempts ?? []) {
      const credential = config.providers.get(provider)?.credential
      if (fault === undefined) keyTrouble.delete(provider)
      if (fault !== 'credential' || credential === undefined || credential.kind === 'none') continue
      if (keyTrouble.has(provider)) continue
      keyTrouble.add(provider)
      const source = keySource(credential)
      warn(
        credential.kind === 'missing'
          ? `${provider} has no key: ${source} is not set`
          : `${provider} refused its key (${source})${status === undefined ? '' : ` with ${status}`}`,
      )
    }
  }

  return {
    options: {
      hooks: { onFailover, onFinished },
      onLogFailure(error) {
        const nowMs = io.monotonic()
        if (nowMs - lastLogFailureMs < LOG_FAILURE_EVERY_MS) return
        lastLogFailureMs = nowMs
        warn(`the usage log cannot be written: ${error.message}`)
      },
      onAuditFailure(error) {
        warn(error.message)
      },
      onUnexpected(error) {
        warn(`something went wrong inside aiproxy: ${error.message}`)
        if (io.flags.verbose < 2) return
        for (const line of (error.stack ?? '').split('\n')) {
          io.stderr.write(`  ${cleanForTerminal(line)}\n`)
        }
      },
    },
    listening({ host, port }) {
      const url = `http://${reachable(host)}:${port}`
      if (pretty && !quiet) {
        const lines = renderBanner(
          {
            config,
            version: io.version(),
            url,
            readyMs: io.monotonic(),
            configFlag: io.flags.config,
            mockFlag: plan.mockFlag,
            cwd: io.cwd,
            home: io.home,
          },
          io.stderr.columns ?? DEFAULT_COLUMNS,
          io.paintErr,
        )
        io.stderr.write(`${lines.join('\n')}\n`)
      } else if (!pretty) {
        event('listening', {
          url,
          host,
          port,
          version: io.version(),
          config: config.source.kind === 'file' ? config.source.path : null,
          log: config.log,
          ...(config.audit !== undefined && { audit: config.audit }),
          mock: [...config.providers.values()].some(({ mock, name }) => mock && name !== 'mock'),
        })
      }
    },
    reloaded(reload, prices) {
      ;({ config } = reload)
      costOf = prices
      userColumns = chooseUserColumns(config.users.keys())
      // Whoever mended a key wants to hear it if it is still refused.
      keyTrouble.clear()
      if (!pretty) {
        event('reload', {
          ok: true,
          config: config.source.kind === 'file' ? config.source.path : null,
          users: config.users.size,
          models: config.models.size,
          changes: reload.changes,
          ...(reload.needsRestart.length > 0 && { needsRestart: reload.needsRestart }),
          ...(reload.warnings.length > 0 && { warnings: reload.warnings }),
        })
        return
      }
      for (const change of quiet ? reload.needsRestart : []) {
        warn(`${change.name} ${change.details.join(' · ')}: needs a restart`)
      }
      if (!quiet) {
        const columns = io.stderr.columns ?? DEFAULT_COLUMNS
        const place = { columns, paint: io.paintErr, cwd: io.cwd, home: io.home }
        io.stderr.write(`${renderReload(reload, io.now(), place).join('\n')}\n`)
      }
      for (const warning of reload.warnings) {
        io.stderr.write(`${io.paintErr.yellow('warning:')} ${cleanForTerminal(warning)}\n`)
      }
    },
    reloadRefused(error) {
      if (!pretty) {
        const [first = '', ...details] = error.message.split('\n')
        event('reload', {
          ok: false,
          config: config.source.kind === 'file' ? config.source.path : null,
          code: error.code,
          error: first,
          ...(details.length > 0 && { details }),
          ...(error.hint !== undefined && { hint: error.hint }),
        })
        return
      }
      const { text } = reportError(error, { json: false, verbose: 0, paint: io.paintErr })
      const lines = text.trimEnd().split('\n')
      warn('config not reloaded: the one of before stays in force')
      io.stderr.write(`${lines.map((line) => `  ${line}`).join('\n')}\n`)
    },
    draining(inFlight) {
      if (inFlight > 0 && (pretty || io.stderr.isTTY === true)) {
        io.stderr.write(`draining ${countOf(inFlight, 'request')}, ^C again to stop now\n`)
      }
    },
    stopped() {
      const upMs = Math.round(io.monotonic())
      if (!pretty) {
        const { requests, unwell, prompt, completion } = totals
        event('shutdown', {
          requests,
          notOk: unwell,
          promptTokens: prompt,
          completionTokens: completion,
          upMs,
        })
      } else if (!quiet) {
        io.stderr.write(`${renderTotals(totals, upMs, costOf !== undefined)}\n`)
        if (!logOnStdout && totals.requests > 0) {
          io.stderr.write(
            `usage log: ${renderPath(config.log, io)}   aiproxy usage --since today\n`,
          )
        }
      }
    },
  }
}

function renderTotals(
  totals: {
    readonly requests: number
    readonly unwell: number
    readonly prompt: number
    readonly completion: number
    readonly costUsd: number
    readonly unpriced: number
  },
  upMs: number,
  priced: boolean,
): string {
  return [
    `stopped: ${countOf(totals.requests, 'request')}`,
    ...(totals.unwell > 0 ? [`${totals.unwell} not ok`] : []),
    ...(totals.requests > 0
      ? [`${renderCount(totals.prompt)} in + ${renderCount(totals.completion)} out`]
      : []),
    // A total with unknown prices in it is a minimum.
    ...(priced && totals.costUsd > 0
      ? [`${totals.unpriced > 0 ? '≥' : ''}${renderCost(totals.costUsd)}`]
      : []),
    `up ${renderDuration(upMs)}`,
  ].join(' · ')
}

/** The host as it stands in a URL of this machine. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
