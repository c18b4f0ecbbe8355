/** What each user did since local midnight, folded from the usage log, where that is cheap. */
import { statSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { TodayUse } from './io.ts'

// About a third of a second; `aiproxy users` is not the place to wait for more.
const CHEAP_BYTES = 64 * 1024 * 1024

interface Counting {
  requests: number
  costUsd: number | undefined
  /** Some request has no known price, so the sum has none. */
  unpriced: boolean
}

/**
 * Today's use by user name; who did nothing is absent. `undefined` where the log cannot be read quickly
 * and wholly: no number is better than a wrong one.
 */
export async function readTodayUse(
  config: Config,
  nowMs: number,
): Promise<ReadonlyMap<string, TodayUse> | undefined> {
  const uses = new Map<string, Counting>()
  const size = config.log === '-' ? undefined : sizeOf(config.log)
  if (size === 0) return uses
  // A path with a wildcard in it would be taken for a pattern.
  if (size === undefined || size > CHEAP_BYTES || /[*?[]/.test(config.log)) return undefined
  // Loaded where there is a log: most of a first `aiproxy users` would be this.
  const { costUsd, createPriceLookup } = await import('../usage/prices.ts')
  const { readUsageLogs } = await import('../usage/read.ts')
  const midnight = new Date(nowMs)
  midnight.setHours(0, 0, 0, 0)
  const priceOf = createPriceLookup(config.models, config.providers)
  try {
    await readUsageLogs({
      logs: [config.log],
      cwd: '/',
      span: { sinceMs: midnight.getTime(), untilMs: Infinity },
      onUsage(usage) {
        if (usage.user === undefined) return
        const use = uses.get(usage.user) ?? { requests: 0, costUsd: undefined, unpriced: false }
        use.requests++
        // A made-up answer has no price, and hides none either.
        if (!usage.mock) {
          const cost = costUsd(usage, priceOf, usage.ts_ms)
          use.unpriced ||= cost === undefined
          use.costUsd = use.unpriced ? undefined : (use.costUsd ?? 0) + (cost ?? 0)
        }
        uses.set(usage.user, use)
      },
    })
  } catch {
    return undefined
  }
  return uses
}

/** Bytes of a regular file; 0 where there is none yet, `undefined` for anything else. */
function sizeOf(path: string): number | undefined {
  try {
    const stat = statSync(path)
    return stat.isFile() ? stat.size : undefined
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 0 : undefined
  }
}
