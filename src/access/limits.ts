/**
 * Limits and budgets: what a user may still use, alone and per model. Pure state with passed-in clocks;
 * `limits-window.ts` says what a minute, an hour, a day and a month are.
 *
 * A request is counted once for its user, once for the model it asked for, and once for the model that
 * answered. Tokens, cost and a place among the concurrent are reserved for a model before it is tried,
 * and corrected when it is known what was used; they count from the moment of the reservation. What is
 * reserved is an estimate: a model that writes more takes its user over the limit by that much, and
 * nothing more gets through before there is room again.
 *
 * A request that may need more than is left is refused, also where it may need more than the whole
 * limit: no waiting helps then, and the message says so.
 */
import type { Limit, Limits, User } from '../config/config.ts'
import {
  KINDS,
  NANO_PER_DOLLAR,
  ONE_REQUEST,
  accountAt,
  amountOfLimit,
  amountsOf,
  isLimited,
  keyOf,
  limitsAmounts,
} from './limits-account.ts'
import type {
  Account,
  Amounts,
  Estimate,
  Metered,
  PastUse,
  Use,
  UserAccount,
} from './limits-account.ts'
import { refuseAmount, refuseCrowd } from './limits-refusal.ts'
import type { Kind, Refusal } from './limits-refusal.ts'
import { createRenewal } from './limits-renewal.ts'
import type { Renewal } from './limits-renewal.ts'
import { createHeldClock, createMeter, createSteadyClock } from './limits-window.ts'
import type { Clock, HeldClock, Meter, WindowName } from './limits-window.ts'

export type { Estimate, PastUse, Refusal, Renewal }

/** The figures of `x-ratelimit-*`: of several limits the one with least left. */
export interface Standing {
  readonly limit: number
  readonly remaining: number
  /** Until all of it is there again. */
  readonly resetMs: number
}

/** One limit and what is left of it now, in the limit's own unit (requests, tokens, US dollars). */
export interface LimitReading {
  readonly kind: Kind
  /** The model, where the limit is one of a model. */
  readonly model: string | undefined
  readonly limit: Limit
  readonly left: number
  /** Until all of it is there again. */
  readonly resetMs: number
}

export interface Standings {
  readonly requests: Standing | undefined
  readonly tokens: Standing | undefined
}

/** The place one request holds among its user's limits. */
export interface Reservation {
  /**
   * Gives back what is reserved for the current model and reserves for another. After a refusal only
   * the request itself is still counted. Nothing happens for the model already reserved for.
   */
  moveTo(model: string, estimate: () => Estimate): Refusal | undefined
  /** It is over: what was used takes the place of the estimate. Of several endings the first counts. */
  settle(use: Use): void
  /** It never happened: nothing of it is counted. */
  release(): void
}

export interface Limiter {
  /**
   * Makes ready what these users' limits need beside what is counted already, and forgets, once it is
   * committed, what they need no longer. For the start, and for each reload.
   */
  renew(users: Iterable<User>): Renewal
  /** Counts a request of this user for `model` and reserves for it; a refusal changes nothing. */
  reserve(user: User, model: string, estimate: () => Estimate): Reservation | Refusal
  /** Where a user stands, with these models. */
  standings(user: User, models: Iterable<string>): Standings
  /** Every limit over a window that this user has, and has with these models. */
  readings(user: User, models: Iterable<string>): LimitReading[]
}

export function isRefusal(outcome: Reservation | Refusal): outcome is Refusal {
  return 'code' in outcome
}

const NO_LIMITS: readonly Metered[] = []
const NO_STANDINGS: Standings = { requests: undefined, tokens: undefined }
const NOTHING: Use = { tokens: 0, costUsd: 0, servedModel: undefined }
const UNLIMITED: Reservation = { moveTo: () => undefined, settle() {}, release() {} }

/** One limit that a request must fit into, and the place it was given there. */
interface Demand {
  readonly metered: Metered
  readonly amount: number
  readonly model: string | undefined
  place: number
}

/** A crowd that a request must find room in. */
interface Crowd {
  readonly account: Account
  readonly concurrency: number | undefined
  readonly model: string | undefined
}

/** What a request needs; once taken, what it holds. */
interface Plan {
  readonly demands: readonly Demand[]
  readonly crowd: Crowd
}

/** What a user's entry in the config says, by the questions of a request. */
interface UserLimits {
  readonly any: boolean
  readonly byModel: ReadonlyMap<string, Limits | undefined>
}

