import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { Dialect } from '../../src/dialects/dialect.ts'
import { encodeMarker } from '../../src/dialects/marker.ts'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { createNotes, renderNotes } from '../../src/dialects/notes.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import type { ErrorCode } from '../../src/errors/catalog.ts'
import { readArray, readObject } from '../../src/wire/json.ts'
import { decode } from './openai-responses-support.ts'
import { thrown } from './support.ts'

/** The body that goes to another provider. */
function send(
  target: Dialect,
  model: string,
  body: JsonObject,
): { body: JsonObject; notes: string } {
  const notes = createNotes(false)
  const { body: sent } = target.encodeRequest(
    decode(body),
    { model, maxTokens: undefined, strict: false },
    notes,
  )
  return { body: sent, notes: renderNotes(notes) }
}

const messagesOf = (input: JsonValue): unknown => decode({ input }).messages

test('a text is one user message, and instructions stand before it', () => {
  assert.deepEqual(decode({ input: 'Hello', instructions: 'Be brief.' }).messages, [
    { role: 'system', parts: [{ type: 'text', text: 'Be brief.' }] },
    { role: 'user', parts: [{ type: 'text', text: 'Hello' }] },
  ])
})

test('messages are read with and without a type, as text or as parts', () => {
  assert.deepEqual(
    messagesOf([
      { role: 'developer', content: 'Be brief.' },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] },
      {
        type: 'message',
        id: 'msg_1',
        status: 'completed',
        role: 'assistant',
        phase: 'commentary',
        content: [
          { type: 'output_text', text: 'Hi', annotations: [] },
          { type: 'refusal', refusal: 'No.' },
        ],
      },
      { role: 'system', content: [{ type: 'input_text', text: 'Later.' }] },
    ]),
    [
      { role: 'developer', parts: [{ type: 'text', text: 'Be brief.' }] },
      { role: 'user', parts: [{ type: 'text', text: 'Hello' }] },
      {
        role: 'assistant',
        parts: [
          { type: 'text', text: 'Hi' },
          { type: 'refusal', text: 'No.' },
        ],
      },
      { role: 'system', parts: [{ type: 'text', text: 'Later.' }] },
    ],
  )
})

test('pictures and files come as bytes or as URLs', () => {
  const [message] = decode({
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_image', image_url: 'data:image/PNG;base64,iVBO Rw0=', detail: 'high' },
          { type: 'input_image', image_url: 'https://example.com/a.png' },
          { type: 'input_image', image_url: { url: 'https://example.com/b.png' } },
          {
            type: 'input_file',
            filename: 'a.pdf',
            file_data: 'data:application/pdf;base64,JVBERi0=',
          },
          { type: 'input_file', file_data: 'JVBERi0=' },
          { type: 'input_file', file_url: 'https://example.com/a.pdf' },
        ],
      },
    ],
  }).messages
  assert.deepEqual(
    message?.parts.map((part) => ('source' in part ? part.source : part)),
    [
      { kind: 'base64', mediaType: 'image/png', data: 'iVBORw0=' },
      { kind: 'url', url: 'https://example.com/a.png' },
      { kind: 'url', url: 'https://example.com/b.png' },
      { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERi0=' },
      { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERi0=' },
      { kind: 'url', url: 'https://example.com/a.pdf' },
    ],
  )
})

