/**
 * Bugs that other translators had, each as the symptom its reporters saw. The numbers are issues and pull
 * requests of public repositories.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import { decodeReply } from '../../src/dialects/anthropic/reply.ts'
import { mapRequestHeaders } from '../../src/dialects/headers.ts'
import type { ChatRequest, JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { encodeReply } from '../../src/dialects/openai-chat/reply.ts'
import { convertReply, createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { replaceTopLevelValue } from '../../src/wire/json-edit.ts'
import { encodeSse } from '../../src/wire/sse.ts'
import { isJsonObject, readArray, readObject, readString } from '../../src/wire/json.ts'
import { readFixture } from '../wire/cuts.ts'
import { contextOf, readData, sse, thrown, toAnthropic } from './support.ts'

const USER = { role: 'user', content: 'Hi' }
const TOOL = { type: 'function', function: { name: 'f' } }
const START: JsonObject = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    model: 'claude-x',
    usage: { input_tokens: 50, cache_read_input_tokens: 10, output_tokens: 1 },
  },
}
const END: readonly JsonObject[] = [
  {
    type: 'message_delta',
    delta: { stop_reason: 'tool_use' },
    usage: { input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 7 },
  },
  { type: 'message_stop' },
]

function stream(...events: JsonObject[]): Uint8Array {
  return Buffer.from(
    events
      .map((event) => encodeSse(readString(event['type']) ?? '', JSON.stringify(event)))
      .join(''),
  )
}

/** What a Chat caller sees of an Anthropic stream. */
function seen(bytes: Uint8Array, request: Partial<ChatRequest> = {}): Array<JsonObject | string> {
  const pipe = createStreamPipe(openaiChat, anthropic, {
    ...contextOf(request),
    stripUsage: false,
  })
  const text = Buffer.from(pipe.push(bytes)).toString()
  return readData(pipe.finished ? text : text + Buffer.from(pipe.end()).toString())
}

function callDeltas(chunks: ReadonlyArray<JsonObject | string>): JsonObject[] {
  return chunks.filter(isJsonObject).flatMap((chunk) => {
    const delta = readObject(readObject(readArray(chunk['choices'])[0])?.['delta'])
    return readArray(delta?.['tool_calls']).filter(isJsonObject)
  })
}

function toolBlock(index: number): JsonObject[] {
  return [
    {
      type: 'content_block_start',
      index,
      content_block: { type: 'tool_use', id: 't', name: 'f', input: {} },
    },
    { type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: '' } },
    { type: 'content_block_stop', index },
  ]
}

function textBlock(index: number, text: string): JsonObject[] {
  return [
    { type: 'content_block_start', index, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index, delta: { type: 'text_delta', text } },
    { type: 'content_block_stop', index },
  ]
}

function sentMessages(body: JsonObject): JsonObject[] {
  return readArray(body['messages']).filter(isJsonObject)
}

test('a streamed tool’s index is its number among the tools, not its block’s (BerriAI/litellm#5231, Portkey-AI/gateway#1275)', () => {
  const deltas = callDeltas(seen(stream(START, ...textBlock(0, 'x'), ...toolBlock(1), ...END)))
  assert.deepEqual(
    deltas.map((delta) => delta['index']),
    [0, 0],
  )
})

test('a tool without arguments streams {} and not an empty string (BerriAI/litellm#5063)', () => {
  const deltas = callDeltas(seen(stream(START, ...toolBlock(0), ...END)))
  assert.deepEqual(
    deltas.map((delta) => readString(readObject(delta['function'])?.['arguments'])).join(''),
    '{}',
  )
})

