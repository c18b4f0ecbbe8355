/** What an error of a provider that speaks Responses means, and how a failed stream says it (wire-formats E, F.4). */
import type { ErrorKind } from '../../errors/catalog.ts'
import { ProxyError } from '../../errors/proxy-error.ts'
import type { UpstreamError } from '../../errors/proxy-error.ts'
import { readObject, readText } from '../../wire/json.ts'
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
  if (upstream !== undefined) throw upstreamFailure(upstream)
}

/** The error to throw for what a provider reported. */
export function upstreamFailure(upstream: UpstreamError): ProxyError {
  return new ProxyError('upstream_error', upstream.message, { upstream })
}

/** The failure a Response object tells by its status alone: `failed` or `cancelled`. */
export function statusFailure(status: string): UpstreamError {
  return {
    status: 502,
    kind: 'server',
    message: `The provider ended its reply as "${status}" without saying why.`,
    type: undefined,
    code: undefined,
    param: undefined,
  }
}

/**
 * What an event that ends a stream badly says: `response.failed`, or `error`, whose members are documented
 * at the top level and sent by several servers under `error`.
 */
export function readFailureEvent(event: JsonObject): UpstreamError {
  const response = readObject(event['response'])
  if (response !== undefined) {
    return decodeInBandError(response) ?? statusFailure(readText(response['status']) ?? 'failed')
  }
  const { code, message, param } = event
  const flat = { code: code ?? null, message: message ?? null, param: param ?? null }
  return decodeInBandError(event) ?? decodeInBandError({ error: flat }) ?? statusFailure('failed')
}

// The documented set of codes is closed and knows neither quota nor context; OpenAI sends both words all
// the same, and Codex acts on them.
const FAILURE_CODES: Record<ErrorKind, string> = {
  'invalid-request': 'invalid_prompt',
  'too-large': 'invalid_prompt',
  context: 'context_length_exceeded',
  'rate-limit': 'rate_limit_exceeded',
  billing: 'insufficient_quota',
  authentication: 'server_error',
  permission: 'server_error',
  'not-found': 'server_error',
  'model-not-found': 'server_error',
  timeout: 'server_error',
  conflict: 'server_error',
  server: 'server_error',
  overloaded: 'server_error',
}

/** The `error` of a Response object whose status is `failed`. */
export function encodeFailure(error: ProxyError): { code: string; message: string } {
  return { code: FAILURE_CODES[error.kind], message: error.message }
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

const KINDS: ReadonlyMap<number, ErrorKind> = new Map([
  [401, 'authentication'],
  [402, 'billing'],
  [403, 'permission'],
  [408, 'timeout'],
  [409, 'conflict'],
  [413, 'too-large'],
  [429, 'rate-limit'],
  // A dependency of the provider failed, or the provider cancelled the request itself.
  [424, 'server'],
  [499, 'server'],
  // No flexible capacity (Groq).
  [498, 'overloaded'],
  [503, 'overloaded'],
  [529, 'overloaded'],
  [504, 'timeout'],
])

function kindOf(status: number, error: ForeignError): ErrorKind {
  if (says(error, BILLING)) return 'billing'
  if (status < 500 && isContextOverflow(error.code, error.type, error.message)) return 'context'
  if (status === 404 || status === 410) {
    return error.code === 'model_not_found' || /\bmodels?\b/i.test(error.message)
      ? 'model-not-found'
      : 'not-found'
  }
  const kind = KINDS.get(status)
  if (kind !== undefined) return kind
  if (status < 500) return 'invalid-request'
  return says(error, OVERLOADED) ? 'overloaded' : 'server'
}

/** The status that in-band words usually come with. */
const STATUSES: ReadonlyMap<string, number> = new Map([
  ['insufficient_quota', 429],
  ['credit_balance_exhausted', 429],
  ['rate_limit_exceeded', 429],
  ['rate_limit_error', 429],
  ['server_is_overloaded', 503],
  ['slow_down', 503],
  ['service_unavailable_error', 503],
  ['overloaded_error', 503],
  ['server_error', 500],
  ['context_length_exceeded', 400],
  ['invalid_prompt', 400],
  ['bio_policy', 400],
  ['invalid_request_error', 400],
  ['unsupported_image_media_type', 400],
  ['empty_image_file', 400],
  ['failed_to_download_image', 400],
  ['invalid_api_key', 401],
  ['authentication_error', 401],
  ['permission_error', 403],
  ['model_not_found', 404],
  ['timeout', 504],
])

function statusOf(error: ForeignError): number {
  const numeric = statusInCode(error.code)
  if (numeric !== undefined) return numeric
  for (const word of [error.code, error.type]) {
    if (word === undefined) continue
    const status = STATUSES.get(word)
    if (status !== undefined) return status
    // The family of codes about the caller's own pictures and values.
    if (/^(invalid|image)_/.test(word)) return 400
  }
  return 502
}
