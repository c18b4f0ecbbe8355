/**
 * One exchange and its user's limits: what is about to be tried is estimated and reserved, what was used
 * is settled with the log line, and the caller is told where they stand.
 */
import { isRefusal } from '../access/limits.ts'
import type { Estimate, Limiter, Refusal, Reservation } from '../access/limits.ts'
import type { User } from '../config/config.ts'
import type { Api } from '../dialects/dialect.ts'
import { estimatePromptTokens, readOutputCeiling } from '../dialects/estimate.ts'
import { renderRateLimits } from '../dialects/own-rate-limits.ts'
import type { Inbound } from '../dialects/prepare.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import type { Target } from '../routing/targets.ts'
import type { UseOf } from '../usage/past-use.ts'
import type { UsageRecord } from '../usage/record.ts'

type HeaderPairs = ReadonlyArray<readonly [string, string]>

export interface Allowance {
  /** Counts the request and reserves for the target it asks for. Throws `rate_limited` or `budget_exceeded`. */
  open(user: User, asked: Target, inbound: Inbound): void
  /** Before a target is tried: reserves there. The error where its limits leave no room. */
  moveTo(target: Target): ProxyError | undefined
  /** `x-ratelimit-*` in the caller's family, beside what is passed on from a provider. */
  headers(passed: HeaderPairs): HeaderPairs
  /** The exchange is over and this is its line. */
  settle(record: UsageRecord): void
}

// What is reserved where a request does not say how much it may write: a usual answer, not the most a
// model can do, which would let nobody in. What it really writes is counted afterwards.
const DEFAULT_OUTPUT_TOKENS = 1024
// Clients wait as long as they are told to, even a day: whoever must wait longer than for the next minute
// had better give up.
const LONGEST_WAIT_MS = 61_000

/** Nothing is reserved until `open`. */
export function createAllowance(
  api: Api,
  { limits, useOf }: { readonly limits: Limiter; readonly useOf: UseOf },
): Allowance {
  let user: User | undefined
  let inbound: Inbound | undefined
  let asked = ''
  // Tried last.
  let tried = ''
  let promptTokens: number | undefined
  let reservation: Reservation | undefined

  function estimate({ model: { name, maxTokens }, provider }: Target): Estimate {
    if (inbound === undefined) return { tokens: 0, costUsd: 0 }
    promptTokens ??= estimatePromptTokens(inbound.json)
    const usual = Math.min(DEFAULT_OUTPUT_TOKENS, maxTokens ?? Infinity)
    const usage = {
      api,
      model: name,
      mock: provider.mock,
      prompt_tokens: promptTokens,
      completion_tokens: api === 'embeddings' ? 0 : readOutputCeiling(inbound.json, usual),
    }
    return useOf(usage, Date.now())
  }

  return {
    open(caller, target, request) {
      user = caller
      inbound = request
      asked = target.model.name
      tried = asked
      const outcome = limits.reserve(caller, asked, () => estimate(target))
      if (isRefusal(outcome)) throw toError(outcome)
      reservation = outcome
    },

    moveTo(target) {
      tried = target.model.name
      const refusal = reservation?.moveTo(tried, () => estimate(target))
      return refusal && toError(refusal)
    },

    headers(passed) {
      if (user === undefined || inbound === undefined) return []
      return renderRateLimits(
        limits.standings(user, [asked, tried]),
        passed,
        inbound.caller.name,
        Date.now(),
      )
    },

    settle(record) {
      if (record.outcome === 'refused') reservation?.release()
      else {
        const use = useOf(record, Date.parse(record.ts))
        reservation?.settle({ ...use, servedModel: record.served_model })
      }
    },
  }
}

function toError({ code, waitMs, message, hint }: Refusal): ProxyError {
  const retryAfterSeconds = waitMs === undefined ? undefined : Math.max(1, Math.ceil(waitMs / 1000))
  const error = new ProxyError(code, message, { hint, retryAfterSeconds })
  if (code === 'budget_exceeded' || waitMs === undefined || waitMs > LONGEST_WAIT_MS) {
    error.headers = [['x-should-retry', 'false']]
  }
  return error
}