const LOOP: JsonValue = [
  { role: 'user', content: 'Weather?' },
  {
    type: 'reasoning',
    id: 'rs_1',
    summary: [{ type: 'summary_text', text: 'Two lookups.' }],
    encrypted_content: encodeMarker({ thinking: 'Two lookups.', signature: 'c2lnLTE=' }),
  },
  { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Checking.' }] },
  {
    type: 'function_call',
    id: 'fc_9',
    call_id: 'toolu_01A',
    name: 'get',
    arguments: '{"b":1,"a":2}',
  },
  { type: 'custom_tool_call', id: 'ctc_9', call_id: 'toolu_01B', name: 'run', input: 'ls' },
  { type: 'function_call_output', call_id: 'toolu_01A', output: 'cold' },
  {
    type: 'custom_tool_call_output',
    call_id: 'toolu_01B',
    output: [
      { type: 'input_text', text: 'a.txt' },
      { type: 'input_image', image_url: 'https://example.com/a.png' },
    ],
  },
]

test('the items of one assistant turn are one message, and each output is a result of its call', () => {
  assert.deepEqual(messagesOf(LOOP), [
    { role: 'user', parts: [{ type: 'text', text: 'Weather?' }] },
    {
      role: 'assistant',
      parts: [
        { type: 'reasoning', text: 'Two lookups.', signature: 'c2lnLTE=' },
        { type: 'text', text: 'Checking.' },
        {
          type: 'tool-call',
          id: 'toolu_01A',
          name: 'get',
          kind: 'function',
          input: '{"b":1,"a":2}',
        },
        { type: 'tool-call', id: 'toolu_01B', name: 'run', kind: 'custom', input: 'ls' },
      ],
    },
    {
      role: 'tool',
      callId: 'toolu_01A',
      parts: [{ type: 'text', text: 'cold' }],
      isError: false,
      cache: undefined,
    },
    {
      role: 'tool',
      callId: 'toolu_01B',
      parts: [
        { type: 'text', text: 'a.txt' },
        {
          type: 'image',
          source: { kind: 'url', url: 'https://example.com/a.png' },
          detail: undefined,
        },
      ],
      isError: false,
      cache: undefined,
    },
  ])
})

test('reasoning that Claude signed goes back to Claude unchanged, before the call it led to', () => {
  const { body } = send(anthropic, 'claude-opus-5', { input: LOOP })
  const turn = readObject(readArray(body['messages'])[1])
  assert.deepEqual(
    readArray(turn?.['content']).map((block) => readObject(block)?.['type']),
    ['thinking', 'text', 'tool_use', 'tool_use'],
  )
  assert.deepEqual(readArray(turn?.['content'])[0], {
    type: 'thinking',
    thinking: 'Two lookups.',
    signature: 'c2lnLTE=',
  })
  const answers = readObject(readArray(body['messages'])[2])
  assert.deepEqual(
    readArray(answers?.['content']).map((block) => readObject(block)?.['tool_use_id']),
    ['toolu_01A', 'toolu_01B'],
  )
})

test('reasoning of Claude that was redacted goes back as it came', () => {
  const sealed = encodeMarker({ redacted: 'b3BhcXVl' })
  assert.deepEqual(
    messagesOf([
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: sealed },
      { role: 'user', content: 'Go on' },
    ]),
    [
      { role: 'assistant', parts: [{ type: 'reasoning', text: '', redacted: 'b3BhcXVl' }] },
      { role: 'user', parts: [{ type: 'text', text: 'Go on' }] },
    ],
  )
})

test('an edited summary does not change the text that was signed', () => {
  const [turn] = decode({
    input: [
      {
        type: 'reasoning',
        id: 'rs_1',
        summary: [{ type: 'summary_text', text: 'shortened' }],
        encrypted_content: encodeMarker({ thinking: 'the whole text', signature: 's' }),
      },
      { role: 'assistant', content: 'ok' },
      { role: 'user', content: 'Go on' },
    ],
  }).messages
  assert.deepEqual(turn?.parts[0], { type: 'reasoning', text: 'the whole text', signature: 's' })
})

test('reasoning that OpenAI sealed never reaches Claude, and is announced', () => {
  const { body, notes } = send(anthropic, 'claude-opus-5', {
    input: [
      { role: 'user', content: 'Weather?' },
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAAA-foreign' },
      { role: 'assistant', content: 'Cold.' },
      { role: 'user', content: 'Thanks' },
    ],
  })
  assert.ok(!JSON.stringify(body).includes('thinking"'))
  assert.ok(!JSON.stringify(body).includes('gAAAAA-foreign'))
  assert.match(notes, /reasoning/)
})

