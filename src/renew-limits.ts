/** Wiring: limits, and the usage log that tells what was used of them before they began. */
import { setImmediate } from 'node:timers/promises'
import type { Limiter, Renewal } from './access/limits.ts'
import type { Config } from './config/config.ts'
import { readPastUse } from './usage/past-use.ts'
import type { UseOf } from './usage/past-use.ts'

/**
 * Limits for this config, told what was used before they began; in force after `commit`. Where nothing is
 * newly limited the log is not looked at. Throws ProxyError `usage_log_unavailable`.
 */
export async function renewLimits(
  limits: Limiter,
  config: Pick<Config, 'users' | 'log'>,
  useOf: UseOf,
): Promise<Renewal> {
  const renewal = limits.renew(config.users.values())
  const { past } = renewal
  if (past === undefined) return renewal
  await readPastUse({
    log: config.log,
    sinceMs: past.sinceMs,
    users: past.users,
    useOf,
    onUse: (use) => {
      past.add(use)
    },
    pause: () => setImmediate(),
  })
  return renewal
}
