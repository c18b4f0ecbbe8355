import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRequest } from '../../src/dialects/anthropic/decode-request.ts'
import { encodeReply, mapStopReason } from '../../src/dialects/anthropic/encode-reply.ts'
import { createStreamEncoder } from '../../src/dialects/anthropic/encode-stream.ts'
import { readToolInput } from '../../src/dialects/anthropic/tool-input.ts'
import { answerWarmUp } from '../../src/dialects/anthropic/warm-up.ts'
import { decodeMarker, encodeMarker, isMarker } from '../../src/dialects/marker.ts'
import type {
  AssistantPart,
  ChatEvent,
  ChatReply,
  FinishReason,
  JsonObject,
} from '../../src/dialects/neutral.ts'
import { replyToEvents } from '../../src/dialects/collect.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { checkGrammar } from './anthropic-caller-grammar.ts'
import {
  asObject,
  asking,
  contextOf,
  encodeEvents,
  outline,
  readFrames,
  reply,
  thrown,
  word,
} from './anthropic-caller.ts'

const START: ChatEvent = {
  type: 'start',
  id: 'x',
  model: 'm',
  created: undefined,
  usage: undefined,
}
const finish = (reason: FinishReason): ChatEvent => ({
  type: 'finish',
  finish: { reason },
  usage: undefined,
  serviceTier: undefined,
})
const neutral = (parts: readonly AssistantPart[], reason: FinishReason = 'stop'): ChatReply => ({
  id: 'x',
  model: 'm',
  created: undefined,
  parts,
  finish: { reason },
  usage: undefined,
  serviceTier: undefined,
})

const named = (id: string): unknown =>
  encodeReply({ ...neutral([]), id }, contextOf(undefined))['id']

test('a whole reply has every field a strict client reads', () => {
  const message = reply(
    {
      content: 'Checking.',
      reasoning_content: 'One lookup.',
      tool_calls: [
        { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"z":1,"a":2}' } },
      ],
    },
    'tool_calls',
    {
      service_tier: 'default',
      usage: {
        prompt_tokens: 100,
        completion_tokens: 30,
        total_tokens: 130,
        prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 },
        completion_tokens_details: { reasoning_tokens: 12 },
      },
    },
  )
  assert.equal(
    JSON.stringify(message),
    JSON.stringify({
      id: 'msg_chatcmpl-1',
      type: 'message',
      role: 'assistant',
      model: 'upstream-model',
      content: [
        { type: 'thinking', thinking: 'One lookup.', signature: 'aiproxy.v1.' },
        { type: 'text', text: 'Checking.' },
        { type: 'tool_use', id: 'call_1', name: 'look', input: { z: 1, a: 2 } },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      stop_details: null,
      container: null,
      diagnostics: null,
      usage: {
        input_tokens: 10,
        cache_creation_input_tokens: 30,
        cache_read_input_tokens: 60,
        output_tokens: 30,
        output_tokens_details: { thinking_tokens: 12 },
        service_tier: 'standard',
      },
    }),
  )
})

test('an answer without content has no block, and its usage is there all the same', () => {
  const message = reply({ content: null }, 'stop', { usage: null })
  assert.deepEqual(message['content'], [])
  assert.equal(message['stop_reason'], 'end_turn')
  assert.deepEqual(message['usage'], {
    input_tokens: 0,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: 0,
    output_tokens_details: null,
    service_tier: null,
  })
})

test('what no provider counted is estimated from the request and the answer', () => {
  const request = decodeRequest(asking({ system: 'x'.repeat(400) }))
  const message = encodeReply(neutral([{ type: 'text', text: 'y'.repeat(40) }]), contextOf(request))
  const usage = message['usage']
  assert.ok(typeof usage === 'object' && usage !== null && !Array.isArray(usage))
  assert.equal(usage['input_tokens'], 102)
  assert.equal(usage['output_tokens'], 10)
})

test('a refusal is told three times: as text, as the reason, and in its details', () => {
  const message = reply({ content: null, refusal: 'I cannot.' }, 'stop')
  assert.deepEqual(message['content'], [{ type: 'text', text: 'I cannot.' }])
  assert.equal(message['stop_reason'], 'refusal')
  assert.deepEqual(message['stop_details'], {
    type: 'refusal',
    category: null,
    explanation: 'I cannot.',
  })
})

const reasons: ReadonlyArray<readonly [FinishReason, boolean, string]> = [
  ['stop', false, 'end_turn'],
  ['stop', true, 'tool_use'],
  ['other', false, 'end_turn'],
  ['other', true, 'tool_use'],
  ['tool-calls', true, 'tool_use'],
  ['tool-calls', false, 'end_turn'],
  ['stop-sequence', false, 'stop_sequence'],
  ['length', false, 'max_tokens'],
  ['length', true, 'max_tokens'],
  ['context-window', false, 'model_context_window_exceeded'],
  ['refusal', false, 'refusal'],
  ['content-filter', false, 'refusal'],
  ['content-filter', true, 'refusal'],
  ['pause', false, 'pause_turn'],
]
for (const [reason, called, expected] of reasons) {
  test(`an end by ${reason} ${called ? 'after a call ' : ''}is ${expected}`, () => {
    assert.equal(mapStopReason(reason, called), expected)
  })
}

