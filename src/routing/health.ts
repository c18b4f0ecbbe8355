/**
 * Who rests. A target that keeps failing, was told to wait, or has a refused key is passed over while
 * another is available. Figures: reliability.md §3. Pure state with a passed-in clock (monotonic
 * milliseconds) and randomness.
 *
 * The breaker of each target: closed → open (5 failures in a row, or half of at least 10 in half a
 * minute) → after its rest half-open, where one request at a time probes → closed after two successes.
 * A failed probe opens it again for twice as long. Results of attempts begun before it opened say
 * nothing any more: a hundred requests that fail together are one outage, not a hundred.
 */
import type { FaultClass } from '../config/config.ts'
import type { ProxyError } from '../errors/proxy-error.ts'
import { createOutcomes } from './outcomes.ts'
import type { Outcomes } from './outcomes.ts'
import { createRetryBudget } from './retry.ts'
import type { RetryBudget } from './retry.ts'

const FAILURES_IN_A_ROW = 5
const WINDOW_MIN_ATTEMPTS = 10
const WINDOW_FAILED_SHARE = 0.5
const FIRST_REST_MS = 5_000
const MAX_REST_MS = 300_000
const REST_JITTER = 0.2
const SUCCESSES_TO_CLOSE = 2
// How often it opened is forgotten step by step.
const DECAY_MS = 30_000
// A provider's Retry-After is believed this far.
const MAX_RETRY_AFTER_MS = 60_000
const CREDENTIAL_REST_MS = 300_000
const BILLING_REST_MS = 60_000
// While a probe is under way others pass the target by, but not for ever: it may have been lost.
const PROBE_MS = 60_000
const LAST_RESORT_EVERY_MS = 1_000

/** Why a target is passed over, and for how many milliseconds still. */
export interface Rest {
  readonly ms: number
  readonly why: FaultClass
  /** The failure that sent it to rest. */
  readonly error: ProxyError | undefined
}

/** One attempt, as its target's health remembers it. */
export interface Trial {
  readonly startedMs: number
  /** It holds the place of the one probe. */
  readonly probe: boolean
  /** The target rests and is asked all the same, because nobody else is left. */
  readonly lastResort: boolean
}

export interface FailedTrial {
  readonly fault: FaultClass
  readonly error: ProxyError
  readonly retryAfterMs: number | undefined
  /** One such failure is enough: a certificate that does not hold. */
  readonly opensAtOnce: boolean
}

export interface Health {
  /** `undefined` when the target may be tried. */
  resting(target: string, nowMs: number): Rest | undefined
  /**
   * All of these rest: the one that failed the longest ago, at most one a second, or `undefined`. One that
   * has already succeeded after its rest is given without that limit.
   */
  lastResort(targets: readonly string[], nowMs: number): string | undefined
  began(target: string, nowMs: number): Trial
  failed(target: string, trial: Trial, failure: FailedTrial, nowMs: number): void
  /** True where the target had rested because of its credential, which works again. */
  succeeded(target: string, trial: Trial, nowMs: number): boolean
  /** It ended in a way that says nothing about the target: the caller left, or asked for nonsense. */
  ended(target: string, trial: Trial): void
  /** Its credential was refused elsewhere. */
  cool(target: string, error: ProxyError, nowMs: number): void
  /** Its credential works elsewhere. */
  warm(target: string): void
  /** As if it had never been tried. */
  forget(target: string): void
  readonly budget: RetryBudget
}

interface TargetHealth {
  phase: 'closed' | 'open' | 'half-open'
  failuresInARow: number
  outcomes: Outcomes
  /** How often it opened, less what has decayed since it closed. */
  level: number
  openedAtMs: number
  closedAtMs: number
  /** The breaker's rest. */
  restUntilMs: number
  /** Retry-After, a refused credential, an empty account: a rest that the breaker knows nothing of. */
  timerUntilMs: number
  timerSinceMs: number
  timerIsCredential: boolean
  probeUntilMs: number
  probeSuccesses: number
  lastFailedMs: number
  lastResortMs: number
  why: FaultClass
  error: ProxyError | undefined
}

