/** What a caller is told when its model is not asked because it rests. */
import { ProxyError } from '../errors/proxy-error.ts'
import type { Rest } from './health.ts'

/**
 * The error with code and status of the failure that sent the model to rest, in our own words: the
 * provider's were about somebody else's request.
 */
export function restingError(model: string, rest: Rest): ProxyError {
  const { error } = rest
  const seconds = Math.max(1, Math.ceil(rest.ms / 1000))
  // A refused key reaches the caller as our 502; what was said of it was the provider's 401.
  const status = error?.upstream?.status ?? error?.status ?? 503
  const message =
    rest.why === 'credential'
      ? `The provider of ${model} refused the key of this proxy (${status}) and is not asked for ${seconds} s more.`
      : `${model} keeps failing (${rest.why}, ${status}) and is left alone for ${seconds} s more.`
  const details = { retryAfterSeconds: seconds, hint: error?.hint }
  if (error?.upstream === undefined) {
    return new ProxyError(error?.code ?? 'upstream_unreachable', message, details)
  }
  return new ProxyError(error.code, message, {
    ...details,
    upstream: { ...error.upstream, message, param: undefined },
  })
}
