/**
 * What goes wrong on demand, in each provider's own words (https://platform.openai.com/docs/guides/error-codes,
 * https://docs.claude.com/en/api/errors).
 */
import { Refused } from './refused.ts'
import type { Provider } from './refused.ts'
import type { MockBehaviour } from './models.ts'

/** The failures that are a reply of their own, with a status. */
export type FaultKind =
  | 'authentication'
  | 'billing'
  | 'quota'
  | 'permission'
  | 'not-found'
  | 'rate'
  | 'server'
  | 'overloaded'
  | 'context'

export interface FaultFacts {
  readonly model: string
  /** The credential as it was sent: OpenAI shows the ends of a wrong one. */
  readonly credential: string
  readonly promptTokens: number
  /** The Responses API words a context overflow differently from Chat. */
  readonly api: 'chat' | 'responses' | 'messages' | 'embeddings'
}

/** Seconds the reserved rate limit asks a caller to wait. */
export const RETRY_AFTER_S = 2

const CONTEXT_TOKENS = { openai: 128_000, anthropic: 200_000 }

/** The failure in the provider's words, status and headers. */
export function faultOf(provider: Provider, kind: FaultKind, facts: FaultFacts): Refused {
  return (provider === 'openai' ? OPENAI_FAULTS : ANTHROPIC_FAULTS)[kind](facts)
}

const OPENAI_FAULTS: Readonly<Record<FaultKind, (facts: FaultFacts) => Refused>> = {
  authentication: (facts) =>
    new Refused(
      401,
      'invalid_request_error',
      `Incorrect API key provided: ${maskedKey(facts.credential)}. You can find your API key at https://platform.openai.com/account/api-keys.`,
      { code: 'invalid_api_key' },
    ),
  // OpenAI itself has no 402; servers compatible with it do (DeepSeek, OpenRouter).
  billing: () =>
    new Refused(402, 'insufficient_quota', 'Insufficient Balance', {
      code: 'insufficient_quota',
    }),
  quota: () =>
    new Refused(
      429,
      'insufficient_quota',
      'You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.',
      { code: 'insufficient_quota' },
    ),
  permission: (facts) =>
    new Refused(
      403,
      'invalid_request_error',
      `Project does not have access to model \`${facts.model}\``,
      { code: 'model_not_found' },
    ),
  'not-found': (facts) =>
    new Refused(
      404,
      'invalid_request_error',
      `The model \`${facts.model}\` does not exist or you do not have access to it.`,
      { code: 'model_not_found' },
    ),
  rate: (facts) =>
    new Refused(
      429,
      'requests',
      `Rate limit reached for ${facts.model} in organization mock-organization on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in ${RETRY_AFTER_S}s. Visit https://platform.openai.com/account/rate-limits to learn more.`,
      {
        code: 'rate_limit_exceeded',
        headers: {
          'retry-after': String(RETRY_AFTER_S),
          'retry-after-ms': String(RETRY_AFTER_S * 1000),
          'x-ratelimit-limit-requests': '3',
          'x-ratelimit-remaining-requests': '0',
          'x-ratelimit-reset-requests': `${RETRY_AFTER_S}s`,
        },
      },
    ),
  server: () =>
    new Refused(
      500,
      'server_error',
      'The server had an error while processing your request. Sorry about that!',
    ),
  // OpenAI's own overload is a 503. The name of the model is the promise, and gateways do send 529.
  overloaded: () =>
    new Refused(
      529,
      'service_unavailable_error',
      'The model is currently overloaded. Please try again later.',
      { code: 'server_is_overloaded' },
    ),
  context: (facts) =>
    facts.api === 'responses'
      ? new Refused(
          400,
          'invalid_request_error',
          'Your input exceeds the context window of this model. Please adjust your input and try again.',
          { param: 'input', code: 'context_length_exceeded' },
        )
      : new Refused(
          400,
          'invalid_request_error',
          `This model's maximum context length is ${CONTEXT_TOKENS.openai} tokens. However, your messages resulted in ${CONTEXT_TOKENS.openai + facts.promptTokens} tokens. Please reduce the length of the messages.`,
          { param: 'messages', code: 'context_length_exceeded' },
        ),
}

const ANTHROPIC_FAULTS: Readonly<Record<FaultKind, (facts: FaultFacts) => Refused>> = {
  authentication: () => new Refused(401, 'authentication_error', 'invalid x-api-key'),
  billing: () =>
    new Refused(
      402,
      'billing_error',
      'There is an issue with your billing or payment information.',
    ),
  quota: () =>
    new Refused(
      400,
      'invalid_request_error',
      'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
    ),
  permission: () =>
    new Refused(
      403,
      'permission_error',
      'Your API key does not have permission to use the specified resource.',
    ),
  'not-found': (facts) => new Refused(404, 'not_found_error', `model: ${facts.model}`),
  rate: () =>
    new Refused(
      429,
      'rate_limit_error',
      "This request would exceed your organization's rate limit of 3 requests per minute. Please reduce the number of requests and try again later.",
      {
        headers: {
          'retry-after': String(RETRY_AFTER_S),
          'anthropic-ratelimit-requests-limit': '3',
          'anthropic-ratelimit-requests-remaining': '0',
        },
      },
    ),
  server: () => new Refused(500, 'api_error', 'Internal server error'),
  overloaded: () => new Refused(529, 'overloaded_error', 'Overloaded'),
  context: (facts) =>
    new Refused(
      400,
      'invalid_request_error',
      `prompt is too long: ${CONTEXT_TOKENS.anthropic + facts.promptTokens} tokens > ${CONTEXT_TOKENS.anthropic} maximum`,
    ),
}

/** The error that a stream of this provider breaks off with. */
export function streamFaultKind(provider: Provider): FaultKind {
  return provider === 'openai' ? 'server' : 'overloaded'
}

const KINDS: ReadonlyMap<MockBehaviour, FaultKind> = new Map(
  (
    [
      'authentication',
      'billing',
      'quota',
      'permission',
      'not-found',
      'rate',
      'server',
      'overloaded',
      'context',
    ] as const
  ).map((kind) => [kind, kind]),
)

/** The failure a behaviour stands for, where it is one that replaces the whole reply. */
export function replacingFault(behaviour: MockBehaviour): FaultKind | undefined {
  return KINDS.get(behaviour)
}

/** A key as OpenAI prints it back: the first and last few characters. */
function maskedKey(key: string): string {
  return key.length <= 8
    ? '*'.repeat(key.length)
    : `${key.slice(0, 4)}${'*'.repeat(8)}${key.slice(-4)}`
}
