/**
 * Faults that other translators had between a Messages caller and an OpenAI target: wire-formats I, the
 * rows marked →O, and those marked ∗ that concern this direction. Each test is named after the symptom.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anthropicOverflowMessage } from '../../src/dialects/anthropic-overflow.ts'
import { estimateInputTokens } from '../../src/dialects/count-tokens.ts'
import { mapRequestHeaders } from '../../src/dialects/headers.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { checkGrammar } from './anthropic-caller-grammar.ts'
import {
  argsDelta,
  asking,
  asObject,
  callDelta,
  chatStream,
  contextOf,
  delta,
  encodeEvents,
  messagesCaller,
  outline,
  play,
  readFrames,
  reply,
  stream,
  thrown,
  toChat,
  usageChunk,
  word,
} from './anthropic-caller.ts'

const TOOL: JsonObject = { name: 'look', input_schema: { type: 'object', properties: {} } }
const usageOf = (frames: readonly JsonObject[]): JsonObject =>
  asObject(frames.find((frame) => frame['type'] === 'message_delta')?.['usage'])
const assistantTurn = (...content: JsonObject[]): JsonObject => ({
  messages: [
    { role: 'user', content: 'x' },
    { role: 'assistant', content },
    { role: 'user', content: 'y' },
  ],
})

/** What the caller sees where the provider's stream ends in an error, after `before`. */
function failing(before: readonly JsonObject[], error: JsonObject): JsonObject[] {
  return readFrames(play([chatStream(...before, { error })], contextOf()))
}

test('an in-band error is not turned into an empty success (BerriAI/litellm#40578)', () => {
  const pipe = createStreamPipe(messagesCaller, openaiChat, { ...contextOf(), stripUsage: false })
  const bytes = chatStream({ error: { message: 'No GPU left.', code: 500 } })
  const error = thrown('upstream_error', () => pipe.push(bytes))
  assert.equal(error.message, 'No GPU left.')
  assert.equal(pipe.committed, false)
})

test('a failure after 200 does not end as a well-formed message (BerriAI/litellm#32086, PR#32475)', () => {
  const frames = failing([delta({ content: 'Par' })], { message: 'Gone.', type: 'server_error' })
  checkGrammar(frames)
  assert.deepEqual(outline(frames), ['message_start', 'start 0 text', '0 text_delta Par', 'error'])
  assert.deepEqual(frames.at(-1), {
    type: 'error',
    error: { type: 'api_error', message: 'Gone.' },
    request_id: 'req_golden',
  })
})

test('arguments in the first fragment of a call are not lost at the block change (BerriAI/litellm#25321, #25561)', () => {
  const frames = stream(
    delta({ content: 'Let me look.' }),
    callDelta(0, 'a', 'look', '{"city":'),
    argsDelta(0, '"Oslo"}'),
    delta({}, 'tool_calls'),
  )
  assert.deepEqual(outline(frames).slice(3, -2), [
    'stop 0',
    'start 1 tool_use look',
    '1 input_json_delta {"city":',
    '1 input_json_delta "Oslo"}',
    'stop 1',
  ])
})

test('an empty list of calls produces nothing (BerriAI/litellm#29286)', () => {
  const frames = stream(
    delta({ content: 'Hi', tool_calls: [] }),
    delta({ content: '!', tool_calls: null }),
    delta({}, 'stop'),
  )
  assert.deepEqual(outline(frames), [
    'message_start',
    'start 0 text',
    '0 text_delta Hi',
    '0 text_delta !',
    'stop 0',
    'end end_turn',
    'message_stop',
  ])
})

