import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChatRequest, JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { createNotes, renderNotes } from '../../src/dialects/notes.ts'
import { decodeRequest } from '../../src/dialects/openai-chat/request.ts'
import { encodeRequest } from '../../src/dialects/openai-chat/encode-request.ts'
import { sha256Hex } from '../../src/wire/hash.ts'
import { contextOf, thrown } from './support.ts'

function encode(
  request: Partial<ChatRequest>,
  model = 'gpt-4.1',
  maxTokens?: number,
): { body: JsonObject; notes: string; names: ReadonlyArray<readonly [string, string]> } {
  const notes = createNotes(false)
  const asked = contextOf({ stream: false, ...request }).request
  assert.ok(asked !== undefined)
  const encoded = encodeRequest(asked, { model, maxTokens, strict: false }, notes)
  assert.equal(encoded.path, '/chat/completions')
  return { body: encoded.body, notes: renderNotes(notes), names: encoded.hints.toolNames }
}

const FUNCTION = {
  kind: 'function',
  name: 'f',
  description: undefined,
  schema: undefined,
  strict: undefined,
} as const

interface Row {
  readonly title: string
  readonly request: Partial<ChatRequest>
  readonly model?: string
  readonly maxTokens?: number
  readonly sends: Readonly<Record<string, JsonValue | undefined>>
  readonly notes?: string
}

const ROWS: readonly Row[] = [
  {
    title: 'models that are not OpenAI’s get max_tokens',
    request: { maxTokens: 5 },
    model: 'qwen3:8b',
    sends: { max_tokens: 5, max_completion_tokens: undefined },
  },
  {
    title: 'reasoning models get max_completion_tokens and a developer message',
    request: {
      maxTokens: 5,
      messages: [{ role: 'system', parts: [{ type: 'text', text: 'S' }] }],
    },
    model: 'gpt-5',
    sends: {
      max_completion_tokens: 5,
      max_tokens: undefined,
      messages: [{ role: 'developer', content: 'S' }],
    },
  },
  {
    title: 'a configured ceiling caps the limit',
    request: { maxTokens: 64_000 },
    maxTokens: 4096,
    sends: { max_completion_tokens: 4096 },
    notes: 'max_tokens;adapted',
  },
  {
    title: 'temperature 0 stays 0',
    request: { temperature: 0, topP: 0.5 },
    sends: { temperature: 0, top_p: 0.5 },
  },
  {
    title: 'reasoning models take no sampling, unless they do not reason',
    request: { temperature: 0, topK: 3 },
    model: 'gpt-5',
    sends: { temperature: undefined },
    notes: 'temperature;dropped, top_k;dropped',
  },
  {
    title: 'sampling is back when the effort is none',
    request: { temperature: 0.3, reasoning: { effort: 'none' } },
    model: 'gpt-5.1',
    sends: { temperature: 0.3, reasoning_effort: 'none' },
  },
  {
    title: 'at most four stop words',
    request: { stop: ['a', 'b', 'c', 'd', 'e'] },
    sends: { stop: ['a', 'b', 'c', 'd'] },
    notes: 'stop;adapted',
  },
  {
    title: 'no stop words for o3',
    request: { stop: ['a'] },
    model: 'o3',
    sends: { stop: undefined },
    notes: 'stop;dropped',
  },
  {
    title: 'an effort the model lacks becomes the nearest below it',
    request: { reasoning: { effort: 'max' } },
    model: 'gpt-5.1',
    sends: { reasoning_effort: 'high' },
    notes: 'reasoning_effort;adapted',
  },
  {
    title: 'switched-off thinking becomes the lowest effort there is',
    request: { reasoning: { thinking: { type: 'disabled' } } },
    model: 'gpt-5',
    sends: { reasoning_effort: 'minimal' },
    notes: 'reasoning_effort;adapted',
  },
  {
    title: 'a thinking budget becomes an effort',
    request: { reasoning: { thinking: { type: 'enabled', budget_tokens: 10_000 } } },
    model: 'gpt-5',
    sends: { reasoning_effort: 'medium' },
  },
  {
    title: 'models without reasoning get no effort',
    request: { reasoning: { effort: 'high' } },
    sends: { reasoning_effort: undefined },
    notes: 'reasoning_effort;dropped',
  },
  {
    title: 'tools on newer models switch reasoning off where the model can',
    request: { tools: [FUNCTION] },
    model: 'gpt-5.4',
    sends: { reasoning_effort: 'none' },
    notes: 'reasoning_effort;adapted',
  },
  {
    title: 'a stream asks for usage',
    request: { stream: true },
    sends: { stream: true, stream_options: { include_usage: true } },
  },
  {
    title: 'a long end-user id is replaced by its digest',
    request: { endUser: 'x'.repeat(200) },
    sends: { safety_identifier: sha256Hex('x'.repeat(200)) },
  },
  {
    title: 'an object schema gets its properties',
    request: { tools: [{ ...FUNCTION, schema: { type: 'object' } }] },
    sends: {
      tools: [
        {
          type: 'function',
          function: { name: 'f', parameters: { type: 'object', properties: {} } },
        },
      ],
    },
  },
  {
    title: 'strict is kept only where OpenAI’s rule holds',
    request: {
      tools: [
        {
          ...FUNCTION,
          strict: true,
          schema: { type: 'object', properties: { a: {} }, required: [] },
        },
      ],
    },
    sends: {
      tools: [
        {
          type: 'function',
          function: {
            name: 'f',
            parameters: { type: 'object', properties: { a: {} }, required: [] },
          },
        },
      ],
    },
    notes: 'tools.strict;dropped',
  },
  {
    title: 'a named tool is chosen by its kind',
    request: {
      tools: [{ ...FUNCTION, kind: 'custom', name: 'patch' }],
      toolChoice: { type: 'tool', name: 'patch' },
      parallelToolCalls: false,
    },
    sends: {
      tool_choice: { type: 'custom', custom: { name: 'patch' } },
      parallel_tool_calls: false,
    },
  },
  {
    title: 'results follow their calls, and what they show comes behind all of them',
    request: {
      messages: [
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', text: 'hm', signature: 's' },
            { type: 'text', text: 'A' },
            { type: 'text', text: 'B' },
            { type: 'tool-call', id: 'c1', name: 'f', kind: 'function', input: '' },
          ],
        },
        {
          role: 'tool',
          callId: 'c1',
          isError: true,
          cache: undefined,
          parts: [
            { type: 'text', text: 'see' },
            { type: 'image', source: { kind: 'url', url: 'https://example.com/a.png' } },
          ],
        },
        { role: 'user', parts: [{ type: 'text', text: 'ok' }] },
      ],
    },
    sends: {
      messages: [
        {
          role: 'assistant',
          content: 'AB',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'Error: see\n[image 1 attached below]' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Attached to the result of tool call c1:' },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
          ],
        },
        { role: 'user', content: 'ok' },
      ],
    },
    notes: 'messages.reasoning;dropped, messages.tool_result;adapted, messages.is_error;adapted',
  },
]

