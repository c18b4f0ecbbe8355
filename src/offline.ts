/**
 * Wiring for those who want to know and send nothing: what is left of a user's limits, and what would become
 * of one request at each of its targets. The same limits, routes and encoders as a running proxy has,
 * without its doors.
 */
import { createLimiter } from './access/limits.ts'
import type { Limiter, LimitReading } from './access/limits.ts'
import type { Clock } from './access/limits-window.ts'
import type { Config, User } from './config/config.ts'
import type { DialectName } from './dialects/dialect.ts'
import type { Note } from './dialects/notes.ts'
import { toProxyError } from './errors/proxy-error.ts'
import type { ProxyError } from './errors/proxy-error.ts'
import { Allowance } from './exchange/allowance.ts'
import { createInbound, dialectOf, missingKeyError, prepareFor } from './exchange/ready.ts'
import { renewLimits } from './renew-limits.ts'
import { classifyFault } from './routing/fault.ts'
import { createRoutes } from './routing/targets.ts'
import type { Target } from './routing/targets.ts'
import { createUseOf } from './usage/past-use.ts'
import type { UseOf } from './usage/past-use.ts'
import { createPriceLookup } from './usage/prices.ts'
import { parseJsonObject } from './wire/json.ts'

export type { LimitReading }

/** What would become of a request at one target. */
export interface RehearsedTarget {
  readonly target: Target
  readonly dialect: DialectName
  /** The caller's own words go out, byte for byte but for the model's name. */
  readonly isRelayed: boolean
  /** What could not cross as it is. */
  readonly notes: readonly Note[]
  /** Why the request cannot be put to this target at all. */
  readonly refusal: ProxyError | undefined
  /** The user's limits leave no room at this target. */
  readonly overLimit: ProxyError | undefined
}

export interface Rehearsal {
  readonly limits: readonly LimitReading[]
  /** Why the limits are not known: the request would be refused for that. */
  readonly limitsUnknown: ProxyError | undefined
  /** The user's limits leave no room for the request at all. */
  readonly overLimit: ProxyError | undefined
  readonly targets: readonly RehearsedTarget[]
  /** Who would be sent to first, as far as can be told offline; `undefined`: nobody. */
  readonly first: Target | undefined
  /** What the requested model fails with, where it is not the first. */
  readonly failure: ProxyError | undefined
}

export interface RehearsalPlan {
  readonly user: User
  /** One that the user may use. */
  readonly model: string
  /** A Chat Completions body. */
  readonly body: Uint8Array
  readonly failover: boolean
  readonly clock: Clock
}

/** Every limit of a user, as the usage log has them now. Throws ProxyError `usage_log_unavailable`. */
export async function readLimits(
  config: Config,
  user: User,
  clock: Clock,
): Promise<readonly LimitReading[]> {
  const { limits } = await restore(config, user, clock)
  return limits.readings(
    user,
    user.models.map(({ name }) => name),
  )
}

/** One request taken as far as the door. Throws ProxyError `model_not_found` for one that is not the user's. */
export async function rehearse(config: Config, plan: RehearsalPlan): Promise<Rehearsal> {
  const { user, model, body, failover, clock } = plan
  const chain = createRoutes(config).resolve(user, model)
  const targets = failover ? chain : chain.slice(0, 1)
  const inbound = createInbound({ api: 'chat', headers: {} }, body, parseJsonObject(body))

  let limits: readonly LimitReading[] = []
  let limitsUnknown: ProxyError | undefined
  let overLimit: ProxyError | undefined
  let allowance: Allowance | undefined
  try {
    const restored = await restore(config, user, clock)
    limits = restored.limits.readings(
      user,
      targets.map((target) => target.model.name),
    )
    allowance = new Allowance('chat', restored)
  } catch (thrown) {
    limitsUnknown = toProxyError(thrown)
  }
  try {
    if (targets[0] !== undefined) allowance?.open(user, targets[0], inbound)
  } catch (thrown) {
    overLimit = toProxyError(thrown)
  }

  const rehearsed = targets.map((target): RehearsedTarget => {
    const dialect = dialectOf(target, inbound)
    const told = {
      target,
      dialect: dialect.name,
      isRelayed: dialect.name === inbound.caller.name,
      overLimit: allowance?.moveTo(target),
    }
    try {
      const { notes } = prepareFor(target, dialect, inbound)
      return { ...told, notes: notes.list, refusal: undefined }
    } catch (thrown) {
      return { ...told, notes: [], refusal: toProxyError(thrown) }
    }
  })
  return { limits, limitsUnknown, overLimit, targets: rehearsed, ...findFirst(config, rehearsed) }
}

/** The first target that nothing known now keeps from being sent to; by the rules of the exchange. */
function findFirst(
  { failover }: Config,
  targets: readonly RehearsedTarget[],
): Pick<Rehearsal, 'first' | 'failure'> {
  let failure: ProxyError | undefined
  for (const [index, { target, refusal, overLimit }] of targets.entries()) {
    const error = overLimit ?? missingKeyError(target.provider) ?? refusal
    if (error === undefined) return { first: target, failure }
    failure ??= error
    // What a backup cannot be asked says nothing about the next one.
    const isPassedOver = error === overLimit || (index > 0 && error.code === 'untranslatable')
    if (!isPassedOver && !failover.on.has(classifyFault(error))) break
  }
  return { first: undefined, failure }
}

/** One user's limits as they would be after a start. */
async function restore(
  { models, log }: Config,
  user: User,
  clock: Clock,
): Promise<{ readonly limits: Limiter; readonly useOf: UseOf }> {
  const limits = createLimiter(clock)
  const useOf = createUseOf(createPriceLookup(models))
  const renewal = await renewLimits(limits, { users: new Map([[user.name, user]]), log }, useOf)
  renewal.commit()
  return { limits, useOf }
}