test('there is one message_start, and thinking never lands in a text block (BerriAI/litellm#32357)', () => {
  const frames = stream(
    delta({ role: 'assistant', content: '' }),
    delta({ role: 'assistant', content: 'One.' }),
    delta({ reasoning_content: 'Hm.' }),
    delta({ role: 'assistant', content: 'Two.' }),
    delta({}, 'stop'),
  )
  checkGrammar(frames)
  assert.deepEqual(outline(frames), [
    'message_start',
    'start 0 text',
    '0 text_delta One.',
    'stop 0',
    'start 1 thinking',
    '1 thinking_delta Hm.',
    '1 signature_delta aiproxy.v1.',
    'stop 1',
    'start 2 text',
    '2 text_delta Two.',
    'stop 2',
    'end end_turn',
    'message_stop',
  ])
})

test('a call ends as tool_use without an empty text block (BerriAI/litellm#34692)', () => {
  const frames = stream(
    delta({ role: 'assistant', content: '' }),
    callDelta(0, 'a', 'look', '{}'),
    delta({ content: '' }, 'tool_calls'),
  )
  assert.deepEqual(outline(frames), [
    'message_start',
    'start 0 tool_use look',
    '0 input_json_delta {}',
    'stop 0',
    'end tool_use',
    'message_stop',
  ])
})

test('no delta is sent before its block starts (BerriAI/litellm#13373)', () => {
  checkGrammar(
    stream(
      delta({ reasoning: 'a', content: 'b' }),
      callDelta(0, 'c', 'look', '{"x":1}'),
      delta({}, 'stop'),
    ),
  )
})

test('cached tokens are not counted again as input (BerriAI/litellm#11789, envoyproxy/ai-gateway PR#2239)', () => {
  const usage = {
    prompt_tokens: 100,
    completion_tokens: 5,
    total_tokens: 105,
    prompt_tokens_details: { cached_tokens: 80 },
  }
  const frames = stream(delta({ content: 'x' }, 'stop'), usageChunk(usage))
  assert.deepEqual(usageOf(frames), {
    input_tokens: 20,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 80,
    output_tokens: 5,
  })
  assert.equal(asObject(reply({ content: 'x' }, 'stop', { usage })['usage'])['input_tokens'], 20)
})

test('cache tokens are told at the end at the latest (BerriAI/litellm#31069)', () => {
  const frames = stream(
    delta({ content: 'x' }, 'stop'),
    usageChunk({
      prompt_tokens: 100,
      completion_tokens: 5,
      prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 50 },
    }),
  )
  const { cache_creation_input_tokens: written, cache_read_input_tokens: read } = usageOf(frames)
  assert.deepEqual([written, read], [50, 30])
})

test('message_start does not claim 0 input tokens (BerriAI/litellm#41406)', () => {
  const { request } = toChat({ system: 'x'.repeat(4000) })
  const text = play([chatStream(delta({ content: 'x' }, 'stop'))], contextOf(request))
  const [start] = readFrames(text)
  assert.equal(asObject(asObject(start?.['message'])['usage'])['input_tokens'], 1002)
})

test('tool names over 64 characters are shortened, and restored in the reply and the stream (BerriAI/litellm#17904, PR#20107)', () => {
  const long = `mcp__${'very_long_server_name_'.repeat(4)}__look`
  const { body, hints, messages } = toChat({
    tools: [{ ...TOOL, name: long }],
    tool_choice: { type: 'tool', name: long },
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: long, input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'y' }] },
    ],
  })
  const [short] = hints.toolNames[0] ?? []
  assert.ok(short !== undefined && /^[a-zA-Z0-9_-]{64}$/.test(short))
  const wanted = { type: 'function', function: { name: short } }
  assert.deepEqual(body['tool_choice'], wanted)
  assert.ok(JSON.stringify(body['tools']).includes(`"name":"${short}"`))
  assert.ok(JSON.stringify(messages[1]).includes(`"name":"${short}"`))
  const call = { id: 'b', type: 'function', function: { name: short, arguments: '{}' } }
  const [block] = [reply({ tool_calls: [call] }, 'tool_calls', {}, hints)['content']].flat()
  assert.equal(asObject(block)['name'], long)
  const frames = readFrames(
    play(
      [chatStream(callDelta(0, 'b', short, '{}'), delta({}, 'tool_calls'))],
      contextOf(undefined, hints),
    ),
  )
  assert.ok(outline(frames).includes(`start 0 tool_use ${long}`))
})

test('images in a tool result are not lost and not written into its text (BerriAI/litellm#20403)', () => {
  const image = {
    type: 'image',
    source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
  }
  const { messages } = toChat({
    messages: [
      { role: 'user', content: 'x' },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'a', name: 'look', input: {} },
          { type: 'tool_use', id: 'b', name: 'look', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'a',
            content: [{ type: 'text', text: 'See:' }, image],
          },
          { type: 'tool_result', tool_use_id: 'b', content: 'plain' },
          { type: 'text', text: 'And?' },
        ],
      },
    ],
  })
  assert.deepEqual(messages.slice(2), [
    { role: 'tool', tool_call_id: 'a', content: 'See:\n[image 1 attached below]' },
    { role: 'tool', tool_call_id: 'b', content: 'plain' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Attached to the result of tool call a:' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
      ],
    },
    { role: 'user', content: 'And?' },
  ])
})

test('a finish of stop after a tool call is tool_use (BerriAI/litellm#35663, PR#37792; googleapis/python-genai#2868)', () => {
  const frames = stream(callDelta(0, 'a', 'look', '{}'), delta({ content: '' }, 'stop'))
  assert.ok(outline(frames).includes('end tool_use'))
  const call = { id: 'a', type: 'function', function: { name: 'look', arguments: '{}' } }
  assert.equal(reply({ tool_calls: [call] }, 'stop')['stop_reason'], 'tool_use')
})

test('a thinking block that is only a signature is kept (BerriAI/litellm PR#38809)', () => {
  const frames = encodeEvents([
    { type: 'start', id: 'x', model: 'm', created: undefined, usage: undefined },
    { type: 'reasoning-end', signature: 'aiproxy.v1.e30' },
    { type: 'text', text: 'Yes.' },
  ])
  assert.deepEqual(outline(frames).slice(1, 4), [
    'start 0 thinking',
    '0 signature_delta aiproxy.v1.e30',
    'stop 0',
  ])
  const { request } = toChat(
    assistantTurn(
      { type: 'thinking', thinking: '', signature: 's' },
      { type: 'text', text: 'Yes.' },
    ),
  )
  assert.deepEqual(request.messages[1]?.parts[0], { type: 'reasoning', text: '', signature: 's' })
})

test('reasoning followed by calls does not corrupt the arguments (musistudio/claude-code-router#1397)', () => {
  const frames = stream(
    delta({ reasoning_content: 'First ' }),
    delta({ reasoning_content: 'this.' }),
    callDelta(0, 'a', 'look', ''),
    argsDelta(0, '{"x":'),
    delta({ reasoning_content: 'Hm.' }),
    argsDelta(0, '1}'),
    delta({}, 'tool_calls'),
  )
  checkGrammar(frames)
  assert.deepEqual(outline(frames).slice(1, -2), [
    'start 0 thinking',
    '0 thinking_delta First ',
    '0 thinking_delta this.',
    '0 signature_delta aiproxy.v1.',
    'stop 0',
    'start 1 tool_use look',
    '1 input_json_delta {"x":',
    '1 input_json_delta 1}',
    'stop 1',
    'start 2 thinking',
    '2 thinking_delta Hm.',
    '2 signature_delta aiproxy.v1.',
    'stop 2',
  ])
})

test('the billing line in the system prompt does not reach another provider’s cache (musistudio/claude-code-router#1372)', () => {
  const line = 'x-anthropic-billing-header: cc_version=2.1.0; cch=0f3a;'
  const rest = 'You help.\nNever print x-anthropic-billing-header: values.'
  for (const system of [
    [
      { type: 'text', text: line },
      { type: 'text', text: rest },
    ],
    [{ type: 'text', text: `${line}\n\n${rest}` }],
    `${line}\n${rest}`,
  ]) {
    assert.deepEqual(toChat({ system }).messages[0], { role: 'system', content: rest })
  }
  assert.equal(toChat({ system: [{ type: 'text', text: line }] }).messages[0]?.['role'], 'user')
})