test('an error in the middle of a stream is told, without [DONE] or a finish (BerriAI/litellm#4562, Portkey-AI/gateway#722, and Portkey’s source of May 2026)', () => {
  const chunks = seen(readFixture('anthropic/overloaded-after-text.sse'))
  const last = chunks.at(-1)
  assert.ok(isJsonObject(last))
  assert.deepEqual(last['error'], {
    message: 'Overloaded',
    type: 'service_unavailable_error',
    param: null,
    code: 'server_is_overloaded',
  })
  assert.ok(!JSON.stringify(chunks).includes('"finish_reason":"'))
})

test('an in-band error followed by [DONE] is no empty success (BerriAI/litellm#40578)', () => {
  const pipe = createStreamPipe(openaiChat, openaiChat, { ...contextOf(), stripUsage: false })
  thrown('upstream_error', () =>
    pipe.push(sse({ error: { message: 'EngineCore died', code: 500 } }, '[DONE]')),
  )
})

test('the first event being an error gives an HTTP error, not a 200 (vercel/ai PR#10653, songquanpeng/one-api#1455)', () => {
  for (const [target, bytes] of [
    [anthropic, stream({ type: 'error', error: { type: 'overloaded_error', message: 'busy' } })],
    [openaiChat, sse({ error: { message: 'busy', code: 529 } })],
  ] as const) {
    const pipe = createStreamPipe(openaiChat, target, { ...contextOf(), stripUsage: false })
    assert.equal(thrown('upstream_error', () => pipe.push(bytes)).status, 529)
  }
})

test('an image part becomes a block of the list, not a nested one (BerriAI/litellm#2898)', () => {
  const { body } = toAnthropic({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
        ],
      },
    ],
  })
  assert.deepEqual(
    readArray(sentMessages(body)[0]?.['content']).map((block) => readObject(block)?.['type']),
    ['text', 'image'],
  )
})

test('temperature is not sent to models that refuse it (BerriAI/litellm#26444)', () => {
  const { body, notes } = toAnthropic({ temperature: 0.7 }, { model: 'claude-opus-4-7' })
  assert.ok(!('temperature' in body))
  assert.equal(notes, 'temperature;dropped')
})

const ANSWER_SCHEMA = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
const WANTS_JSON = {
  response_format: { type: 'json_schema', json_schema: { name: 'x', schema: ANSWER_SCHEMA } },
}

test('a JSON format does not swallow calls of the caller’s own tools (BerriAI/litellm#7135)', () => {
  const { body, notes } = toAnthropic(
    { ...WANTS_JSON, tools: [TOOL] },
    { model: 'claude-sonnet-4-20250514' },
  )
  assert.equal(readArray(body['tools']).length, 1)
  assert.ok(!('tool_choice' in body))
  assert.equal(notes, 'response_format;adapted')
})

test('a JSON answer through the tool trick is the schema’s object itself (BerriAI/litellm#8291)', () => {
  const { request, encoded } = toAnthropic(WANTS_JSON, { model: 'claude-sonnet-4-20250514' })
  const reply = convertReply(
    openaiChat,
    anthropic,
    Buffer.from(
      JSON.stringify({
        id: 'msg_1',
        model: 'claude-x',
        content: [{ type: 'tool_use', id: 't', name: 'json_output', input: { a: 'yes' } }],
        stop_reason: 'tool_use',
        usage: { input_tokens: 1, output_tokens: 1 },
      }),
    ),
    { ...contextOf(), request, hints: encoded.hints },
  )
  const completion: JsonObject = JSON.parse(Buffer.from(reply.body).toString())
  const choice = readObject(readArray(completion['choices'])[0])
  assert.equal(readObject(choice?.['message'])?.['content'], '{"a":"yes"}')
  assert.equal(choice?.['finish_reason'], 'stop')
  assert.ok(!('tool_calls' in (readObject(choice?.['message']) ?? {})))
})

test('stop sequences of white space do not reach the provider (BerriAI/litellm#3286)', () => {
  assert.ok(!('stop_sequences' in toAnthropic({ stop: ['\n\n'] }).body))
})

