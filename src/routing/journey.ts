/**
 * One request's way over its targets: which one is tried next, after what pause, and when to give up
 * (design §5, reliability.md §3). The only place that retries. Pure: it is told what happened and when,
 * and says what to do; the exchange does it.
 *
 * Each target of the user's list is tried once. The same one is tried again only where no other is left,
 * and then at most twice, three attempts in all, within the retry budget. After a failure of which nobody
 * knows whether the provider did the work there is one more try in all.
 */
import type { FaultClass } from '../config/config.ts'
import type { ProxyError } from '../errors/proxy-error.ts'
import type { Health, Rest, Trial } from './health.ts'
import { MAX_ATTEMPTS, MAX_ATTEMPTS_ON_ONE, backoffMs } from './retry.ts'
import type { Advice, Reach } from './retry.ts'

export interface JourneyPlan<T> {
  /** In the order of preference; the first is the one that was asked for. */
  readonly targets: readonly T[]
  readonly keyOf: (target: T) => string
  /** Targets with the same credential; a refusal of it concerns them all. May leave out `target` itself. */
  readonly siblingsOf: (target: T) => readonly T[]
  /** It may be asked however often it failed: nobody is there who would need the rest. */
  readonly tireless: (target: T) => boolean
  /** The classes that move on to another target. */
  readonly on: ReadonlySet<FaultClass>
  readonly deadlineAtMs: number
  readonly health: Health
  readonly random: () => number
}

export interface Failure {
  readonly error: ProxyError
  readonly fault: FaultClass
  readonly advice: Advice
  readonly reach: Reach
  /** The provider's own wish, milliseconds. */
  readonly retryAfterMs: number | undefined
  /** What this target cannot be asked says nothing about the next one. */
  readonly skip: boolean
}

export type Step<T> =
  | {
      readonly kind: 'try'
      readonly target: T
      readonly waitMs: number
      /** The same target as before. */
      readonly again: boolean
      /** Targets that could still take over after this one. */
      readonly left: number
    }
  /** `budget`: it would have been retried, had not too many others been. */
  | {
      readonly kind: 'stop'
      readonly why: 'final' | 'exhausted' | 'deadline' | 'resting' | 'budget'
    }

export interface Journey<T> {
  /** The first step. */
  begin(nowMs: number): Step<T>
  /** The attempt of the last step starts now. */
  departed(nowMs: number): void
  answered(nowMs: number): void
  /** The caller left, or the attempt said nothing about its target. */
  left(): void
  failed(failure: Failure, nowMs: number): Step<T>
  /** It broke after content had been passed on: its target is told, and nothing follows. */
  broke(failure: Failure, nowMs: number): void
  /** The rest that keeps a target from being asked now. */
  restOf(target: T, nowMs: number): Rest | undefined
  /** Gives back what the request holds. Once, whatever its end. */
  end(): void
}

// Nobody answers in less; and a timer may fire a little before its time.
const MIN_ATTEMPT_MS = 10

