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
  add(pairs, limits.requests, REQUESTS, passed, to, nowMs)
  add(pairs, limits.tokens, TOKENS, passed, to, nowMs)
  return pairs
}

const REQUESTS = CONVERTED.filter(([openai]) => openai.endsWith('-requests'))
const TOKENS = CONVERTED.filter(([openai]) => openai.endsWith('-tokens'))

function add(
  pairs: [string, string][],
  own: RateLimit | undefined,
  names: typeof CONVERTED,
  passed: ReadonlyArray<readonly [string, string]>,
  to: DialectName,
  nowMs: number,
): void {
  if (own === undefined) return
  for (const [name] of passed) {
    if (names.some(([openai, anthropic]) => name === openai || name === anthropic)) return
  }
  for (const [openai, anthropic, kind] of names) {
    const value =
      kind === 'reset'
        ? renderReset(own.resetMs, to, nowMs)
        : String(openai.includes('-limit-') ? own.limit : own.remaining)
    pairs.push([to === 'anthropic' ? anthropic : openai, value])
  }
}

function renderReset(resetMs: number, to: DialectName, nowMs: number): string {
  if (to !== 'anthropic') return renderDuration(resetMs)
  const at = new Date(Math.ceil((nowMs + resetMs) / 1000) * 1000)
  return at.toISOString().replace('.000Z', 'Z')
}