test('calls of the API’s own tools are function calls with their action as arguments', () => {
  const request = decode({
    tools: [{ type: 'local_shell' }, { type: 'shell' }, { type: 'apply_patch' }],
    input: [
      { role: 'user', content: 'Do it' },
      {
        type: 'local_shell_call',
        id: 'lsh_1',
        call_id: 'call_1',
        status: 'completed',
        action: { type: 'exec', command: ['ls'], env: {} },
      },
      { type: 'local_shell_call_output', id: 'lsh_1', output: '{"output":"a.txt"}' },
      {
        type: 'shell_call',
        call_id: 'call_2',
        action: { commands: ['ls'], timeout_ms: null, max_output_length: null },
      },
      {
        type: 'shell_call_output',
        call_id: 'call_2',
        output: [{ stdout: 'a.txt', stderr: '', outcome: { type: 'exit', exit_code: 0 } }],
      },
      {
        type: 'apply_patch_call',
        call_id: 'call_3',
        operation: { type: 'delete_file', path: 'a.txt' },
        status: 'completed',
      },
      { type: 'apply_patch_call_output', call_id: 'call_3', status: 'failed' },
    ],
  })
  assert.deepEqual(
    request.tools.map(({ kind, name }) => `${kind} ${name}`),
    ['function local_shell', 'function shell', 'function apply_patch'],
  )
  const calls = request.messages.flatMap((message) =>
    message.role === 'assistant' ? message.parts : [],
  )
  assert.deepEqual(calls, [
    {
      type: 'tool-call',
      id: 'call_1',
      name: 'local_shell',
      kind: 'function',
      input: '{"type":"exec","command":["ls"],"env":{}}',
    },
    {
      type: 'tool-call',
      id: 'call_2',
      name: 'shell',
      kind: 'function',
      input: '{"commands":["ls"],"timeout_ms":null,"max_output_length":null}',
    },
    {
      type: 'tool-call',
      id: 'call_3',
      name: 'apply_patch',
      kind: 'function',
      input: '{"type":"delete_file","path":"a.txt"}',
    },
  ])
  assert.deepEqual(
    request.messages.flatMap((message) =>
      message.role === 'tool' ? [[message.callId, message.parts, message.isError]] : [],
    ),
    [
      ['call_1', [{ type: 'text', text: '{"output":"a.txt"}' }], false],
      [
        'call_2',
        [
          {
            type: 'text',
            text: '[{"stdout":"a.txt","stderr":"","outcome":{"type":"exit","exit_code":0}}]',
          },
        ],
        false,
      ],
      ['call_3', [{ type: 'text', text: 'failed' }], true],
    ],
  )
})

test('traces of OpenAI’s own tools are left out without cutting the turn in two', () => {
  assert.deepEqual(
    messagesOf([
      { role: 'user', content: 'News?' },
      { role: 'assistant', content: 'Searching.' },
      { type: 'web_search_call', id: 'ws_1', status: 'completed' },
      { role: 'assistant', content: 'Nothing.' },
    ]),
    [
      { role: 'user', parts: [{ type: 'text', text: 'News?' }] },
      {
        role: 'assistant',
        parts: [
          { type: 'text', text: 'Searching.' },
          { type: 'text', text: 'Nothing.' },
        ],
      },
    ],
  )
})

