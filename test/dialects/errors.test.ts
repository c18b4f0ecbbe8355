import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'

type Row = readonly [status: number, body: string, kind: string, message: string]

const OPENAI: readonly Row[] = [
  [
    401,
    '{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}',
    'authentication',
    'Incorrect API key',
  ],
  [
    429,
    '{"error":{"message":"Rate limit","code":"rate_limit_exceeded"}}',
    'rate-limit',
    'Rate limit',
  ],
  [
    429,
    '{"error":{"message":"No money","type":"insufficient_quota","code":"insufficient_quota"}}',
    'billing',
    'No money',
  ],
  [
    402,
    '{"error":{"message":"Insufficient credits","code":402}}',
    'billing',
    'Insufficient credits',
  ],
  [
    404,
    '{"error":{"message":"x does not exist","code":"model_not_found"}}',
    'model-not-found',
    'x does not exist',
  ],
  [
    404,
    '{"object":"error","message":"The model `q` does not exist.","type":"NotFoundError","code":404}',
    'model-not-found',
    'The model `q` does not exist.',
  ],
  [404, '{"detail":"Not Found"}', 'not-found', 'Not Found'],
  [400, '{"error":{"message":"too long","code":"context_length_exceeded"}}', 'context', 'too long'],
  [
    400,
    '{"object":"error","message":"This model\'s maximum context length is 4096 tokens.","type":"BadRequestError"}',
    'context',
    "This model's maximum context length is 4096 tokens.",
  ],
  [
    400,
    '{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}',
    'context',
    'the request exceeds the available context size',
  ],
  [400, '{"error":{"message":"no such field"}}', 'invalid-request', 'no such field'],
  [
    422,
    '{"detail":[{"loc":["body"],"msg":"field required"},{"msg":"bad type"}]}',
    'invalid-request',
    'field required; bad type',
  ],
  [400, '{"error":"plain words"}', 'invalid-request', 'plain words'],
  [500, '{"message":"top level"}', 'server', 'top level'],
  [400, '{"errors":[{"message":"first"},{"message":"second"}]}', 'invalid-request', 'first'],
  [503, '{"error":{"message":"busy"}}', 'overloaded', 'busy'],
  [498, '{"error":{"message":"no flex capacity"}}', 'overloaded', 'no flex capacity'],
  [424, '{"error":{"message":"dependency"}}', 'server', 'dependency'],
  [413, '{"error":{"message":"big"}}', 'too-large', 'big'],
  [409, '{"error":{"message":"again"}}', 'conflict', 'again'],
  [
    504,
    '<html><head><title>504 Gateway\n Time-out</title></head><body>nginx</body></html>',
    'timeout',
    '504 Gateway Time-out',
  ],
  [502, 'upstream connect error', 'server', 'upstream connect error'],
  [500, '', 'server', 'The provider answered with status 500 and no message.'],
  [500, '{}', 'server', 'The provider answered with status 500 and no message.'],
  [500, 'null', 'server', 'The provider answered with status 500 and no message.'],
  [
    429,
    '[{"error":{"code":429,"message":"Resource exhausted","status":"RESOURCE_EXHAUSTED"}}]',
    'rate-limit',
    'Resource exhausted',
  ],
  [
    502,
    '{"error":{"code":502,"message":"Provider returned error","metadata":{"raw":"real words"}}}',
    'server',
    'Provider returned error: real words',
  ],
]

const ANTHROPIC: readonly Row[] = [
  [
    400,
    '{"type":"error","error":{"type":"invalid_request_error","message":"bad"}}',
    'invalid-request',
    'bad',
  ],
  [
    400,
    '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
    'context',
    'prompt is too long: 210000 tokens > 200000 maximum',
  ],
  [
    400,
    '{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 1 + 2 > 3"}}',
    'context',
    'input length and `max_tokens` exceed context limit: 1 + 2 > 3',
  ],
  [
    400,
    '{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}',
    'billing',
    'Your credit balance is too low to access the Anthropic API.',
  ],
  [
    401,
    '{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}',
    'authentication',
    'invalid x-api-key',
  ],
  [402, '{"type":"error","error":{"type":"billing_error","message":"pay"}}', 'billing', 'pay'],
  [403, '{"type":"error","error":{"type":"permission_error","message":"no"}}', 'permission', 'no'],
  [
    404,
    '{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}',
    'model-not-found',
    'model: claude-x',
  ],
  [
    404,
    '{"type":"error","error":{"type":"not_found_error","message":"Not found"}}',
    'not-found',
    'Not found',
  ],
  [
    413,
    '{"type":"error","error":{"type":"request_too_large","message":"big"}}',
    'too-large',
    'big',
  ],
  [
    429,
    '{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}',
    'rate-limit',
    'slow',
  ],
  [
    429,
    '{"type":"error","error":{"type":"rate_limit_error","message":"spent","details":{"error_code":"enforced_spend_limit_reached"}}}',
    'billing',
    'spent',
  ],
  [500, '{"type":"error","error":{"type":"api_error","message":"oops"}}', 'server', 'oops'],
  [504, '{"type":"error","error":{"type":"timeout_error","message":"late"}}', 'timeout', 'late'],
  [
    529,
    '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    'overloaded',
    'Overloaded',
  ],
  [503, '<html>Service Unavailable</html>', 'server', 'Service Unavailable'],
]

for (const [name, dialect, rows] of [
  ['OpenAI', openaiChat, OPENAI],
  ['Anthropic', anthropic, ANTHROPIC],
] as const) {
  for (const [status, body, kind, message] of rows) {
    test(`${name} ${status} is ${kind}: ${message}`, () => {
      const error = dialect.decodeError(status, body)
      assert.equal(error.kind, kind)
      assert.equal(error.message, message)
      assert.equal(error.status, status)
    })
  }
}

test('a numeric code is kept as its digits', () => {
  assert.equal(openaiChat.decodeError(400, '{"error":{"message":"x","code":400}}').code, '400')
})

test('no body at all makes reading an error throw, and no message is endless', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 400, max: 599 }),
      fc.oneof(fc.string(), fc.json()),
      (status, body) => {
        for (const dialect of [openaiChat, anthropic]) {
          const error = dialect.decodeError(status, body)
          assert.equal(error.status, status)
          assert.ok(error.message.length > 0)
        }
      },
    ),
    { seed: 4, numRuns: 300 },
  )
  const long = JSON.stringify({ error: { message: 'x'.repeat(100_000) } })
  assert.ok(openaiChat.decodeError(500, long).message.length <= 4000)
  assert.ok(openaiChat.decodeError(500, 'y'.repeat(100_000)).message.length <= 300)
})
