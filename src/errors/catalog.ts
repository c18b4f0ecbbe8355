/**
 * What can go wrong, by code. The code is the contract other programs match on; the status is what
 * HTTP says of it; the kind picks the words of the caller's dialect (render.ts); the hint is the next
 * step for a person. Messages are written where the error is thrown, with the actual names in them.
 */

/** The closed set of meanings an error can have on either wire, ours and the providers' alike. */
export type ErrorKind =
  | 'invalid-request'
  | 'authentication'
  | 'billing'
  | 'permission'
  | 'not-found'
  | 'model-not-found'
  | 'timeout'
  | 'conflict'
  | 'too-large'
  | 'context'
  | 'rate-limit'
  | 'server'
  | 'overloaded'

interface ErrorEntry {
  readonly status: number
  readonly kind: ErrorKind
  readonly hint: string | undefined
}

export const ERRORS = {
  // Who is asking
  user_missing: {
    status: 401,
    kind: 'authentication',
    hint: 'Send `X-User: <name>`, or your aiproxy key as `Authorization: Bearer aip_…`.',
  },
  key_invalid: {
    status: 401,
    kind: 'authentication',
    hint: 'Make a new key with `aiproxy users key <user>`.',
  },
  user_unknown: {
    status: 403,
    kind: 'permission',
    hint: 'List the users with `aiproxy users`.',
  },
  host_forbidden: {
    status: 403,
    kind: 'permission',
    hint: 'Add the name to `allowed_hosts` in the config file.',
  },
  origin_forbidden: {
    status: 403,
    kind: 'permission',
    hint: 'Add the origin to `allowed_origins` in the config file.',
  },
  // What is asked
  request_malformed: { status: 400, kind: 'invalid-request', hint: undefined },
  json_invalid: { status: 400, kind: 'invalid-request', hint: undefined },
  model_missing: { status: 400, kind: 'invalid-request', hint: undefined },
  model_not_found: {
    status: 404,
    kind: 'model-not-found',
    hint: 'See what a user may call with `aiproxy users show <user>`.',
  },
  request_invalid: { status: 400, kind: 'invalid-request', hint: undefined },
  untranslatable: { status: 400, kind: 'invalid-request', hint: undefined },
  body_too_large: { status: 413, kind: 'too-large', hint: undefined },
  request_timeout: { status: 408, kind: 'timeout', hint: undefined },
  media_type_unsupported: {
    status: 415,
    kind: 'invalid-request',
    hint: 'Send `Content-Type: application/json`.',
  },
  route_not_found: { status: 404, kind: 'not-found', hint: undefined },
  method_not_allowed: { status: 405, kind: 'invalid-request', hint: undefined },
  expectation_failed: { status: 417, kind: 'invalid-request', hint: undefined },
  headers_too_large: { status: 431, kind: 'too-large', hint: undefined },
  transfer_encoding_unsupported: {
    status: 501,
    kind: 'invalid-request',
    hint: 'Send the body with a Content-Length, or in plain chunks.',
  },
  // How much is asked
  rate_limited: { status: 429, kind: 'rate-limit', hint: undefined },
  budget_exceeded: { status: 429, kind: 'billing', hint: undefined },
  // Who should have answered
  upstream_error: { status: 502, kind: 'server', hint: undefined },
  upstream_credential: {
    status: 502,
    kind: 'server',
    hint: 'Check the key of this provider in the environment or the config file.',
  },
  upstream_unreachable: { status: 502, kind: 'server', hint: undefined },
  upstream_protocol: { status: 502, kind: 'server', hint: undefined },
  upstream_truncated: { status: 502, kind: 'server', hint: undefined },
  upstream_timeout: { status: 504, kind: 'timeout', hint: undefined },
  // Ourselves
  usage_log_unavailable: {
    status: 503,
    kind: 'overloaded',
    hint: 'Check that the usage log can be written.',
  },
  /** Too much is under way at once; nothing was begun, so trying again is safe. */
  overloaded: { status: 503, kind: 'overloaded', hint: undefined },
  shutting_down: { status: 503, kind: 'overloaded', hint: undefined },
  internal: { status: 500, kind: 'server', hint: undefined },
  // The command line
  /** Known on this machine, but not this user's: only the operator is told that it exists. */
  not_allowed: { status: 403, kind: 'permission', hint: undefined },
  /** `ask --extract` of an answer without a fenced block. */
  block_missing: { status: 500, kind: 'server', hint: undefined },
  usage_wrong: { status: 400, kind: 'invalid-request', hint: undefined },
  config_missing: { status: 500, kind: 'server', hint: undefined },
  /** The file was changed by somebody else meanwhile, or may not be written. */
  config_unwritable: { status: 500, kind: 'server', hint: undefined },
  config_invalid: { status: 500, kind: 'server', hint: undefined },
  port_in_use: { status: 500, kind: 'server', hint: undefined },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS
