import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRequest } from '../../src/dialects/anthropic/decode-request.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { asking, thrown, toChat } from './anthropic-caller.ts'

const BASE64 = 'iVBORw0KGgo='
const call = (id: string, input: JsonObject = {}): JsonObject => ({
  type: 'tool_use',
  id,
  name: 'look',
  input,
})
/** A turn in which the assistant called `ids`, and what the user answered. */
const answering = (ids: readonly string[], content: JsonObject[]): JsonObject => ({
  messages: [
    { role: 'user', content: 'Look.' },
    { role: 'assistant', content: ids.map((id) => call(id)) },
    { role: 'user', content },
  ],
})

test('top-level fields arrive in the words of Chat Completions', () => {
  const { body, notes } = toChat({
    max_tokens: 500,
    temperature: 0,
    top_p: 0.9,
    stop_sequences: ['END'],
    stream: true,
    metadata: { user_id: 'u-1' },
    service_tier: 'standard_only',
  })
  assert.deepEqual(body, {
    model: 'gpt-4.1',
    messages: [{ role: 'user', content: 'Hello' }],
    max_completion_tokens: 500,
    temperature: 0,
    top_p: 0.9,
    stop: ['END'],
    safety_identifier: 'u-1',
    service_tier: 'default',
    stream: true,
    stream_options: { include_usage: true },
  })
  assert.equal(notes, '')
})

test('fields of other languages are not forwarded under a name that means something else there', () => {
  const { body } = toChat({
    metadata: { user_id: 'u-1', trace: 'x' },
    seed: 7,
    store: true,
    logprobs: true,
    verbosity: 'low',
    betas: ['context-1m-2025-08-07'],
    context_management: { edits: [] },
    cache_control: { type: 'ephemeral' },
    speed: 'fast',
  })
  assert.deepEqual(Object.keys(body), [
    'model',
    'messages',
    'max_completion_tokens',
    'safety_identifier',
  ])
})

test('Anthropic’s own top-level fields are kept for a target that knows them', () => {
  const { extras } = decodeRequest(asking({ inference_geo: 'eu', speed: null, unheard_of: 1 }))
  assert.deepEqual(extras, { inference_geo: 'eu' })
})

