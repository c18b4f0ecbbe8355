import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeReply as decodeAnthropic } from '../../src/dialects/anthropic/reply.ts'
import type { ReplyHints } from '../../src/dialects/dialect.ts'
import { NO_HINTS } from '../../src/dialects/dialect.ts'
import { createReplyBuilder, replyToEvents } from '../../src/dialects/collect.ts'
import type { ChatEvent, ChatReply, ChatRequest, JsonObject } from '../../src/dialects/neutral.ts'
import { decodeReply, encodeReply } from '../../src/dialects/openai-chat/reply.ts'
import { createStreamEncoder } from '../../src/dialects/openai-chat/stream.ts'
import { createEventRestorer, restoreReply } from '../../src/dialects/restore.ts'
import { readArray, readObject } from '../../src/wire/json.ts'
import { contextOf, readData, thrown } from './support.ts'

function message(content: JsonObject[], rest: JsonObject = {}): JsonObject {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-x',
    content,
    stop_reason: 'end_turn',
    usage: { input_tokens: 1, output_tokens: 2 },
    ...rest,
  }
}

/** A Message as a Chat caller gets it. */
function asChat(body: JsonObject, request: Partial<ChatRequest> = {}): JsonObject {
  return encodeReply(decodeAnthropic(body), contextOf(request))
}

function choiceOf(reply: JsonObject): JsonObject {
  const choices = readArray(reply['choices'])
  assert.equal(choices.length, 1)
  return readObject(choices[0]) ?? {}
}

test('two text blocks are one choice, joined without a separator', () => {
  const choice = choiceOf(
    asChat(
      message([
        { type: 'text', text: 'One sen' },
        { type: 'text', text: 'tence.' },
      ]),
    ),
  )
  assert.deepEqual(choice['message'], {
    role: 'assistant',
    content: 'One sentence.',
    refusal: null,
  })
  assert.equal(choice['finish_reason'], 'stop')
  assert.equal(choice['logprobs'], null)
})

const FINISHES: ReadonlyArray<readonly [string | null, string]> = [
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_use', 'tool_calls'],
  ['refusal', 'content_filter'],
  ['pause_turn', 'stop'],
  ['brand_new', 'stop'],
  [null, 'stop'],
]
for (const [stop, word] of FINISHES) {
  test(`stop_reason ${stop ?? 'null'} becomes finish_reason ${word}`, () => {
    const reply = asChat(message([{ type: 'text', text: 'x' }], { stop_reason: stop }))
    assert.equal(choiceOf(reply)['finish_reason'], word)
  })
}

test('a call cut by the token limit stays a length finish', () => {
  const reply = asChat(
    message([{ type: 'tool_use', id: 't', name: 'f', input: { a: 1 } }], {
      stop_reason: 'max_tokens',
    }),
  )
  assert.equal(choiceOf(reply)['finish_reason'], 'length')
})

test('a refusal with empty content says why, and content is null', () => {
  const told = asChat(
    message([], { stop_reason: 'refusal', stop_details: { type: 'refusal', explanation: 'No.' } }),
  )
  assert.deepEqual(choiceOf(told)['message'], {
    role: 'assistant',
    content: null,
    refusal: 'No.',
  })
  const silent = asChat(message([], { stop_reason: 'refusal' }))
  assert.equal(
    readObject(choiceOf(silent)['message'])?.['refusal'],
    'The model declined to answer.',
  )
})

test('thinking becomes reasoning_content, blocks a paragraph apart, redacted ones left out', () => {
  const reply = asChat(
    message([
      { type: 'thinking', thinking: 'A', signature: 's' },
      { type: 'redacted_thinking', data: 'xyz' },
      { type: 'thinking', thinking: '', signature: 's' },
      { type: 'thinking', thinking: 'B', signature: 's' },
      { type: 'text', text: 'C' },
    ]),
  )
  const sent = readObject(choiceOf(reply)['message'])
  assert.equal(sent?.['reasoning_content'], 'A\n\nB')
  assert.equal(sent?.['content'], 'C')
  assert.ok(!('tool_calls' in (sent ?? {})))
})

test('web citations become annotations with their place in the joined text', () => {
  const reply = asChat(
    message([
      { type: 'text', text: 'Say: ' },
      {
        type: 'text',
        text: 'rain',
        citations: [
          { type: 'web_search_result_location', url: 'https://example.com', title: 'T' },
          { type: 'char_location' },
        ],
      },
    ]),
  )
  assert.deepEqual(readObject(choiceOf(reply)['message'])?.['annotations'], [
    {
      type: 'url_citation',
      url_citation: { url: 'https://example.com', title: 'T', start_index: 5, end_index: 9 },
    },
  ])
})

test('service tiers come back in OpenAI’s words', () => {
  assert.equal(
    asChat(message([], { usage: { input_tokens: 1, output_tokens: 1, service_tier: 'standard' } }))[
      'service_tier'
    ],
    'default',
  )
  assert.ok(!('service_tier' in asChat(message([]))))
})

test('a reply without usage has no usage, not zeros', () => {
  assert.ok(!('usage' in asChat(message([{ type: 'text', text: 'x' }], { usage: {} }))))
})

test('an id that is OpenAI’s own is left alone, a missing one is ours', () => {
  assert.equal(asChat(message([], { id: 'chatcmpl-7' }))['id'], 'chatcmpl-7')
  assert.equal(asChat(message([], { id: '' }))['id'], 'chatcmpl-req_test')
})

test('a legacy caller gets function_call', () => {
  const choice = choiceOf(
    asChat(
      message([{ type: 'tool_use', id: 't', name: 'f', input: {} }], { stop_reason: 'tool_use' }),
      { legacyFunctions: true },
    ),
  )
  assert.equal(choice['finish_reason'], 'function_call')
  assert.deepEqual(readObject(choice['message'])?.['function_call'], { name: 'f', arguments: '{}' })
})

// ── streams ─────────────────────────────────────────────────────────────────────────────────────

const START: ChatEvent = {
  type: 'start',
  id: 'msg_1',
  model: 'claude-x',
  created: undefined,
  usage: undefined,
}
const USAGE = {
  promptTokens: 3,
  completionTokens: 4,
  totalTokens: 7,
  cachedTokens: undefined,
  cacheWriteTokens: undefined,
  reasoningTokens: undefined,
}

function finish(reason: 'stop' | 'tool-calls' | 'refusal', explanation?: string): ChatEvent {
  return {
    type: 'finish',
    finish: { reason, explanation },
    usage: USAGE,
    serviceTier: undefined,
  }
}

function write(events: readonly ChatEvent[], request: Partial<ChatRequest> = {}): string {
  const encoder = createStreamEncoder(contextOf(request))
  return events.map((event) => encoder.push(event)).join('')
}

/** The deltas of all chunks, each with its finish reason when it has one. */
function deltas(text: string): JsonObject[] {
  return readData(text).flatMap((data) => {
    if (typeof data === 'string') return []
    const choice = readObject(readArray(data['choices'])[0])
    if (choice === undefined) return []
    return [readObject(choice['delta']) ?? {}]
  })
}

test('usage is never in a stream that did not ask for it', () => {
  const text = write([START, { type: 'text', text: 'x' }, finish('stop')])
  assert.ok(!text.includes('usage'))
  assert.ok(text.endsWith('data: [DONE]\n\n'))
})

test('with include_usage every chunk has null and the last has the counts and no choice', () => {
  const chunks = readData(
    write([START, { type: 'text', text: 'x' }, finish('stop')], { includeUsage: true }),
  )
  const last = chunks.at(-2)
  assert.equal(chunks.at(-1), '[DONE]')
  assert.ok(typeof last === 'object')
  assert.deepEqual(last['choices'], [])
  assert.equal(readObject(last['usage'])?.['total_tokens'], 7)
  for (const chunk of chunks.slice(0, -2)) {
    assert.ok(typeof chunk === 'object' && chunk['usage'] === null)
  }
})

