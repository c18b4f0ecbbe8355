import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeMarker } from '../../src/dialects/marker.ts'
import type { ChatReply, JsonObject } from '../../src/dialects/neutral.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { readArray, readObject, readString } from '../../src/wire/json.ts'
import { readFixture } from '../wire/cuts.ts'
import { contextFor } from './openai-responses-support.ts'
import { readData, thrown } from './support.ts'

const REPLY: ChatReply = {
  id: 'msg_02Tool',
  model: 'claude-opus-5',
  created: 1_795_305_600,
  parts: [
    { type: 'reasoning', text: 'Two lookups.', signature: 'c2lnLTE=' },
    { type: 'text', text: 'Checking.' },
    {
      type: 'tool-call',
      id: 'toolu_01A',
      name: 'get_weather',
      kind: 'function',
      input: '{"city":"Oslo"}',
    },
    { type: 'tool-call', id: 'toolu_01B', name: 'list_units', kind: 'function', input: '' },
  ],
  finish: { reason: 'tool-calls' },
  usage: {
    promptTokens: 520,
    completionTokens: 64,
    totalTokens: 584,
    cachedTokens: 0,
    cacheWriteTokens: 100,
    reasoningTokens: 5,
  },
  serviceTier: undefined,
}

function write(reply: Partial<ChatReply>, body: JsonObject = {}): JsonObject {
  return openaiResponses.encodeReply({ ...REPLY, ...reply }, contextFor(body))
}

test('a whole reply is the same object that ends its stream', () => {
  const sealed = { include: ['reasoning.encrypted_content'] }
  const end = readData(readFixture('openai-responses/thinking-and-two-tools.sse')).at(-1)
  assert.ok(typeof end === 'object')
  assert.deepEqual(write({}, sealed), end['response'])
})

test('neighbouring texts are one part, and citations move with them', () => {
  const output = readArray(
    write({
      parts: [
        { type: 'text', text: 'It is ' },
        {
          type: 'text',
          text: 'cold.',
          citations: [{ url: 'https://a/b', title: undefined }],
        },
        { type: 'refusal', text: 'No more.' },
      ],
      finish: { reason: 'stop' },
    })['output'],
  )
  assert.equal(output.length, 1)
  assert.deepEqual(readObject(output[0])?.['content'], [
    {
      type: 'output_text',
      text: 'It is cold.',
      annotations: [
        { type: 'url_citation', url: 'https://a/b', title: '', start_index: 6, end_index: 11 },
      ],
      logprobs: [],
    },
    { type: 'refusal', refusal: 'No more.' },
  ])
})

test('an empty refusal by the provider is a refusal part', () => {
  const reply = write({ parts: [], finish: { reason: 'refusal', explanation: 'Not this.' } })
  assert.equal(reply['status'], 'completed')
  assert.deepEqual(readObject(readArray(reply['output'])[0])?.['content'], [
    { type: 'refusal', refusal: 'Not this.' },
  ])
})

test('a reply cut by its length is incomplete in its last item only', () => {
  const reply = write({ finish: { reason: 'length' } })
  assert.equal(reply['status'], 'incomplete')
  assert.deepEqual(reply['incomplete_details'], { reason: 'max_output_tokens' })
  assert.deepEqual(
    readArray(reply['output']).map((item) => readObject(item)?.['status']),
    [undefined, 'completed', 'completed', 'incomplete'],
  )
})

