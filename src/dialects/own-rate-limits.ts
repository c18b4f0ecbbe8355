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
  return (['requests', 'tokens'] as const).flatMap((what) => {
    const own = limits[what]
    const names = CONVERTED.filter(([openai]) => openai.endsWith(`-${what}`))
    const taken = passed.some(([name]) => names.some((pair) => pair.some((one) => one === name)))
    if (own === undefined || taken) return []
    return names.map(([openai, anthropic, kind]): [string, string] => [
      to === 'anthropic' ? anthropic : openai,
      kind === 'reset'
        ? renderReset(own.resetMs, to, nowMs)
        : String(openai.includes('-limit-') ? own.limit : own.remaining),
    ])
  })
}

function renderReset(resetMs: number, to: DialectName, nowMs: number): string {
  if (to !== 'anthropic') return renderDuration(resetMs)
  const at = new Date(Math.ceil((nowMs + resetMs) / 1000) * 1000)
  return at.toISOString().replace('.000Z', 'Z')
}
