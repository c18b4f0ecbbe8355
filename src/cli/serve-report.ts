/**
 * What a running proxy tells: lines for a person on a terminal, one JSON object an event for a machine.
 * Prompts, replies and keys are never among it.
 */
import type { AppOptions } from '../app.ts'
import type { Config } from '../config/config.ts'
import type { ProxyError } from '../errors/proxy-error.ts'
import type { UsageRecord } from '../usage/record.ts'
import type { FailoverEvent } from './ask-view.ts'
import { renderLine } from '../usage/ledger.ts'
import { renderBanner } from './banner.ts'
import { cleanForTerminal } from './clean.ts'
import { wrapPieces } from './fit.ts'
import type { CostOf, OutputStream, ProgramIo } from './io.ts'
import { createLineWriter } from './line-writer.ts'
import type { LineWriter } from './line-writer.ts'
import { renderDetails, renderNote } from './request-details.ts'
import { chooseUserColumns, createRequestLines } from './request-lines.ts'
import type { RequestLines } from './request-lines.ts'
import { reportError } from './report-error.ts'
import { renderReload } from './serve-changes.ts'
import type { Reload } from './serve-changes.ts'
import { createTotals } from './serve-totals.ts'
import { countOf, jsonLine, keySource, renderPath } from './words.ts'

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
  /** The first signal: `inFlight` requests are still waited for. `typed` where it may have been ^C. */
  draining(inFlight: number, typed: boolean): void
  /** Another ^C. */
  hurrying(): void
  /** The end; so many requests were cut, because nobody waited for them any longer. */
  stopped(cut: number): void
  /** True once all of it is out; false where a reader stands still for longer than `limitMs`. */
  settle(limitMs: number): Promise<boolean>
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
  const place = logOnStdout ? 'stderr' : 'stdout'
  const stream = io[place]
  const paint = logOnStdout ? io.paintErr : io.paintOut
  const pretty = plan.format === 'pretty' || (plan.format === 'auto' && stream.isTTY === true)
  const quiet = io.flags.quiet === true
  const detailed = io.flags.verbose > 0
  const totals = createTotals()
  let lines: RequestLines | undefined
  let lastLogFailureMs = -Infinity
  // Providers whose key was complained about and that have not answered since.
  const keyTrouble = new Set<string>()

  const err = openWriter('stderr')
  const out = logOnStdout ? err : openWriter('stdout')
  io.onExit(() => {
    // There is something only after a crash.
    if (out !== err) writeLast(io.stdout, out.take())
    writeLast(io.stderr, err.take())
  })

  function openWriter(name: 'stdout' | 'stderr'): LineWriter {
    return createLineWriter({
      sink: io.openSink(name),
      soon: io.soon,
      after: io.after,
      renderGap: (count) =>
        pretty || name !== place
          ? `… ${countOf(count, 'line')} left out: ${name} was not read fast enough`
          : eventLine('left_out', { lines: count }),
      onGap() {
        // Of stderr there is nobody left to tell.
        if (name === 'stdout') warn('stdout is not read: request lines are left out until it is')
      },
    })
  }

  function eventLine(name: string, fields: object): string {
    return jsonLine({ event: name, ts: new Date(io.now()).toISOString(), ...fields })
  }

  function event(name: string, fields: object): void {
    out.push(eventLine(name, fields))
  }

  function warn(text: string): void {
    err.push(`${io.paintErr.red.bold('!')} ${cleanForTerminal(text)}`)
  }

  /** The terminal has just written "^C" where the next line would begin. */
  function endTypedLine(): void {
    if (pretty && io.stderr.isTTY === true) err.push('')
  }

  /** The renderer for the terminal as wide as it is now. */
  function requestLines(): RequestLines {
    const columns = stream.columns ?? DEFAULT_COLUMNS
    if (lines?.style.columns !== columns || lines.style.userColumns !== userColumns) {
      lines = createRequestLines({ columns, userColumns, paint })
    }
    return lines
  }

  function onFinished(record: UsageRecord, logged?: string): void {
    const costUsd = costOf?.(record)
    totals.count(record, costUsd)
    watchKeys(record)
    if (quiet) return
    if (!pretty) {
      if (!logOnStdout) out.push(renderRequestEvent(logged || renderLine(record), costUsd))
      return
    }
    const { request, style } = requestLines()
    out.push(request(record, io.now(), costUsd))
    if (!detailed) return
    for (const line of renderDetails(record, style.columns)) out.push(paint.dim(line))
  }

  function onFailover(failover: FailoverEvent): void {
    if (quiet) return
    if (!pretty) {
      event('failover', failover)
      return
    }
    const { failover: render, style } = requestLines()
    out.push(render(failover, io.now()))
    if (detailed) out.push(paint.dim(renderNote(failover.message, style.columns)))
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
        // What it means for requests is decided by the config in force.
        const refused = config.onLogFailure === 'refuse'
        warn(
          `${error.message}; ${refused ? 'requests are refused until it can be' : 'requests go on'}`,
        )
      },
      onAuditFailure(error) {
        warn(error.message)
      },
      onUnexpected(error) {
        warn(`something went wrong inside aiproxy: ${error.message}`)
        if (io.flags.verbose < 2) return
        for (const line of (error.stack ?? '').split('\n')) {
          err.push(`  ${cleanForTerminal(line)}`)
        }
      },
    },
    listening({ host, port }) {
      const url = `http://${reachable(host)}:${port}`
      if (pretty && !quiet) {
        const banner = renderBanner(
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
        for (const line of banner) err.push(line)
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
        const style = { columns, paint: io.paintErr, cwd: io.cwd, home: io.home }
        for (const line of renderReload(reload, io.now(), style)) err.push(line)
      }
      for (const warning of reload.warnings) {
        err.push(`${io.paintErr.yellow('warning:')} ${cleanForTerminal(warning)}`)
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
      warn('config not reloaded: the one of before stays in force')
      for (const line of text.trimEnd().split('\n')) err.push(`  ${line}`)
    },
    draining(inFlight, typed) {
      if (typed) endTypedLine()
      if (inFlight > 0 && (pretty || io.stderr.isTTY === true)) {
        err.push(`draining ${countOf(inFlight, 'request')}, ^C again to stop now`)
      }
    },
    hurrying() {
      endTypedLine()
    },
    stopped(cut) {
      if (cut > 0)
        warn(`${countOf(cut, 'request')} did not end in time and ${cut === 1 ? 'was' : 'were'} cut`)
      const upMs = Math.round(io.monotonic())
      if (!pretty) {
        event('shutdown', { ...totals.fields, upMs })
      } else if (!quiet) {
        const columns = io.stderr.columns ?? DEFAULT_COLUMNS
        const [first = '', ...more] = wrapPieces(totals.render(upMs), ' · ', columns - 9)
        err.push(`stopped: ${first}`)
        for (const line of more) err.push(`         ${line}`)
        if (!logOnStdout && totals.requests > 0) {
          err.push(`usage log: ${renderPath(config.log, io)}   aiproxy usage --since today`)
        }
      }
    },
    async settle(limitMs) {
      const all = await Promise.all([out.settle(limitMs), err.settle(limitMs)])
      return !all.includes(false)
    },
  }
}

/** The log's own line with the price beside it; cut and joined because every request pays for it. */
function renderRequestEvent(line: string, costUsd: number | undefined): string {
  const priced =
    costUsd === undefined ? line.slice(1) : `${line.slice(1, -1)},"costUsd":${costUsd}}`
  return `{"event":"request",${priced}`
}

function writeLast(stream: OutputStream, text: string): void {
  if (text !== '') stream.write(text)
}

/** The host as it stands in a URL of this machine. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
