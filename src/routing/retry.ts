/**
 * What may be tried again after a failure, and when (reliability.md §3). Two questions decide: can the
 * provider have done the work already, and can the same thing go better the next time. Pure.
 */
import type { FaultClass } from '../config/config.ts'
import type { ProxyError } from '../errors/proxy-error.ts'

/** How far a request came before it failed. */
export type Reach =
  /** Nothing was sent: our own finding. */
  | 'none'
  /** No connection: refused, no such name, not accepted in time. */
  | 'unsent'
  /** A connection, but not to the one we meant to talk to: TLS failed. */
  | 'untrusted'
  /** At least part of it may have been read. */
  | 'sent'

export type Advice =
  /** Not processed, or said so: others at once, the same one after a pause. */
  | 'again'
  /** The provider answered that it failed and may bill: others, the same one once. */
  | 'again-billed'
  /** Nobody knows what became of it: one more try in all, wherever. */
  | 'once-billed'
  /** It will not go better here: others only. */
  | 'elsewhere'
  /** Bytes that make no sense, of work that was done: one other. */
  | 'elsewhere-once'
  /** The caller's own fault: nowhere. */
  | 'final'

/** What a failed attempt advises. `status` is the one its reply began with, if it did. */
export function adviseRetry(
  error: ProxyError,
  fault: FaultClass,
  reach: Reach,
  status: number | undefined,
): Advice {
  switch (fault) {
    case 'request':
      return 'final'
    case 'credential':
    case 'billing':
    case 'model':
    case 'context':
      return 'elsewhere'
    case 'rate':
    case 'overload':
      return 'again'
    case 'transport':
    case 'timeout':
    case 'server':
      break
  }
  if (reach === 'untrusted') return 'elsewhere'
  if (reach !== 'sent') return 'again'
  // The provider said so itself: in a 200 before any content, or as a status.
  if (error.upstream !== undefined) return status === 200 ? 'again' : 'again-billed'
  return error.code === 'upstream_protocol' ? 'elsewhere-once' : 'once-billed'
}

/** The provider may charge for an attempt that came to nothing. */
export function mayBeBilled(advice: Advice): boolean {
  return advice === 'again-billed' || advice === 'once-billed' || advice === 'elsewhere-once'
}

/** Over all targets, where the same one is tried twice. */
export const MAX_ATTEMPTS = 3
export const MAX_ATTEMPTS_ON_ONE = 2

const TRANSIENT_BASE_MS = 100
const RATE_BASE_MS = 1_000
const MAX_BACKOFF_MS = 8_000
// Waiting longer for the same target than this is no longer a retry but a hang.
const MAX_RETRY_AFTER_MS = 10_000

/**
 * Milliseconds to wait before the same target is asked again, the `retry`th time (from 1): what it asked
 * for, or full jitter. `undefined` where it asked for more than anyone should wait.
 */
export function backoffMs(
  fault: FaultClass,
  retry: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number | undefined {
  if (retryAfterMs !== undefined) {
    return retryAfterMs <= MAX_RETRY_AFTER_MS ? retryAfterMs : undefined
  }
  const baseMs = fault === 'rate' ? RATE_BASE_MS : TRANSIENT_BASE_MS
  return random() * Math.min(MAX_BACKOFF_MS, baseMs * 2 ** (retry - 1))
}

/** How many requests may be in a retry of the same target at once: an outage must not double its load. */
export interface RetryBudget {
  requestBegan(): void
  requestEnded(): void
  /** False when the budget is spent; true takes one, until `give`. */
  take(): boolean
  give(): void
  readonly active: number
  readonly retrying: number
}

const BUDGET_FLOOR = 3
const BUDGET_SHARE = 0.2

/** A budget of max(3, 20 % of the requests under way). */
export function createRetryBudget(): RetryBudget {
  let active = 0
  let retrying = 0
  return {
    requestBegan() {
      active += 1
    },
    requestEnded() {
      active -= 1
    },
    take() {
      if (retrying >= Math.max(BUDGET_FLOOR, Math.floor(active * BUDGET_SHARE))) return false
      retrying += 1
      return true
    },
    give() {
      retrying -= 1
    },
    get active() {
      return active
    },
    get retrying() {
      return retrying
    },
  }
}
