/** Cost limits that cannot bite: a model whose price nobody knows costs nothing that could be counted. */
import type { Config, Limits, Model, Provider } from './config.ts'

/** Whether a price is known for a model, by our name; built over the models and providers of a config. */
export type LoadPrices = (
  models: ReadonlyMap<string, Model>,
  providers: ReadonlyMap<string, Provider>,
) => Promise<(model: string) => boolean>

/** One warning a user; prices are only loaded where some cost is limited. */
export async function warningsAboutPrices(
  config: Pick<Config, 'users' | 'models' | 'providers'>,
  loadPrices: LoadPrices,
): Promise<string[]> {
  const limited = [...config.users.values()].flatMap(({ name, models, limits }) => {
    const all = limitsCost(limits)
    const counted = models.flatMap((grant) => [
      ...(all || limitsCost(grant.limits) ? [grant.name] : []),
      ...(all ? grant.failover : []),
    ])
    return counted.length === 0 ? [] : [{ name, models: new Set(counted) }]
  })
  if (limited.length === 0) return []
  const isPriced = await loadPrices(config.models, config.providers)
  return limited.flatMap((user) => {
    const unpriced = [...user.models].filter((name) => {
      const model = config.models.get(name)
      // A made-up answer costs nothing, and needs no price.
      return config.providers.get(model?.provider ?? '')?.mock !== true && !isPriced(name)
    })
    if (unpriced.length === 0) return []
    const names = `${unpriced.slice(0, 8).join(', ')}${unpriced.length > 8 ? ', …' : ''}`
    return [
      `the cost limit of ${user.name} does not count ${names}: no price is known; set models.<name>.price`,
    ]
  })
}

function limitsCost(limits: Limits | undefined): boolean {
  return limits !== undefined && limits.costUsd.length > 0
}