test('a tool-only stream begins with a role chunk', () => {
  const text = write([
    START,
    { type: 'tool-start', call: 0, id: 't', name: 'f', kind: 'function' },
    { type: 'tool-end', call: 0 },
    finish('tool-calls'),
  ])
  assert.deepEqual(deltas(text), [
    { role: 'assistant', content: '' },
    {
      tool_calls: [{ index: 0, id: 't', type: 'function', function: { name: 'f', arguments: '' } }],
    },
    { tool_calls: [{ index: 0, function: { arguments: '{}' } }] },
    {},
  ])
})

test('a custom call streams its free text', () => {
  const text = write([
    START,
    { type: 'tool-start', call: 0, id: 't', name: 'patch', kind: 'custom' },
    { type: 'tool-input', call: 0, text: '*** Begin' },
    { type: 'tool-end', call: 0 },
    finish('tool-calls'),
  ])
  assert.deepEqual(deltas(text).slice(1, 3), [
    { tool_calls: [{ index: 0, id: 't', type: 'custom', custom: { name: 'patch', input: '' } }] },
    { tool_calls: [{ index: 0, custom: { input: '*** Begin' } }] },
  ])
})

test('a legacy caller’s stream has function_call deltas', () => {
  const text = write(
    [
      START,
      { type: 'tool-start', call: 0, id: 't', name: 'f', kind: 'function' },
      { type: 'tool-input', call: 0, text: '{"a":1}' },
      { type: 'tool-end', call: 0 },
      finish('tool-calls'),
    ],
    { legacyFunctions: true },
  )
  assert.deepEqual(deltas(text).slice(1, 3), [
    { function_call: { name: 'f', arguments: '' } },
    { function_call: { arguments: '{"a":1}' } },
  ])
  assert.ok(text.includes('"finish_reason":"function_call"'))
})

test('a second reasoning block begins a paragraph', () => {
  const text = write([
    START,
    { type: 'reasoning', text: 'A' },
    { type: 'reasoning-end', signature: 's' },
    { type: 'reasoning', text: 'B' },
    { type: 'reasoning', text: 'C' },
    { type: 'reasoning-end' },
    finish('stop'),
  ])
  assert.deepEqual(deltas(text).slice(1, 4), [
    { reasoning_content: 'A' },
    { reasoning_content: '\n\nB' },
    { reasoning_content: 'C' },
  ])
})

test('a refusal is told before the finish, once', () => {
  assert.deepEqual(deltas(write([START, finish('refusal', 'No.')])).slice(1), [
    { refusal: 'No.' },
    {},
  ])
  assert.deepEqual(
    deltas(write([START, { type: 'refusal', text: 'No.' }, finish('refusal', 'No.')])).slice(1),
    [{ refusal: 'No.' }, {}],
  )
})

// ── a provider's completion ─────────────────────────────────────────────────────────────────────

function completion(reply: JsonObject, rest: JsonObject = {}): JsonObject {
  return {
    id: 'chatcmpl-1',
    model: 'm',
    created: 1,
    choices: [{ index: 0, message: reply, finish_reason: 'stop' }],
    ...rest,
  }
}

test('a completion is read with reasoning first, then text, then calls', () => {
  const reply = decodeReply(
    completion({
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
        { type: 'text', text: 'Yes' },
      ],
      tool_calls: [{ id: '', function: { name: 'f', arguments: { a: 1 } } }],
    }),
  )
  assert.deepEqual(
    reply.parts.map((part) => part.type),
    ['reasoning', 'text', 'tool-call'],
  )
  const call = reply.parts[2]
  assert.ok(call?.type === 'tool-call')
  assert.equal(call.input, '{"a":1}')
  assert.match(call.id, /^call_[0-9a-f]{24}$/)
  assert.equal(reply.finish.reason, 'tool-calls')
})

test('a completion without a choice, or with an error inside, is no reply', () => {
  thrown('upstream_protocol', () => decodeReply({ id: 'x', choices: [] }))
  thrown('upstream_protocol', () => decodeReply({}))
  const error = thrown('upstream_error', () =>
    decodeReply({ error: { message: 'No credit', code: 402 } }),
  )
  assert.equal(error.status, 402)
  assert.equal(error.kind, 'billing')
})