const argumentTexts: ReadonlyArray<readonly [string, boolean, JsonObject]> = [
  ['', false, {}],
  ['  ', false, {}],
  ['{"a":1}', false, { a: 1 }],
  ['[1]', false, { value: [1] }],
  ['"x"', false, { value: 'x' }],
  ['null', false, { value: null }],
  ['{"a":1,"b":"tr', false, { _raw_arguments: '{"a":1,"b":"tr' }],
  ['{"a":1,"b":"tr', true, { a: 1 }],
  ['{"a":{"x":1,"y":2},"b":[1,', true, { a: { x: 1, y: 2 } }],
  ['{"a":"c,\\",","b":1,"c', true, { a: 'c,",', b: 1 }],
  ['{"a":"unfinished', true, {}],
  ['{"a', true, {}],
]
for (const [text, cut, expected] of argumentTexts) {
  test(`arguments ${JSON.stringify(text)}${cut ? ', cut by length,' : ''} become ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(readToolInput(text, cut), expected)
  })
}

test('tools get back the names the caller gave them', () => {
  const long = 'n'.repeat(80)
  const hints = { jsonTool: undefined, customTools: [], toolNames: [['short', long] as const] }
  const call = { id: 'c', type: 'function', function: { name: 'short', arguments: '{}' } }
  const message = reply({ content: null, tool_calls: [call] }, 'tool_calls', {}, hints)
  assert.deepEqual(message['content'], [{ type: 'tool_use', id: 'c', name: long, input: {} }])
})

test('an id that is Anthropic’s already is kept, an empty one is ours', () => {
  assert.equal(named('msg_01'), 'msg_01')
  assert.equal(named('chatcmpl-1'), 'msg_chatcmpl-1')
  assert.equal(named(''), 'msg_req_golden')
})

test('a whole reply and its stream say the same', () => {
  const parts: AssistantPart[] = [
    { type: 'reasoning', text: 'Hm.', signature: 'aiproxy.v1.e30' },
    { type: 'reasoning', text: '', redacted: 'b3BhcXVl' },
    { type: 'text', text: 'Both.' },
    { type: 'tool-call', id: 'a', name: 'f', kind: 'function', input: '{"x":"ü"}' },
    { type: 'tool-call', id: 'b', name: 'g', kind: 'function', input: '' },
    { type: 'tool-call', id: 'c', name: 'h', kind: 'custom', input: 'free "text"\n🌧' },
    { type: 'tool-call', id: 'd', name: 'h', kind: 'custom', input: '' },
  ]
  const whole = neutral(parts, 'tool-calls')
  const frames = encodeEvents(replyToEvents(whole))
  checkGrammar(frames.filter((frame) => frame['type'] !== 'redacted_thinking'))
  assert.deepEqual(gather(frames), encodeReply(whole, contextOf())['content'])
})

/** The content blocks that a client puts together from a stream. */
function gather(frames: readonly JsonObject[]): unknown[] {
  const blocks: Array<{ [key: string]: unknown }> = []
  const inputs: string[] = []
  for (const { type, index, content_block: block, delta } of frames) {
    const at = Number(index)
    if (type === 'content_block_start') blocks[at] = { ...asObject(block) }
    if (type === 'content_block_delta') {
      const change = asObject(delta)
      const target = blocks[at] ?? {}
      if (change['type'] === 'text_delta')
        target['text'] = word(target['text']) + word(change['text'])
      if (change['type'] === 'thinking_delta') {
        target['thinking'] = word(target['thinking']) + word(change['thinking'])
      }
      if (change['type'] === 'signature_delta') target['signature'] = change['signature']
      if (change['type'] === 'input_json_delta') {
        inputs[at] = (inputs[at] ?? '') + word(change['partial_json'])
        target['input'] = JSON.parse(inputs[at] === '' ? '{}' : closed(inputs[at]))
      }
    }
  }
  return blocks
}

/** Input so far, or `{}` while it is incomplete. */
function closed(text: string): string {
  try {
    JSON.parse(text)
    return text
  } catch {
    return '{}'
  }
}

test('reasoning in the middle of a call waits for the call’s end', () => {
  const frames = encodeEvents([
    START,
    { type: 'tool-start', call: 0, id: 'a', name: 'f', kind: 'function' },
    { type: 'tool-input', call: 0, text: '{"x":' },
    { type: 'reasoning', text: 'Wait.' },
    { type: 'reasoning-end' },
    { type: 'tool-input', call: 0, text: '1}' },
    { type: 'tool-end', call: 0 },
    finish('tool-calls'),
  ])
  checkGrammar(frames)
  assert.deepEqual(outline(frames), [
    'message_start',
    'start 0 tool_use f',
    '0 input_json_delta {"x":',
    '0 input_json_delta 1}',
    'stop 0',
    'start 1 thinking',
    '1 thinking_delta Wait.',
    '1 signature_delta aiproxy.v1.',
    'stop 1',
    'end tool_use',
    'message_stop',
  ])
})

test('input for a call that has ended is a fault, never another block’s text', () => {
  thrown('internal', () =>
    encodeEvents([
      START,
      { type: 'tool-start', call: 0, id: 'a', name: 'f', kind: 'function' },
      { type: 'tool-end', call: 0 },
      { type: 'tool-input', call: 0, text: '{}' },
    ]),
  )
})

test('blocks that were never closed are closed before the end', () => {
  const frames = encodeEvents([START, { type: 'reasoning', text: 'Hm.' }, finish('length')])
  checkGrammar(frames)
  assert.deepEqual(outline(frames).slice(-3), ['stop 0', 'end max_tokens', 'message_stop'])
})

test('a prompt count that is told at the start replaces the estimate', () => {
  const [start] = encodeEvents([
    {
      ...START,
      usage: {
        promptTokens: 50,
        completionTokens: undefined,
        totalTokens: undefined,
        cachedTokens: 20,
        cacheWriteTokens: undefined,
        reasoningTokens: undefined,
      },
    },
  ])
  assert.deepEqual(asObject(start?.['message'])['usage'], {
    input_tokens: 30,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 20,
    output_tokens: 0,
  })
})

test('a stream that fails ends with an error event that carries our request id', () => {
  const encoder = createStreamEncoder(contextOf())
  const [frame, ...more] = readFrames(
    encoder.fail(new ProxyError('upstream_truncated', 'It broke off.')),
  )
  assert.deepEqual(frame, {
    type: 'error',
    error: { type: 'api_error', message: 'It broke off.' },
    request_id: 'req_golden',
  })
  assert.deepEqual(more, [])
})

test('an overflow reported inside a stream is said in the words clients act on', () => {
  const message = 'maximum context length is 8192 tokens, but you sent 9000'
  const upstream = {
    status: 413,
    kind: 'context',
    message,
    type: undefined,
    code: undefined,
    param: undefined,
  } as const
  const encoder = createStreamEncoder(contextOf())
  const [frame] = readFrames(encoder.fail(new ProxyError('upstream_error', message, { upstream })))
  assert.deepEqual(frame?.['error'], {
    type: 'invalid_request_error',
    message: 'prompt is too long: 9000 tokens > 8192 maximum',
  })
})

test('what a provider wants back with a call travels in a signature and returns to the call', () => {
  const echo = { extra_content: { google: { thought_signature: 'c2ln+/=' } } }
  const parts: AssistantPart[] = [
    { type: 'tool-call', id: 'a', name: 'f', kind: 'function', input: '{}', echo },
    { type: 'tool-call', id: 'b', name: 'f', kind: 'function', input: '{}' },
  ]
  const message = encodeReply(neutral(parts, 'tool-calls'), contextOf())
  const streamed = encodeEvents([
    START,
    { type: 'tool-start', call: 0, id: 'a', name: 'f', kind: 'function', echo },
    { type: 'tool-end', call: 0 },
    { type: 'tool-start', call: 1, id: 'b', name: 'f', kind: 'function' },
    { type: 'tool-end', call: 1 },
    finish('tool-calls'),
  ])
  checkGrammar(streamed)
  assert.deepEqual(gather(streamed), message['content'])
  const next = decodeRequest(
    asking({
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: message['content'] ?? [] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'y' }] },
      ],
    }),
  )
  assert.deepEqual(
    next.messages[1]?.parts.map((part) => (part.type === 'tool-call' ? part.echo : part)),
    [echo, undefined],
  )
})

test('a marker survives its way and foreign signatures are none', () => {
  const payload = { id: 'rs_1', encrypted_content: 'ü/+=' }
  const signature = encodeMarker(payload)
  assert.match(signature, /^aiproxy\.v1\.[A-Za-z0-9_-]+$/)
  assert.deepEqual(decodeMarker(signature), payload)
  assert.equal(
    encodeMarker({ thinking: 'Two lookups.', signature: 'c2lnLTE=' }),
    'aiproxy.v1.eyJ0aGlua2luZyI6IlR3byBsb29rdXBzLiIsInNpZ25hdHVyZSI6ImMybG5MVEU9In0',
  )
  for (const other of ['aiproxy.v1.', 'aiproxy.v1.!!!', 'aiproxy.v1.W10', 'EqQB', '']) {
    assert.equal(decodeMarker(other), undefined, other)
  }
  assert.equal(isMarker('aiproxy.v1.'), true)
  assert.equal(isMarker('EqQBCg'), false)
})

test('a request for no output at all is answered without asking anyone', () => {
  const warm = answerWarmUp(decodeRequest(asking({ max_tokens: 0 })))
  assert.ok(warm !== undefined)
  const message = encodeReply(warm, contextOf())
  assert.deepEqual(message['content'], [])
  assert.equal(message['stop_reason'], 'max_tokens')
  assert.equal(message['id'], 'msg_req_golden')
  checkGrammar(encodeEvents(replyToEvents(warm)))
  assert.equal(answerWarmUp(decodeRequest(asking({ max_tokens: 1 }))), undefined)
})