const unreadable: ReadonlyArray<readonly [string, JsonObject, string]> = [
  ['no messages', { messages: [] }, 'messages'],
  ['a model that is no string', { model: 5 }, 'model'],
  ['a role nobody has', { messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role'],
  [
    'a text block without text',
    { messages: [{ role: 'user', content: [{ type: 'text' }] }] },
    'messages[0].content[0].text',
  ],
  ['half a token', { max_tokens: 1.5 }, 'max_tokens'],
  ['fewer tokens than none', { max_tokens: -1 }, 'max_tokens'],
  ['a stop sequence that is a number', { stop_sequences: ['a', 1] }, 'stop_sequences[1]'],
  ['an effort nobody knows', { output_config: { effort: 'heroic' } }, 'output_config.effort'],
  ['a choice nobody knows', { tool_choice: { type: 'maybe' } }, 'tool_choice.type'],
  ['a tool without a name', { tools: [{ input_schema: {} }] }, 'tools[0].name'],
]
for (const [what, body, path] of unreadable) {
  test(`a request with ${what} is refused with the path ${path}`, () => {
    assert.equal(thrown('request_invalid', () => decodeRequest(asking(body))).param, path)
  })
}

test('a request without a model is refused as such', () => {
  thrown('model_missing', () => decodeRequest({ messages: [{ role: 'user', content: 'Hi' }] }))
})

const user = (block: JsonObject): JsonObject => ({ messages: [{ role: 'user', content: [block] }] })
const untranslatable: ReadonlyArray<readonly [string, JsonObject, string]> = [
  [
    'an image kept at Anthropic',
    user({ type: 'image', source: { type: 'file', file_id: 'file_1' } }),
    'messages[0].content[0].source',
  ],
  [
    'a document kept at Anthropic',
    user({ type: 'document', source: { type: 'file', file_id: 'file_1' } }),
    'messages[0].content[0].source',
  ],
  [
    'an upload into a container',
    user({ type: 'container_upload', file_id: 'file_1' }),
    'messages[0].content[0].type',
  ],
  ['a user block nobody knows', user({ type: 'hologram' }), 'messages[0].content[0].type'],
  [
    'a picture the assistant drew',
    {
      messages: [
        { role: 'user', content: 'x' },
        {
          role: 'assistant',
          content: [{ type: 'image', source: { type: 'url', url: 'https://a.example/i.png' } }],
        },
      ],
    },
    'messages[1].content[0]',
  ],
  [
    'a result for a call nobody made',
    answering(['a'], [{ type: 'tool_result', tool_use_id: 'b' }]),
    'messages[2].content[0].tool_use_id',
  ],
  ['web search', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'tools[0]'],
  [
    'code execution',
    {
      tools: [
        { name: 'f', input_schema: {} },
        { type: 'code_execution_20250825', name: 'code_execution' },
      ],
    },
    'tools[1]',
  ],
  ['computer use', { tools: [{ type: 'computer_20250124', name: 'computer' }] }, 'tools[0]'],
  ['an MCP toolset', { tools: [{ type: 'mcp_toolset', mcp_server_name: 's' }] }, 'tools[0]'],
  [
    'a tool search with nothing to find',
    { tools: [{ type: 'tool_search_tool_regex_20251119', name: 't' }] },
    'tools[0]',
  ],
  [
    'an answer format nobody knows',
    { output_config: { format: { type: 'grammar' } } },
    'output_config.format.type',
  ],
]
for (const [what, body, path] of untranslatable) {
  test(`${what} is refused for another provider's model, with the path ${path}`, () => {
    assert.equal(thrown('untranslatable', () => decodeRequest(asking(body))).param, path)
  })
}

test('system blocks become one message, a single string the same', () => {
  assert.deepEqual(toChat({ system: 'Be brief.' }).messages[0], {
    role: 'system',
    content: 'Be brief.',
  })
  const system = [
    { type: 'text', text: 'Be brief.' },
    { type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral', ttl: '1h' } },
  ]
  const { messages, request, notes } = toChat({ system })
  assert.deepEqual(messages[0], { role: 'system', content: 'Be brief.\n\nBe kind.' })
  assert.deepEqual(request.messages[0]?.parts[1], {
    type: 'text',
    text: 'Be kind.',
    cache: { ttl: '1h' },
  })
  assert.equal(notes, '')
  assert.equal(toChat({ system: 'Be brief.' }, 'gpt-5').messages[0]?.['role'], 'developer')
})

test('a system message in the middle of a conversation stays in its place', () => {
  const { messages } = toChat({
    system: 'First.',
    messages: [
      { role: 'user', content: 'One' },
      { role: 'system', content: [{ type: 'text', text: 'From now on, French.' }] },
      { role: 'assistant', content: 'Oui' },
      { role: 'user', content: 'Deux' },
    ],
  })
  assert.deepEqual(messages, [
    { role: 'system', content: 'First.' },
    { role: 'user', content: 'One' },
    { role: 'system', content: 'From now on, French.' },
    { role: 'assistant', content: 'Oui' },
    { role: 'user', content: 'Deux' },
  ])
})

test('images, documents and search results arrive as parts a Chat model can read', () => {
  const { messages } = toChat({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Compare.' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: BASE64 } },
          { type: 'image', source: { type: 'url', url: 'https://a.example/i.png' } },
          {
            type: 'document',
            title: 'report.pdf',
            context: 'From last year.',
            source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' },
          },
          {
            type: 'document',
            title: 'Notes',
            context: 'Mine.',
            source: { type: 'text', media_type: 'text/plain', data: 'All well.' },
          },
          {
            type: 'document',
            source: {
              type: 'content',
              content: [
                { type: 'text', text: 'a' },
                { type: 'text', text: 'b' },
              ],
            },
          },
          {
            type: 'search_result',
            title: 'Oslo',
            source: 'https://o.example',
            content: [{ type: 'text', text: 'A city.' }],
          },
        ],
      },
    ],
  })
  assert.deepEqual(messages[0]?.['content'], [
    { type: 'text', text: 'Compare.' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${BASE64}` } },
    { type: 'image_url', image_url: { url: 'https://a.example/i.png' } },
    { type: 'text', text: 'From last year.' },
    {
      type: 'file',
      file: { filename: 'report.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
    },
    { type: 'text', text: 'Notes\n\nMine.\n\nAll well.' },
    { type: 'text', text: 'a\nb' },
    { type: 'text', text: 'Oslo\nhttps://o.example\n\nA city.' },
  ])
})

test('a document of text and pictures keeps both in order, its title before them', () => {
  const { request } = toChat(
    user({
      type: 'document',
      title: 'Page',
      cache_control: { type: 'ephemeral' },
      source: {
        type: 'content',
        content: [
          { type: 'text', text: 'Figure 1' },
          { type: 'image', source: { type: 'url', url: 'https://a.example/1.png' } },
        ],
      },
    }),
  )
  assert.deepEqual(request.messages[0]?.parts, [
    { type: 'text', text: 'Page' },
    { type: 'text', text: 'Figure 1' },
    {
      type: 'image',
      source: { kind: 'url', url: 'https://a.example/1.png' },
      cache: { ttl: undefined },
    },
  ])
})

test('citations that were asked for are announced as dropped', () => {
  const { notes } = toChat(
    user({
      type: 'document',
      citations: { enabled: true },
      source: { type: 'text', media_type: 'text/plain', data: 'x' },
    }),
  )
  assert.equal(notes, 'messages.citations;dropped')
})

test('results stand directly behind their calls, what the user adds follows them', () => {
  const { messages } = toChat(
    answering(
      ['a', 'b'],
      [
        { type: 'text', text: 'Both?' },
        { type: 'tool_result', tool_use_id: 'a', content: 'one' },
        {
          type: 'tool_result',
          tool_use_id: 'b',
          content: [
            { type: 'text', text: 'two' },
            { type: 'text', text: 'three' },
          ],
        },
      ],
    ),
  )
  assert.deepEqual(messages.slice(1), [
    {
      role: 'assistant',
      content: null,
      tool_calls: ['a', 'b'].map((id) => ({
        id,
        type: 'function',
        function: { name: 'look', arguments: '{}' },
      })),
    },
    { role: 'tool', tool_call_id: 'a', content: 'one' },
    { role: 'tool', tool_call_id: 'b', content: 'two\nthree' },
    { role: 'user', content: 'Both?' },
  ])
})

test('a failed result says so in its text, an empty one is an empty text', () => {
  const { messages, notes } = toChat(
    answering(
      ['a', 'b', 'c'],
      [
        { type: 'tool_result', tool_use_id: 'a', content: 'No such city', is_error: true },
        { type: 'tool_result', tool_use_id: 'b', content: 'Error: gone', is_error: true },
        { type: 'tool_result', tool_use_id: 'c' },
      ],
    ),
  )
  assert.deepEqual(
    messages.slice(2).map((message) => message['content']),
    ['Error: No such city', 'Error: gone', ''],
  )
  assert.equal(notes, 'messages.is_error;adapted')
})

test('references, states and search results inside a tool result become text', () => {
  const { messages } = toChat(
    answering(
      ['a'],
      [
        {
          type: 'tool_result',
          tool_use_id: 'a',
          content: [
            { type: 'tool_reference', tool_name: 'find' },
            { type: 'browser_state', tabs: [{ id: 1, title: 'T' }] },
            {
              type: 'search_result',
              title: 'T',
              source: 's',
              content: [{ type: 'text', text: 'x' }],
            },
          ],
        },
      ],
    ),
  )
  assert.equal(messages[2]?.['content'], 'Tool: find\n{"tabs":[{"id":1,"title":"T"}]}\nT\ns\n\nx')
})

test('arguments keep their key order and their depth', () => {
  const input = { z: 1, a: { y: [1, { x: null }], b: 'ü"\n' }, m: 0.5 }
  const { messages } = toChat({
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: [{ type: 'text', text: 'On it.' }, call('a', input)] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'ok' }] },
    ],
  })
  assert.deepEqual(messages[1], {
    role: 'assistant',
    content: 'On it.',
    tool_calls: [
      { id: 'a', type: 'function', function: { name: 'look', arguments: JSON.stringify(input) } },
    ],
  })
})

test('text blocks of an assistant turn are joined without a separator', () => {
  const { messages, notes } = toChat({
    messages: [
      { role: 'user', content: 'x' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'The sky', citations: [{ type: 'char_location' }] },
          { type: 'text', text: ' is blue.' },
        ],
      },
      { role: 'user', content: 'y' },
    ],
  })
  assert.deepEqual(messages[1], { role: 'assistant', content: 'The sky is blue.' })
  assert.equal(notes, 'messages.citations;dropped')
})

test('thinking of earlier turns is kept with its signature, and not sent to a Chat model', () => {
  const body = {
    messages: [
      { role: 'user', content: 'x' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 'c2ln' },
          { type: 'redacted_thinking', data: 'b3BhcXVl' },
          { type: 'thinking', thinking: '', signature: 'aiproxy.v1.' },
          { type: 'text', text: 'Yes.' },
        ],
      },
      { role: 'user', content: 'y' },
    ],
  }
  const { request, messages } = toChat(body)
  assert.deepEqual(request.messages[1]?.parts.slice(0, 3), [
    { type: 'reasoning', text: 'Hm.', signature: 'c2ln' },
    { type: 'reasoning', text: '', redacted: 'b3BhcXVl' },
    { type: 'reasoning', text: '', signature: 'aiproxy.v1.' },
  ])
  assert.deepEqual(messages[1], { role: 'assistant', content: 'Yes.' })
})

test('what Anthropic’s servers did in earlier turns is dropped and announced, a compaction stays as text', () => {
  const { messages, notes } = toChat({
    messages: [
      { role: 'user', content: 'x' },
      {
        role: 'assistant',
        content: [
          { type: 'compaction', content: 'Earlier: the user greeted.' },
          { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'q' } },
          { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] },
          { type: 'text', text: ' Found it.' },
        ],
      },
      { role: 'user', content: 'y' },
    ],
  })
  assert.deepEqual(messages[1], {
    role: 'assistant',
    content: 'Earlier: the user greeted. Found it.',
  })
  assert.equal(notes, 'messages.compaction;adapted, messages.server_tools;dropped')
})

test('an assistant turn that only thought is left out', () => {
  const { messages } = toChat({
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm.', signature: 's' }] },
      { role: 'user', content: 'y' },
    ],
  })
  assert.deepEqual(messages, [
    { role: 'user', content: 'x' },
    { role: 'user', content: 'y' },
  ])
})

test('a prefilled answer is forwarded and announced, since other models begin a new turn', () => {
  const { messages, notes } = toChat({
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: '{' },
    ],
  })
  assert.deepEqual(messages.at(-1), { role: 'assistant', content: '{' })
  assert.equal(notes, 'messages.prefill;adapted')
})

test('tools keep their schema; options of Anthropic’s own are stripped, and announced where they matter', () => {
  const schema = { type: 'object', properties: { b: { type: 'string' }, a: { type: 'number' } } }
  const { body, notes } = toChat({
    tools: [
      {
        type: 'custom',
        name: 'look',
        description: 'Looks.',
        input_schema: schema,
        cache_control: { type: 'ephemeral' },
        eager_input_streaming: true,
        defer_loading: true,
        input_examples: [{ b: 'x' }],
        allowed_callers: ['direct'],
      },
      { name: 'bare', input_schema: { type: 'object' } },
    ],
  })
  assert.deepEqual(body['tools'], [
    { type: 'function', function: { name: 'look', description: 'Looks.', parameters: schema } },
    {
      type: 'function',
      function: { name: 'bare', parameters: { type: 'object', properties: {} } },
    },
  ])
  assert.equal(notes, 'tools.input_examples;dropped')
})

test('tools that the client runs by Anthropic’s schema become functions of the given name', () => {
  const { request, notes } = toChat({
    tools: [
      { type: 'bash_20250124', name: 'bash' },
      { type: 'text_editor_20250124', name: 'str_replace_editor' },
      { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool', max_characters: 10_000 },
      { type: 'memory_20250818', name: 'memory' },
      { type: 'tool_search_tool_bm25_20251119', name: 'tool_search_tool_bm25' },
    ],
  })
  assert.deepEqual(
    request.tools.map(({ kind, name, schema }) => [
      kind,
      name,
      Object.keys(Object(schema?.['properties'])),
    ]),
    [
      ['function', 'bash', ['command', 'restart']],
      ...['str_replace_editor', 'str_replace_based_edit_tool'].map((name) => [
        'function',
        name,
        [
          'command',
          'path',
          'file_text',
          'old_str',
          'new_str',
          'insert_line',
          'insert_text',
          'view_range',
        ],
      ]),
      [
        'function',
        'memory',
        [
          'command',
          'path',
          'file_text',
          'old_str',
          'new_str',
          'insert_line',
          'insert_text',
          'view_range',
          'old_path',
          'new_path',
        ],
      ],
    ],
  )
  assert.equal(
    notes,
    'tools.bash;adapted, tools.text_editor;adapted, tools.memory;adapted, tools.tool_search;dropped',
  )
})

const look = { name: 'look', input_schema: { type: 'object', properties: {} } }
const choices: ReadonlyArray<readonly [JsonObject, JsonObject]> = [
  [{ type: 'auto' }, { tool_choice: 'auto' }],
  [{ type: 'any' }, { tool_choice: 'required' }],
  [{ type: 'none' }, { tool_choice: 'none' }],
  [
    { type: 'tool', name: 'look' },
    { tool_choice: { type: 'function', function: { name: 'look' } } },
  ],
  [
    { type: 'auto', disable_parallel_tool_use: true },
    { tool_choice: 'auto', parallel_tool_calls: false },
  ],
  [{ type: 'any', disable_parallel_tool_use: false }, { tool_choice: 'required' }],
]
for (const [choice, expected] of choices) {
  test(`the choice ${JSON.stringify(choice)} arrives as ${JSON.stringify(expected)}`, () => {
    const {
      tools: _,
      model: __,
      messages: ___,
      max_completion_tokens: ____,
      ...rest
    } = toChat({
      tools: [look],
      tool_choice: choice,
    }).body
    assert.deepEqual(rest, expected)
  })
}

const efforts: ReadonlyArray<readonly [JsonObject, string | undefined]> = [
  [{}, undefined],
  [{ thinking: { type: 'adaptive' } }, undefined],
  [{ thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }, 'high'],
  [{ output_config: { effort: 'low' } }, 'low'],
  [{ output_config: { effort: 'max' } }, 'xhigh'],
  [{ thinking: { type: 'enabled', budget_tokens: 4000 } }, 'low'],
  [{ thinking: { type: 'enabled', budget_tokens: 10_000 } }, 'medium'],
  [{ thinking: { type: 'enabled', budget_tokens: 20_000 } }, 'high'],
  [{ thinking: { type: 'enabled', budget_tokens: 60_000 } }, 'xhigh'],
  [{ thinking: { type: 'disabled' } }, 'none'],
  [{ thinking: { type: 'disabled' }, output_config: { effort: 'high' } }, 'none'],
  [{ thinking: { type: 'between_tools' } }, 'low'],
]
for (const [body, expected] of efforts) {
  test(`${JSON.stringify(body)} asks a reasoning model for ${expected ?? 'its default'}`, () => {
    assert.equal(toChat(body, 'gpt-5.2').body['reasoning_effort'], expected)
  })
}

const ask = (body: JsonObject): unknown => toChat(body).body['response_format']
const expected = (schema: JsonObject, strict: boolean): JsonObject => ({
  type: 'json_schema',
  json_schema: { name: 'output', schema, strict },
})
const format = (schema: JsonObject): JsonObject => ({ type: 'json_schema', schema })

test('an answer format arrives as a JSON schema, strict only where the schema allows it', () => {
  const closed = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  }
  const open = { type: 'object', properties: { a: { type: 'string' } } }
  assert.deepEqual(ask({ output_config: { format: format(closed) } }), expected(closed, true))
  assert.deepEqual(ask({ output_config: { format: format(open) } }), expected(open, false))
  assert.deepEqual(ask({ output_format: format(closed) }), expected(closed, true))
})

test('a task budget is announced as dropped', () => {
  const { notes } = toChat({ output_config: { task_budget: { type: 'tokens', total: 5 } } })
  assert.equal(notes, 'output_config.task_budget;dropped')
})

test('on a strict model a loss of the decoder refuses the request', () => {
  const lossy = { tools: [{ type: 'bash_20250124', name: 'bash' }] }
  assert.equal(thrown('untranslatable', () => toChat(lossy, 'gpt-4.1', true)).param, 'tools.bash')
})

test('names that JavaScript knows are names like any other', () => {
  const { request } = toChat(
    JSON.parse(
      '{"tools":[{"name":"constructor","input_schema":{"type":"object","properties":{"__proto__":{"type":"string"}}}}],"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"toString","name":"constructor","input":{"__proto__":"p"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toString","content":"y"}]}]}',
    ),
  )
  const [part] = request.messages[1]?.parts ?? []
  assert.equal(part?.type === 'tool-call' ? part.input : '', '{"__proto__":"p"}')
  thrown('untranslatable', () => toChat({ tools: [{ type: 'constructor', name: 'x' }] }))
})

test('the same request is translated to the same bytes every time', () => {
  const body = answering(['a'], [{ type: 'tool_result', tool_use_id: 'a', content: 'one' }])
  assert.equal(JSON.stringify(toChat(body).body), JSON.stringify(toChat(body).body))
})
