/**
 * What servers that speak “OpenAI” do differently (wire-formats H), each as its bytes, and what a
 * Messages caller makes of it. Streams are read whole and one byte at a time.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import { cross, valueAt } from './fidelity-proof.ts'
import {
  asObject,
  chatStream,
  contextOf,
  delta,
  outline,
  play,
  readFrames,
  reply,
} from './anthropic-caller.ts'

const ends = (...words: string[]): string[] => [...words, 'message_stop']

/** What the caller sees, the same however the bytes are cut. */
function seen(bytes: Uint8Array): string[] {
  const whole = readFrames(play([bytes], contextOf()))
  const single = readFrames(
    play(
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
      contextOf(),
    ),
  )
  assert.deepEqual(joined(single), joined(whole))
  return joined(whole)
}

/** Neighbouring fragments of one call's input, joined: how they are cut means nothing. */
function joined(frames: readonly JsonObject[]): string[] {
  const lines: string[] = []
  for (const line of outline(frames)) {
    const input = /^(\d+ input_json_delta )(.*)$/.exec(line)
    const last = lines.at(-1)
    if (input !== null && last?.startsWith(input[1] ?? '') === true) {
      lines[lines.length - 1] = `${last}${input[2]}`
    } else {
      lines.push(line)
    }
  }
  return lines
}

const raw = (...lines: string[]): Uint8Array => Buffer.from(lines.join('\n'))
const line = (chunk: JsonObject): string => `data: ${JSON.stringify(chunk)}\n`
const CALL = (index: number | undefined, id: string, args: string): JsonObject => ({
  ...(index === undefined ? {} : { index }),
  id,
  type: 'function',
  function: { name: 'f', arguments: args },
})

const ONE_CALL = ends(
  'message_start',
  'start 0 tool_use f',
  '0 input_json_delta {"x":1}',
  'stop 0',
  'end tool_use',
)
const TWO_CALLS = ends(
  'message_start',
  'start 0 tool_use f',
  '0 input_json_delta {"x":1}',
  'stop 0',
  'start 1 tool_use f',
  '1 input_json_delta {"x":2}',
  'stop 1',
  'end tool_use',
)
const hiThatEnds = (reason: string): string[] =>
  ends('message_start', 'start 0 text', '0 text_delta Hi', 'stop 0', `end ${reason}`)
const HI = hiThatEnds('end_turn')
const THINKING_THEN_HI = ends(
  'message_start',
  'start 0 thinking',
  '0 thinking_delta Hm.',
  '0 signature_delta aiproxy.v1.',
  'stop 0',
  'start 1 text',
  '1 text_delta Hi',
  'stop 1',
  'end end_turn',
)

