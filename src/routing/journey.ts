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
  plan.health.budget.requestBegan()
  return new Way(plan)
}

/** A class because it has a lifetime, and one object per request costs less than a dozen functions. */
class Way<T> implements Journey<T> {
  readonly #plan: JourneyPlan<T>
  /** Each with how often it was tried. */
  readonly #tried: { readonly target: T; times: number }[] = []
  // Attempts that reached out; our own findings cost nothing.
  #attempts = 0
  #billedOnce = false
  #holdsBudget = false
  #current: T | undefined
  #trial: Trial | undefined

  constructor(plan: JourneyPlan<T>) {
    this.#plan = plan
  }

  begin(nowMs: number): Step<T> {
    return this.#another(nowMs, true) ?? { kind: 'stop', why: 'resting' }
  }

  departed(nowMs: number): void {
    const { health, keyOf } = this.#plan
    if (this.#current !== undefined) this.#trial = health.began(keyOf(this.#current), nowMs)
  }

  answered(nowMs: number): void {
    this.#giveBudget()
    const target = this.#current
    if (target === undefined || this.#trial === undefined) return
    const { health, keyOf, siblingsOf } = this.#plan
    if (health.succeeded(keyOf(target), this.#trial, nowMs)) {
      for (const sibling of siblingsOf(target)) health.warm(keyOf(sibling))
    }
    this.#trial = undefined
  }

  left(): void {
    this.#giveBudget()
    const { health, keyOf } = this.#plan
    if (this.#current !== undefined && this.#trial !== undefined) {
      health.ended(keyOf(this.#current), this.#trial)
    }
    this.#trial = undefined
  }

  failed(failure: Failure, nowMs: number): Step<T> {
    const { targets, on, deadlineAtMs } = this.#plan
    this.#report(failure, nowMs)
    if (nowMs + MIN_ATTEMPT_MS >= deadlineAtMs) return { kind: 'stop', why: 'deadline' }
    const { advice, fault } = failure
    const once = advice === 'once-billed' || advice === 'elsewhere-once'
    if (once && this.#billedOnce) return { kind: 'stop', why: 'final' }
    const moves = failure.skip || on.has(fault)
    const next = moves ? this.#another(nowMs, false) : undefined
    if (next !== undefined) {
      if (once || advice === 'again-billed') this.#billedOnce = true
      return next
    }
    const again = this.#theSame(failure, nowMs)
    if (again !== undefined) return again
    const lastResort = moves ? this.#another(nowMs, true) : undefined
    if (lastResort !== undefined) {
      if (once) this.#billedOnce = true
      return lastResort
    }
    const someRest = moves && this.#tried.length < targets.length
    return { kind: 'stop', why: someRest ? 'resting' : 'exhausted' }
  }

  broke(failure: Failure, nowMs: number): void {
    this.#report(failure, nowMs)
  }

  restOf(target: T, nowMs: number): Rest | undefined {
    const { tireless, health, keyOf } = this.#plan
    return tireless(target) ? undefined : health.resting(keyOf(target), nowMs)
  }

  end(): void {
    this.left()
    this.#plan.health.budget.requestEnded()
  }

  #timesTried(target: T): number {
    for (const one of this.#tried) if (one.target === target) return one.times
    return 0
  }

  #isAwake(target: T, nowMs: number): boolean {
    return this.restOf(target, nowMs) === undefined
  }

  #go(target: T, again: boolean, waitMs: number): Step<T> {
    this.#current = target
    const known = this.#tried.find((one) => one.target === target)
    if (known === undefined) this.#tried.push({ target, times: 1 })
    else known.times += 1
    let left = 0
    for (const other of this.#plan.targets) if (this.#timesTried(other) === 0) left += 1
    return { kind: 'try', target, waitMs, again, left }
  }

  /** The first untried target that does not rest; else, now and then, one that does. */
  #another(nowMs: number, evenResting: boolean): Step<T> | undefined {
    const { targets, health, keyOf } = this.#plan
    for (const target of targets) {
      if (this.#timesTried(target) === 0 && this.#isAwake(target, nowMs)) {
        return this.#go(target, false, 0)
      }
    }
    if (!evenResting) return undefined
    const untried = targets.filter((target) => this.#timesTried(target) === 0)
    const chosen = health.lastResort(untried.map(keyOf), nowMs)
    const resting = untried.find((target) => keyOf(target) === chosen)
    return resting === undefined ? undefined : this.#go(resting, false, 0)
  }

  #theSame(failure: Failure, nowMs: number): Step<T> | undefined {
    const target = this.#current
    if (target === undefined) return undefined
    const { advice } = failure
    if (advice !== 'again' && advice !== 'again-billed' && advice !== 'once-billed') {
      return undefined
    }
    // Once in all for work that may be billed twice.
    if (advice !== 'again' && this.#billedOnce) return undefined
    const { health, random, deadlineAtMs } = this.#plan
    const retry = this.#timesTried(target)
    if (retry >= MAX_ATTEMPTS_ON_ONE || this.#attempts >= MAX_ATTEMPTS) return undefined
    const waitMs = backoffMs(failure.fault, retry, failure.retryAfterMs, random)
    if (waitMs === undefined || nowMs + waitMs + MIN_ATTEMPT_MS >= deadlineAtMs) return undefined
    if (!this.#isAwake(target, nowMs + waitMs)) return undefined
    if (!health.budget.take()) return { kind: 'stop', why: 'budget' }
    this.#holdsBudget = true
    if (advice !== 'again') this.#billedOnce = true
    return this.#go(target, true, waitMs)
  }

  #giveBudget(): void {
    if (!this.#holdsBudget) return
    this.#holdsBudget = false
    this.#plan.health.budget.give()
  }

  #report(failure: Failure, nowMs: number): void {
    this.#giveBudget()
    const target = this.#current
    const trial = this.#trial
    if (target === undefined || trial === undefined) return
    this.#trial = undefined
    const { health, keyOf, siblingsOf } = this.#plan
    if (failure.reach === 'none') {
      health.ended(keyOf(target), trial)
      return
    }
    this.#attempts += 1
    const { error, fault, retryAfterMs } = failure
    const opensAtOnce = failure.reach === 'untrusted'
    health.failed(keyOf(target), trial, { fault, error, retryAfterMs, opensAtOnce }, nowMs)
    // A 403 may be about this model alone; a 401 is about the key.
    if (fault !== 'credential' || error.upstream?.status !== 401) return
    for (const sibling of siblingsOf(target)) {
      if (keyOf(sibling) !== keyOf(target)) health.cool(keyOf(sibling), error, nowMs)
    }
  }
}
