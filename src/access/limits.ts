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
  limitsAt,
} from './limits-account.ts'
import type { Account, Amounts, Estimate, PastUse, Use, UserAccount } from './limits-account.ts'
import { refuseAmount, refuseCrowd } from './limits-refusal.ts'
import type { Kind, Refusal } from './limits-refusal.ts'
import { createRenewal } from './limits-renewal.ts'
import type { Renewal } from './limits-renewal.ts'
import { createMeter, createSteadyClock } from './limits-window.ts'
import type { Clock, Meter, WindowName } from './limits-window.ts'

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

const NOTHING: Use = { tokens: 0, costUsd: 0, servedModel: undefined }
const UNLIMITED: Reservation = { moveTo: () => undefined, settle() {}, release() {} }

/** One limit that a request must fit into. */
interface Demand {
  readonly meter: Meter
  readonly kind: Kind
  readonly limit: Limit
  readonly amount: number
  readonly model: string | undefined
}

/** A crowd that a request must find room in. */
interface Crowd {
  readonly account: Account
  readonly concurrency: number | undefined
  readonly model: string | undefined
}

interface Plan {
  readonly demands: readonly Demand[]
  readonly crowd: Crowd
}

interface Held {
  readonly meter: Meter
  readonly kind: Kind
  readonly amount: number
  readonly place: number
}

/** What is reserved at one model. */
interface Holding {
  readonly model: string
  readonly account: Account
  readonly held: readonly Held[]
}

