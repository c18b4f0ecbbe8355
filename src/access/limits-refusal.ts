/** Why a request does not fit its user's limits, in words for the caller, and for how long. Pure. */
import type { Limit, Limits } from '../config/config.ts'

/** What is limited by amount and window. */
export type Kind = Exclude<keyof Limits, 'concurrency'>

export interface Refusal {
  /** A minute and an hour make a rate; a day, a month and any cost make a budget. */
  readonly code: 'rate_limited' | 'budget_exceeded'
  /** Until the same request would fit; `undefined` where it never will. */
  readonly waitMs: number | undefined
  /** Which limit, what is left of it, what was needed. */
  readonly message: string
  readonly hint: string | undefined
}

/** A limit that a request does not fit into; amounts in its own unit (requests, tokens, US dollars). */
export interface Misfit {
  readonly kind: Kind
  readonly limit: Limit
  /** The model, where the limit is one of a model. */
  readonly model: string | undefined
  readonly left: number
  readonly needed: number
  readonly waitMs: number | undefined
}

// A wait that a person can sit out is told in seconds, a longer one by the clock.
const SHORT_WAIT_MS = 120_000
// How soon a request under way will end is anybody's guess: come back soon, it costs nothing.
const CONCURRENCY_WAIT_MS = 1000
const CLOCK_SLACK_MS = 50

/** The refusal for a limit over a window. `nowMs` is wall time. */
export function refuseAmount(misfit: Misfit, nowMs: number): Refusal {
  const { kind, limit, waitMs } = misfit
  const isRate = kind !== 'costUsd' && (limit.window === 'minute' || limit.window === 'hour')
  return {
    code: isRate ? 'rate_limited' : 'budget_exceeded',
    waitMs,
    message: `${describe(misfit)}${renderWait(waitMs, nowMs)}`,
    hint:
      waitMs === undefined
        ? 'Ask for fewer output tokens, shorten the prompt, or have the limit raised.'
        : undefined,
  }
}

/** The refusal where `limit` requests are under way already. */
export function refuseCrowd(limit: number, model: string | undefined): Refusal {
  const requests = limit === 1 ? '1 request' : `${limit} requests`
  return {
    code: 'rate_limited',
    waitMs: CONCURRENCY_WAIT_MS,
    message: `The limit of ${requests} at the same time${ofModel(model)} is reached.`,
    hint: undefined,
  }
}

function describe({ kind, limit, model, left, needed, waitMs }: Misfit): string {
  const whole = `${renderAmount(limit.amount, kind)} per ${limit.window}${ofModel(model)}`
  if (kind === 'requests') return `The limit of ${whole} is reached.`
  const verb = kind === 'tokens' ? 'use' : 'cost'
  const need = `this request may ${verb} up to ${renderAmount(needed, kind)}`
  return waitMs === undefined
    ? `${need.replace('this', 'This')}, which is more than the whole limit of ${whole}.`
    : `The limit of ${whole} has ${renderAmount(left, kind)} left, and ${need}.`
}

function ofModel(model: string | undefined): string {
  return model === undefined ? '' : ` for ${model}`
}

function renderAmount(amount: number, kind: Kind): string {
  if (kind !== 'costUsd') return `${amount} ${amount === 1 ? kind.slice(0, -1) : kind}`
  // Up to six digits, as many as limits may have; at least two, as money is written.
  const [whole = '0', cents = ''] = amount.toFixed(6).split('.')
  return `$${whole}.${cents.replace(/0{1,4}$/, '')}`
}

function renderWait(waitMs: number | undefined, nowMs: number): string {
  if (waitMs === undefined) return ''
  if (waitMs <= SHORT_WAIT_MS) return ` Try again in ${Math.ceil(waitMs / 1000)} s.`
  // Up to the second, though two clocks read one after the other may differ by a moment.
  const at = new Date(Math.ceil((nowMs + waitMs - CLOCK_SLACK_MS) / 1000) * 1000)
  return ` Try again at ${at.toISOString().replace('.000Z', 'Z')}.`
}