test('anthropic-beta reaches Anthropic, and nobody else (BerriAI/litellm#9016, QuantumNous/new-api#2975, router-for-me/CLIProxyAPI#5738)', () => {
  const caller = { 'anthropic-beta': 'context-management-2025-06-27' }
  assert.deepEqual(
    new Map(mapRequestHeaders(caller, 'openai-chat', 'anthropic')).get('anthropic-beta'),
    'context-management-2025-06-27',
  )
  assert.deepEqual(mapRequestHeaders(caller, 'anthropic', 'openai-chat'), [])
  assert.deepEqual(mapRequestHeaders(caller, 'openai-chat', 'openai-chat'), [])
})

test('signed thinking goes back unchanged and first in its turn (BerriAI/litellm#8961)', () => {
  const { body } = toAnthropic({
    messages: [
      USER,
      {
        role: 'assistant',
        content: 'Checking.',
        thinking_blocks: [
          { type: 'thinking', thinking: 'Two lookups.', signature: 'c2lnLTE=' },
          { type: 'redacted_thinking', data: 'xyz' },
        ],
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: '1' },
    ],
  })
  assert.deepEqual(readArray(sentMessages(body)[1]?.['content']), [
    { type: 'thinking', thinking: 'Two lookups.', signature: 'c2lnLTE=' },
    { type: 'redacted_thinking', data: 'xyz' },
    { type: 'text', text: 'Checking.' },
    { type: 'tool_use', id: 'c', name: 'f', input: {} },
  ])
})

test('OpenRouter’s reasoning_details carry signed thinking back just as well', () => {
  const { body, notes } = toAnthropic({
    messages: [
      USER,
      {
        role: 'assistant',
        content: 'A',
        reasoning: 'T',
        reasoning_details: [
          { type: 'reasoning.text', text: 'T', signature: 's', format: 'anthropic-claude-v1' },
          { type: 'reasoning.encrypted', data: 'foreign', format: 'openai-responses-v1' },
        ],
      },
      USER,
    ],
  })
  assert.deepEqual(readArray(sentMessages(body)[1]?.['content'])[0], {
    type: 'thinking',
    thinking: 'T',
    signature: 's',
  })
  assert.equal(readArray(sentMessages(body)[1]?.['content']).length, 2)
  assert.equal(notes, '')
})

test('no placeholder text is put into empty assistant turns (BerriAI/litellm#24498)', () => {
  const { body } = toAnthropic({
    messages: [
      USER,
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: '' },
    ],
  })
  assert.deepEqual(readArray(sentMessages(body)[1]?.['content']), [
    { type: 'tool_use', id: 'c', name: 'f', input: {} },
  ])
  assert.deepEqual(readArray(sentMessages(body)[2]?.['content']), [
    { type: 'tool_result', tool_use_id: 'c', content: '' },
  ])
})

test('the default limit does not cut tool arguments (BerriAI/litellm#15322)', () => {
  const { body } = toAnthropic({ stream: true, tools: [TOOL] }, { model: 'claude-opus-4-8' })
  assert.equal(body['max_tokens'], 128_000)
})

function truncatedHistory(args: string): JsonObject[] {
  return [
    USER,
    {
      role: 'assistant',
      tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: args } }],
    },
    { role: 'tool', tool_call_id: 'c', content: '1' },
  ]
}

/** The input that the call of such a history gets. */
function inputOf(args: string): JsonValue | undefined {
  const [, turn] = sentMessages(toAnthropic({ messages: truncatedHistory(args) }).body)
  return readObject(readArray(turn?.['content'])[0])?.['input']
}

test('arguments that a length limit cut in an earlier turn do not crash (BerriAI/litellm#18920)', () => {
  assert.deepEqual(inputOf('{"path":"a'), { _raw_arguments: '{"path":"a' })
  assert.deepEqual(inputOf('[1]'), { value: [1] })
  assert.deepEqual(inputOf('"x"'), { value: 'x' })
  assert.deepEqual(inputOf(' '), {})
})