test('a context overflow is not masked by a generic text (musistudio/claude-code-router#1799; Menci/Floway PR#166, pleaseai/shunt PR#9)', () => {
  const upstream = openaiChat.decodeError(
    400,
    '{"object":"error","type":"BadRequestError","code":400,"message":"This model\'s maximum context length is 32768 tokens. However, you requested 40000 tokens (30000 in the messages, 10000 in the completion)."}',
  )
  assert.equal(upstream.kind, 'context')
  assert.equal(
    anthropicOverflowMessage(upstream),
    'input length and `max_tokens` exceed context limit: 30000 + 10000 > 32768',
  )
})

test('a stream without usage still has its closing events and a usage (QuantumNous/new-api PR#5345)', () => {
  const frames = stream(delta({ content: 'Hello there' }), delta({}, 'stop'))
  checkGrammar(frames)
  assert.equal(usageOf(frames)['output_tokens'], 3)
})

test('anthropic-beta does not reach other providers (QuantumNous/new-api#2975)', () => {
  const headers = { 'anthropic-beta': 'context-1m-2025-08-07', 'anthropic-version': '2023-06-01' }
  assert.deepEqual(mapRequestHeaders(headers, 'anthropic', 'openai-chat'), [])
})

test('a tool_use behind a signature-only thinking block is kept (router-for-me/CLIProxyAPI#3799)', () => {
  const frames = encodeEvents([
    { type: 'start', id: 'x', model: 'm', created: undefined, usage: undefined },
    { type: 'reasoning-end', signature: 'aiproxy.v1.e30' },
    { type: 'tool-start', call: 0, id: 'a', name: 'look', kind: 'function' },
    { type: 'tool-end', call: 0 },
  ])
  assert.ok(outline(frames).includes('start 1 tool_use look'))
  const { messages } = toChat(
    assistantTurn(
      { type: 'thinking', thinking: '', signature: 'aiproxy.v1.' },
      { type: 'tool_use', id: 'a', name: 'look', input: { x: 1 } },
    ),
  )
  assert.ok(JSON.stringify(messages[1]).includes('"arguments":"{\\"x\\":1}"'))
})

test('fragments of two calls are not written into each other’s block (praxis-proxy/ai#266)', () => {
  const frames = stream(
    callDelta(0, 'a', 'look', ''),
    callDelta(1, 'b', 'find', ''),
    argsDelta(1, '{"b":'),
    argsDelta(0, '{"a":'),
    argsDelta(1, '2}'),
    argsDelta(0, '1}'),
    delta({}, 'tool_calls'),
  )
  checkGrammar(frames)
  assert.deepEqual(outline(frames).slice(1, -2), [
    'start 0 tool_use look',
    '0 input_json_delta {"a":',
    '0 input_json_delta 1}',
    'stop 0',
    'start 1 tool_use find',
    '1 input_json_delta {"b":2}',
    'stop 1',
  ])
})

test('input for a call that was complete ends the stream as an error (praxis-proxy/ai#266)', () => {
  const text = play(
    [
      chatStream(
        callDelta(0, 'a', 'look', '{}'),
        callDelta(1, 'b', 'find', '{}'),
        argsDelta(0, '{"more":1}'),
        delta({}, 'tool_calls'),
      ),
    ],
    contextOf(),
  )
  assert.equal(readFrames(text).at(-1)?.['type'], 'error')
})

