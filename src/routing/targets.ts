/**
 * Who answers: a user and a model name → the targets to try, in order. The requested model first, then
 * its failover list from this user's own entry; naming a model there is the grant for it.
 */
import type { Config, Model, Provider, User } from '../config/config.ts'
import { ProxyError } from '../errors/proxy-error.ts'

export interface Target {
  readonly model: Model
  readonly provider: Provider
  /** Its name in the memory of health: limits rest per provider, credential and model; a provider has one credential. */
  readonly key: string
}

/** This model of this provider as a target. */
export function createTarget(model: Model, provider: Provider): Target {
  return { model, provider, key: `${provider.name} ${model.upstreamName}` }
}

/** The targets of every user's every model, looked up once when the config is loaded. */
export interface Routes {
  /** Throws `model_not_found`, in the same words for a model that does not exist and one that is not the user's. */
  resolve(user: User, model: string): readonly Target[]
  /** All targets of its provider, itself among them: they share its credential. The mock has none to share. */
  readonly siblingsOf: (target: Target) => readonly Target[]
}

/** Builds the routes of a config. Dangling names cannot occur in a loaded config; they would be skipped. */
export function createRoutes(config: Pick<Config, 'models' | 'providers' | 'users'>): Routes {
  const targets = new Map<string, Target>()
  for (const model of config.models.values()) {
    const provider = config.providers.get(model.provider)
    if (provider !== undefined) targets.set(model.name, createTarget(model, provider))
  }
  const byUser = new Map<string, Map<string, Target[]>>()
  for (const user of config.users.values()) {
    const chains = new Map<string, Target[]>()
    for (const grant of user.models) {
      const chain = [grant.name, ...grant.failover].flatMap((name) => targets.get(name) ?? [])
      if (chain.length > 0) chains.set(grant.name, chain)
    }
    byUser.set(user.name, chains)
  }
  return {
    resolve(user, model) {
      const chain = byUser.get(user.name)?.get(model)
      if (chain !== undefined) return chain
      throw new ProxyError(
        'model_not_found',
        `The model '${model}' was not found or is not accessible to this user`,
        { param: 'model' },
      )
    },
    siblingsOf({ provider }) {
      if (provider.mock) return []
      return [...targets.values()].filter((other) => other.provider === provider)
    },
  }
}