for (const row of ROWS) {
  test(row.title, () => {
    const { body, notes } = encode(row.request, row.model, row.maxTokens)
    for (const [field, value] of Object.entries(row.sends)) {
      assert.deepEqual(body[field], value, field)
    }
    assert.equal(notes, row.notes ?? '')
  })
}

test('a long tool name is shortened, and its own name is remembered for the reply', () => {
  const name = 'mcp__server__'.padEnd(90, 'x')
  const { body, names } = encode({
    tools: [{ ...FUNCTION, name }],
    toolChoice: { type: 'tool', name },
  })
  const [[short, original] = ['', '']] = names
  assert.equal(original, name)
  assert.equal(short.length, 64)
  assert.deepEqual(body['tool_choice'], { type: 'function', function: { name: short } })
})

test('tools on a model that cannot stop reasoning are refused in Chat', () => {
  thrown('untranslatable', () => encode({ tools: [FUNCTION] }, 'gpt-6'))
})

test('a Chat request that is decoded and encoded again asks for the same', () => {
  const body: JsonObject = {
    model: 'gpt-4.1',
    messages: [
      { role: 'system', content: 'S' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=', detail: 'low' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: '2' },
    ],
    max_completion_tokens: 9,
    temperature: 0,
    top_p: 0.5,
    stop: ['x'],
    tools: [
      { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } },
      { type: 'custom', custom: { name: 'g' } },
    ],
    tool_choice: {
      type: 'allowed_tools',
      allowed_tools: { mode: 'auto', tools: [{ type: 'custom', custom: { name: 'g' } }] },
    },
    parallel_tool_calls: true,
    response_format: { type: 'json_object' },
    safety_identifier: 'u',
    service_tier: 'flex',
    logit_bias: { '5': 1 },
    seed: 7,
    stream: true,
    stream_options: { include_usage: true },
  }
  const notes = createNotes(true)
  const traits = { model: 'gpt-4.1', maxTokens: undefined, strict: true }
  assert.deepEqual(encodeRequest(decodeRequest(body), traits, notes).body, body)
})
