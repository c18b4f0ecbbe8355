/**
 * What is remembered of one exchange while it happens: who asked, what was tried, who answered. Out of
 * it come the `x-aiproxy-*` headers (design §3) and, at the end, the line of the usage log (§7).
 */
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

export type HeaderPairs = ReadonlyArray<readonly [string, string]>

export interface Trail {
  readonly id: string
  from(user: string): void
  asks(model: string, inbound: Inbound): void
  /** A target is not tried now because it rests. */
  passedOver(target: Target, rest: Rest): void
  /** A target is not tried because the user's limits leave no room there. */
  overLimit(target: Target): void
  tries(target: Target): void
  /** The reply's head is about to go out: the headers that tell how it came about. */
  commits(status: number, notes: string): HeaderPairs
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

// A line while it is written, field by field in the order of the log.
type Draft = { -readonly [K in keyof UsageRecord]?: UsageRecord[K] }

/** A trail that begins when the call arrived. */
export function createTrail(call: Call): Trail {
  const arrivedAtMs = Date.now() - (performance.now() - call.startedMs)
  const attempts: AttemptRecord[] = []
  let user: string | undefined
  let model: string | undefined
  let inbound: Inbound | undefined
  let target: Target | undefined
  let targetSinceMs = 0
  // Time spent waiting for providers, up to the current attempt.
  let waitedMs = 0
  let committedStatus: number | undefined
  let committedAtMs: number | undefined
  let result: AttemptResult | undefined

  function headers(attemptList: readonly AttemptRecord[], providerMs: number): [string, string][] {
    const pairs: [string, string][] = []
    const last = attemptList.at(-1)
    if (last !== undefined) {
      const served = committedStatus === undefined ? attemptList[0] : last
      pairs.push(
        ['x-aiproxy-model', headerText(served?.model ?? last.model)],
        ['x-aiproxy-provider', headerText(served?.provider ?? last.provider)],
        ['x-aiproxy-attempts', renderAttempts(attemptList)],
      )
    }
    const ownMs = Math.max(0, performance.now() - call.startedMs - providerMs)
    pairs.push([
      'server-timing',
      `aiproxy;dur=${tenths(ownMs)}, upstream;dur=${tenths(providerMs)}`,
    ])
    return pairs
  }

  /** Everything but how it ended. */
  function line(
    status: number,
    outcome: Outcome,
    error: ProxyError | undefined,
    usage: LoggedUsage | undefined,
  ): UsageRecord {
    const record: Draft = { ts: new Date(arrivedAtMs).toISOString(), id: call.id }
    if (user !== undefined) record.user = user
    record.api = call.api
    const stream = inbound?.stream === true
    if (stream) record.stream = true
    if (model !== undefined) record.model = model
    if (committedAtMs !== undefined && target !== undefined) {
      record.served_model = target.model.name
      record.provider = target.provider.name
    }
    record.status = status
    record.outcome = outcome
    if (error !== undefined) record.error = error.code
    if (usage !== undefined) Object.assign(record, usage)
    if (attempts.length > 0 && target?.provider.mock === true) record.mock = true
    record.ms = Math.round(performance.now() - call.startedMs)
    if (stream && committedAtMs !== undefined) {
      record.ttft_ms = Math.round(committedAtMs - call.startedMs)
    }
    if (attempts.length > 0) record.attempts = attempts
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is not optional is set above
    return record as UsageRecord
  }

  return {
    id: call.id,

    from(name) {
      user = name
    },

    asks(name, request) {
      model = name
      inbound = request
    },

    passedOver(sleeper, rest) {
      attempts.push({
        model: sleeper.model.name,
        provider: sleeper.provider.name,
        // Of the failure it rests for.
        ...(rest.error?.upstream !== undefined && { status: rest.error.upstream.status }),
        class: rest.why,
        resting_s: Math.ceil(rest.ms / 1000),
        ms: 0,
      })
    },

    overLimit(full) {
      attempts.push({
        model: full.model.name,
        provider: full.provider.name,
        class: OVER_LIMIT,
        ms: 0,
      })
    },

    tries(next) {
      target = next
      targetSinceMs = performance.now()
    },

    commits(status, notes) {
      committedStatus = status
      committedAtMs = performance.now()
      const ms = committedAtMs - targetSinceMs
      const pairs = headers([...attempts, attemptOf(target, status, undefined, ms)], waitedMs + ms)
      if (notes !== '') pairs.push(['x-aiproxy-notes', notes])
      if (target?.provider.mock === true) pairs.push(['x-aiproxy-mock', 'true'])
      return pairs
    },

    tried(ended, fault) {
      result = ended
      const ms = performance.now() - targetSinceMs
      waitedMs += ended.contacted ? ms : 0
      // An error inside a 200 stream stands under the status it would have had.
      const status = ended.error?.upstream?.status ?? ended.status
      if (ended.end === 'gone' && !ended.contacted) return
      const { error } = ended
      const billed =
        ended.end === 'failed' &&
        error !== undefined &&
        fault !== undefined &&
        mayBeBilled(adviseRetry(error, fault, ended.reach, ended.status))
      const attempt = attemptOf(target, status, fault, ms)
      attempts.push(billed ? { ...attempt, maybe_billed: true } : attempt)
    },

    lastAttempt() {
      return attempts.at(-1) ?? attemptOf(target, undefined, undefined, 0)
    },

    failureHeaders() {
      const pairs = headers(attempts, waitedMs)
      if (attempts.length > 0 && target?.provider.mock === true) {
        pairs.push(['x-aiproxy-mock', 'true'])
      }
      // What could be retried was; a client that begins anew would multiply the load of an outage.
      if (attempts.length > 0) pairs.push(['x-should-retry', 'false'])
      return pairs
    },

    answered() {
      return line(committedStatus ?? 200, 'ok', undefined, usageOf(result, inbound))
    },

    truncated(error) {
      return line(committedStatus ?? 200, 'truncated', error, usageOf(result, inbound))
    },

    abandoned() {
      // Before any content only the prompt is known to have been used, and it is paid for: else a
      // caller who always leaves early would never reach a budget.
      return line(CLIENT_LEFT, 'aborted', undefined, usageOf(result, inbound))
    },

    refused(error) {
      const ours = attempts.length === 0 && error.code !== 'internal'
      return line(error.status, ours ? 'refused' : 'failed', error, undefined)
    },
  }
}

type LoggedUsage = Pick<
  UsageRecord,
  | 'prompt_tokens'
  | 'completion_tokens'
  | 'total_tokens'
  | 'cached_tokens'
  | 'cache_write_tokens'
  | 'reasoning_tokens'
  | 'estimated'
>

/** What was used: as reported, or else estimated from what went in and came out, and marked so. */
function usageOf(result: AttemptResult | undefined, inbound: Inbound | undefined): LoggedUsage {
  // Counting is free, and an answer of our own cost nothing.
  if (inbound?.api === 'count_tokens' || result?.contacted === false) return {}
  const told = result?.usage
  // A stream that was cut tells its output count, if at all, from its beginning.
  if (told !== undefined && result?.end === 'answered') return asReported(told)
  const prompt = told?.promptTokens ?? (inbound ? estimatePromptTokens(inbound.json) : undefined)
  const completion = Math.max(told?.completionTokens ?? 0, estimateTokens(result?.outputChars ?? 0))
  return {
    ...(told !== undefined && asReported(told)),
    ...(prompt !== undefined && { prompt_tokens: prompt, total_tokens: prompt + completion }),
    completion_tokens: completion,
    estimated: true,
  }
}

function asReported(usage: TokenUsage): LoggedUsage {
  const { promptTokens, completionTokens } = usage
  const logged: { -readonly [K in keyof LoggedUsage]: LoggedUsage[K] } = {}
  if (promptTokens !== undefined) logged.prompt_tokens = promptTokens
  if (completionTokens !== undefined) logged.completion_tokens = completionTokens
  if (usage.totalTokens !== undefined) logged.total_tokens = usage.totalTokens
  else if (promptTokens !== undefined && completionTokens !== undefined) {
    logged.total_tokens = promptTokens + completionTokens
  }
  if (usage.cachedTokens !== undefined) logged.cached_tokens = usage.cachedTokens
  if (usage.cacheWriteTokens !== undefined) logged.cache_write_tokens = usage.cacheWriteTokens
  if (usage.reasoningTokens !== undefined) logged.reasoning_tokens = usage.reasoningTokens
  return logged
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

// RFC 8941 §3.3.4.
const TOKEN = /^[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*$/

function structuredName(name: string): string {
  if (TOKEN.test(name)) return name
  const text = headerText(name)
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

const VISIBLE = /^[\x20-\x7e]*$/

/** Names come from the config and are checked there; a header takes visible ASCII only. */
function headerText(text: string): string {
  if (VISIBLE.test(text)) return text
  return text.replace(/[^\x20-\x7e]/g, '?')
}
