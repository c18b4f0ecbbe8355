/**
 * What is remembered of one exchange while it happens: who asked, what was tried, who answered. Out of
 * it come the `x-aiproxy-*` headers (design §3) and, at the end, the line of the usage log (§7).
 */
import { performance } from 'node:perf_hooks'
import type { AttemptResult } from './attempt.ts'
import type { FaultClass } from '../config/config.ts'
import { estimatePromptTokens, estimateTokens } from '../dialects/estimate.ts'
import type { TokenUsage } from '../dialects/neutral.ts'
import type { Inbound } from '../dialects/prepare.ts'
import type { ProxyError } from '../errors/proxy-error.ts'
import type { Call } from './call.ts'
import { adviseRetry, mayBeBilled } from '../routing/retry.ts'
import type { Rest } from '../routing/health.ts'
import type { Target } from '../routing/targets.ts'
import type { AttemptRecord, Outcome, UsageRecord } from '../usage/record.ts'
import { isoOf } from '../wire/timestamp.ts'

export type HeaderPair = readonly [string, string]
export type HeaderPairs = readonly HeaderPair[]

export interface Trail {
  readonly id: string
  /** Who asks; '' until that is known. */
  readonly user: string
  from(user: string): void
  asks(model: string, inbound: Inbound): void
  /** A target is not tried now because it rests. */
  passedOver(target: Target, rest: Rest): void
  /** A target is not tried because the user's limits leave no room there. */
  overLimit(target: Target): void
  tries(target: Target): void
  /** The reply's head is about to go out: the headers that tell how it came about. */
  commits(status: number, notes: string): HeaderPair[]
  /** The try under way is over. */
  tried(result: AttemptResult, fault: FaultClass | undefined): void
  lastAttempt(): AttemptRecord
  /** Headers for a reply that nobody answered. */
  failureHeaders(): HeaderPairs

  // How it ended: each returns the line for the log.
  answered(): UsageRecord
  truncated(error: ProxyError): UsageRecord
  abandoned(): UsageRecord
  refused(error: ProxyError): UsageRecord
}

// Not `rate`: no provider said so, and none was asked.
const OVER_LIMIT = 'limit'
// Status in the log where the caller left, as nginx has it.
const CLIENT_LEFT = 499

// A line while it is written.
type Draft = { -readonly [K in keyof UsageRecord]?: UsageRecord[K] }

/** A trail that begins when the call arrived. */
export function createTrail(call: Call): Trail {
  return new Steps(call)
}

/** A class because it has a lifetime, and one object per request costs less than a dozen functions. */
class Steps implements Trail {
  readonly id: string
  readonly #call: Call
  readonly #arrivedAtMs: number
  readonly #attempts: AttemptRecord[] = []
  user = ''
  #model: string | undefined
  #inbound: Inbound | undefined
  #target: Target | undefined
  #targetSinceMs = 0
  // Time spent waiting for providers, up to the current attempt.
  #waitedMs = 0
  #committedStatus: number | undefined
  #committedAtMs: number | undefined
  #result: AttemptResult | undefined

  constructor(call: Call) {
    this.id = call.id
    this.#call = call
    this.#arrivedAtMs = Date.now() - (performance.now() - call.startedMs)
  }

  from(name: string): void {
    this.user = name
  }

  asks(name: string, request: Inbound): void {
    this.#model = name
    this.#inbound = request
  }