/** A memory in which nobody has used anything. */
export function createLimiter(clock: Clock): Limiter {
  const steady = createSteadyClock(clock)
  const accounts = new Map<string, UserAccount>()

  function accountOf(user: User): UserAccount {
    let account = accounts.get(user.name)
    if (account === undefined) {
      account = { meters: new Map(), running: 0, models: new Map() }
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

  function demandsOf(
    account: Account,
    limits: Limits | undefined,
    amounts: Amounts,
    model?: string,
  ): Demand[] {
    return KINDS.flatMap((kind) => {
      const amount = amounts[kind]
      if (amount <= 0 || limits === undefined) return []
      return limits[kind].map((limit) => {
        return { meter: meterOf(account, kind, limit), kind, limit, amount, model }
      })
    })
  }

  /** What counts once: the request itself, for the user and for the model asked for. */
  function planRequest(user: User, account: UserAccount, model: string): Plan {
    return {
      demands: [
        ...demandsOf(account, user.limits, ONE_REQUEST),
        ...demandsOf(accountAt(account, model), limitsAt(user, model), ONE_REQUEST, model),
      ],
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
    const limits = limitsAt(user, model)
    const there = accountAt(account, model)
    // Measuring a prompt takes time, so it is only done where somebody needs to know.
    const needsEstimate = limitsAmounts(user.limits) || limitsAmounts(limits)
    const amounts = amountsOf(needsEstimate ? estimate() : NOTHING, 0)
    return {
      demands: [
        ...demandsOf(account, user.limits, amounts),
        ...demandsOf(there, limits, { ...amounts, requests: isBackup ? 1 : 0 }, model),
      ],
      crowd: { account: there, concurrency: limits?.concurrency, model },
    }
  }

  /** Of all that do not fit the one that takes longest to pass: a true Retry-After satisfies them all. */
  function findRefusal(plans: readonly Plan[]): Refusal | undefined {
    let worst: Refusal | undefined
    const consider = (refusal: Refusal): void => {
      if (worst === undefined || waitOf(refusal) > waitOf(worst)) worst = refusal
    }
    for (const { crowd, demands } of plans) {
      const { account, concurrency, model } = crowd
      if (concurrency !== undefined && account.running >= concurrency) {
        consider(refuseCrowd(concurrency, model))
      }
      for (const demand of demands) {
        const refusal = refusalOf(demand)
        if (refusal !== undefined) consider(refusal)
      }
    }
    return worst
  }

  function refusalOf({ meter, kind, limit, amount, model }: Demand): Refusal | undefined {
    const whole = amountOfLimit(limit, kind)
    const used = meter.used()
    if (used + amount <= whole) return undefined
    const unit = kind === 'costUsd' ? NANO_PER_DOLLAR : 1
    const waitMs = amount > whole ? undefined : meter.msUntilAtMost(whole - amount)
    const left = Math.max(0, whole - used) / unit
    return refuseAmount({ kind, limit, model, left, needed: amount / unit, waitMs }, clock.wallMs())
  }

  function createReservation(
    user: User,
    account: UserAccount,
    asked: string,
    request: readonly Held[],
    first: Holding,
  ): Reservation {
    let current: Holding | undefined = first
    let over = false

    function leave(use: Use): void {
      if (current === undefined) return
      const { model, held, account: there } = current
      current = undefined
      there.running -= 1
      correct(held, amountsOf(use, use.servedModel === model ? 1 : 0))
    }

    /** True the first time. */
    function end(): boolean {
      if (over) return false
      over = true
      account.running -= 1
      return true
    }

    return {
      moveTo(model, estimate) {
        if (over || current?.model === model) return undefined
        leave(NOTHING)
        const plan = planTry(user, account, model, estimate, model !== asked)
        const refusal = findRefusal([plan])
        if (refusal !== undefined) return refusal
        current = { model, account: plan.crowd.account, held: take(plan) }
        return undefined
      },
      settle(use) {
        if (end()) leave(use)
      },
      release() {
        if (!end()) return
        leave(NOTHING)
        correct(request, amountsOf(NOTHING, 0))
      },
    }
  }

  return {
    renew(users) {
      const memory = {
        all: accounts,
        of: accountOf,
        createMeter: (window: WindowName) => createMeter(window, clock, steady),
      }
      return createRenewal(memory, users, clock.wallMs())
    },

    reserve(user, model, estimate) {
      if (!isLimited(user)) return UNLIMITED
      const account = accountOf(user)
      const request = planRequest(user, account, model)
      const first = planTry(user, account, model, estimate, false)
      const refusal = findRefusal([request, first])
      if (refusal !== undefined) return refusal
      const holding = { model, account: first.crowd.account, held: take(first) }
      return createReservation(user, account, model, take(request), holding)
    },

    standings(user, models) {
      if (!isLimited(user)) return { requests: undefined, tokens: undefined }
      const readings = readingsOf(user, models)
      const least = (kind: Kind): Standing | undefined =>
        readings
          .filter((reading) => reading.kind === kind)
          .map(({ limit, left, resetMs }) => ({ limit: limit.amount, remaining: left, resetMs }))
          .toSorted((a, b) => a.remaining - b.remaining || b.resetMs - a.resetMs)[0]
      return { requests: least('requests'), tokens: least('tokens') }
    },

    readings: (user, models) => (isLimited(user) ? readingsOf(user, models) : []),
  }

  function readingsOf(user: User, models: Iterable<string>): LimitReading[] {
    const account = accountOf(user)
    return [
      ...readingsAt(account, user.limits),
      ...[...new Set(models)].flatMap((model) =>
        readingsAt(accountAt(account, model), limitsAt(user, model), model),
      ),
    ]
  }

  function readingsAt(
    account: Account,
    limits: Limits | undefined,
    model?: string,
  ): LimitReading[] {
    return KINDS.flatMap((kind) =>
      (limits?.[kind] ?? []).map((limit) => {
        const meter = meterOf(account, kind, limit)
        const left = Math.max(0, amountOfLimit(limit, kind) - meter.used())
        const unit = kind === 'costUsd' ? NANO_PER_DOLLAR : 1
        return { kind, model, limit, left: left / unit, resetMs: meter.msUntilAtMost(0) }
      }),
    )
  }
}

function take({ demands, crowd }: Plan): Held[] {
  crowd.account.running += 1
  return demands.map(({ meter, kind, amount }) => {
    return { meter, kind, amount, place: meter.add(amount) }
  })
}

function correct(held: readonly Held[], amounts: Amounts): void {
  for (const { meter, kind, amount, place } of held) meter.adjust(place, amounts[kind] - amount)
}

function waitOf({ waitMs }: Refusal): number {
  return waitMs ?? Infinity
}
