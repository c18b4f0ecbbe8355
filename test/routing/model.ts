/**
 * reliability.md §3 once more, written to be read and not to be fast: what the breaker of one target
 * says, from the list of everything that happened to it, and what a request may do next.
 */
import type { FaultClass } from '../../src/config/config.ts'
import type { Advice } from '../../src/routing/retry.ts'

export interface Trial {
  readonly startedMs: number
  readonly kind: 'plain' | 'probe' | 'last-resort'
}

/** The breaker as a list of attempts since it last closed, and a few dates. */
export class ModelTarget {
  #attempts: Array<{ readonly atMs: number; readonly failed: boolean }> = []
  #open: { readonly sinceMs: number; readonly untilMs: number } | undefined
  #goodProbes = 0
  #probeEndsMs = 0
  #level = 0
  #closedMs = -Infinity
  #timer = { sinceMs: -Infinity, untilMs: 0 }
  lastFailedMs = -Infinity
  lastResortMs = -Infinity

  get recovering(): boolean {
    return this.#goodProbes > 0
  }

  /** The timers do not keep it, whatever the breaker says. */
  timerOver(nowMs: number): boolean {
    return this.#timer.untilMs <= nowMs
  }

  restsUntil(nowMs: number): number | undefined {
    const dates = [this.#timer.untilMs]
    if (this.#open !== undefined) dates.push(this.#probeEndsMs)
    if (this.#open !== undefined && this.#goodProbes === 0) dates.push(this.#open.untilMs)
    const untilMs = Math.max(...dates)
    return untilMs > nowMs ? untilMs : undefined
  }

  begin(nowMs: number): Trial {
    if (this.restsUntil(nowMs) !== undefined) return { startedMs: nowMs, kind: 'last-resort' }
    if (this.#open === undefined) return { startedMs: nowMs, kind: 'plain' }
    this.#probeEndsMs = nowMs + 60_000
    return { startedMs: nowMs, kind: 'probe' }
  }

  fail(trial: Trial, fault: FaultClass, retryAfterMs: number, nowMs: number): void {
    if (trial.kind === 'probe') this.#probeEndsMs = 0
    if (fault === 'request' || fault === 'context' || fault === 'model') return
    this.lastFailedMs = nowMs
    const believedMs = Math.min(retryAfterMs, 60_000)
    const restMs =
      fault === 'credential'
        ? 300_000
        : fault === 'billing'
          ? Math.max(60_000, believedMs)
          : believedMs
    if (restMs > 0) {
      this.#timer = { sinceMs: nowMs, untilMs: Math.max(this.#timer.untilMs, nowMs + restMs) }
    }
    if (fault === 'credential' || fault === 'billing' || (fault === 'rate' && restMs > 0)) return
    if (this.#open === undefined) {
      this.#attempts.push({ atMs: nowMs, failed: true })
      const lastFive = this.#attempts.slice(-5)
      const inRow = lastFive.length === 5 && lastFive.every(({ failed }) => failed)
      // This second and the 29 before it.
      const recent = this.#attempts.filter(
        ({ atMs }) => Math.floor(atMs / 1000) > Math.floor(nowMs / 1000) - 30,
      )
      const bad = recent.filter(({ failed }) => failed).length
      if (!inRow && !(recent.length >= 10 && bad / recent.length >= 0.5)) return
      const decayed = Math.floor((nowMs - this.#closedMs) / 30_000)
      this.#level = Math.max(0, this.#level - decayed)
    } else {
      // Only a probe's failure counts; what was under way before it opened is old news.
      const probing = trial.kind !== 'last-resort' && trial.startedMs > this.#open.sinceMs
      if (!probing) {
        if (this.#goodProbes > 0 && trial.startedMs > this.#open.sinceMs) this.#relapse(nowMs)
        return
      }
    }
    const restOpenMs = Math.min(300_000, 5_000 * 2 ** this.#level)
    this.#level += 1
    this.#open = { sinceMs: nowMs, untilMs: nowMs + restOpenMs * 1.1 }
    this.#goodProbes = 0
  }

  #relapse(nowMs: number): void {
    this.#goodProbes = 0
    if (this.#open !== undefined) {
      this.#open = { ...this.#open, untilMs: Math.min(this.#open.untilMs, nowMs) }
    }
  }

  succeed(trial: Trial, nowMs: number): void {
    if (trial.kind === 'probe') this.#probeEndsMs = 0
    if (trial.startedMs > this.#timer.sinceMs) this.#timer = { sinceMs: -Infinity, untilMs: 0 }
    if (this.#open === undefined) {
      this.#attempts.push({ atMs: nowMs, failed: false })
      return
    }
    // A straggler's success breaks no row: there is none while it is open.
    if (trial.startedMs <= this.#open.sinceMs) return
    this.#goodProbes += 1
    if (this.#goodProbes < 2) return
    this.#open = undefined
    this.#goodProbes = 0
    this.#probeEndsMs = 0
    this.#attempts = []
    this.#closedMs = nowMs
  }

  leave(trial: Trial): void {
    if (trial.kind === 'probe') this.#probeEndsMs = 0
  }
}

export interface ModelRequest {
  readonly targets: readonly string[]
  readonly deadlineAtMs: number
  readonly on: ReadonlySet<FaultClass>
  /** What was tried, in order; those that reached out first to last. */
  readonly tried: string[]
  reached: number
  /** A failure that may have been billed has had its one retry. */
  spent: boolean
}

export interface ModelFailure {
  readonly fault: FaultClass
  readonly advice: Advice
  readonly retryAfterMs: number | undefined
}

export type Verdict = { readonly go: string; readonly waitMs: number } | { readonly go: undefined }

/** The first target that does not rest, in order; one that does, once a second, where all do. */
export function firstStep(
  names: readonly string[],
  model: ReadonlyMap<string, ModelTarget>,
  nowMs: number,
): string | undefined {
  const awake = names.find((name) => model.get(name)?.restsUntil(nowMs) === undefined)
  return awake ?? lastResort(names, model, nowMs)
}

function lastResort(
  names: readonly string[],
  model: ReadonlyMap<string, ModelTarget>,
  nowMs: number,
): string | undefined {
  const all = names.map((name) => ({ name, target: model.get(name) ?? new ModelTarget() }))
  const back = all.find(({ target }) => target.recovering)
  if (back?.target.timerOver(nowMs) === true) return back.name
  if (all.some(({ target }) => nowMs - target.lastResortMs < 1_000)) return undefined
  const oldest = Math.min(...all.map(({ target }) => target.lastFailedMs))
  const chosen = all.find(({ target }) => target.lastFailedMs === oldest)
  if (chosen !== undefined) chosen.target.lastResortMs = nowMs
  return chosen?.name
}

/** What the table allows after a failure. `budgetLeft` is asked only where it decides. */
export function nextStep(
  request: ModelRequest,
  failure: ModelFailure,
  model: ReadonlyMap<string, ModelTarget>,
  budgetLeft: boolean,
  nowMs: number,
): Verdict {
  const { advice, fault } = failure
  const last = request.tried.at(-1) ?? ''
  const stop: Verdict = { go: undefined }
  // What is left of the deadline must be more than nothing: 10 ms.
  if (nowMs + 10 >= request.deadlineAtMs) return stop
  const oneMore = advice === 'once-billed' || advice === 'elsewhere-once'
  if (oneMore && request.spent) return stop
  const untried = request.targets.filter((name) => !request.tried.includes(name))
  const moves = request.on.has(fault)
  if (moves) {
    const other = untried.find((name) => model.get(name)?.restsUntil(nowMs) === undefined)
    if (other !== undefined) {
      if (oneMore || advice === 'again-billed') request.spent = true
      return { go: other, waitMs: 0 }
    }
  }
  const sameHelps = ['again', 'again-billed', 'once-billed'].includes(advice)
  const paid = advice === 'again' || !request.spent
  const room = request.tried.filter((name) => name === last).length < 2 && request.reached < 3
  // With every random number ½.
  const waitMs = failure.retryAfterMs ?? (fault === 'rate' ? 500 : 50)
  if (sameHelps && paid && room && waitMs <= 10_000 && nowMs + waitMs + 10 < request.deadlineAtMs) {
    if (model.get(last)?.restsUntil(nowMs + waitMs) === undefined) {
      if (!budgetLeft) return stop
      if (advice !== 'again') request.spent = true
      return { go: last, waitMs }
    }
  }
  if (moves && untried.length > 0) {
    const resting = lastResort(untried, model, nowMs)
    if (resting !== undefined) {
      if (oneMore) request.spent = true
      return { go: resting, waitMs: 0 }
    }
  }
  return stop
}
