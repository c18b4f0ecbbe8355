/**
 * What limited users have already used, read back from the usage log at start (design §7): only the part
 * of the log that can matter, so that a log of years costs no more than one of a month.
 */
import { readdirSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ProxyError } from '../errors/proxy-error.ts'
import { costUsd } from './prices.ts'
import type { Billable, Moment, PriceOf } from './prices.ts'
import { findTail, readUsageLogs } from './read.ts'
import type { LoggedUsage } from './logged.ts'

/** What limits count of a request. */
export interface CountedUse {
  /** In and out together; none for counting tokens. */
  readonly tokens: number
  /** `undefined` where no price is known. */
  readonly costUsd: number | undefined
}

/** What a request counts for, from its log line or an estimate in the same form; the moment picks the price. */
export type UseOf = (
  usage: Billable & { readonly total_tokens?: number | undefined },
  at: Moment,
) => CountedUse

/** One request of the past. */
export interface UsedBefore extends CountedUse {
  readonly user: string
  readonly model: string | undefined
  readonly servedModel: string | undefined
  readonly tsMs: number
}

export interface PastUseOptions {
  /** The configured log; '-', a pipe or a device has no past. */
  readonly log: string
  readonly sinceMs: number
  readonly users: ReadonlySet<string>
  readonly useOf: UseOf
  readonly onUse: (use: UsedBefore) => void
  /** Waited for now and then while reading, so that requests of a running proxy go on. */
  readonly pause?: () => Promise<void>
}

/**
 * Tells every request of these users since then, rotated logs included. A log that is not there yet is
 * an empty one. Throws ProxyError `usage_log_unavailable` where one cannot be read: a budget that nobody
 * knows the state of must not be spent.
 */
export async function readPastUse(options: PastUseOptions): Promise<void> {
  const { log, sinceMs, users, useOf, onUse, pause } = options
  if (log === '-') return
  for (const path of findLogs(log, sinceMs)) {
    // oxlint-disable-next-line no-await-in-loop -- one file after the other, in one buffer
    await readUsageLogs({
      logs: [path],
      cwd: '/',
      // No end: what seems to lie in the future was written before the clock was put back.
      span: { sinceMs, untilMs: Infinity },
      ...(pause !== undefined && { pause }),
      startAt: (descriptor, sizeBytes) => findTail(descriptor, sizeBytes, sinceMs),
      onUsage(usage) {
        const use = readUse(usage, useOf)
        if (use !== undefined && users.has(use.user)) onUse(use)
      },
    })
  }
}

/** The measure by these prices, for the past and the present alike. */
export function createUseOf(priceOf: PriceOf): UseOf {
  return (usage, at) => {
    const { prompt_tokens: prompt = 0, completion_tokens: completion = 0 } = usage
    const tokens = usage.total_tokens ?? prompt + completion
    return {
      tokens: usage.api === 'count_tokens' ? 0 : tokens,
      costUsd: costUsd(usage, priceOf, at),
    }
  }
}

/** What a logged request counts for; `undefined` where it was refused and counts for nothing. */
function readUse(usage: LoggedUsage, useOf: UseOf): UsedBefore | undefined {
  const { user, model, served_model: servedModel, ts_ms: tsMs } = usage
  if (user === undefined || usage.outcome === 'refused') return undefined
  return { user, model, servedModel, tsMs, ...useOf(usage, tsMs) }
}

/**
 * The log and what logrotate made of it (`.1`, `-20261122`, `.2.gz`), as far as it was written since. Throws
 * ProxyError `usage_log_unavailable` where that cannot be told.
 */
export function findLogs(log: string, sinceMs: number): string[] {
  const found: string[] = []
  if (statOf(log)?.isFile() === true) found.push(log)
  const folder = dirname(log)
  const name = basename(log)
  for (const entry of namesIn(folder)) {
    if (!entry.startsWith(name) || !/^([.-]\d+)+(\.gz)?$/.test(entry.slice(name.length))) continue
    const path = join(folder, entry)
    const stat = statOf(path)
    if (stat?.isFile() === true && stat.mtimeMs >= sinceMs) found.push(path)
  }
  return found
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    throw new ProxyError(
      'usage_log_unavailable',
      `The usage log ${path} cannot be read, so nobody knows what is left of the limits.`,
      { cause: error },
    )
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // Not there yet, or not to be listed: then there is the log alone.
    return []
  }
}