/** Begins a request's way; it counts as active until `end`. */
export function createJourney<T>(plan: JourneyPlan<T>): Journey<T> {
  const { targets, keyOf, health } = plan
  const tries = new Map<T, number>()
  // Attempts that reached out; our own findings cost nothing.
  let attempts = 0
  let billedOnce = false
  let holdsBudget = false
  let current: { readonly target: T; readonly again: boolean } | undefined
  let trial: Trial | undefined
  health.budget.requestBegan()

  function isAwake(target: T, nowMs: number): boolean {
    return plan.tireless(target) || health.resting(keyOf(target), nowMs) === undefined
  }

  function go(target: T, again: boolean, waitMs: number): Step<T> {
    current = { target, again }
    const left = targets.filter((other) => other !== target && !tries.has(other)).length
    tries.set(target, (tries.get(target) ?? 0) + 1)
    return { kind: 'try', target, waitMs, again, left }
  }

  /** The first untried target that does not rest; else, now and then, one that does. */
  function another(nowMs: number, evenResting: boolean): Step<T> | undefined {
    const untried = targets.filter((target) => !tries.has(target))
    const awake = untried.find((target) => isAwake(target, nowMs))
    if (awake !== undefined) return go(awake, false, 0)
    if (!evenResting) return undefined
    const chosen = health.lastResort(untried.map(keyOf), nowMs)
    const resting = untried.find((target) => keyOf(target) === chosen)
    return resting === undefined ? undefined : go(resting, false, 0)
  }

  function theSame(failure: Failure, nowMs: number): Step<T> | undefined {
    const target = current?.target
    if (target === undefined) return undefined
    const { advice } = failure
    if (advice !== 'again' && advice !== 'again-billed' && advice !== 'once-billed') {
      return undefined
    }
    // Once in all for work that may be billed twice.
    if (advice !== 'again' && billedOnce) return undefined
    const retry = tries.get(target) ?? 0
    if (retry >= MAX_ATTEMPTS_ON_ONE || attempts >= MAX_ATTEMPTS) return undefined
    const waitMs = backoffMs(failure.fault, retry, failure.retryAfterMs, plan.random)
    if (waitMs === undefined || nowMs + waitMs + MIN_ATTEMPT_MS >= plan.deadlineAtMs)
      return undefined
    if (!isAwake(target, nowMs + waitMs)) return undefined
    if (!health.budget.take()) return { kind: 'stop', why: 'budget' }
    holdsBudget = true
    if (advice !== 'again') billedOnce = true
    return go(target, true, waitMs)
  }

  function giveBudget(): void {
    if (!holdsBudget) return
    holdsBudget = false
    health.budget.give()
  }

  function leave(): void {
    giveBudget()
    if (current !== undefined && trial !== undefined) health.ended(keyOf(current.target), trial)
    trial = undefined
  }

  function report(failure: Failure, nowMs: number): void {
    giveBudget()
    if (current === undefined || trial === undefined) return
    const ended = trial
    trial = undefined
    if (failure.reach === 'none') {
      health.ended(keyOf(current.target), ended)
      return
    }
    attempts += 1
    const { error, fault, retryAfterMs } = failure
    const opensAtOnce = failure.reach === 'untrusted'
    health.failed(keyOf(current.target), ended, { fault, error, retryAfterMs, opensAtOnce }, nowMs)
    // A 403 may be about this model alone; a 401 is about the key.
    if (fault !== 'credential' || error.upstream?.status !== 401) return
    for (const sibling of plan.siblingsOf(current.target)) {
      if (keyOf(sibling) !== keyOf(current.target)) health.cool(keyOf(sibling), error, nowMs)
    }
  }

  return {
    begin(nowMs) {
      return another(nowMs, true) ?? { kind: 'stop', why: 'resting' }
    },

    departed(nowMs) {
      if (current !== undefined) trial = health.began(keyOf(current.target), nowMs)
    },

    answered(nowMs) {
      giveBudget()
      if (current === undefined || trial === undefined) return
      const { target } = current
      if (health.succeeded(keyOf(target), trial, nowMs)) {
        for (const sibling of plan.siblingsOf(target)) health.warm(keyOf(sibling))
      }
      trial = undefined
    },

    left: leave,

    failed(failure, nowMs) {
      report(failure, nowMs)
      if (nowMs + MIN_ATTEMPT_MS >= plan.deadlineAtMs) return { kind: 'stop', why: 'deadline' }
      const { advice, fault } = failure
      const once = advice === 'once-billed' || advice === 'elsewhere-once'
      if (once && billedOnce) return { kind: 'stop', why: 'final' }
      const moves = failure.skip || plan.on.has(fault)
      const next = moves ? another(nowMs, false) : undefined
      if (next !== undefined) {
        if (once || advice === 'again-billed') billedOnce = true
        return next
      }
      const again = theSame(failure, nowMs)
      if (again !== undefined) return again
      const lastResort = moves ? another(nowMs, true) : undefined
      if (lastResort !== undefined) {
        if (once) billedOnce = true
        return lastResort
      }
      return { kind: 'stop', why: moves && tries.size < targets.length ? 'resting' : 'exhausted' }
    },

    broke(failure, nowMs) {
      report(failure, nowMs)
    },

    restOf(target, nowMs) {
      return plan.tireless(target) ? undefined : health.resting(keyOf(target), nowMs)
    },

    end() {
      leave()
      health.budget.requestEnded()
    },
  }
}