/** A Response object as a provider sends it. */
const PROVIDED: JsonObject = {
  id: 'resp_68',
  object: 'response',
  created_at: 1_795_305_600,
  status: 'completed',
  error: null,
  incomplete_details: null,
  model: 'gpt-5.4-2026-03-05',
  service_tier: 'default',
  output: [
    {
      id: 'rs_1',
      type: 'reasoning',
      summary: [
        { type: 'summary_text', text: '**Plan**' },
        { type: 'summary_text', text: 'Look up.' },
      ],
      encrypted_content: 'gAAAAA',
    },
    { id: 'ws_1', type: 'web_search_call', status: 'completed' },
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      content: [
        {
          type: 'output_text',
          text: 'Cold.',
          annotations: [{ type: 'url_citation', url: 'https://a/b', title: 'B' }],
        },
      ],
    },
    {
      id: 'fc_1',
      type: 'function_call',
      call_id: 'call_1',
      name: 'f',
      arguments: '{"b":1, "a":2}',
    },
    { id: 'ctc_1', type: 'custom_tool_call', call_id: 'call_2', name: 'run', input: 'ls' },
  ],
  usage: {
    input_tokens: 520,
    input_tokens_details: { cached_tokens: 400, cache_write_tokens: 100 },
    output_tokens: 64,
    output_tokens_details: { reasoning_tokens: 5 },
    total_tokens: 584,
  },
}

test('a provider’s response is read with its reasoning sealed for the way back', () => {
  const reply = openaiResponses.decodeReply(PROVIDED)
  const [reasoning, ...rest] = reply.parts
  assert.equal(reasoning?.type === 'reasoning' && reasoning.text, '**Plan**\n\nLook up.')
  const signature = reasoning?.type === 'reasoning' ? (reasoning.signature ?? '') : ''
  assert.deepEqual(decodeMarker(signature), {
    id: 'rs_1',
    encrypted_content: 'gAAAAA',
    summary_chars: [8, 8],
  })
  assert.deepEqual(rest, [
    { type: 'text', text: 'Cold.', citations: [{ url: 'https://a/b', title: 'B' }] },
    { type: 'tool-call', id: 'call_1', name: 'f', kind: 'function', input: '{"b":1, "a":2}' },
    { type: 'tool-call', id: 'call_2', name: 'run', kind: 'custom', input: 'ls' },
  ])
  assert.deepEqual(
    { ...reply, parts: undefined },
    {
      id: 'resp_68',
      model: 'gpt-5.4-2026-03-05',
      created: 1_795_305_600,
      parts: undefined,
      finish: { reason: 'tool-calls' },
      usage: {
        promptTokens: 520,
        completionTokens: 64,
        totalTokens: 584,
        cachedTokens: 400,
        cacheWriteTokens: 100,
        reasoningTokens: 5,
      },
      serviceTier: 'default',
    },
  )
})

test('the mark of a single summary is just its id and seal', () => {
  const [item] = readArray(PROVIDED['output'])
  const output = [{ ...readObject(item), summary: [] }]
  const [part] = openaiResponses.decodeReply({ ...PROVIDED, output }).parts
  assert.deepEqual(part, {
    type: 'reasoning',
    text: '',
    signature: `aiproxy.v1.${Buffer.from('{"id":"rs_1","encrypted_content":"gAAAAA"}').toString('base64url')}`,
  })
})

