/** What is counted for whom, and in which units. */
import type { Limit, Limits, User } from '../config/config.ts'
import type { Kind } from './limits-refusal.ts'
import type { Meter, WindowName } from './limits-window.ts'

/** What a request may use at one model. */
export interface Estimate {
  readonly tokens: number
  /** US dollars; `undefined` where no price is known: then cost is not limited. */
  readonly costUsd: number | undefined
}

/** What it did use. */
export interface Use extends Estimate {
  /** Who answered; `undefined` where nobody did. */
  readonly servedModel: string | undefined
}

/** What the usage log remembers of one request. */
export interface PastUse extends Use {
  readonly user: string
  /** As requested. */
  readonly model: string | undefined
  /** When it arrived, since the epoch. */
  readonly tsMs: number
}

/** What is counted for a user, or for one model of a user. */
export interface Account {
  /** By kind and window; limits of the same kind and window share one. */
  readonly meters: Map<string, Meter>
  running: number
  /** The limits last asked about, with their meters. */
  metered: { readonly limits: Limits; readonly list: readonly Metered[] } | undefined
}

/** One limit and what counts towards it. */
export interface Metered {
  readonly kind: Kind
  readonly limit: Limit
  readonly meter: Meter
}

export interface UserAccount extends Account {
  readonly models: Map<string, Account>
}

/** The account of one model of a user, opened where there is none. */
export function accountAt({ models }: UserAccount, model: string): Account {
  let account = models.get(model)
  if (account === undefined) {
    account = { meters: new Map(), running: 0, metered: undefined }
    models.set(model, account)
  }
  return account
}

/** Amounts in the units of meters: cost in billionths of a dollar. */
export type Amounts = Readonly<Record<Kind, number>>

export const KINDS: readonly Kind[] = ['requests', 'tokens', 'costUsd']
export const NANO_PER_DOLLAR = 1e9
const BINARY_DUST = 1e-3

export const ONE_REQUEST: Amounts = { requests: 1, tokens: 0, costUsd: 0 }

/** In the units of meters; a cost nobody knows is nothing. */
export function amountsOf({ tokens, costUsd = 0 }: Estimate, requests: number): Amounts {
  // Upwards, so that no cost is nothing; but 0.000123 × 1e9 is 123000.00000000001 in binary.
  const nano = Math.ceil(costUsd * NANO_PER_DOLLAR - BINARY_DUST)
  return { requests, tokens: Math.ceil(tokens), costUsd: nano }
}

/** In the units of meters. */
export function amountOfLimit({ amount }: Limit, kind: Kind): number {
  return kind === 'costUsd' ? Math.round(amount * NANO_PER_DOLLAR) : amount
}

/** What limits this user at this model, beside their own limits. */
export function limitsAt(user: User, model: string): Limits | undefined {
  return user.models.find(({ name }) => name === model)?.limits
}

/** True where tokens or cost are limited: then a request has to be measured. */
export function limitsAmounts(limits: Limits | undefined): boolean {
  return limits !== undefined && limits.tokens.length + limits.costUsd.length > 0
}

/** False for a user whom nothing limits. */
export function isLimited(user: User): boolean {
  return limitsAnything(user.limits) || user.models.some(({ limits }) => limitsAnything(limits))
}

function limitsAnything(limits: Limits | undefined): boolean {
  if (limits === undefined) return false
  return limits.requests.length > 0 || limitsAmounts(limits) || limits.concurrency !== undefined
}

/** Where an account keeps the meter of a limit. */
export function keyOf(kind: Kind, window: WindowName): string {
  return `${kind}/${window}`
}