test('reasoning left out of completion_tokens is added where the total says so', () => {
  const reply = decodeReply(
    completion(
      { content: 'x' },
      {
        usage: {
          prompt_tokens: 10,
          completion_tokens: 5,
          total_tokens: 22,
          completion_tokens_details: { reasoning_tokens: 7 },
        },
      },
    ),
  )
  assert.equal(reply.usage?.completionTokens, 12)
  assert.equal(reply.usage?.totalTokens, 22)
})

test('cached tokens are found under their several names', () => {
  for (const usage of [
    { prompt_tokens_details: { cached_tokens: 8 } },
    { prompt_cache_hit_tokens: 8 },
    { cached_tokens: 8 },
  ]) {
    const reply = decodeReply(
      completion({ content: 'x' }, { usage: { prompt_tokens: 9, ...usage } }),
    )
    assert.equal(reply.usage?.cachedTokens, 8)
  }
})

// ── what an encoder did is undone ───────────────────────────────────────────────────────────────

const HINTS: ReplyHints = {
  jsonTool: 'json_output',
  customTools: ['patch'],
  toolNames: [['a_b_1234', 'a.b']],
}

function replyOf(parts: ChatReply['parts']): ChatReply {
  return {
    id: 'x',
    model: 'm',
    created: undefined,
    parts,
    finish: { reason: 'tool-calls' },
    usage: undefined,
    serviceTier: undefined,
  }
}

const RESTORED: ReadonlyArray<
  readonly [name: string, input: string, expected: ChatReply['parts'][0]]
> = [
  ['json_output', '{"answer":1}', { type: 'text', text: '{"answer":1}' }],
  ['json_output', '', { type: 'text', text: '{}' }],
  [
    'patch',
    '{"input":"a\\n\\"b\\" \\u00fc\\ud83d\\ude00\\\\"}',
    { type: 'tool-call', id: 't', name: 'patch', kind: 'custom', input: 'a\n"b" ü😀\\' },
  ],
  [
    'patch',
    '{"other":1}',
    { type: 'tool-call', id: 't', name: 'patch', kind: 'custom', input: '{"other":1}' },
  ],
  [
    'patch',
    '{ "input" : "x" , "more" : 1 }',
    { type: 'tool-call', id: 't', name: 'patch', kind: 'custom', input: 'x' },
  ],
  ['a_b_1234', '{}', { type: 'tool-call', id: 't', name: 'a.b', kind: 'function', input: '{}' }],
  ['other', '{}', { type: 'tool-call', id: 't', name: 'other', kind: 'function', input: '{}' }],
]

for (const [name, input, expected] of RESTORED) {
  test(`the call ${name}(${input}) is given back as the caller knows it, whole and in pieces`, () => {
    const reply = replyOf([{ type: 'tool-call', id: 't', name, kind: 'function', input }])
    const whole = restoreReply(reply, HINTS)
    assert.deepEqual(whole.parts, [expected])
    assert.equal(whole.finish.reason, name === 'json_output' ? 'stop' : 'tool-calls')
    for (let size = 1; size <= 5; size += 1) {
      const restore = createEventRestorer(HINTS)
      const builder = createReplyBuilder()
      for (const event of cutInputs(replyToEvents(reply), size).flatMap(restore)) {
        builder.push(event)
      }
      assert.deepEqual(builder.reply?.parts, [expected], `pieces of ${size}`)
      assert.equal(builder.reply?.finish.reason, whole.finish.reason)
    }
  })
}

function cutInputs(events: readonly ChatEvent[], size: number): ChatEvent[] {
  return events.flatMap((event) => {
    if (event.type !== 'tool-input') return [event]
    const pieces: ChatEvent[] = []
    for (let at = 0; at < event.text.length; at += size) {
      pieces.push({ ...event, text: event.text.slice(at, at + size) })
    }
    return pieces
  })
}

test('without hints nothing is touched', () => {
  const reply = replyOf([])
  assert.equal(restoreReply(reply, NO_HINTS), reply)
})