  passedOver(sleeper: Target, rest: Rest): void {
    this.#attempts.push({
      model: sleeper.model.name,
      provider: sleeper.provider.name,
      // Of the failure it rests for.
      ...(rest.error?.upstream !== undefined && { status: rest.error.upstream.status }),
      class: rest.why,
      resting_s: Math.ceil(rest.ms / 1000),
      ms: 0,
    })
  }

  overLimit(full: Target): void {
    this.#attempts.push({
      model: full.model.name,
      provider: full.provider.name,
      class: OVER_LIMIT,
      ms: 0,
    })
  }

  tries(next: Target): void {
    this.#target = next
    this.#targetSinceMs = performance.now()
  }

  commits(status: number, notes: string): HeaderPair[] {
    this.#committedStatus = status
    this.#committedAtMs = performance.now()
    const ms = this.#committedAtMs - this.#targetSinceMs
    const attempts = [...this.#attempts, attemptOf(this.#target, status, undefined, ms)]
    const pairs = this.#headers(attempts, this.#waitedMs + ms, this.#committedAtMs)
    if (notes !== '') pairs.push(['x-aiproxy-notes', notes])
    if (this.#target?.provider.mock === true) pairs.push(['x-aiproxy-mock', 'true'])
    return pairs
  }

  tried(ended: AttemptResult, fault: FaultClass | undefined): void {
    this.#result = ended
    const ms = performance.now() - this.#targetSinceMs
    this.#waitedMs += ended.contacted ? ms : 0
    // An error inside a 200 stream stands under the status it would have had.
    const status = ended.error?.upstream?.status ?? ended.status
    if (ended.end === 'gone' && !ended.contacted) return
    const { error } = ended
    const billed =
      ended.end === 'failed' &&
      error !== undefined &&
      fault !== undefined &&
      mayBeBilled(adviseRetry(error, fault, ended.reach, ended.status))
    const attempt = attemptOf(this.#target, status, fault, ms)
    this.#attempts.push(billed ? { ...attempt, maybe_billed: true } : attempt)
  }

  lastAttempt(): AttemptRecord {
    return this.#attempts.at(-1) ?? attemptOf(this.#target, undefined, undefined, 0)
  }

  failureHeaders(): HeaderPairs {
    const pairs = this.#headers(this.#attempts, this.#waitedMs, performance.now())
    if (this.#attempts.length > 0 && this.#target?.provider.mock === true) {
      pairs.push(['x-aiproxy-mock', 'true'])
    }
    // What could be retried was; a client that begins anew would multiply the load of an outage.
    if (this.#attempts.length > 0) pairs.push(['x-should-retry', 'false'])
    return pairs
  }

  answered(): UsageRecord {
    return this.#line(this.#committedStatus ?? 200, 'ok', undefined, true)
  }

  truncated(error: ProxyError): UsageRecord {
    return this.#line(this.#committedStatus ?? 200, 'truncated', error, true)
  }

  abandoned(): UsageRecord {
    // Before any content only the prompt is known to have been used, and it is paid for: else a
    // caller who always leaves early would never reach a budget.
    return this.#line(CLIENT_LEFT, 'aborted', undefined, true)
  }

  refused(error: ProxyError): UsageRecord {
    const ours = this.#attempts.length === 0 && error.code !== 'internal'
    return this.#line(error.status, ours ? 'refused' : 'failed', error, false)
  }

  #headers(attempts: readonly AttemptRecord[], providerMs: number, nowMs: number): HeaderPair[] {
    const pairs: HeaderPair[] = []
    const last = attempts.at(-1)
    if (last !== undefined) {
      const served = this.#committedStatus === undefined ? attempts[0] : last
      pairs.push(
        ['x-aiproxy-model', headerText(served?.model ?? last.model)],
        ['x-aiproxy-provider', headerText(served?.provider ?? last.provider)],
        ['x-aiproxy-attempts', renderAttempts(attempts)],
      )
    }
    const ownMs = Math.max(0, nowMs - this.#call.startedMs - providerMs)
    pairs.push([
      'server-timing',
      `aiproxy;dur=${tenths(ownMs)}, upstream;dur=${tenths(providerMs)}`,
    ])
    return pairs
  }

  /** The line for the log, field by field in its order. */
  #line(
    status: number,
    outcome: Outcome,
    error: ProxyError | undefined,
    used: boolean,
  ): UsageRecord {
    const { id, api, startedMs } = this.#call
    const committedAtMs = this.#committedAtMs
    const attempts = this.#attempts
    const mock = this.#target?.provider.mock === true
    const record: Draft = { ts: isoOf(this.#arrivedAtMs), id }
    if (this.user !== '') record.user = this.user
    record.api = api
    const stream = this.#inbound?.stream === true
    if (stream) record.stream = true
    if (this.#model !== undefined) record.model = this.#model
    if (committedAtMs !== undefined && this.#target !== undefined) {
      record.served_model = this.#target.model.name
      record.provider = this.#target.provider.name
    }
    record.status = status
    record.outcome = outcome
    if (error !== undefined) record.error = error.code
    if (used) addUsage(record, this.#result, this.#inbound)
    if (attempts.length > 0 && mock) record.mock = true
    record.ms = Math.round(performance.now() - startedMs)
    if (stream && committedAtMs !== undefined) {
      record.ttft_ms = Math.round(committedAtMs - startedMs)
    }
    if (attempts.length > 0) record.attempts = attempts
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is not optional is set above
    return record as UsageRecord
  }
}

/** What was used: as reported, or else estimated from what went in and came out, and marked so. */
function addUsage(
  record: Draft,
  result: AttemptResult | undefined,
  inbound: Inbound | undefined,
): void {
  // Counting is free, and an answer of our own cost nothing.
  if (inbound?.api === 'count_tokens' || result?.contacted === false) return
  const told = result?.usage
  if (told !== undefined) addReported(record, told)
  // A stream that was cut tells its output count, if at all, from its beginning.
  if (told !== undefined && result?.end === 'answered') return
  const prompt = told?.promptTokens ?? (inbound ? estimatePromptTokens(inbound.json) : undefined)
  const completion = Math.max(told?.completionTokens ?? 0, estimateTokens(result?.outputChars ?? 0))
  if (prompt !== undefined) {
    record.prompt_tokens = prompt
    record.total_tokens = prompt + completion
  }
  record.completion_tokens = completion
  record.estimated = true
}

function addReported(record: Draft, usage: TokenUsage): void {
  const { promptTokens, completionTokens } = usage
  if (promptTokens !== undefined) record.prompt_tokens = promptTokens
  if (completionTokens !== undefined) record.completion_tokens = completionTokens
  if (usage.totalTokens !== undefined) record.total_tokens = usage.totalTokens
  else if (promptTokens !== undefined && completionTokens !== undefined) {
    record.total_tokens = promptTokens + completionTokens
  }
  if (usage.cachedTokens !== undefined) record.cached_tokens = usage.cachedTokens
  if (usage.cacheWriteTokens !== undefined) record.cache_write_tokens = usage.cacheWriteTokens
  if (usage.cacheWriteHourTokens !== undefined) {
    record.cache_write_1h_tokens = usage.cacheWriteHourTokens
  }
  if (usage.reasoningTokens !== undefined) record.reasoning_tokens = usage.reasoningTokens
}

function attemptOf(
  target: Target | undefined,
  status: number | undefined,
  fault: FaultClass | undefined,
  ms: number,
): AttemptRecord {
  const model = target?.model.name ?? ''
  const provider = target?.provider.name ?? ''
  // The usual ones first: each has its fields in the order of the log.
  if (status === undefined) {
    return fault === undefined
      ? { model, provider, ms: Math.round(ms) }
      : { model, provider, class: fault, ms: Math.round(ms) }
  }
  return fault === undefined
    ? { model, provider, status, ms: Math.round(ms) }
    : { model, provider, status, class: fault, ms: Math.round(ms) }
}

/** With one decimal, as `toFixed(1)` has it but quicker. */
function tenths(ms: number): string {
  const all = Math.round(ms * 10)
  const rest = all % 10
  return `${(all - rest) / 10}.${rest}`
}

function renderAttempts(attempts: readonly AttemptRecord[]): string {
  const [only] = attempts
  return attempts.length === 1 && only !== undefined
    ? renderAttempt(only)
    : attempts.map(renderAttempt).join(', ')
}

/** One member of the RFC 8941 list: a token where the name is one, else a quoted string. */
function renderAttempt(attempt: AttemptRecord): string {
  let member = `${structuredName(attempt.model)};provider=${structuredName(attempt.provider)}`
  if (attempt.status !== undefined) member += `;status=${attempt.status}`
  // With a status the class can be told from it.
  else if (attempt.class !== undefined) member += `;class=${attempt.class}`
  if (attempt.resting_s !== undefined) member += `;resting=${attempt.resting_s}`
  return `${member};ms=${attempt.ms}`
}

// RFC 8941 §3.3.4. What a token is made of, and what it begins with.
const TOKEN_CHARS = tableOf(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*0123456789!#$%&'+-.^_`|~:/",
)
const TOKEN_STARTS = tableOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*')

/** By character code: 1 for each character of `chars`. */
function tableOf(chars: string): Uint8Array {
  const table = new Uint8Array(128)
  for (const char of chars) table[char.charCodeAt(0)] = 1
  return table
}

// Names are short: for them these loops take a tenth of what a regular expression does.
function isToken(name: string): boolean {
  if (TOKEN_STARTS[name.charCodeAt(0)] !== 1) return false
  for (let at = 1; at < name.length; at += 1) {
    if (TOKEN_CHARS[name.charCodeAt(at)] !== 1) return false
  }
  return true
}

function structuredName(name: string): string {
  if (isToken(name)) return name
  const text = headerText(name)
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** Names come from the config and are checked there; a header takes visible ASCII only. */
function headerText(text: string): string {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || code > 0x7e) return text.replace(/[^\x20-\x7e]/g, '?')
  }
  return text
}