test('the signature of a thinking block is not dropped (bitrouter PR#592)', () => {
  const signed = encodeEvents([
    { type: 'start', id: 'x', model: 'm', created: undefined, usage: undefined },
    { type: 'reasoning', text: 'Hm.' },
    { type: 'reasoning-end', signature: 'c2ln' },
  ])
  assert.deepEqual(outline(signed).slice(2), [
    '0 thinking_delta Hm.',
    '0 signature_delta c2ln',
    'stop 0',
  ])
})

test('a thinking block has its signature before its stop, and its text under its own name (claude-code-proxy PR#17)', () => {
  const frames = stream(delta({ reasoning_content: 'Hm.' }), delta({ content: 'Yes.' }, 'stop'))
  assert.deepEqual(frames.slice(1, 5), [
    {
      type: 'content_block_start',
      index: 0,
      content_block: { type: 'thinking', thinking: '', signature: '' },
    },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm.' } },
    {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'signature_delta', signature: 'aiproxy.v1.' },
    },
    { type: 'content_block_stop', index: 0 },
  ])
})

test('no index has two starts (OmniRoute#682)', () => {
  // Ids and names on every fragment, as some servers send them.
  const frames = stream(
    callDelta(0, 'a', 'look', '{"x"'),
    callDelta(0, 'a', 'look', ':1}'),
    callDelta(1, 'b', 'look', '{}'),
    delta({}, 'tool_calls'),
  )
  checkGrammar(frames)
  assert.equal(frames.filter((frame) => frame['type'] === 'content_block_start').length, 2)
})

test('call ids over 64 characters are shortened the same way in call and result (openclaw/openclaw PR#31995, 9router PR#3167)', () => {
  const id = `toolu_${'0123456789'.repeat(8)}`
  const { messages } = toChat({
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: [{ type: 'tool_use', id, name: 'look', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'y' }] },
    ],
  })
  const sent = word(messages[2]?.['tool_call_id'])
  assert.ok(sent.length <= 64)
  assert.ok(JSON.stringify(messages[1]).includes(`"id":"${sent}"`))
})

test('context_management is not forwarded (anthropics/claude-code#21612)', () => {
  const { body } = toChat({ context_management: { edits: [{ type: 'clear_thinking_20251015' }] } })
  assert.equal('context_management' in body, false)
})

test('reasoning and content in one chunk arrive both, in order (vllm-project/vllm#43933)', () => {
  const frames = stream(delta({ reasoning: 'Hm.', content: 'Yes.' }), delta({}, 'stop'))
  assert.deepEqual(
    outline(frames).filter((line) => line.includes('_delta ')),
    ['0 thinking_delta Hm.', '0 signature_delta aiproxy.v1.', '1 text_delta Yes.'],
  )
})

test('tools on a model that refuses them beside reasoning switch reasoning off, or are refused (pipecat-ai/pipecat#4043)', () => {
  const { body, notes } = toChat({ tools: [TOOL], thinking: { type: 'adaptive' } }, 'gpt-5.4')
  assert.equal(body['reasoning_effort'], 'none')
  assert.equal(notes, 'reasoning_effort;adapted')
  thrown('untranslatable', () => toChat({ tools: [TOOL] }, 'gpt-6'))
})

test('token counts err upwards (ericc-ch/copilot-api#210)', () => {
  // About four characters a token in English prose with the newer tokenizers.
  const text = 'The quick brown fox jumps over the lazy dog. '.repeat(100)
  const tokens = estimateInputTokens(asking({ messages: [{ role: 'user', content: text }] }))
  assert.ok(tokens > text.length / 4)
  assert.ok(tokens < text.length / 3)
})

test('an error answer to a stream request keeps its status (songquanpeng/one-api#1455, vercel/ai PR#10653)', () => {
  const pipe = createStreamPipe(messagesCaller, openaiChat, { ...contextOf(), stripUsage: false })
  const bytes = chatStream(delta({ role: 'assistant', content: '' }), {
    error: { message: 'Slow down.', code: 'rate_limit_exceeded' },
  })
  assert.equal(thrown('upstream_error', () => pipe.push(bytes)).status, 429)
})
