/** Where `aiproxy usage` reads: the logs that were named, or the config's own with what a rotation made of it. */
import { existsSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { findLogs } from '../usage/past-use.ts'
import { createPriceLookup } from '../usage/prices.ts'
import type { PriceOf } from '../usage/prices.ts'
import type { ReportRecipe } from '../usage/second.ts'
import { cleanForTerminal } from './clean.ts'
import type { CommandIo } from './io.ts'
import type { Query } from './usage-flags.ts'

export interface UsageSource {
  /** Absent where there is no config and none is needed, because the log is named. */
  readonly config: Config | undefined
  /** Paths as they are shown, globs, or '-'. */
  readonly logs: readonly string[]
  /** The config's own log may not have begun yet; one that was named has to be there. */
  readonly mayBeMissing: boolean
}

/**
 * The logs of a question, those of `sinceMs` and later where it is for us to find them. Throws ProxyError
 * `usage_wrong` where there is nothing to read from, and what loading the config throws.
 */
export async function resolveSource(
  io: CommandIo,
  query: Query,
  sinceMs: number,
): Promise<UsageSource> {
  const config = await loadConfig(io, query)
  if (query.logs.length > 0) {
    if (query.logs.includes('-') && io.stdin.isTTY) {
      throw new ProxyError('usage_wrong', '--log - reads stdin, and nothing is piped in.', {
        hint: 'cat usage.jsonl | aiproxy usage --log -',
      })
    }
    return { config, logs: query.logs, mayBeMissing: false }
  }
  const path = config?.log ?? '-'
  if (path === '-') {
    throw new ProxyError(
      'usage_wrong',
      'The config writes the usage log to stdout: there is no file.',
      { hint: 'aiproxy usage --log <file>' },
    )
  }
  const log = resolve(io.cwd, path)
  const logs = [log, ...rotatedOf(log, sinceMs)].map((one) => shorten(one, io.cwd))
  return { config, logs, mayBeMissing: !existsSync(log) || query.follow }
}

/** Those that can be read now: a log that may be missing is an empty one. */
export function existingLogs(
  io: CommandIo,
  { logs, mayBeMissing }: UsageSource,
): readonly string[] {
  return mayBeMissing ? logs.filter((log) => existsSync(resolve(io.cwd, log))) : logs
}

/** What a report to this question is made by, for another thread. */
export function recipeOf(query: Query, config: Config | undefined): ReportRecipe {
  return {
    by: query.by,
    filters: query.filters,
    zone: query.zone.name,
    prices: query.withCost
      ? { models: config?.models ?? new Map(), providers: config?.providers ?? new Map() }
      : undefined,
  }
}

/** List prices and the config's; `undefined` where costs are to be left away. */
export function pricesOf(query: Query, config: Config | undefined): PriceOf | undefined {
  return query.withCost
    ? createPriceLookup(config?.models ?? new Map(), config?.providers)
    : undefined
}

async function loadConfig(io: CommandIo, query: Query): Promise<Config | undefined> {
  try {
    return await io.loadConfig()
  } catch (error) {
    if (query.logs.length === 0) throw error
    const reason = error instanceof Error ? error.message : String(error)
    if (io.flags.quiet !== true) {
      io.stderr.write(`note: without the config's own prices: ${cleanForTerminal(reason)}\n`)
    }
    return undefined
  }
}

function rotatedOf(log: string, sinceMs: number): string[] {
  try {
    return findLogs(log, sinceMs)
      .filter((path) => path !== log)
      .toSorted()
  } catch {
    // Reading the log itself says what is wrong.
    return []
  }
}

function shorten(path: string, cwd: string): string {
  const below = relative(cwd, path)
  return below === '' || below.startsWith('..') || isAbsolute(below) ? path : below
}
