/** Reply headers of the two providers: request ids, rate limits, and what else always comes along. */
import { numberOf } from './identity.ts'
import type { Provider } from './refused.ts'

const RESET_MS = 60_000

/** The headers both providers put on every reply, errors included, and the mark that this is no model. */
export function commonHeaders(
  provider: Provider,
  requestId: string,
  nowMs: number,
): Record<string, string> {
  if (provider === 'openai') {
    return {
      'x-mock': 'true',
      'x-request-id': requestId,
      'openai-version': '2020-10-01',
      'openai-organization': 'mock-organization',
      'openai-processing-ms': String(100 + numberOf(400, requestId)),
      'x-ratelimit-limit-requests': '10000',
      'x-ratelimit-limit-tokens': '2000000',
      'x-ratelimit-remaining-requests': '9999',
      'x-ratelimit-remaining-tokens': '1999000',
      'x-ratelimit-reset-requests': '6ms',
      'x-ratelimit-reset-tokens': '30ms',
    }
  }
  const seconds = Math.ceil((nowMs + RESET_MS) / 1000)
  const reset = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
  const headers: Record<string, string> = {
    'x-mock': 'true',
    'request-id': requestId,
    'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
  }
  for (const [name, limit] of LIMITS) {
    headers[`anthropic-ratelimit-${name}-limit`] = String(limit)
    headers[`anthropic-ratelimit-${name}-remaining`] = String(limit - 1000)
    headers[`anthropic-ratelimit-${name}-reset`] = reset
  }
  return headers
}

const LIMITS: ReadonlyArray<readonly [string, number]> = [
  ['requests', 4000],
  ['tokens', 2_400_000],
  ['input-tokens', 2_000_000],
  ['output-tokens', 400_000],
]

/** Anthropic tells its SDKs outright whether asking again can help; OpenAI leaves them to the status. */
export function retryAdvice(provider: Provider, status: number): Record<string, string> {
  if (provider === 'openai') return {}
  return { 'x-should-retry': String(status === 429 || status >= 500) }
}