/** A fresh memory in which every target is well. Keys name one provider, credential and model. */
export function createHealth(random: () => number = Math.random): Health {
  const targets = new Map<string, TargetHealth>()

  function healthOf(target: string): TargetHealth {
    let health = targets.get(target)
    if (health === undefined) {
      health = wellTarget()
      targets.set(target, health)
    }
    return health
  }

  function open(health: TargetHealth, nowMs: number): void {
    if (health.phase === 'closed') {
      const decayed = Math.floor((nowMs - health.closedAtMs) / DECAY_MS)
      health.level = Math.max(0, health.level - Math.max(0, decayed))
    }
    const restMs = Math.min(FIRST_REST_MS * 2 ** health.level, MAX_REST_MS)
    health.phase = 'open'
    health.level += 1
    health.openedAtMs = nowMs
    health.restUntilMs = nowMs + restMs * (1 + REST_JITTER * random())
    health.probeSuccesses = 0
  }

  function rest(health: TargetHealth, ms: number, credential: boolean, nowMs: number): void {
    if (ms <= 0) return
    health.timerSinceMs = nowMs
    health.timerUntilMs = Math.max(health.timerUntilMs, nowMs + ms)
    health.timerIsCredential = credential
  }

  function resting(target: string, nowMs: number): Rest | undefined {
    const health = targets.get(target)
    if (health === undefined) return undefined
    const untilMs = Math.max(
      health.timerUntilMs,
      health.phase === 'open' ? health.restUntilMs : 0,
      health.phase === 'closed' ? 0 : health.probeUntilMs,
    )
    if (untilMs <= nowMs) return undefined
    return { ms: untilMs - nowMs, why: health.why, error: health.error }
  }

  return {
    resting,

    lastResort(names, nowMs) {
      const candidates = names.map((name) => ({ name, health: healthOf(name) }))
      const recovering = candidates.find(
        ({ health }) => health.phase === 'half-open' && health.probeSuccesses > 0,
      )
      if (recovering !== undefined && recovering.health.timerUntilMs <= nowMs) {
        return recovering.name
      }
      if (candidates.some(({ health }) => nowMs - health.lastResortMs < LAST_RESORT_EVERY_MS)) {
        return undefined
      }
      candidates.sort((a, b) => a.health.lastFailedMs - b.health.lastFailedMs)
      const [chosen] = candidates
      if (chosen === undefined) return undefined
      chosen.health.lastResortMs = nowMs
      return chosen.name
    },

    began(target, nowMs) {
      const health = targets.get(target)
      if (health === undefined) return { startedMs: nowMs, probe: false, lastResort: false }
      const lastResort = resting(target, nowMs) !== undefined
      const probe = !lastResort && health.phase !== 'closed'
      if (probe) {
        health.phase = 'half-open'
        health.probeUntilMs = nowMs + PROBE_MS
      }
      return { startedMs: nowMs, probe, lastResort }
    },

    failed(target, trial, failure, nowMs) {
      const { fault } = failure
      const health = healthOf(target)
      if (trial.probe) health.probeUntilMs = 0
      if (!countsAgainstTarget(fault)) return
      health.lastFailedMs = nowMs
      health.why = fault
      health.error = failure.error
      const asked = Math.min(Math.max(failure.retryAfterMs ?? 0, 0), MAX_RETRY_AFTER_MS)
      if (fault === 'credential') rest(health, CREDENTIAL_REST_MS, true, nowMs)
      else if (fault === 'billing') rest(health, Math.max(asked, BILLING_REST_MS), false, nowMs)
      else rest(health, asked, false, nowMs)
      // What has a timer of its own is no sign of a broken service.
      if (fault === 'credential' || fault === 'billing' || (fault === 'rate' && asked > 0)) return

      if (health.phase === 'closed') {
        health.failuresInARow += 1
        health.outcomes.add(true, nowMs)
        const { total, failed } = health.outcomes.count(nowMs)
        if (
          failure.opensAtOnce ||
          health.failuresInARow >= FAILURES_IN_A_ROW ||
          (total >= WINDOW_MIN_ATTEMPTS && failed >= total * WINDOW_FAILED_SHARE)
        ) {
          open(health, nowMs)
        }
      } else if (health.phase === 'half-open' && trial.startedMs > health.openedAtMs) {
        // Asked again and again while it rests, a target would rest for ever.
        if (!trial.lastResort) open(health, nowMs)
        else health.probeSuccesses = 0
      }
    },

    succeeded(target, trial, nowMs) {
      const health = healthOf(target)
      if (trial.probe) health.probeUntilMs = 0
      health.failuresInARow = 0
      let credentialWorks = false
      if (health.timerUntilMs > 0 && trial.startedMs > health.timerSinceMs) {
        credentialWorks = health.timerIsCredential
        health.timerUntilMs = 0
        health.timerIsCredential = false
      }
      if (health.phase === 'closed') {
        health.outcomes.add(false, nowMs)
        return credentialWorks
      }
      if (trial.startedMs <= health.openedAtMs) return credentialWorks
      health.phase = 'half-open'
      health.probeSuccesses += 1
      if (health.probeSuccesses >= SUCCESSES_TO_CLOSE) {
        health.phase = 'closed'
        health.closedAtMs = nowMs
        health.probeUntilMs = 0
        health.outcomes.clear()
      }
      return credentialWorks
    },

    ended(target, trial) {
      const health = targets.get(target)
      if (health !== undefined && trial.probe) health.probeUntilMs = 0
    },

    cool(target, error, nowMs) {
      const health = healthOf(target)
      health.why = 'credential'
      health.error = error
      health.lastFailedMs = nowMs
      rest(health, CREDENTIAL_REST_MS, true, nowMs)
    },

    warm(target) {
      const health = targets.get(target)
      if (health?.timerIsCredential !== true) return
      health.timerUntilMs = 0
      health.timerIsCredential = false
    },

    forget(target) {
      targets.delete(target)
    },

    budget: createRetryBudget(),
  }
}

