/**
 * What a failure means for the next step (design §5): its class decides whether another target is
 * tried, not a list of status codes in a config file.
 */
import type { FaultClass } from '../config/config.ts'
import type { ProxyError, UpstreamError } from '../errors/proxy-error.ts'

/** The class of a failed attempt, from the error the attempt ended with. Total: every error has one. */
export function classifyFault(error: ProxyError): FaultClass {
  if (error.upstream !== undefined) return classifyUpstream(error.upstream)
  switch (error.code) {
    case 'upstream_unreachable':
    case 'upstream_truncated':
      return 'transport'
    case 'upstream_timeout':
      return 'timeout'
    case 'upstream_credential':
      return 'credential'
    case 'upstream_error':
    case 'upstream_protocol':
      return 'server'
    // What we refuse ourselves (untranslatable for this target, say) is the caller's to change.
    default:
      return 'request'
  }
}

function classifyUpstream(error: UpstreamError): FaultClass {
  switch (error.kind) {
    case 'context':
      return 'context'
    case 'billing':
      return 'billing'
    case 'rate-limit':
      return 'rate'
    case 'overloaded':
      return 'overload'
    case 'authentication':
    case 'permission':
      return 'credential'
    case 'not-found':
    case 'model-not-found':
      return 'model'
    // 408 is the provider giving up waiting; a 504 is a failure behind it.
    case 'timeout':
      return error.status >= 500 ? 'server' : 'timeout'
    case 'invalid-request':
    case 'too-large':
    case 'conflict':
      return 'request'
    // Many a server in front of a provider says no more than the status.
    case 'server':
      return error.status === 503 || error.status === 529 ? 'overload' : 'server'
  }
}