test('tools are functions, custom tools with their grammar, and the members of namespaces', () => {
  const { tools } = decode({
    tools: [
      {
        type: 'function',
        name: 'f',
        description: 'F.',
        parameters: { type: 'object' },
        strict: true,
      },
      {
        type: 'custom',
        name: 'c',
        format: { type: 'grammar', syntax: 'lark', definition: 'start: "a"' },
      },
      {
        type: 'namespace',
        name: 'crm',
        description: 'Customers.',
        tools: [
          { type: 'function', name: 'find', description: 'Finds one.', parameters: null },
          { type: 'custom', name: 'query' },
        ],
      },
    ],
  })
  assert.deepEqual(tools, [
    { kind: 'function', name: 'f', description: 'F.', schema: { type: 'object' }, strict: true },
    {
      kind: 'custom',
      name: 'c',
      description: undefined,
      schema: { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "a"' } },
      strict: undefined,
    },
    {
      kind: 'function',
      name: 'crm__find',
      description: 'Customers.\n\nFinds one.',
      schema: undefined,
      strict: undefined,
    },
    {
      kind: 'custom',
      name: 'crm__query',
      description: 'Customers.',
      schema: undefined,
      strict: undefined,
    },
  ])
})

test('a call in the history names a namespace’s tool as its definition does', () => {
  const [, turn] = decode({
    input: [
      { role: 'user', content: 'x' },
      { type: 'function_call', call_id: 'a', namespace: 'crm', name: 'find', arguments: '{}' },
    ],
  }).messages
  assert.equal(
    turn?.role === 'assistant' && turn.parts[0]?.type === 'tool-call' && turn.parts[0].name,
    'crm__find',
  )
})

test('a grammar reaches Chat nested, as Chat writes it', () => {
  const { body } = send(openaiChat, 'gpt-5', {
    tools: [
      {
        type: 'custom',
        name: 'c',
        format: { type: 'grammar', syntax: 'lark', definition: 'start: "a"' },
      },
    ],
  })
  assert.deepEqual(body['tools'], [
    {
      type: 'custom',
      custom: {
        name: 'c',
        format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "a"' } },
      },
    },
  ])
})

test('web search and tool search are left out, whatever their date', () => {
  const { tools } = decode({
    tools: [
      { type: 'web_search' },
      { type: 'web_search_2025_08_26' },
      { type: 'web_search_preview_2025_03_11' },
      { type: 'tool_search' },
    ],
  })
  assert.deepEqual(tools, [])
})

const F: JsonObject = { type: 'function', name: 'f', parameters: {} }
const CHOICES: ReadonlyArray<readonly [JsonValue, unknown]> = [
  [null, undefined],
  ['auto', { type: 'auto' }],
  ['none', { type: 'none' }],
  ['required', { type: 'required' }],
  [
    { type: 'function', name: 'f' },
    { type: 'tool', name: 'f' },
  ],
  [
    { type: 'custom', name: 'c' },
    { type: 'tool', name: 'c' },
  ],
  [{ type: 'shell' }, { type: 'tool', name: 'shell' }],
  [
    {
      type: 'allowed_tools',
      mode: 'required',
      tools: [{ type: 'function', name: 'f' }, { type: 'web_search' }, { type: 'apply_patch' }],
    },
    { type: 'allowed', names: ['f', 'apply_patch'], required: true },
  ],
]
for (const [choice, expected] of CHOICES) {
  test(`tool_choice ${JSON.stringify(choice)} is read`, () => {
    assert.deepEqual(decode({ tools: [F], tool_choice: choice }).toolChoice, expected)
  })
}

test('every setting that another dialect has is carried over', () => {
  const request = decode({
    stream: true,
    max_output_tokens: 100,
    temperature: 0,
    top_p: 0.5,
    parallel_tool_calls: false,
    reasoning: { effort: 'high', summary: 'auto' },
    text: {
      format: { type: 'json_schema', name: 'out', schema: { type: 'object' }, strict: true },
      verbosity: 'low',
    },
    safety_identifier: 'someone',
    service_tier: 'flex',
    metadata: { run: '7' },
    prompt_cache_key: 'k',
    store: false,
    include: ['reasoning.encrypted_content'],
    truncation: 'disabled',
    background: false,
    previous_response_id: null,
  })
  assert.equal(request.stream, true)
  assert.equal(request.maxTokens, 100)
  assert.equal(request.temperature, 0)
  assert.equal(request.topP, 0.5)
  assert.equal(request.parallelToolCalls, false)
  assert.deepEqual(request.reasoning, { effort: 'high', thinking: undefined, summary: true })
  assert.deepEqual(request.responseFormat, {
    type: 'json-schema',
    name: 'out',
    description: undefined,
    schema: { type: 'object' },
    strict: true,
  })
  assert.equal(request.endUser, 'someone')
  assert.equal(request.serviceTier, 'flex')
  assert.deepEqual(request.extras, {
    metadata: { run: '7' },
    prompt_cache_key: 'k',
    verbosity: 'low',
  })
})

test('the tier that only this API has becomes auto', () => {
  assert.equal(decode({ service_tier: 'ultrafast' }).serviceTier, 'auto')
})

test('fields that say nothing are not passed on', () => {
  assert.deepEqual(decode({ metadata: {}, prompt_cache_key: null }).extras, {})
})

const REFUSED: ReadonlyArray<readonly [string, ErrorCode, JsonObject, string]> = [
  [
    'previous_response_id',
    'untranslatable',
    { previous_response_id: 'resp_1' },
    'previous_response_id',
  ],
  ['conversation', 'untranslatable', { conversation: 'conv_1' }, 'conversation'],
  ['a stored prompt', 'untranslatable', { prompt: { id: 'pmpt_1' } }, 'prompt'],
  ['background', 'untranslatable', { background: true }, 'background'],
  ['moderation', 'untranslatable', { moderation: { model: 'm' } }, 'moderation'],
  ['log probabilities', 'untranslatable', { top_logprobs: 3 }, 'top_logprobs'],
  [
    'log probabilities by include',
    'untranslatable',
    { include: ['message.output_text.logprobs'] },
    'include',
  ],
  ['file search', 'untranslatable', { tools: [{ type: 'file_search' }] }, 'tools[0].type'],
  [
    'code interpreter',
    'untranslatable',
    { tools: [F, { type: 'code_interpreter' }] },
    'tools[1].type',
  ],
  ['mcp', 'untranslatable', { tools: [{ type: 'mcp', server_label: 's' }] }, 'tools[0].type'],
  ['images', 'untranslatable', { tools: [{ type: 'image_generation' }] }, 'tools[0].type'],
  [
    'computer use',
    'untranslatable',
    { tools: [{ type: 'computer_use_preview' }] },
    'tools[0].type',
  ],
  ['a forced web search', 'untranslatable', { tool_choice: { type: 'web_search' } }, 'tool_choice'],
  [
    'a required call with nothing left to call',
    'untranslatable',
    { tools: [{ type: 'web_search' }], tool_choice: 'required' },
    'tool_choice',
  ],
  [
    'item references',
    'untranslatable',
    { input: [{ type: 'item_reference', id: 'a' }] },
    'input[0].type',
  ],
  ['compaction', 'untranslatable', { input: [{ type: 'compaction' }] }, 'input[0].type'],
  ['unknown items', 'untranslatable', { input: [{ type: 'future_item' }] }, 'input[0].type'],
  [
    'a picture kept at OpenAI',
    'untranslatable',
    { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file-1' }] }] },
    'input[0].content[0].file_id',
  ],
  [
    'a file kept at OpenAI',
    'untranslatable',
    { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }] }] },
    'input[0].content[0].file_id',
  ],
  [
    'audio',
    'untranslatable',
    { input: [{ role: 'user', content: [{ type: 'input_audio' }] }] },
    'input[0].content[0]',
  ],
  [
    'a picture in the instructions',
    'untranslatable',
    { input: [{ role: 'system', content: [{ type: 'input_image', image_url: 'https://a/b' }] }] },
    'input[0].content[0]',
  ],
  [
    'a data URL that is not base64',
    'untranslatable',
    {
      input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:image/png,a' }] }],
    },
    'input[0].content[0].image_url',
  ],
  ['no model', 'model_missing', { model: null }, 'model'],
  ['no input', 'request_invalid', { input: null }, 'input'],
  ['an input that is no list', 'request_invalid', { input: 7 }, 'input'],
  ['an item that is no object', 'request_invalid', { input: ['x'] }, 'input[0]'],
  ['an item without type and role', 'request_invalid', { input: [{}] }, 'input[0].type'],
  [
    'an unknown role',
    'request_invalid',
    { input: [{ role: 'tool', content: '' }] },
    'input[0].role',
  ],
  [
    'a call without call_id',
    'request_invalid',
    { input: [{ type: 'function_call', id: 'fc_1', name: 'f', arguments: '' }] },
    'input[0].call_id',
  ],
  [
    'an output without call_id',
    'request_invalid',
    { input: [{ type: 'function_call_output', output: '' }] },
    'input[0].call_id',
  ],
  ['an unknown effort', 'request_invalid', { reasoning: { effort: 'huge' } }, 'reasoning.effort'],
  ['no token at all', 'request_invalid', { max_output_tokens: 0 }, 'max_output_tokens'],
  ['a tool without a name', 'request_invalid', { tools: [{ type: 'function' }] }, 'tools[0].name'],
]
for (const [what, code, body, param] of REFUSED) {
  test(`${what} is refused with the path ${param}`, () => {
    assert.equal(thrown(code, () => decode(body)).param, param)
  })
}

test('the same body means the same request twice, to the byte', () => {
  const body = { input: LOOP, tools: [F] }
  assert.equal(JSON.stringify(decode(body)), JSON.stringify(decode(body)))
})

test('a relayed history loses the reasoning that we sealed for another provider, and nothing else', () => {
  const input = readArray(LOOP)
  const edits = openaiResponses.relayEdits?.({ model: 'm', input: [...input] })
  assert.deepEqual(edits, [['input', JSON.stringify(input.filter((_, index) => index !== 1))]])
  const foreign = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAAA' }
  assert.deepEqual(openaiResponses.relayEdits?.({ input: [foreign] }), [])
  assert.deepEqual(openaiResponses.relayEdits?.({ input: 'aiproxy.v1. in a text' }), [])
})