const STREAMS: ReadonlyArray<readonly [server: string, bytes: Uint8Array, expected: string[]]> = [
  [
    'Ollama: thinking in `reasoning`',
    chatStream(delta({ reasoning: 'Hm.' }), delta({ content: 'Hi' }), delta({}, 'stop')),
    THINKING_THEN_HI,
  ],
  [
    'Ollama: whole calls in one chunk, all with index 0, and `stop` in a chunk of its own',
    chatStream(
      delta({ tool_calls: [CALL(0, 'a', '{"x":1}'), CALL(0, 'b', '{"x":2}')] }),
      delta({ content: '' }, 'stop'),
    ),
    TWO_CALLS,
  ],
  [
    'vLLM: reasoning_content and content in one chunk, tool_calls: [] on both',
    chatStream(
      delta({ reasoning_content: 'Hm.', content: 'Hi', tool_calls: [] }),
      delta({ tool_calls: [] }, 'stop'),
    ),
    THINKING_THEN_HI,
  ],
  [
    'vLLM: stop_reason beside finish_reason names the stop sequence',
    chatStream(delta({ content: 'Hi' }), {
      ...delta({}),
      choices: [{ index: 0, delta: {}, finish_reason: 'stop', stop_reason: 'END' }],
    }),
    hiThatEnds('stop_sequence'),
  ],
  [
    'vLLM: a stop_reason that is a token’s number is no stop sequence',
    chatStream(delta({ content: 'Hi' }), {
      ...delta({}),
      choices: [{ index: 0, delta: {}, finish_reason: 'stop', stop_reason: 128_009 }],
    }),
    HI,
  ],
  [
    'vLLM: a usage chunk without choices',
    chatStream(delta({ content: 'Hi' }), delta({}, 'stop'), {
      ...delta({}),
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
    }),
    HI,
  ],
  [
    'Azure: the first chunk is about the filter, later ones too',
    chatStream(
      { choices: [], id: '', model: '', prompt_filter_results: [{ prompt_index: 0 }] },
      delta({ content: 'Hi' }),
      {
        ...delta({}),
        choices: [{ index: 0, delta: {}, content_filter_results: {}, finish_reason: null }],
      },
      delta({}, 'stop'),
    ),
    HI,
  ],
  [
    'Gemini: a call without index or id, whole, then `stop`',
    chatStream(delta({ tool_calls: [CALL(undefined, '', '{"x":1}')] }), delta({}, 'stop')),
    ONE_CALL,
  ],
  [
    'Groq: usage in x_groq',
    chatStream(delta({ content: 'Hi' }), {
      ...delta({}, 'stop'),
      x_groq: { id: 'req', usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 } },
    }),
    HI,
  ],
  [
    'OpenRouter: comments, provider names and native finish reasons',
    raw(
      ': OPENROUTER PROCESSING\n',
      line({ ...delta({ role: 'assistant', content: 'Hi' }), provider: 'Fireworks' }),
      ': OPENROUTER PROCESSING\n',
      line({
        ...delta({}),
        choices: [
          { index: 0, delta: { content: '' }, finish_reason: 'stop', native_finish_reason: 'eos' },
        ],
      }),
      'data: [DONE]\n\n',
    ),
    HI,
  ],
  [
    'OpenRouter: reasoning and reasoning_details say the same once',
    chatStream(
      delta({
        reasoning: 'Hm.',
        reasoning_details: [{ type: 'reasoning.text', text: 'Hm.', index: 0 }],
      }),
      delta({ content: 'Hi' }),
      delta({}, 'stop'),
    ),
    THINKING_THEN_HI,
  ],
  [
    'DeepSeek: reasoning_content, then content, with null beside it',
    chatStream(
      delta({ role: 'assistant', content: null, reasoning_content: 'Hm.' }),
      delta({ content: 'Hi', reasoning_content: null }),
      delta({ content: '', reasoning_content: null }, 'stop'),
    ),
    THINKING_THEN_HI,
  ],
  [
    'Mistral: content as a list with thinking in it',
    chatStream(
      delta({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] }] }),
      delta({ content: [{ type: 'text', text: 'Hi' }] }),
      delta({}, 'stop'),
    ),
    THINKING_THEN_HI,
  ],
  [
    'Kimi: ids of its own making pass, usage in the last choice',
    chatStream(delta({ tool_calls: [CALL(0, 'functions.f:0', '{"x":1}')] }), {
      ...delta({}),
      choices: [
        {
          index: 0,
          delta: {},
          finish_reason: 'tool_calls',
          usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
        },
      ],
    }),
    ONE_CALL,
  ],
  [
    'any: no id, created or model, role on every chunk, "" in place of null as finish',
    raw(
      line({ choices: [{ delta: { role: 'assistant', content: 'H' }, finish_reason: '' }] }),
      line({ choices: [{ delta: { role: 'assistant', content: 'i' }, finish_reason: '' }] }),
      line({ choices: [{ delta: { role: 'assistant', content: null }, finish_reason: 'stop' }] }),
      'data: [DONE]\n\n',
    ),
    ends(
      'message_start',
      'start 0 text',
      '0 text_delta H',
      '0 text_delta i',
      'stop 0',
      'end end_turn',
    ),
  ],
  ['any: no [DONE]', raw(line(delta({ content: 'Hi' })), line(delta({}, 'stop'))), HI],
  [
    'any: `event:` lines, \\r\\n, no space behind the colon, no blank line at the end',
    Buffer.from(
      `event: chunk\r\ndata:${JSON.stringify(delta({ content: 'Hi' }))}\r\n\r\n` +
        `event: chunk\r\ndata:${JSON.stringify(delta({}, 'stop'))}\r\n\r\ndata: [DONE]`,
    ),
    HI,
  ],
  [
    'any: usage beside a choice, told twice: the last one wins',
    chatStream(
      { ...delta({ content: 'Hi' }), usage: { prompt_tokens: 3, completion_tokens: 0 } },
      { ...delta({}, 'stop'), usage: { prompt_tokens: 3, completion_tokens: 1 } },
    ),
    HI,
  ],
  [
    'any: the finish words of other APIs',
    chatStream(delta({ content: 'Hi' }), delta({}, 'max_tokens')),
    hiThatEnds('max_tokens'),
  ],
]

