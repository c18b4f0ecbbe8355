/** What an OpenAI or OpenAI-compatible provider's error means (wire-formats E.3, E.4, H). */
import type { ErrorKind } from '../../errors/catalog.ts'
import { ProxyError } from '../../errors/proxy-error.ts'
import type { UpstreamError } from '../../errors/proxy-error.ts'
import { isContextOverflow } from '../context-overflow.ts'
import { findInBandError, readErrorText, statusInCode } from '../foreign-error.ts'
import type { ForeignError } from '../foreign-error.ts'
import type { JsonObject } from '../neutral.ts'

/** Any error body, JSON or not. Never throws. */
export function decodeError(status: number, body: string): UpstreamError {
  return toUpstreamError(status, readErrorText(status, body))
}

/** The error inside a reply or event that came with status 200, if there is one. */
export function decodeInBandError(body: JsonObject): UpstreamError | undefined {
  const error = findInBandError(body)
  return error === undefined ? undefined : toUpstreamError(statusOf(error), error)
}

/** Throws ProxyError `upstream_error` when the body of a success is an error. */
export function throwBodyError(body: JsonObject): void {
  const upstream = decodeInBandError(body)
  if (upstream !== undefined) {
    throw new ProxyError('upstream_error', upstream.message, { upstream })
  }
}

/** The error of a provider that ended its reply with a finish word that means failure. */
export function finishError(word: string): ProxyError {
  const upstream: UpstreamError = {
    status: 502,
    kind: 'server',
    message: `The provider ended its reply with "${word}".`,
    type: undefined,
    code: undefined,
    param: undefined,
  }
  return new ProxyError('upstream_error', upstream.message, { upstream })
}

function toUpstreamError(status: number, error: ForeignError): UpstreamError {
  return {
    status,
    kind: kindOf(status, error),
    message: error.message,
    type: error.type,
    code: error.code,
    param: error.param,
  }
}

const BILLING: ReadonlySet<string> = new Set(['insufficient_quota', 'credit_balance_exhausted'])
const OVERLOADED: ReadonlySet<string> = new Set([
  'server_is_overloaded',
  'slow_down',
  'service_unavailable_error',
  'overloaded_error',
])

function says(error: ForeignError, words: ReadonlySet<string>): boolean {
  return (
    (error.code !== undefined && words.has(error.code)) ||
    (error.type !== undefined && words.has(error.type))
  )
}

function kindOf(status: number, error: ForeignError): ErrorKind {
  if (says(error, BILLING)) return 'billing'
  if (status < 500 && isContextOverflow(error.code, error.type, error.message)) return 'context'
  switch (status) {
    case 401:
      return 'authentication'
    case 402:
      return 'billing'
    case 403:
      return 'permission'
    case 404:
    case 410:
      return error.code === 'model_not_found' || /\bmodels?\b/i.test(error.message)
        ? 'model-not-found'
        : 'not-found'
    case 408:
    case 504:
      return 'timeout'
    case 409:
      return 'conflict'
    case 413:
      return 'too-large'
    case 429:
      return 'rate-limit'
    // Groq: no flex capacity.
    case 498:
    case 503:
    case 529:
      return 'overloaded'
    // Groq: a dependency failed; the caller's own request was cancelled.
    case 424:
    case 499:
      return 'server'
    default:
      if (status >= 500) return says(error, OVERLOADED) ? 'overloaded' : 'server'
      return 'invalid-request'
  }
}

/** The status an in-band error stands for: its numeric code, else what its words usually come with. */
function statusOf(error: ForeignError): number {
  const status = statusInCode(error.code)
  if (status !== undefined) return status
  for (const word of [error.code, error.type]) {
    switch (word) {
      case 'insufficient_quota':
      case 'rate_limit_exceeded':
      case 'rate_limit_error':
        return 429
      case 'server_is_overloaded':
      case 'slow_down':
      case 'service_unavailable_error':
      case 'overloaded_error':
        return 503
      case 'server_error':
        return 500
      case 'context_length_exceeded':
      case 'invalid_request_error':
      case 'BadRequestError':
        return 400
      case 'invalid_api_key':
      case 'authentication_error':
        return 401
      case 'permission_error':
        return 403
      case 'model_not_found':
        return 404
      case 'timeout':
        return 504
      default:
    }
  }
  return 502
}