/** A memory in which nobody has used anything. */
export function createLimiter(world: Clock): Limiter {
  // Read once for each question: all that is asked then is asked of the same moment.
  const clock = createHeldClock(world)
  const steady = createSteadyClock(clock)
  // Users are values of one config, and go with it.
  const known = new WeakMap<User, UserLimits>()
  const accounts = new Map<string, UserAccount>()

  function accountOf(user: User): UserAccount {
    let account = accounts.get(user.name)
    if (account === undefined) {
      account = { meters: new Map(), running: 0, metered: undefined, models: new Map() }
      accounts.set(user.name, account)
    }
    return account
  }

  function meterOf(account: Account, kind: Kind, limit: Limit): Meter {
    const key = keyOf(kind, limit.window)
    let meter = account.meters.get(key)
    if (meter === undefined) {
      meter = createMeter(limit.window, clock, steady)
      account.meters.set(key, meter)
    }
    return meter
  }

  /** These limits with their meters; found once, for they are asked for several times a request. */
  function meteredOf(account: Account, limits: Limits | undefined): readonly Metered[] {
    if (limits === undefined) return NO_LIMITS
    if (account.metered?.limits === limits) return account.metered.list
    const list = KINDS.flatMap((kind) =>
      limits[kind].map((limit) => ({ kind, limit, meter: meterOf(account, kind, limit) })),
    )
    account.metered = { limits, list }
    return list
  }

  function limitsOf(user: User): UserLimits {
    let limits = known.get(user)
    if (limits === undefined) {
      limits = {
        any: isLimited(user),
        byModel: new Map(user.models.map((grant) => [grant.name, grant.limits])),
      }
      known.set(user, limits)
    }
    return limits
  }

  function addDemands(
    demands: Demand[],
    account: Account,
    limits: Limits | undefined,
    amounts: Amounts,
    model: string | undefined,
  ): void {
    for (const metered of meteredOf(account, limits)) {
      const amount = amountIn(amounts, metered.kind)
      if (amount > 0) demands.push({ metered, amount, model, place: 0 })
    }
  }

  /** What counts once: the request itself, for the user and for the model asked for. */
  function planRequest(user: User, account: UserAccount, model: string): Plan {
    const demands: Demand[] = []
    addDemands(demands, account, user.limits, ONE_REQUEST, undefined)
    const limits = limitsOf(user).byModel.get(model)
    addDemands(demands, accountAt(account, model), limits, ONE_REQUEST, model)
    return {
      demands,
      crowd: { account, concurrency: user.limits.concurrency, model: undefined },
    }
  }

  /** What counts for the model that is tried. A backup's requests count for the time it is tried, too. */
  function planTry(
    user: User,
    account: UserAccount,
    model: string,
    estimate: () => Estimate,
    isBackup: boolean,
  ): Plan {
    const limits = limitsOf(user).byModel.get(model)
    const there = accountAt(account, model)
    // Measuring a prompt takes time, so it is only done where somebody needs to know.
    const needsEstimate = limitsAmounts(user.limits) || limitsAmounts(limits)
    const amounts = amountsOf(needsEstimate ? estimate() : NOTHING, 0)
    const demands: Demand[] = []
    addDemands(demands, account, user.limits, amounts, undefined)
    addDemands(demands, there, limits, isBackup ? { ...amounts, requests: 1 } : amounts, model)
    return {
      demands,
      crowd: { account: there, concurrency: limits?.concurrency, model },
    }
  }

  /** Of all that do not fit the one that takes longest to pass: a true Retry-After satisfies them all. */
  function findRefusal(plan: Plan): Refusal | undefined {
    const { account, concurrency, model } = plan.crowd
    let worst =
      concurrency !== undefined && account.running >= concurrency
        ? refuseCrowd(concurrency, model)
        : undefined
    for (const demand of plan.demands) worst = longer(worst, refusalOf(demand))
    return worst
  }

  function refusalOf({ metered, amount, model }: Demand): Refusal | undefined {
    const { meter, kind, limit } = metered
    const whole = amountOfLimit(limit, kind)
    const used = meter.used()
    if (used + amount <= whole) return undefined
    const unit = kind === 'costUsd' ? NANO_PER_DOLLAR : 1
    const waitMs = amount > whole ? undefined : meter.msUntilAtMost(whole - amount)
    const left = Math.max(0, whole - used) / unit
    return refuseAmount({ kind, limit, model, left, needed: amount / unit, waitMs }, clock.wallMs())
  }

  return {
    renew(users) {
      clock.read()
      const memory = {
        all: accounts,
        of: accountOf,
        readClock: () => clock.read(),
        createMeter: (window: WindowName) => createMeter(window, clock, steady),
      }
      return createRenewal(memory, users, clock.wallMs())
    },

    reserve(user, model, estimate) {
      if (!limitsOf(user).any) return UNLIMITED
      clock.read()
      const account = accountOf(user)
      const request = planRequest(user, account, model)
      const first = planTry(user, account, model, estimate, false)
      const refusal = longer(findRefusal(request), findRefusal(first))
      if (refusal !== undefined) return refusal
      take(first)
      take(request)
      return new Place(request, first, clock, (next, needed) => {
        const plan = planTry(user, account, next, needed, next !== model)
        return findRefusal(plan) ?? plan
      })
    },

    standings(user, models) {
      const { any, byModel } = limitsOf(user)
      if (!any) return NO_STANDINGS
      clock.read()
      const account = accountOf(user)
      const least: Least = { requests: undefined, tokens: undefined }
      consider(least, meteredOf(account, user.limits))
      // Twice the same changes nothing.
      for (const model of models) {
        const limits = byModel.get(model)
        if (limits !== undefined) consider(least, meteredOf(accountAt(account, model), limits))
      }
      return least
    },

    readings(user, models) {
      const { any, byModel } = limitsOf(user)
      if (!any) return []
      clock.read()
      const account = accountOf(user)
      const own = meteredOf(account, user.limits).map((metered) => readingOf(metered, undefined))
      const ofModels = [...new Set(models)].flatMap((model) =>
        meteredOf(accountAt(account, model), byModel.get(model)).map((metered) =>
          readingOf(metered, model),
        ),
      )
      return [...own, ...ofModels]
    },
  }
}