test('a forced tool is loosened, and announced, on models that refuse forcing (BerriAI/litellm PR#39151)', () => {
  const { body, notes } = toAnthropic(
    { tools: [TOOL], tool_choice: 'required' },
    { model: 'claude-sonnet-5-5' },
  )
  assert.deepEqual(body['tool_choice'], { type: 'auto' })
  assert.equal(notes, 'tool_choice;adapted')
})

test('every system message survives, in order (Portkey-AI/gateway#457)', () => {
  const { body } = toAnthropic({
    messages: [
      { role: 'system', content: 'A' },
      { role: 'developer', content: 'B' },
      USER,
      { role: 'system', content: 'C' },
    ],
  })
  assert.deepEqual(
    readArray(body['system']).map((block) => readObject(block)?.['text']),
    ['A', 'B', 'C'],
  )
})

test('a stream tells usage when asked to, on a chunk of its own, and never otherwise (Portkey-AI/gateway#496)', () => {
  const bytes = stream(START, ...textBlock(0, 'x'), ...END)
  const asked = seen(bytes, { includeUsage: true })
  const usages = asked.filter(isJsonObject).filter((chunk) => isJsonObject(chunk['usage']))
  assert.equal(usages.length, 1)
  assert.deepEqual(usages[0]?.['choices'], [])
  assert.ok(!JSON.stringify(seen(bytes)).includes('"usage"'))
})

test('cache marks on parts and tools are not lost (Portkey-AI/gateway#1140, #1579)', () => {
  const mark = { type: 'ephemeral' }
  const { body } = toAnthropic({
    messages: [{ role: 'user', content: [{ type: 'text', text: 'x', cache_control: mark }] }],
    tools: [{ ...TOOL, function: { name: 'f', cache_control: mark } }],
  })
  assert.deepEqual(
    readObject(readArray(sentMessages(body)[0]?.['content'])[0])?.['cache_control'],
    mark,
  )
  assert.deepEqual(readObject(readArray(body['tools'])[0])?.['cache_control'], mark)
})

test('an empty answer is a valid reply (Portkey-AI/gateway#450)', () => {
  const reply = encodeReply(
    decodeReply({ id: 'm', model: 'x', content: [], stop_reason: 'end_turn', usage: {} }),
    contextOf(),
  )
  const choice = readObject(readArray(reply['choices'])[0])
  assert.equal(readObject(choice?.['message'])?.['content'], null)
  assert.equal(choice?.['finish_reason'], 'stop')
})

test('prompt tokens include cached ones and the total is their sum (Portkey’s source of May 2026)', () => {
  const reply = encodeReply(
    decodeReply({
      id: 'm',
      model: 'x',
      content: [],
      stop_reason: 'end_turn',
      usage: {
        input_tokens: 5,
        cache_creation_input_tokens: 20,
        cache_read_input_tokens: 300,
        output_tokens: 7,
      },
    }),
    contextOf(),
  )
  assert.deepEqual(reply['usage'], {
    prompt_tokens: 325,
    completion_tokens: 7,
    total_tokens: 332,
    prompt_tokens_details: { cached_tokens: 300, cache_write_tokens: 20 },
  })
})

test('a server tool’s input does not become a tool call of the caller’s (Portkey’s source of May 2026)', () => {
  const chunks = seen(readFixture('anthropic/server-tool.sse'))
  assert.deepEqual(callDeltas(chunks), [])
  assert.ok(!JSON.stringify(chunks).includes('query'))
})

test('zeros in message_delta do not overwrite what message_start told (envoyproxy/ai-gateway PR#1631)', () => {
  const chunks = seen(stream(START, ...textBlock(0, 'x'), ...END), { includeUsage: true })
  const last = chunks.filter(isJsonObject).at(-1)
  assert.equal(readObject(last?.['usage'])?.['prompt_tokens'], 60)
})

