/** What a provider may fail with before it says anything, in its own words, and what each caller must read. */
import { anthropicError } from '../replies.ts'
import type { ApiName } from './said.ts'

/** A class that both SDKs have. */
export type ErrorClass =
  | 'BadRequestError'
  | 'NotFoundError'
  | 'UnprocessableEntityError'
  | 'RateLimitError'
  | 'InternalServerError'
  | 'APIError'

export interface Failure {
  readonly name: string
  readonly status: number
  /** The body as OpenAI writes it, and as Anthropic does. */
  readonly openai: { readonly message: string; readonly type: string; readonly code: string | null }
  readonly anthropic: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** What the caller gets; its status is the provider's where none is given. */
  readonly thrown: ErrorClass
  readonly callerStatus?: number
  /** The words in a translated body. */
  readonly asOpenAi: { readonly type: string; readonly code: string | null }
  readonly asAnthropic: string
  /** What the caller reads of the message; the provider's own words in every case. */
  readonly words: (caller: ApiName, target: ApiName) => RegExp
  readonly replyHeaders?: (caller: ApiName, target: ApiName) => Readonly<Record<string, string>>
}

const openai = (message: string, type: string, code: string | null): Failure['openai'] => ({
  message,
  type,
  code,
})

const said = (): RegExp => /Said by the provider\./
const WORDS = 'Said by the provider.'
/** Long enough that nobody waits for it. */
const LATER = { 'retry-after': '30', 'retry-after-ms': '30000' }

export const FAILURES: readonly Failure[] = [
  {
    name: '400, a mistake in the request',
    status: 400,
    openai: openai(WORDS, 'invalid_request_error', null),
    anthropic: anthropicError('invalid_request_error', WORDS),
    thrown: 'BadRequestError',
    asOpenAi: { type: 'invalid_request_error', code: null },
    asAnthropic: 'invalid_request_error',
    words: said,
  },
  {
    name: '400, a prompt too long',
    status: 400,
    openai: openai(
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens. Please reduce the length of the messages.",
      'invalid_request_error',
      'context_length_exceeded',
    ),
    anthropic: anthropicError(
      'invalid_request_error',
      'prompt is too long: 210000 tokens > 200000 maximum',
    ),
    thrown: 'BadRequestError',
    asOpenAi: { type: 'invalid_request_error', code: 'context_length_exceeded' },
    asAnthropic: 'invalid_request_error',
    // Coding clients recognise it by these words alone.
    words: (caller, target) =>
      target === 'messages'
        ? /prompt is too long: 210000 tokens > 200000 maximum/
        : caller === 'messages'
          ? /prompt is too long: 130000 tokens > 128000 maximum/
          : /maximum context length is 128000 tokens/,
  },
  {
    name: '401 about our key',
    status: 401,
    openai: openai(WORDS, 'invalid_request_error', 'invalid_api_key'),
    anthropic: anthropicError('authentication_error', WORDS),
    thrown: 'InternalServerError',
    callerStatus: 502,
    asOpenAi: { type: 'server_error', code: 'upstream_credential' },
    asAnthropic: 'api_error',
    words: said,
  },
  {
    name: '403 about our key',
    status: 403,
    openai: openai(WORDS, 'invalid_request_error', null),
    anthropic: anthropicError('permission_error', WORDS),
    thrown: 'InternalServerError',
    callerStatus: 502,
    asOpenAi: { type: 'server_error', code: 'upstream_credential' },
    asAnthropic: 'api_error',
    words: said,
  },
  {
    name: '402, no credit',
    status: 402,
    openai: openai(WORDS, 'insufficient_quota', 'insufficient_quota'),
    anthropic: anthropicError('billing_error', WORDS),
    thrown: 'APIError',
    asOpenAi: { type: 'insufficient_quota', code: 'insufficient_quota' },
    asAnthropic: 'billing_error',
    words: said,
  },
  {
    name: '404, no such model',
    status: 404,
    openai: openai('The model `x` does not exist.', 'invalid_request_error', 'model_not_found'),
    anthropic: anthropicError('not_found_error', 'model: x'),
    thrown: 'NotFoundError',
    asOpenAi: { type: 'invalid_request_error', code: 'model_not_found' },
    asAnthropic: 'not_found_error',
    words: () => /The model `x` does not exist|model: x/,
  },
  {
    name: '413',
    status: 413,
    openai: openai(WORDS, 'invalid_request_error', 'request_too_large'),
    anthropic: anthropicError('request_too_large', WORDS),
    thrown: 'APIError',
    asOpenAi: { type: 'invalid_request_error', code: 'request_too_large' },
    asAnthropic: 'request_too_large',
    words: said,
  },
  {
    name: '422',
    status: 422,
    openai: openai(WORDS, 'invalid_request_error', null),
    anthropic: anthropicError('invalid_request_error', WORDS),
    thrown: 'UnprocessableEntityError',
    asOpenAi: { type: 'invalid_request_error', code: null },
    asAnthropic: 'invalid_request_error',
    words: said,
  },
  {
    name: '429, a rate limit',
    status: 429,
    openai: openai(WORDS, 'requests', 'rate_limit_exceeded'),
    anthropic: anthropicError('rate_limit_error', WORDS),
    headers: LATER,
    thrown: 'RateLimitError',
    asOpenAi: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
    asAnthropic: 'rate_limit_error',
    words: said,
    replyHeaders: () => LATER,
  },
  {
    name: '429, the quota is used up',
    status: 429,
    openai: openai(WORDS, 'insufficient_quota', 'insufficient_quota'),
    anthropic: {
      type: 'error',
      error: {
        type: 'rate_limit_error',
        message: WORDS,
        details: { error_code: 'enforced_spend_limit_reached' },
      },
      request_id: 'req_Upstream01',
    },
    thrown: 'RateLimitError',
    asOpenAi: { type: 'insufficient_quota', code: 'insufficient_quota' },
    asAnthropic: 'billing_error',
    words: said,
    // Otherwise clients would try again for minutes.
    replyHeaders: (caller, target): Record<string, string> =>
      caller === 'messages' && target !== 'messages' ? { 'x-should-retry': 'false' } : {},
  },
  {
    name: '500',
    status: 500,
    openai: openai(WORDS, 'server_error', null),
    anthropic: anthropicError('api_error', WORDS),
    thrown: 'InternalServerError',
    asOpenAi: { type: 'server_error', code: null },
    asAnthropic: 'api_error',
    words: said,
  },
  {
    name: '529, overloaded',
    status: 529,
    openai: openai(WORDS, 'service_unavailable_error', 'server_is_overloaded'),
    anthropic: anthropicError('overloaded_error', WORDS),
    headers: LATER,
    thrown: 'InternalServerError',
    asOpenAi: { type: 'service_unavailable_error', code: 'server_is_overloaded' },
    asAnthropic: 'overloaded_error',
    words: said,
    replyHeaders: () => LATER,
  },
]