test('raw reasoning of open models is read where there is no summary', () => {
  const output = [{ type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Hm.' }] }]
  assert.deepEqual(openaiResponses.decodeReply({ ...PROVIDED, output }).parts, [
    { type: 'reasoning', text: 'Hm.' },
  ])
})

const FINISHES: ReadonlyArray<readonly [string, JsonObject, string]> = [
  [
    'max_output_tokens',
    { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
    'length',
  ],
  [
    'content_filter',
    { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
    'content-filter',
  ],
  ['no reason', { status: 'incomplete' }, 'length'],
  ['nothing but a message', { output: [] }, 'stop'],
  [
    'a refusal',
    { output: [{ type: 'message', content: [{ type: 'refusal', refusal: 'No.' }] }] },
    'refusal',
  ],
]
for (const [words, change, expected] of FINISHES) {
  test(`a response that ends with ${words} finishes as ${expected}`, () => {
    assert.equal(openaiResponses.decodeReply({ ...PROVIDED, ...change }).finish.reason, expected)
  })
}

test('a call without a call_id gets the item’s, and without either one made from its place', () => {
  const output = [
    { type: 'function_call', id: 'fc_1', name: 'f', arguments: { a: 1 } },
    { type: 'function_call', name: 'f' },
  ]
  const read = (): unknown => openaiResponses.decodeReply({ ...PROVIDED, output }).parts
  const [first, second] = openaiResponses.decodeReply({ ...PROVIDED, output }).parts
  assert.ok(first?.type === 'tool-call' && second?.type === 'tool-call')
  assert.equal(first.id, 'fc_1')
  assert.equal(first.input, '{"a":1}')
  assert.match(second.id, /^call_[0-9a-f]{24}$/)
  assert.deepEqual(read(), read())
})

test('a reply with nothing in it is no reply', () => {
  thrown('upstream_protocol', () => openaiResponses.decodeReply({}))
  thrown('upstream_protocol', () => openaiResponses.decodeReply({ ...PROVIDED, status: 'queued' }))
})

test('a response that failed with status 200 is the provider’s error', () => {
  const failed = {
    ...PROVIDED,
    status: 'failed',
    error: { code: 'rate_limit_exceeded', message: 'Slow down.' },
  }
  const error = thrown('upstream_error', () => openaiResponses.decodeReply(failed))
  assert.equal(error.status, 429)
  assert.equal(error.message, 'Slow down.')
  assert.equal(thrown('upstream_error', () => openaiResponses.readReply(failed)).status, 429)
  const silent = { ...PROVIDED, status: 'cancelled' }
  assert.equal(thrown('upstream_error', () => openaiResponses.decodeReply(silent)).status, 502)
})

test('a relayed reply tells usage and model', () => {
  const { usage, model } = openaiResponses.readReply(PROVIDED)
  assert.equal(model, 'gpt-5.4-2026-03-05')
  assert.equal(usage?.totalTokens, 584)
  assert.equal(usage.cachedTokens, 400)
})

test('counts of another type are not told', () => {
  const usage = { input_tokens: '5', output_tokens: null, total_tokens: -1 }
  assert.equal(openaiResponses.readReply({ ...PROVIDED, usage }).usage, undefined)
})

const ERRORS: ReadonlyArray<readonly [number, string, string]> = [
  [400, '{"error":{"message":"m","type":"invalid_request_error","code":null}}', 'invalid-request'],
  [400, '{"error":{"message":"m","code":"context_length_exceeded"}}', 'context'],
  [401, '{"error":{"message":"m","code":"invalid_api_key"}}', 'authentication'],
  [402, '{"error":{"message":"m"}}', 'billing'],
  [403, '{"error":{"message":"m"}}', 'permission'],
  [
    404,
    '{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}',
    'model-not-found',
  ],
  [404, '{"error":{"message":"Not Found"}}', 'not-found'],
  [408, '', 'timeout'],
  [409, '', 'conflict'],
  [413, '<html><title>Too large</title></html>', 'too-large'],
  [422, '{"detail":[{"msg":"bad"}]}', 'invalid-request'],
  [429, '{"error":{"message":"m","code":"rate_limit_exceeded"}}', 'rate-limit'],
  [429, '{"error":{"message":"m","code":"insufficient_quota"}}', 'billing'],
  [499, '', 'server'],
  [500, '', 'server'],
  [500, '{"error":{"message":"m","code":"server_is_overloaded"}}', 'overloaded'],
  [503, '', 'overloaded'],
  [504, '', 'timeout'],
  [529, '', 'overloaded'],
]
for (const [status, body, kind] of ERRORS) {
  test(`status ${status} with ${body === '' ? 'no body' : body} is ${kind}`, () => {
    const error = openaiResponses.decodeError(status, body)
    assert.equal(error.kind, kind)
    assert.equal(error.status, status)
    assert.notEqual(error.message, '')
  })
}

test('the reply of a context that decoded nothing uses the documented defaults', () => {
  const reply = openaiResponses.encodeReply(REPLY, { ...contextFor(), request: undefined })
  assert.equal(reply['tool_choice'], 'auto')
  assert.deepEqual(reply['tools'], [])
  assert.equal(readString(reply['id']), 'resp_msg_02Tool')
})