for (const [server, bytes, expected] of STREAMS) {
  test(`stream of ${server}`, () => {
    assert.deepEqual(seen(bytes), expected)
  })
}

const FAILURES: ReadonlyArray<readonly [server: string, bytes: Uint8Array, type: string]> = [
  [
    'vLLM: an error, then [DONE]',
    chatStream(delta({ content: 'Hi' }), { error: { message: 'Broken', code: 500 } }),
    'api_error',
  ],
  [
    'OpenRouter: an error beside a choice that finishes with `error`',
    chatStream(delta({ content: 'Hi' }), {
      ...delta({ content: '' }, 'error'),
      error: { code: 429, message: 'Slow down', metadata: { raw: 'really' } },
    }),
    'rate_limit_error',
  ],
  [
    'DeepSeek: no resources left',
    chatStream(delta({ content: 'Hi' }), delta({}, 'insufficient_system_resource')),
    'api_error',
  ],
  [
    'LM Studio: event: error',
    raw(line(delta({ content: 'Hi' })), 'event: error\ndata: {"message":"Broken"}\n\n'),
    'api_error',
  ],
]

for (const [server, bytes, type] of FAILURES) {
  test(`a broken stream of ${server} ends as an error, not as an answer`, () => {
    const last = readFrames(play([bytes], contextOf())).at(-1)
    assert.equal(last?.['type'], 'error')
    assert.equal(asObject(last['error'])['type'], type)
  })
}

test('usage is read wherever a server puts it', () => {
  const stated: ReadonlyArray<
    readonly [JsonObject, input: number, cached: number, output: number]
  > = [
    [{ usage: { prompt_tokens: 10, completion_tokens: 2, prompt_cache_hit_tokens: 4 } }, 6, 4, 2],
    [{ usage: { prompt_tokens: 10, completion_tokens: 2, cached_tokens: 4 } }, 6, 4, 2],
    [
      {
        usage: {
          prompt_tokens: 10,
          completion_tokens: 2,
          total_tokens: 17,
          completion_tokens_details: { reasoning_tokens: 5 },
        },
      },
      10,
      0,
      7,
    ],
    [{ usage: null, x_groq: { usage: { prompt_tokens: 10, completion_tokens: 2 } } }, 10, 0, 2],
  ]
  for (const [more, input, cached, output] of stated) {
    const usage = asObject(reply({ content: 'Hi' }, 'stop', more)['usage'])
    assert.deepEqual(
      [usage['input_tokens'], usage['cache_read_input_tokens'], usage['output_tokens']],
      [input, cached, output],
      JSON.stringify(more),
    )
  }
})

const ERRORS: ReadonlyArray<
  readonly [server: string, status: number, body: string, kind: string, message: string]
> = [
  [
    'vLLM, without a wrapper',
    400,
    '{"object":"error","type":"BadRequestError","message":"bad","code":400}',
    'invalid-request',
    'bad',
  ],
  [
    'Azure’s filter',
    400,
    '{"error":{"message":"filtered","code":"content_filter","innererror":{"code":"x"}}}',
    'invalid-request',
    'filtered',
  ],
  [
    'Groq’s tool that failed',
    400,
    '{"error":{"message":"Failed to call a function","code":"tool_use_failed","failed_generation":"{"}}',
    'invalid-request',
    'Failed to call a function',
  ],
  ['Groq’s flex capacity', 498, '{"error":{"message":"none"}}', 'overloaded', 'none'],
  ['Groq’s dependency', 424, '{"error":{"message":"dep"}}', 'server', 'dep'],
  ['Groq’s cancelled request', 499, '{"error":{"message":"gone"}}', 'server', 'gone'],
  [
    'OpenRouter without credit',
    402,
    '{"error":{"code":402,"message":"Insufficient credits"}}',
    'billing',
    'Insufficient credits',
  ],
  [
    'Gemini, in an array',
    400,
    '[{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]',
    'context',
    'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
  ],
  [
    'Kimi’s overflow',
    400,
    '{"error":{"message":"Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)","type":"invalid_request_error"}}',
    'context',
    'Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)',
  ],
  [
    'llama.cpp’s overflow',
    400,
    '{"error":{"code":400,"message":"too big","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":4}}',
    'context',
    'too big',
  ],
]