function readingOf({ kind, limit, meter }: Metered, model: string | undefined): LimitReading {
  const left = Math.max(0, amountOfLimit(limit, kind) - meter.used())
  const unit = kind === 'costUsd' ? NANO_PER_DOLLAR : 1
  return { kind, model, limit, left: left / unit, resetMs: meter.msUntilAtMost(0) }
}

type Least = { -readonly [K in keyof Standings]: Standings[K] }

/** Of several limits of a kind the one with least left; of equals the one that takes longest to pass. */
function consider(least: Least, list: readonly Metered[]): void {
  for (const { kind, limit, meter } of list) {
    if (kind === 'costUsd') continue
    const remaining = Math.max(0, limit.amount - meter.used())
    const before = least[kind]
    if (before !== undefined && before.remaining < remaining) continue
    const resetMs = meter.msUntilAtMost(0)
    if (before !== undefined && before.remaining === remaining && before.resetMs >= resetMs) {
      continue
    }
    least[kind] = { limit: limit.amount, remaining, resetMs }
  }
}

/** A reservation that holds something. A class because it has a lifetime. */
class Place implements Reservation {
  readonly #request: Plan
  readonly #clock: HeldClock
  readonly #planFor: (model: string, estimate: () => Estimate) => Plan | Refusal
  #current: Plan | undefined
  #over = false

  constructor(
    request: Plan,
    first: Plan,
    clock: HeldClock,
    planFor: (model: string, estimate: () => Estimate) => Plan | Refusal,
  ) {
    this.#request = request
    this.#current = first
    this.#clock = clock
    this.#planFor = planFor
  }

  moveTo(model: string, estimate: () => Estimate): Refusal | undefined {
    if (this.#over || this.#current?.crowd.model === model) return undefined
    this.#clock.read()
    this.#leave(NOTHING)
    const plan = this.#planFor(model, estimate)
    if ('code' in plan) return plan
    take(plan)
    this.#current = plan
    return undefined
  }

  settle(use: Use): void {
    if (this.#end()) this.#leave(use)
  }

  release(): void {
    if (!this.#end()) return
    this.#leave(NOTHING)
    correct(this.#request, NOTHING, 0)
  }

  #leave(use: Use): void {
    const plan = this.#current
    if (plan === undefined) return
    this.#current = undefined
    plan.crowd.account.running -= 1
    correct(plan, use, use.servedModel === plan.crowd.model ? 1 : 0)
  }

  /** True the first time. */
  #end(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#clock.read()
    this.#request.crowd.account.running -= 1
    return true
  }
}

/** `amounts[kind]`, by names that are known: a lookup by a varying one is several times as dear. */
function amountIn(amounts: Amounts, kind: Kind): number {
  switch (kind) {
    case 'requests':
      return amounts.requests
    case 'tokens':
      return amounts.tokens
    case 'costUsd':
      return amounts.costUsd
  }
}

function take({ demands, crowd }: Plan): void {
  crowd.account.running += 1
  for (const demand of demands) demand.place = demand.metered.meter.add(demand.amount)
}

/** Puts what was used in the place of what is held. */
function correct({ demands }: Plan, use: Use, requests: number): void {
  const amounts = amountsOf(use, requests)
  for (const { metered, amount, place } of demands) {
    metered.meter.adjust(place, amountIn(amounts, metered.kind) - amount)
  }
}

/** Of two refusals the one that takes longer to pass; of equals the first. */
function longer(one: Refusal | undefined, other: Refusal | undefined): Refusal | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return waitOf(other) > waitOf(one) ? other : one
}

function waitOf({ waitMs }: Refusal): number {
  return waitMs ?? Infinity
}
