/**
 * The three renderings of one error: OpenAI's JSON, Anthropic's JSON, and a terminal's lines.
 * Types and codes: wire-formats E.1-E.3. Only the tops of server/ and cli/ call these, the stream
 * writers of dialects/, which put the same body into an error event, and the witness of the payload audit.
 */
import type { ErrorKind } from './catalog.ts'
import type { ProxyError } from './proxy-error.ts'

export interface OpenAiErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string | null
  }
}

export interface AnthropicErrorBody {
  readonly type: 'error'
  readonly error: {
    readonly type: string
    readonly message: string
    readonly details?: { readonly error_code: string }
  }
  readonly request_id: string | null
}

// SDKs choose the exception class by status alone; `permission_error`, `conflict`, `request_too_large`
// and `timeout` are our words where OpenAI documents none.
const OPENAI: Record<ErrorKind, { type: string; code: string | null }> = {
  'invalid-request': { type: 'invalid_request_error', code: null },
  authentication: { type: 'invalid_request_error', code: 'invalid_api_key' },
  billing: { type: 'insufficient_quota', code: 'insufficient_quota' },
  permission: { type: 'permission_error', code: 'permission_denied' },
  'not-found': { type: 'invalid_request_error', code: 'not_found' },
  'model-not-found': { type: 'invalid_request_error', code: 'model_not_found' },
  timeout: { type: 'server_error', code: 'timeout' },
  conflict: { type: 'invalid_request_error', code: 'conflict' },
  'too-large': { type: 'invalid_request_error', code: 'request_too_large' },
  context: { type: 'invalid_request_error', code: 'context_length_exceeded' },
  'rate-limit': { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  server: { type: 'server_error', code: null },
  overloaded: { type: 'service_unavailable_error', code: 'server_is_overloaded' },
}

const ANTHROPIC: Record<ErrorKind, string> = {
  'invalid-request': 'invalid_request_error',
  authentication: 'authentication_error',
  billing: 'billing_error',
  permission: 'permission_error',
  'not-found': 'not_found_error',
  'model-not-found': 'not_found_error',
  timeout: 'timeout_error',
  conflict: 'conflict_error',
  'too-large': 'request_too_large',
  context: 'invalid_request_error',
  'rate-limit': 'rate_limit_error',
  server: 'api_error',
  overloaded: 'overloaded_error',
}

/** The error as an OpenAI client expects it. Our own codes stand in `code`; a provider's kind decides otherwise. */
export function renderOpenAi(error: ProxyError): OpenAiErrorBody {
  const words = OPENAI[error.kind]
  return {
    error: {
      message: error.message,
      type: words.type,
      param: error.param ?? error.upstream?.param ?? null,
      code: error.code === 'upstream_error' ? words.code : error.code,
    },
  }
}

/** The error as an Anthropic client expects it; `requestId` is the id of our reply. */
export function renderAnthropic(error: ProxyError, requestId: string | null): AnthropicErrorBody {
  return {
    type: 'error',
    error: {
      type: ANTHROPIC[error.kind],
      message: error.message,
      ...(error.detailCode === undefined ? {} : { details: { error_code: error.detailCode } }),
    },
    request_id: requestId,
  }
}

/** The error as lines for a person: what happened, then one next step where there is one. */
export function renderTerminal(error: ProxyError): string[] {
  const lines = [`error: ${error.message}`]
  if (error.hint !== undefined) lines.push(`  → ${error.hint}`)
  return lines
}