for (const [server, status, body, kind, message] of ERRORS) {
  test(`an error of ${server} is understood`, () => {
    const read = openaiChat.decodeError(status, body)
    assert.equal(read.kind, kind)
    assert.equal(read.message, message)
  })
}

test('an error with status 200 is one, with the status its code stands for', () => {
  const body = { error: { code: 503, message: 'busy' } }
  assert.throws(
    () => openaiChat.decodeReply(body),
    (error) => error instanceof ProxyError && error.status === 503,
  )
})

// What such a server is sent.

const HISTORY: JsonObject = {
  model: 'asked',
  max_tokens: 100,
  messages: [
    { role: 'user', content: 'Hi' },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: 'aiproxy.v1.' },
        { type: 'tool_use', id: 'toolu_01ABCDEF', name: 'f', input: {} },
      ],
    },
    {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 'toolu_01ABCDEF', content: 'ok' }],
    },
  ],
}

test('DeepSeek and Kimi get their own reasoning back with the call it led to; others do not', () => {
  for (const model of ['deepseek-chat', 'kimi-k2-thinking']) {
    const crossing = cross(anthropic, openaiChat, HISTORY, { model, strict: true })
    assert.equal(valueAt(crossing, 'messages.1.reasoning_content'), 'Hm.', model)
    assert.equal(crossing.notes, '')
  }
  for (const model of ['gpt-4.1', 'qwen3:8b', 'deepseek-reasoner']) {
    const crossing = cross(anthropic, openaiChat, HISTORY, { model })
    assert.equal(valueAt(crossing, 'messages.1.reasoning_content'), undefined, model)
    assert.equal(crossing.notes, 'messages.reasoning;dropped')
  }
  const rules = { replayReasoning: true }
  const asked = cross(anthropic, openaiChat, HISTORY, { model: 'qwen3:8b', rules })
  assert.equal(valueAt(asked, 'messages.1.reasoning_content'), 'Hm.')
})

test('thinking that Anthropic signed is not told to another server as its own', () => {
  const text = JSON.stringify(HISTORY).replace('aiproxy.v1.', 'c2lnLTE=')
  const signed: JsonObject = JSON.parse(text)
  const crossing = cross(anthropic, openaiChat, signed, { model: 'deepseek-chat' })
  assert.equal(valueAt(crossing, 'messages.1.reasoning_content'), undefined)
  assert.equal(crossing.notes, 'messages.reasoning;dropped')
})

test('Mistral gets call ids of nine letters and digits, the same in call and result', () => {
  const crossing = cross(anthropic, openaiChat, HISTORY, { model: 'mistral-large-latest' })
  const id = valueAt(crossing, 'messages.1.tool_calls.0.id')
  assert.ok(typeof id === 'string')
  assert.match(id, /^[a-zA-Z0-9]{9}$/)
  assert.equal(valueAt(crossing, 'messages.2.tool_call_id'), id)
  const again = cross(anthropic, openaiChat, HISTORY, { model: 'codestral-latest' })
  assert.equal(valueAt(again, 'messages.1.tool_calls.0.id'), id)
  const own: JsonObject = JSON.parse(
    JSON.stringify(HISTORY).replaceAll('toolu_01ABCDEF', 'a1B2c3D4e'),
  )
  const kept = cross(anthropic, openaiChat, own, { model: 'mistral-large-latest' })
  assert.equal(valueAt(kept, 'messages.1.tool_calls.0.id'), 'a1B2c3D4e')
  const rules = { toolCallIds: 'mistral' } as const
  const asked = cross(anthropic, openaiChat, HISTORY, { model: 'my-deployment', rules })
  assert.equal(valueAt(asked, 'messages.1.tool_calls.0.id'), id)
})

test('a server that is not OpenAI’s is sent no field that only OpenAI knows', () => {
  const body: JsonObject = {
    ...HISTORY,
    system: 'S',
    stream: true,
    temperature: 0.5,
    stop_sequences: ['END'],
    metadata: { user_id: 'u' },
    service_tier: 'auto',
    tools: [{ name: 'f', input_schema: { type: 'object' } }],
    tool_choice: { type: 'auto' },
  }
  const { body: out } = cross(anthropic, openaiChat, body, { model: 'qwen3:8b' })
  assert.deepEqual(
    Object.keys(out).toSorted(),
    'max_tokens messages model stop stream stream_options temperature tool_choice tools user'.split(
      ' ',
    ),
  )
})
