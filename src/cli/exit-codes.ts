/**
 * What the program's exit code says, in one table (cli.md §1). Scripts rely on it.
 */
import type { ErrorCode } from '../errors/catalog.ts'

export const EXIT = {
  done: 0,
  failed: 1,
  misused: 2,
  config: 3,
  forbidden: 4,
  unanswered: 5,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** For `aiproxy help exit-codes`, in order. */
export const EXIT_CODES: ReadonlyArray<readonly [code: ExitCode, meaning: string]> = [
  [EXIT.done, 'done; also: no data in the window, the reader of a pipe left'],
  [EXIT.failed, 'something failed while running'],
  [EXIT.misused, 'misuse: bad flag or time, unknown user or model'],
  [EXIT.config, 'config missing or invalid, port taken'],
  [EXIT.forbidden, 'no key, wrong key, or not allowed (access, limit, budget)'],
  [EXIT.unanswered, 'every target failed, the answer was cut, or the deadline passed'],
  [EXIT.interrupted, 'stopped by ^C'],
  [EXIT.terminated, 'stopped by SIGTERM'],
]

// A new code in the catalogue fails to compile until it is placed here.
const BY_ERROR: Record<ErrorCode, ExitCode> = {
  user_missing: EXIT.misused,
  key_invalid: EXIT.forbidden,
  user_unknown: EXIT.misused,
  host_forbidden: EXIT.forbidden,
  origin_forbidden: EXIT.forbidden,
  request_malformed: EXIT.misused,
  json_invalid: EXIT.misused,
  model_missing: EXIT.misused,
  model_not_found: EXIT.misused,
  request_invalid: EXIT.misused,
  untranslatable: EXIT.misused,
  body_too_large: EXIT.misused,
  request_timeout: EXIT.failed,
  media_type_unsupported: EXIT.misused,
  route_not_found: EXIT.misused,
  method_not_allowed: EXIT.misused,
  expectation_failed: EXIT.misused,
  headers_too_large: EXIT.misused,
  transfer_encoding_unsupported: EXIT.misused,
  rate_limited: EXIT.forbidden,
  budget_exceeded: EXIT.forbidden,
  upstream_error: EXIT.unanswered,
  upstream_credential: EXIT.forbidden,
  upstream_unreachable: EXIT.unanswered,
  upstream_protocol: EXIT.unanswered,
  upstream_truncated: EXIT.unanswered,
  upstream_timeout: EXIT.unanswered,
  usage_log_unavailable: EXIT.failed,
  overloaded: EXIT.failed,
  shutting_down: EXIT.failed,
  internal: EXIT.failed,
  not_allowed: EXIT.forbidden,
  block_missing: EXIT.failed,
  usage_wrong: EXIT.misused,
  config_missing: EXIT.config,
  config_unwritable: EXIT.failed,
  config_invalid: EXIT.config,
  port_in_use: EXIT.config,
}

/** The exit code after a signal that ended what was asked for. */
export function exitAfter(signal: 'SIGINT' | 'SIGTERM'): ExitCode {
  return signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
}

/** The exit code for an error that reached the top of the command line. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  return BY_ERROR[code]
}
