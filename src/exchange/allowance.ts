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

// What is reserved where a request does not say how much it may write: a usual answer, not the most a
// model can do, which would let nobody in. What it really writes is counted afterwards.
const DEFAULT_OUTPUT_TOKENS = 1024
// Clients wait as long as they are told to, even a day: whoever must wait longer than for the next minute
// had better give up.
const LONGEST_WAIT_MS = 61_000

/** What one exchange has reserved; nothing until `open`. A class because it has a lifetime. */
export class Allowance {
  readonly #api: Api
  readonly #limits: Limiter
  readonly #useOf: UseOf
  #user: User | undefined
  #inbound: Inbound | undefined
  #asked = ''
  // Tried last.
  #tried = ''
  #promptTokens: number | undefined
  #reservation: Reservation | undefined

  constructor(api: Api, rooms: { readonly limits: Limiter; readonly useOf: UseOf }) {
    this.#api = api
    this.#limits = rooms.limits
    this.#useOf = rooms.useOf
  }

  /** Counts the request and reserves for the target it asks for. Throws `rate_limited` or `budget_exceeded`. */
  open(user: User, asked: Target, inbound: Inbound): void {
    this.#user = user
    this.#inbound = inbound
    this.#asked = asked.model.name
    this.#tried = this.#asked
    const outcome = this.#limits.reserve(user, this.#asked, () => this.#estimate(asked))
    if (isRefusal(outcome)) throw toError(outcome)
    this.#reservation = outcome
  }

  /** Before a target is tried: reserves there. The error where its limits leave no room. */
  moveTo(target: Target): ProxyError | undefined {
    this.#tried = target.model.name
    const refusal = this.#reservation?.moveTo(this.#tried, () => this.#estimate(target))
    return refusal && toError(refusal)
  }

  /** `x-ratelimit-*` in the caller's family, beside what is passed on from a provider. */
  headers(passed: HeaderPairs): HeaderPairs {
    if (this.#user === undefined || this.#inbound === undefined) return NO_HEADERS
    const standings = this.#limits.standings(this.#user, [this.#asked, this.#tried])
    if (standings.requests === undefined && standings.tokens === undefined) return NO_HEADERS
    return renderRateLimits(standings, passed, this.#inbound.caller.name, Date.now())
  }

  /** The exchange is over and this is its line. */
  settle(record: UsageRecord): void {
    if (record.outcome === 'refused') this.#reservation?.release()
    else if (this.#reservation !== undefined) {
      const { tokens, costUsd } = this.#useOf(record, record.ts)
      this.#reservation.settle({ tokens, costUsd, servedModel: record.served_model })
    }
  }

  #estimate({ model: { name, maxTokens }, provider }: Target): Estimate {
    const json = this.#inbound?.json
    if (json === undefined) return { tokens: 0, costUsd: 0 }
    this.#promptTokens ??= estimatePromptTokens(json)
    const usual = Math.min(DEFAULT_OUTPUT_TOKENS, maxTokens ?? Infinity)
    const usage = {
      api: this.#api,
      model: name,
      mock: provider.mock,
      prompt_tokens: this.#promptTokens,
      completion_tokens: this.#api === 'embeddings' ? 0 : readOutputCeiling(json, usual),
    }
    return this.#useOf(usage, Date.now())
  }
}

const NO_HEADERS: HeaderPairs = []

function toError({ code, waitMs, message, hint }: Refusal): ProxyError {
  const retryAfterSeconds = waitMs === undefined ? undefined : Math.max(1, Math.ceil(waitMs / 1000))
  const error = new ProxyError(code, message, { hint, retryAfterSeconds })
  if (code === 'budget_exceeded' || waitMs === undefined || waitMs > LONGEST_WAIT_MS) {
    error.headers = [['x-should-retry', 'false']]
  }
  return error
}