function wellTarget(): TargetHealth {
  return {
    phase: 'closed',
    failuresInARow: 0,
    outcomes: createOutcomes(),
    level: 0,
    openedAtMs: -Infinity,
    closedAtMs: -Infinity,
    restUntilMs: 0,
    timerUntilMs: 0,
    timerSinceMs: -Infinity,
    timerIsCredential: false,
    probeUntilMs: 0,
    probeSuccesses: 0,
    lastFailedMs: -Infinity,
    lastResortMs: -Infinity,
    why: 'server',
    error: undefined,
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

/**
 * The same memory with other names for its targets. A provider that a reload changed begins afresh under a
 * new name, while requests under way still report on the one they were sent to.
 */
export function renameTargets(health: Health, rename: (target: string) => string): Health {
  return {
    resting: (target, nowMs) => health.resting(rename(target), nowMs),
    lastResort(targets, nowMs) {
      const chosen = health.lastResort(targets.map(rename), nowMs)
      return targets.find((target) => rename(target) === chosen)
    },
    began: (target, nowMs) => health.began(rename(target), nowMs),
    failed(target, trial, failure, nowMs) {
      health.failed(rename(target), trial, failure, nowMs)
    },
    succeeded: (target, trial, nowMs) => health.succeeded(rename(target), trial, nowMs),
    ended(target, trial) {
      health.ended(rename(target), trial)
    },
    cool(target, error, nowMs) {
      health.cool(rename(target), error, nowMs)
    },
    warm(target) {
      health.warm(rename(target))
    },
    forget(target) {
      health.forget(rename(target))
    },
    budget: health.budget,
  }
}
