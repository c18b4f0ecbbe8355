/**
 * Who rests. A target that was told to wait, or keeps failing, is passed over while another is
 * available; after its rest one request goes through as a probe. Pure state with a passed-in clock
 * (monotonic milliseconds). Figures: reliability.md §3.
 */
import type { FaultClass } from '../config/config.ts'

const FAILURES_UNTIL_REST = 5
const FIRST_REST_MS = 5_000
const MAX_REST_MS = 300_000
// A provider's Retry-After is believed this far.
const MAX_RETRY_AFTER_MS = 60_000
// While a probe is under way others still pass the target by, but not for ever: it may have been lost.
const PROBE_MS = 60_000

interface TargetHealth {
  consecutiveFailures: number
  /** How often it was sent to rest without a success in between. */
  rests: number
  /** Not to be tried before this moment. */
  restUntilMs: number
  why: FaultClass
}

export interface Health {
  /** Milliseconds the target still rests and why, or `undefined` when it may be tried. */
  resting(
    target: string,
    nowMs: number,
  ): { readonly ms: number; readonly why: FaultClass } | undefined
  /** The target is being tried after a rest: others wait for what comes of it. */
  probing(target: string, nowMs: number): void
  failed(target: string, fault: FaultClass, retryAfterMs: number | undefined, nowMs: number): void
  succeeded(target: string): void
  /** As if it had never been tried. */
  forget(target: string): void
}

/** A fresh memory in which every target is well. Keys name one provider, credential and model. */
export function createHealth(): Health {
  const targets = new Map<string, TargetHealth>()

  return {
    resting(target, nowMs) {
      const health = targets.get(target)
      if (health === undefined || health.restUntilMs <= nowMs) return undefined
      return { ms: health.restUntilMs - nowMs, why: health.why }
    },

    probing(target, nowMs) {
      const health = targets.get(target)
      if (health === undefined || health.rests === 0) return
      health.restUntilMs = nowMs + PROBE_MS
    },

    failed(target, fault, retryAfterMs, nowMs) {
      if (!countsAgainstTarget(fault)) return
      let health = targets.get(target)
      if (health === undefined) {
        health = { consecutiveFailures: 0, rests: 0, restUntilMs: 0, why: fault }
        targets.set(target, health)
      }
      health.why = fault
      health.consecutiveFailures += 1
      let restMs = Math.min(Math.max(retryAfterMs ?? 0, 0), MAX_RETRY_AFTER_MS)
      // A failed probe rests again at once, and longer.
      if (health.consecutiveFailures >= FAILURES_UNTIL_REST || health.rests > 0) {
        restMs = Math.max(restMs, Math.min(FIRST_REST_MS * 2 ** health.rests, MAX_REST_MS))
        health.rests += 1
      }
      health.restUntilMs = nowMs + restMs
    },

    succeeded(target) {
      targets.delete(target)
    },

    forget(target) {
      targets.delete(target)
    },
  }
}

/**
 * The same memory with other names for its targets. A provider that a reload changed begins afresh under a
 * new name, while requests under way still report on the one they were sent to.
 */
export function renameTargets(health: Health, rename: (target: string) => string): Health {
  return {
    resting: (target, nowMs) => health.resting(rename(target), nowMs),
    probing: (target, nowMs) => {
      health.probing(rename(target), nowMs)
    },
    failed: (target, fault, retryAfterMs, nowMs) => {
      health.failed(rename(target), fault, retryAfterMs, nowMs)
    },
    succeeded: (target) => {
      health.succeeded(rename(target))
    },
    forget: (target) => {
      health.forget(rename(target))
    },
  }
}

/** The caller's own faults, and prompts too long for this model, say nothing about the target's health. */
function countsAgainstTarget(fault: FaultClass): boolean {
  switch (fault) {
    case 'request':
    case 'context':
    case 'model':
      return false
    case 'transport':
    case 'timeout':
    case 'rate':
    case 'overload':
    case 'server':
    case 'credential':
    case 'billing':
      return true
  }
}
