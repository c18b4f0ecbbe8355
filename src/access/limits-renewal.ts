/** From one set of limits to the next: at start, and when the config is reloaded. */
import type { Limits, User } from '../config/config.ts'
import {
  KINDS,
  ONE_REQUEST,
  accountAt,
  amountsOf,
  isLimited,
  keyOf,
  limitsAt,
} from './limits-account.ts'
import type { Account, Amounts, PastUse, UserAccount } from './limits-account.ts'
import type { Kind } from './limits-refusal.ts'
import { windowStartMs } from './limits-window.ts'
import type { Meter, WindowName } from './limits-window.ts'

/** Limits that are not in force yet. */
export interface Renewal {
  /** What must be told of the past first; `undefined` where nothing is newly limited. */
  readonly past: Restoring | undefined
  /** Puts them in force, in one step; without it nothing has changed. */
  commit(): void
}

/** A past that has to be told before the limits are right. */
export interface Restoring {
  /** Wall time; what came earlier does not matter. */
  readonly sinceMs: number
  readonly users: ReadonlySet<string>
  add(past: PastUse): void
}

/** The memory that is to be changed. */
export interface Accounts {
  readonly all: Map<string, UserAccount>
  of(user: User): UserAccount
  createMeter(window: WindowName): Meter
  /** Before meters are told of anything. */
  readClock(): void
}

interface FreshMeter {
  readonly meter: Meter
  readonly kind: Kind
  readonly window: WindowName
}

/** Meters that have not been told of the past yet, by kind and window. */
type FreshMeters = ReadonlyMap<string, FreshMeter>

interface Change {
  readonly user: User
  readonly fresh: {
    readonly own: FreshMeters
    readonly byModel: ReadonlyMap<string, FreshMeters>
  }
}

/** What these users' limits need; nothing changes before `commit`. `nowMs` is wall time. */
export function createRenewal(accounts: Accounts, users: Iterable<User>, nowMs: number): Renewal {
  const changes = new Map<string, Change>()
  for (const user of users) {
    if (isLimited(user) || accounts.all.has(user.name))
      changes.set(user.name, changeFor(user, accounts))
  }
  return {
    past: pastOf(accounts, changes, nowMs),
    commit() {
      for (const name of accounts.all.keys()) if (!changes.has(name)) accounts.all.delete(name)
      for (const [name, { user, fresh }] of changes) {
        const account = accounts.of(user)
        install(account, user.limits, fresh.own)
        const models = new Set([...account.models.keys(), ...fresh.byModel.keys()])
        for (const model of models) {
          install(accountAt(account, model), limitsAt(user, model), fresh.byModel.get(model))
        }
        if (!isLimited(user) && account.running === 0) accounts.all.delete(name)
      }
    },
  }
}

/** What this user's limits need that is not counted yet. */
function changeFor(user: User, accounts: Accounts): Change {
  const account = accounts.all.get(user.name)
  const byModel = new Map<string, FreshMeters>()
  for (const { name, limits } of user.models) {
    const fresh = createMissing(account?.models.get(name), limits, accounts)
    if (fresh.size > 0) byModel.set(name, fresh)
  }
  return { user, fresh: { own: createMissing(account, user.limits, accounts), byModel } }
}

function createMissing(
  account: Account | undefined,
  limits: Limits | undefined,
  accounts: Accounts,
): FreshMeters {
  const fresh = new Map<string, FreshMeter>()
  for (const [key, { kind, window }] of metersFor(limits)) {
    if (account?.meters.has(key) === true) continue
    fresh.set(key, { meter: accounts.createMeter(window), kind, window })
  }
  return fresh
}

/** What limits are counted by; several of the same kind and window by one. */
function metersFor(
  limits: Limits | undefined,
): ReadonlyMap<string, { readonly kind: Kind; readonly window: WindowName }> {
  const meters = new Map<string, { kind: Kind; window: WindowName }>()
  for (const kind of KINDS) {
    for (const { window } of limits?.[kind] ?? []) meters.set(keyOf(kind, window), { kind, window })
  }
  return meters
}

/** Drops the meters nobody needs any more, and takes in the new ones. */
function install(account: Account, limits: Limits | undefined, fresh?: FreshMeters): void {
  const wanted = metersFor(limits)
  for (const key of account.meters.keys()) if (!wanted.has(key)) account.meters.delete(key)
  for (const [key, { meter }] of fresh ?? []) account.meters.set(key, meter)
  account.metered = undefined
}

function pastOf(
  accounts: Accounts,
  changes: ReadonlyMap<string, Change>,
  nowMs: number,
): Restoring | undefined {
  const users = new Set<string>()
  let sinceMs = Infinity
  for (const [name, { fresh }] of changes) {
    for (const meters of [fresh.own, ...fresh.byModel.values()]) {
      for (const { window } of meters.values()) {
        users.add(name)
        sinceMs = Math.min(sinceMs, windowStartMs(window, nowMs))
      }
    }
  }
  if (users.size === 0) return undefined
  return {
    sinceMs,
    users,
    add(past) {
      const change = changes.get(past.user)
      if (change === undefined) return
      accounts.readClock()
      remember(change, past)
    },
  }
}

function remember({ fresh: { own, byModel } }: Change, past: PastUse): void {
  const { model: asked, servedModel, tsMs } = past
  // What was used and not answered (the caller left) is put down to the model asked for.
  const usedAt = servedModel ?? asked
  const all = amountsOf(past, 1)
  addPast(own, all, tsMs)
  if (asked !== undefined && asked !== usedAt) addPast(byModel.get(asked), ONE_REQUEST, tsMs)
  if (usedAt !== undefined) addPast(byModel.get(usedAt), all, tsMs)
}

function addPast(meters: FreshMeters | undefined, amounts: Amounts, tsMs: number): void {
  for (const { meter, kind } of meters?.values() ?? []) {
    if (amounts[kind] > 0) meter.addPast(amounts[kind], tsMs)
  }
}
