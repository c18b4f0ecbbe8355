/**
 * Who may use what, read off the config: for `ask`, `--explain` and `users`. The decision that counts is
 * made in the exchange; this only tells it in advance, and offline.
 */
import type { Config, Model, Provider, User } from '../config/config.ts'
import { nearest } from '../errors/nearest.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { quoteForShell } from './words.ts'

/** One model a request may be sent to, and how ready it is. */
export interface TargetView {
  readonly model: Model
  readonly provider: Provider
  /** `mock`: answered by the embedded mock. `no-key`: every attempt would be a `credential` failure. */
  readonly readiness: 'ready' | 'no-key' | 'mock'
}

/** The user of that name. Throws `user_unknown` with the nearest name. */
export function requireUser(config: Config, name: string): User {
  const user = config.users.get(name)
  if (user !== undefined) return user
  const near = nearest(name, config.users.keys())
  throw new ProxyError(
    'user_unknown',
    near === undefined
      ? `no user '${name}'\n  users: ${listNames(config.users.keys())}`
      : `no user '${name}'; did you mean ${near}?`,
    { hint: 'aiproxy users' },
  )
}

/** The model of that name. Throws `model_not_found` with the nearest name. */
export function requireModel(config: Config, name: string, user: User): Model {
  const model = config.models.get(name)
  if (model !== undefined) return model
  const near = nearestModel(config, name)
  throw new ProxyError(
    'model_not_found',
    near === undefined
      ? `no model '${name}'\n  models: ${listNames(config.models.keys())}`
      : `no model '${name}'; did you mean ${near}?`,
    { hint: `aiproxy users show ${quoteForShell(user.name)}` },
  )
}

/** The model that was probably meant. */
export function nearestModel(config: Config, name: string): string | undefined {
  return nearest(name, config.models.keys())
}

/** What the user may ask for, or `nothing`. */
export function allowedText({ models }: User): string {
  return models.length === 0 ? 'nothing' : listNames(models.map(({ name }) => name))
}

/** True where the user may ask for the model by name. */
export function mayUse(user: User, model: string): boolean {
  return user.models.some((entry) => entry.name === model)
}

/** The refusal the operator is told: unlike the port's, it names what exists. */
export function refuse(user: User, model: string): ProxyError {
  return new ProxyError(
    'not_allowed',
    `${user.name} may not use ${model}\n  allowed: ${allowedText(user)}`,
    { hint: `aiproxy users allow ${quoteForShell(user.name)} ${quoteForShell(model)}` },
  )
}

/** The requested model and the user's failover list for it, in order. Empty where it is not theirs. */
export function listTargets(config: Config, user: User, model: string): TargetView[] {
  const entry = user.models.find(({ name }) => name === model)
  if (entry === undefined) return []
  return [entry.name, ...entry.failover].flatMap((name) => {
    const target = config.models.get(name)
    const provider = target === undefined ? undefined : config.providers.get(target.provider)
    if (target === undefined || provider === undefined) return []
    return [{ model: target, provider, readiness: readinessOf(provider) }]
  })
}

/** Whether the provider can be asked at all, as far as can be told offline. */
export function readinessOf(provider: Provider): TargetView['readiness'] {
  if (provider.mock) return 'mock'
  return provider.credential.kind === 'missing' ? 'no-key' : 'ready'
}

/** Host and port of a provider's base URL, for people. */
export function hostOf(provider: Provider): string {
  try {
    return new URL(provider.baseUrl).host
  } catch {
    return provider.baseUrl
  }
}

const SHOWN_NAMES = 12

/** Names for a message, the first dozen of them. */
export function listNames(names: Iterable<string>): string {
  const all = [...names]
  if (all.length === 0) return 'none'
  const shown = all.slice(0, SHOWN_NAMES).join(', ')
  return all.length > SHOWN_NAMES ? `${shown}, … (${all.length})` : shown
}
