/** Our own limits in the rate-limit headers of either family (wire-formats E.5). */
import type { DialectName } from './dialect.ts'
import { CONVERTED, renderDuration } from './headers.ts'

/** Where a caller stands with one limit. */
export interface RateLimit {
  readonly limit: number
  readonly remaining: number
  /** Until all of it is there again. */
  readonly resetMs: number
}

export interface RateLimits {
  readonly requests: RateLimit | undefined
  readonly tokens: RateLimit | undefined
}

/**
 * The headers for a caller of dialect `to`. What a provider said stays alone: where any of `passed` tells
 * of requests (or tokens) in either family's words, ours do not, for two halves of different limits would
 * mean nothing. `nowMs` is the wall clock.
 */
export function renderRateLimits(
  limits: RateLimits,
  passed: ReadonlyArray<readonly [string, string]>,
  to: DialectName,
  nowMs: number,
): [string, string][] {
  const pairs: [string, string][] = []
  add(pairs, 'requests', limits.requests, passed, to, nowMs)
  add(pairs, 'tokens', limits.tokens, passed, to, nowMs)
  return pairs
}

/** The three headers of one limit, in one family's words. */
interface Names {
  readonly limit: string
  readonly remaining: string
  readonly reset: string
}

function namesOf(what: 'requests' | 'tokens', family: 0 | 1): Names {
  const [limit = '', remaining = '', reset = ''] = CONVERTED.filter(([openai]) =>
    openai.endsWith(what),
  ).map((names) => names[family])
  return { limit, remaining, reset }
}

const OPENAI = { requests: namesOf('requests', 0), tokens: namesOf('tokens', 0) }
const ANTHROPIC = { requests: namesOf('requests', 1), tokens: namesOf('tokens', 1) }

function add(
  pairs: [string, string][],
  what: 'requests' | 'tokens',
  own: RateLimit | undefined,
  passed: ReadonlyArray<readonly [string, string]>,
  to: DialectName,
  nowMs: number,
): void {
  if (own === undefined) return
  for (const [name] of passed) {
    if (isOf(name, OPENAI[what]) || isOf(name, ANTHROPIC[what])) return
  }
  const names = (to === 'anthropic' ? ANTHROPIC : OPENAI)[what]
  pairs.push(
    [names.limit, String(own.limit)],
    [names.remaining, String(own.remaining)],
    [names.reset, renderReset(own.resetMs, to, nowMs)],
  )
}

function isOf(name: string, { limit, remaining, reset }: Names): boolean {
  return name === limit || name === remaining || name === reset
}

function renderReset(resetMs: number, to: DialectName, nowMs: number): string {
  if (to !== 'anthropic') return renderDuration(resetMs)
  const at = new Date(Math.ceil((nowMs + resetMs) / 1000) * 1000)
  return at.toISOString().replace('.000Z', 'Z')
}