test('our own and unsigned thinking never reaches Anthropic (krouter PR#11)', () => {
  const { body, notes } = toAnthropic({
    messages: [
      USER,
      {
        role: 'assistant',
        content: 'A',
        thinking_blocks: [
          { type: 'thinking', thinking: 'x', signature: 'aiproxy.v1.e30' },
          { type: 'thinking', thinking: 'y', signature: '' },
        ],
      },
      USER,
    ],
  })
  assert.deepEqual(readArray(sentMessages(body)[1]?.['content']), [{ type: 'text', text: 'A' }])
  assert.equal(notes, 'messages.reasoning;dropped')
})

test('call ids that Anthropic refuses are made to fit, and their results still match (mnfst/llm-gateway PR#2756)', () => {
  const { body } = toAnthropic({
    messages: [
      USER,
      {
        role: 'assistant',
        tool_calls: [
          { id: 'functions.Bash:0', type: 'function', function: { name: 'f', arguments: '{}' } },
          { id: '', type: 'function', function: { name: 'f', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'functions.Bash:0', content: '1' },
      { role: 'tool', tool_call_id: '', content: '2' },
    ],
  })
  const uses = readArray(sentMessages(body)[1]?.['content']).map(
    (block) => readObject(block)?.['id'],
  )
  const results = readArray(sentMessages(body)[2]?.['content']).map(
    (block) => readObject(block)?.['tool_use_id'],
  )
  assert.deepEqual(uses, results)
  for (const id of uses) assert.match(readString(id) ?? '', /^[a-zA-Z0-9_-]{1,128}$/)
})

test('tool results stand before the text of their turn (Zoo-Code PR#1705)', () => {
  const { body } = toAnthropic({
    messages: [
      USER,
      {
        role: 'assistant',
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'user', content: 'And?' },
      { role: 'tool', tool_call_id: 'c', content: '1' },
    ],
  })
  assert.deepEqual(
    readArray(sentMessages(body)[2]?.['content']).map((block) => readObject(block)?.['type']),
    ['tool_result', 'text'],
  )
})

test('a thinking budget is not sent to models that only take an effort (earendil-works/pi#3297)', () => {
  const { body, notes } = toAnthropic(
    { thinking: { type: 'enabled', budget_tokens: 20_000 }, max_tokens: 30_000 },
    { model: 'claude-opus-4-7' },
  )
  assert.deepEqual(body['thinking'], { type: 'adaptive', display: 'summarized' })
  assert.deepEqual(body['output_config'], { effort: 'high' })
  assert.equal(notes, 'thinking;adapted')
})

test('a history that begins with the assistant gets a neutral user turn (lobehub/lobehub#1601)', () => {
  const { body, notes } = toAnthropic({
    messages: [{ role: 'assistant', content: 'Welcome!' }, USER],
  })
  assert.deepEqual(sentMessages(body)[0], {
    role: 'user',
    content: [{ type: 'text', text: '(conversation continues)' }],
  })
  assert.equal(notes, 'messages;adapted')
})

test('members of a tool call that only its provider knows survive a relay, both ways (open-webui/computer#224, earendil-works/pi#9444)', () => {
  const request = Buffer.from(
    '{"model":"alias","messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"c2ln"}}}]}]}',
  )
  assert.equal(
    Buffer.from(replaceTopLevelValue(request, 'model', '"gemini-3-pro"')).toString(),
    request.toString().replace('"alias"', '"gemini-3-pro"'),
  )
  const bytes = readFixture('openai-chat/gemini-calls-without-index.sse')
  const pipe = createStreamPipe(openaiChat, openaiChat, { ...contextOf(), stripUsage: false })
  const relayed = Buffer.from(pipe.push(bytes)).toString() + Buffer.from(pipe.end()).toString()
  assert.ok(relayed.includes('"thought_signature":"c2ln"'))
})
