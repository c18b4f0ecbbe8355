/** What an Anthropic (or Anthropic-compatible) provider's error means (wire-formats E.1, E.2, E.4). */
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
  if (upstream !== undefined) throw new ProxyError('upstream_error', upstream.message, { upstream })
}

const SPEND_LIMITS: ReadonlySet<string> = new Set([
  'contract_spend_limit_reached',
  'enforced_spend_limit_reached',
])

/** `invalid_request_error` that is really about money: the account's credit or a limit of its own. */
const SPENT = /credit balance is too low|reached your specified (API )?usage limits|spend limit/i

function toUpstreamError(status: number, error: ForeignError): UpstreamError {
  return {
    status,
    kind: kindOf(status, error),
    message: error.message,
    type: error.type,
    code: error.code ?? error.detailCode,
    param: error.param,
  }
}

function kindOf(status: number, error: ForeignError): ErrorKind {
  if (error.detailCode !== undefined && SPEND_LIMITS.has(error.detailCode)) return 'billing'
  if (status === 400 && SPENT.test(error.message)) return 'billing'
  if (status < 500 && isContextOverflow(error.code, error.type, error.message)) return 'context'
  switch (error.type) {
    case 'authentication_error':
      return 'authentication'
    case 'billing_error':
      return 'billing'
    case 'permission_error':
      return 'permission'
    case 'not_found_error':
      return notFound(error.message)
    case 'conflict_error':
      return 'conflict'
    case 'request_too_large':
      return 'too-large'
    case 'rate_limit_error':
      return 'rate-limit'
    case 'timeout_error':
      return 'timeout'
    case 'overloaded_error':
      return 'overloaded'
    default:
      return kindOfStatus(status, error.message)
  }
}

function notFound(message: string): ErrorKind {
  return /\bmodels?\b/i.test(message) ? 'model-not-found' : 'not-found'
}

function kindOfStatus(status: number, message: string): ErrorKind {
  switch (status) {
    case 401:
      return 'authentication'
    case 402:
      return 'billing'
    case 403:
      return 'permission'
    case 404:
    case 410:
      return notFound(message)
    case 408:
    case 504:
      return 'timeout'
    case 409:
      return 'conflict'
    case 413:
      return 'too-large'
    case 429:
      return 'rate-limit'
    case 529:
      return 'overloaded'
    default:
      return status >= 500 ? 'server' : 'invalid-request'
  }
}

/** The status an error event stands for: the one its type has as an HTTP reply. */
function statusOf(error: ForeignError): number {
  const status = statusInCode(error.code)
  if (status !== undefined) return status
  switch (error.type) {
    case 'invalid_request_error':
      return 400
    case 'authentication_error':
      return 401
    case 'billing_error':
      return 402
    case 'permission_error':
      return 403
    case 'not_found_error':
      return 404
    case 'conflict_error':
      return 409
    case 'request_too_large':
      return 413
    case 'rate_limit_error':
      return 429
    case 'api_error':
      return 500
    case 'timeout_error':
      return 504
    case 'overloaded_error':
      return 529
    default:
      return 502
  }
}
