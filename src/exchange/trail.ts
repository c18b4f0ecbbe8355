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

/** A trail that begins when the call arrived. */
export function createTrail(call: Call): Trail {
  const arrivedAt = new Date(Date.now() - (performance.now() - call.startedMs))
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
        ['x-aiproxy-attempts', attemptList.map(renderAttempt).join(', ')],
      )
    }
    const ownMs = Math.max(0, performance.now() - call.startedMs - providerMs)
    pairs.push([
      'server-timing',
      `aiproxy;dur=${ownMs.toFixed(1)}, upstream;dur=${providerMs.toFixed(1)}`,
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
    const served = committedAtMs === undefined ? undefined : target
    return {
      ts: arrivedAt.toISOString(),
      id: call.id,
      ...(user !== undefined && { user }),
      api: call.api,
      ...(inbound?.stream === true && { stream: true }),
      ...(model !== undefined && { model }),
      ...(served !== undefined && {
        served_model: served.model.name,
        provider: served.provider.name,
      }),
      status,
      outcome,
      ...(error !== undefined && { error: error.code }),
      ...usage,
      ...(attempts.length > 0 && target?.provider.mock === true && { mock: true as const }),
      ms: Math.round(performance.now() - call.startedMs),
      ...(inbound?.stream === true &&
        committedAtMs !== undefined && { ttft_ms: Math.round(committedAtMs - call.startedMs) }),
      ...(attempts.length > 0 && { attempts }),
    }
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
      attempts.push({
        ...attemptOf(target, status, fault, ms),
        ...(billed && { maybe_billed: true as const }),
      })
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
  | 'cache_write_1h_tokens'
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
  const total =
    usage.totalTokens ??
    (promptTokens !== undefined && completionTokens !== undefined
      ? promptTokens + completionTokens
      : undefined)
  return {
    ...(promptTokens !== undefined && { prompt_tokens: promptTokens }),
    ...(completionTokens !== undefined && { completion_tokens: completionTokens }),
    ...(total !== undefined && { total_tokens: total }),
    ...(usage.cachedTokens !== undefined && { cached_tokens: usage.cachedTokens }),
    ...(usage.cacheWriteTokens !== undefined && { cache_write_tokens: usage.cacheWriteTokens }),
    ...(usage.cacheWriteHourTokens !== undefined && {
      cache_write_1h_tokens: usage.cacheWriteHourTokens,
    }),
    ...(usage.reasoningTokens !== undefined && { reasoning_tokens: usage.reasoningTokens }),
  }
}

function attemptOf(
  target: Target | undefined,
  status: number | undefined,
  fault: FaultClass | undefined,
  ms: number,
): AttemptRecord {
  return {
    model: target?.model.name ?? '',
    provider: target?.provider.name ?? '',
    ...(status !== undefined && { status }),
    ...(fault !== undefined && { class: fault }),
    ms: Math.round(ms),
  }
}

/** One member of the RFC 8941 list: a token where the name is one, else a quoted string. */
function renderAttempt(attempt: AttemptRecord): string {
  const parts = [structuredName(attempt.model), `provider=${structuredName(attempt.provider)}`]
  if (attempt.status !== undefined) parts.push(`status=${attempt.status}`)
  // With a status the class can be told from it.
  else if (attempt.class !== undefined) parts.push(`class=${attempt.class}`)
  if (attempt.resting_s !== undefined) parts.push(`resting=${attempt.resting_s}`)
  parts.push(`ms=${attempt.ms}`)
  return parts.join(';')
}

// RFC 8941 §3.3.4.
const TOKEN = /^[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*$/

function structuredName(name: string): string {
  const text = headerText(name)
  return TOKEN.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** Names come from the config and are checked there; a header takes visible ASCII only. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?')
}
