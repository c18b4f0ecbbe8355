import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  anthropicOverflow,
  anthropicOverflowMessage,
} from '../../src/dialects/anthropic-overflow.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import type { UpstreamError } from '../../src/errors/proxy-error.ts'
import { renderAnthropic } from '../../src/errors/render.ts'

const overflow = (message: string): UpstreamError => ({
  status: 400,
  kind: 'context',
  message,
  type: undefined,
  code: undefined,
  param: undefined,
})

const messages: ReadonlyArray<readonly [from: string, said: string, expected: string]> = [
  [
    'OpenAI, prompt alone',
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130512 tokens. Please reduce the length of the messages.",
    'prompt is too long: 130512 tokens > 128000 maximum',
  ],
  [
    'OpenAI, prompt and answer',
    "This model's maximum context length is 8192 tokens. However, you requested 10000 tokens (7000 in the messages, 3000 in the completion). Please reduce the length of the messages or completion.",
    'input length and `max_tokens` exceed context limit: 7000 + 3000 > 8192',
  ],
  [
    'OpenAI, with functions',
    "This model's maximum context length is 8192 tokens. However, you requested 10000 tokens (5000 in the messages, 2000 in the functions, and 3000 in the completion).",
    'input length and `max_tokens` exceed context limit: 7000 + 3000 > 8192',
  ],
  [
    'OpenAI, the prompt already too long',
    "This model's maximum context length is 8192 tokens. However, you requested 12000 tokens (9000 in the messages, 3000 in the completion).",
    'prompt is too long: 9000 tokens > 8192 maximum',
  ],
  [
    'a model with a date in its name',
    "gpt-4.1-2025-04-14's maximum context length is 1,047,576 tokens, however you requested 1,100,000 tokens.",
    'prompt is too long: 1100000 tokens > 1047576 maximum',
  ],
  [
    'vLLM, answer too long',
    "'max_tokens' or 'max_completion_tokens' is too large: 64000. This model's maximum context length is 32768 tokens and your request has 12000 input tokens (64000 > 32768 - 12000).",
    'input length and `max_tokens` exceed context limit: 12000 + 64000 > 32768',
  ],
  [
    'vLLM, prompt too long',
    "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens. Please reduce the length of the input messages.",
    'prompt is too long: 5000 tokens > 4096 maximum',
  ],
  [
    'OpenRouter',
    "This endpoint's maximum context length is 131072 tokens. However, you requested about 150000 tokens (118000 of text input, 32000 in the output). Please reduce the length of either one.",
    'input length and `max_tokens` exceed context limit: 118000 + 32000 > 131072',
  ],
  [
    'llama.cpp',
    'request (5120 tokens) exceeds the available context size (4096 tokens), try increasing it',
    'prompt is too long: 5120 tokens > 4096 maximum',
  ],
  [
    'GitHub',
    'prompt token count of 70000 exceeds the limit of 64000',
    'prompt is too long: 70000 tokens > 64000 maximum',
  ],
  [
    'Mistral',
    'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
    'prompt is too long: 40000 tokens > 32768 maximum',
  ],
  [
    'Gemini',
    'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
    'prompt is too long: 1200000 tokens > 1048576 maximum',
  ],
  [
    'Kimi',
    'Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)',
    'prompt is too long: 300000 tokens > 262144 maximum',
  ],
  [
    'two numbers and nothing else to go by',
    'Input is too long: 20000 tokens, at most 16384.',
    'prompt is too long: 20000 tokens > 16384 maximum',
  ],
  [
    'no numbers',
    'Your input exceeds the context window of this model. Please adjust your input and try again.',
    'prompt is too long: Your input exceeds the context window of this model. Please adjust your input and try again.',
  ],
  [
    'numbers that count nothing',
    'Input is too long for requested model 4 (try 5).',
    'prompt is too long: Input is too long for requested model 4 (try 5).',
  ],
  [
    'Anthropic',
    'prompt is too long: 210000 tokens > 200000 maximum',
    'prompt is too long: 210000 tokens > 200000 maximum',
  ],
  [
    'Anthropic, answer too long',
    'input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000, decrease input length or `max_tokens` and try again',
    'input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000, decrease input length or `max_tokens` and try again',
  ],
  ['a bare word', 'Prompt is too long', 'Prompt is too long'],
]
for (const [from, said, expected] of messages) {
  test(`an overflow as ${from} says it is put in Anthropic's words`, () => {
    assert.equal(anthropicOverflowMessage(overflow(said)), expected)
  })
}

test('an overflow leaves as status 400 whatever the provider answered with, its headers kept', () => {
  const upstream = openaiChat.decodeError(
    413,
    '{"error":{"code":"context_length_exceeded","message":"maximum context length is 8192 tokens, got 9001"}}',
  )
  const error = new ProxyError('upstream_error', upstream.message, { upstream })
  error.headers = [['x-aiproxy-attempts', 'a']]
  const rewritten = anthropicOverflow(error)
  assert.equal(rewritten.status, 400)
  assert.equal(rewritten.source, 'upstream')
  assert.deepEqual(rewritten.headers, [['x-aiproxy-attempts', 'a']])
  assert.deepEqual(renderAnthropic(rewritten, 'req_1'), {
    type: 'error',
    error: {
      type: 'invalid_request_error',
      message: 'prompt is too long: 9001 tokens > 8192 maximum',
    },
    request_id: 'req_1',
  })
})

test('every other error is returned as it is', () => {
  const upstream = { ...overflow('maximum context length'), kind: 'rate-limit' } as const
  for (const error of [
    new ProxyError('upstream_error', 'Slow down.', { upstream }),
    new ProxyError('request_invalid', 'maximum context length'),
  ]) {
    assert.equal(anthropicOverflow(error), error)
  }
})
