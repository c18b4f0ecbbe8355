import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMarker } from '../../src/dialects/marker.ts'
import type {
  AssistantPart,
  ChatMessage,
  ChatRequest,
  JsonObject,
  JsonValue,
  Tool,
} from '../../src/dialects/neutral.ts'
import { readArray, readObject, readString } from '../../src/wire/json.ts'
import { encode } from './openai-responses-support.ts'
import { thrown } from './support.ts'

const SEALED = encodeMarker({ id: 'rs_1', encrypted_content: 'gAAAAA' })
const text = (value: string): { type: 'text'; text: string } => ({ type: 'text', text: value })
const user = (value: string): ChatMessage => ({ role: 'user', parts: [text(value)] })
const assistant = (...parts: AssistantPart[]): ChatMessage => ({ role: 'assistant', parts })
const result = (callId: string, value: string, isError = false): ChatMessage => ({
  role: 'tool',
  callId,
  parts: [text(value)],
  isError,
  cache: undefined,
})
const call = (id: string, input = '{}'): AssistantPart => ({
  type: 'tool-call',
  id,
  name: 'f',
  kind: 'function',
  input,
})
const TOOL: Tool = {
  kind: 'function',
  name: 'f',
  description: undefined,
  schema: { type: 'object', properties: {} },
  strict: undefined,
}

test('a short question is the smallest stateless body', () => {
  assert.deepEqual(encode({}).body, {
    model: 'gpt-5',
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }],
    reasoning: { summary: 'auto' },
    include: ['reasoning.encrypted_content'],
    store: false,
  })
})

test('a stream is asked for with nothing but stream', () => {
  const { body } = encode({ stream: true })
  assert.equal(body['stream'], true)
  assert.equal(body['stream_options'], undefined)
})

test('what the system says first is instructions, and later it keeps its place', () => {
  const { body } = encode({
    messages: [
      { role: 'system', parts: [text('One.'), text('')] },
      { role: 'developer', parts: [text('Two.')] },
      user('Hi'),
      { role: 'developer', parts: [text('Three.')] },
    ],
  })
  assert.equal(body['instructions'], 'One.\n\nTwo.')
  assert.deepEqual(readArray(body['input'])[1], {
    type: 'message',
    role: 'developer',
    content: [{ type: 'input_text', text: 'Three.' }],
  })
})

test('instructions alone become the input, which may not be empty', () => {
  const { body } = encode({ messages: [{ role: 'system', parts: [text('Greet.')] }] })
  assert.equal(body['instructions'], undefined)
  assert.equal(readArray(body['input']).length, 1)
})

test('a tool loop is replayed item by item, with the sealed reasoning before the call it led to', () => {
  const { body, notes } = encode({
    messages: [
      user('Weather?'),
      assistant(
        { type: 'reasoning', text: 'Two lookups.', signature: SEALED },
        text('Checking.'),
        call('call_1', '{"b":1, "a":2}'),
        call('call_2', ''),
      ),
      result('call_1', 'cold'),
      result('call_2', ''),
    ],
    tools: [TOOL],
  })
  assert.deepEqual(readArray(body['input']).slice(1), [
    {
      type: 'reasoning',
      id: 'rs_1',
      summary: [{ type: 'summary_text', text: 'Two lookups.' }],
      encrypted_content: 'gAAAAA',
    },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Checking.' }] },
    { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{"b":1, "a":2}' },
    { type: 'function_call', call_id: 'call_2', name: 'f', arguments: '{}' },
    { type: 'function_call_output', call_id: 'call_1', output: 'cold' },
    { type: 'function_call_output', call_id: 'call_2', output: '' },
  ])
  assert.equal(notes, '')
})

test('several summaries of one item go back as the several they were', () => {
  const signature = encodeMarker({ id: 'rs_1', encrypted_content: 'g', summary_chars: [8, 3] })
  const replay = (value: string): unknown =>
    readObject(
      readArray(
        encode({
          messages: [
            user('Hi'),
            assistant({ type: 'reasoning', text: value, signature }, text('ok')),
            user('Go on'),
          ],
        }).body['input'],
      )[1],
    )?.['summary']
  assert.deepEqual(replay('**A**\n\nb\n\nc d'), [
    { type: 'summary_text', text: '**A**\n\nb' },
    { type: 'summary_text', text: 'c d' },
  ])
  // A client that changed the text: nothing may be lost.
  assert.deepEqual(replay('changed'), [{ type: 'summary_text', text: 'changed' }])
})

for (const [words, part] of [
  ['signed by Claude', { type: 'reasoning', text: 'Hm.', signature: 'c2ln' }],
  ['redacted by Claude', { type: 'reasoning', text: '', redacted: 'b3BhcXVl' }],
  ['of an open model', { type: 'reasoning', text: 'Hm.' }],
  ['with a bare mark', { type: 'reasoning', text: 'Hm.', signature: 'aiproxy.v1.' }],
  ['with a damaged mark', { type: 'reasoning', text: 'Hm.', signature: 'aiproxy.v1.%%%' }],
  [
    'with another provider’s payload',
    { type: 'reasoning', text: 'Hm.', signature: encodeMarker({ calls: {} }) },
  ],
] as const satisfies ReadonlyArray<readonly [string, AssistantPart]>) {
  test(`reasoning ${words} is not sent to OpenAI, and is announced`, () => {
    const { body, notes } = encode({
      messages: [user('Hi'), assistant(part, text('ok')), user('?')],
    })
    assert.ok(!JSON.stringify(body['input']).includes('"reasoning"'))
    assert.equal(notes, 'messages.reasoning;dropped')
  })
}

test('sealed reasoning that led to nothing is left out: alone it would be a 400', () => {
  const thought: AssistantPart = { type: 'reasoning', text: 'Hm.', signature: SEALED }
  const { body, notes } = encode({ messages: [user('Hi'), assistant(thought), user('Go on')] })
  assert.equal(readArray(body['input']).length, 2)
  assert.equal(notes, 'messages.reasoning;dropped')
})

test('a custom tool’s call and result keep their kind', () => {
  const { body } = encode({
    messages: [
      user('Hi'),
      assistant({ type: 'tool-call', id: 'c1', name: 'run', kind: 'custom', input: 'ls' }),
      result('c1', 'a.txt'),
    ],
    tools: [
      {
        kind: 'custom',
        name: 'run',
        description: 'Runs.',
        schema: { type: 'grammar', grammar: { syntax: 'lark', definition: 'x' } },
        strict: undefined,
      },
    ],
  })
  assert.deepEqual(readArray(body['input']).slice(1), [
    { type: 'custom_tool_call', call_id: 'c1', name: 'run', input: 'ls' },
    { type: 'custom_tool_call_output', call_id: 'c1', output: 'a.txt' },
  ])
  assert.deepEqual(body['tools'], [
    {
      type: 'custom',
      name: 'run',
      description: 'Runs.',
      format: { type: 'grammar', syntax: 'lark', definition: 'x' },
    },
  ])
})

test('pictures and documents are parts, also in a tool’s result', () => {
  const { body } = encode({
    messages: [
      {
        role: 'user',
        parts: [
          { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA' } },
          { type: 'image', source: { kind: 'url', url: 'https://a/b.png' }, detail: 'low' },
          {
            type: 'document',
            source: { kind: 'base64', mediaType: 'application/pdf', data: 'BB' },
          },
          { type: 'document', source: { kind: 'url', url: 'https://a/b.pdf' }, title: 'b.pdf' },
          { type: 'document', source: { kind: 'text', text: 'body' }, title: 'Title' },
        ],
      },
      assistant(call('c1')),
      {
        role: 'tool',
        callId: 'c1',
        parts: [text('see'), { type: 'image', source: { kind: 'url', url: 'https://a/c.png' } }],
        isError: false,
        cache: undefined,
      },
    ],
    tools: [TOOL],
  })
  const input = readArray(body['input'])
  assert.deepEqual(readObject(input[0])?.['content'], [
    { type: 'input_image', image_url: 'data:image/png;base64,AA', detail: 'auto' },
    { type: 'input_image', image_url: 'https://a/b.png', detail: 'low' },
    {
      type: 'input_file',
      filename: 'document.pdf',
      file_data: 'data:application/pdf;base64,BB',
    },
    { type: 'input_file', filename: 'b.pdf', file_url: 'https://a/b.pdf' },
    { type: 'input_text', text: 'Title\n\nbody' },
  ])
  assert.deepEqual(readObject(input[2])?.['output'], [
    { type: 'input_text', text: 'see' },
    { type: 'input_image', image_url: 'https://a/c.png', detail: 'auto' },
  ])
})

test('a file of another provider is refused with its place', () => {
  const request: Partial<ChatRequest> = {
    messages: [
      { role: 'user', parts: [text('x'), { type: 'image', source: { kind: 'file', id: 'f' } }] },
    ],
  }
  assert.equal(thrown('untranslatable', () => encode(request)).param, 'messages[0].content[1]')
})

function sendFailed(value: string): { output: JsonValue | undefined; notes: string } {
  const { body, notes } = encode({
    messages: [user('Hi'), assistant(call('c1')), result('c1', value, true)],
    tools: [TOOL],
  })
  return { output: readObject(readArray(body['input'])[2])?.['output'], notes }
}

test('a failed result says so in its text, once, and it is announced', () => {
  assert.deepEqual(sendFailed('no such file'), {
    output: 'Error: no such file',
    notes: 'messages.is_error;adapted',
  })
  assert.deepEqual(sendFailed('Error: no such file'), { output: 'Error: no such file', notes: '' })
})

test('the line that changes with every request is left out of the instructions', () => {
  const { body } = encode({
    messages: [
      {
        role: 'system',
        parts: [text('x-anthropic-billing-header: cc_version=1; cch=abc'), text('You code.')],
      },
      user('Hi'),
    ],
  })
  assert.equal(body['instructions'], 'You code.')
})

function sendTool(tool: Partial<Tool>): { strict: unknown; notes: string } {
  const { body, notes } = encode({ tools: [{ ...TOOL, ...tool }] })
  return { strict: readObject(readArray(body['tools'])[0])?.['strict'], notes }
}

test('a tool says in any case whether it is strict, and strict only where its schema allows it', () => {
  const closed: JsonObject = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  }
  assert.deepEqual(sendTool({}), { strict: false, notes: '' })
  assert.deepEqual(sendTool({ strict: true, schema: closed }), { strict: true, notes: '' })
  assert.deepEqual(sendTool({ strict: true }), { strict: false, notes: 'tools.strict;dropped' })
})

test('a tool without a schema gets an empty object’s', () => {
  const { body } = encode({ tools: [{ ...TOOL, schema: undefined }] })
  assert.deepEqual(body['tools'], [
    { type: 'function', name: 'f', parameters: { type: 'object', properties: {} }, strict: false },
  ])
})

test('long names and ids are shortened the same way everywhere, and the names are handed on', () => {
  const name = 'mcp__some_server__'.padEnd(90, 'x')
  const id = 'toolu_'.padEnd(100, 'y')
  const { body, hints } = encode({
    tools: [{ ...TOOL, name }],
    toolChoice: { type: 'tool', name },
    messages: [
      user('Hi'),
      assistant({ type: 'tool-call', id, name, kind: 'function', input: '{}' }),
      result(id, 'ok'),
    ],
  })
  const short = readObject(readArray(body['tools'])[0])?.['name']
  const [, sent, answered] = readArray(body['input']).map(readObject)
  assert.ok(typeof short === 'string' && short.length === 64)
  assert.equal(readObject(body['tool_choice'])?.['name'], short)
  assert.equal(sent?.['name'], short)
  assert.equal(readString(sent['call_id'])?.length, 64)
  assert.equal(sent['call_id'], answered?.['call_id'])
  assert.deepEqual(hints.toolNames, [[short, name]])
})

const CHOICES: ReadonlyArray<readonly [NonNullable<ChatRequest['toolChoice']>, JsonValue]> = [
  [{ type: 'auto' }, 'auto'],
  [{ type: 'none' }, 'none'],
  [{ type: 'required' }, 'required'],
  [
    { type: 'tool', name: 'f' },
    { type: 'function', name: 'f' },
  ],
  [
    { type: 'allowed', names: ['f'], required: true },
    { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] },
  ],
]
for (const [toolChoice, expected] of CHOICES) {
  test(`the choice ${toolChoice.type} is written flat`, () => {
    assert.deepEqual(encode({ tools: [TOOL], toolChoice }).body['tool_choice'], expected)
  })
}

test('OpenAI’s own tools pass, another provider’s are refused', () => {
  const search: Tool = {
    kind: 'native',
    name: 'web_search',
    description: undefined,
    schema: { type: 'web_search', filters: {} },
    strict: undefined,
  }
  assert.deepEqual(encode({ tools: [search] }).body['tools'], [{ type: 'web_search', filters: {} }])
  const foreign: Tool = { ...search, name: 'bash', schema: { type: 'bash_20250124', name: 'bash' } }
  assert.equal(thrown('untranslatable', () => encode({ tools: [foreign] })).param, 'tools[0]')
})

test('formats are flat under text.format, beside verbosity', () => {
  const { body } = encode({
    responseFormat: {
      type: 'json-schema',
      name: undefined,
      description: 'D.',
      schema: { type: 'object', properties: { a: {} } },
      strict: undefined,
    },
    extras: { verbosity: 'low' },
  })
  assert.deepEqual(body['text'], {
    format: {
      type: 'json_schema',
      name: 'output',
      description: 'D.',
      schema: { type: 'object', properties: { a: {} } },
      strict: false,
    },
    verbosity: 'low',
  })
  assert.deepEqual(encode({ responseFormat: { type: 'json-object' } }).body['text'], {
    format: { type: 'json_object' },
  })
})

const MODELS: ReadonlyArray<
  readonly [string, ChatRequest['reasoning'], JsonValue | undefined, string]
> = [
  ['gpt-4.1-mini', undefined, undefined, ''],
  ['gpt-4.1-mini', { effort: 'high' }, undefined, 'reasoning_effort;dropped'],
  ['ft:gpt-4o:team::id', { effort: 'none' }, undefined, ''],
  ['gpt-5-chat-latest', { effort: 'low' }, undefined, 'reasoning_effort;dropped'],
  ['gpt-5', { effort: 'minimal' }, { effort: 'minimal', summary: 'auto' }, ''],
  ['gpt-5', { effort: 'none' }, { effort: 'minimal', summary: 'auto' }, 'reasoning_effort;adapted'],
  ['gpt-5', { effort: 'max' }, { effort: 'high', summary: 'auto' }, 'reasoning_effort;adapted'],
  ['gpt-5-pro', { effort: 'low' }, { effort: 'high', summary: 'auto' }, 'reasoning_effort;adapted'],
  ['gpt-5.1', { effort: 'none' }, { effort: 'none' }, ''],
  ['gpt-5.4', { effort: 'xhigh' }, { effort: 'xhigh', summary: 'auto' }, ''],
  [
    'openai/gpt-5.4',
    { effort: 'max' },
    { effort: 'xhigh', summary: 'auto' },
    'reasoning_effort;adapted',
  ],
  ['gpt-6', { effort: 'none' }, { effort: 'low', summary: 'auto' }, 'reasoning_effort;adapted'],
  ['gpt-6-sol', { effort: 'none' }, { effort: 'none' }, ''],
  [
    'o3',
    { thinking: { type: 'enabled', budget_tokens: 9000 } },
    { effort: 'medium', summary: 'auto' },
    '',
  ],
  ['gpt-5', { thinking: { type: 'adaptive' } }, { summary: 'auto' }, ''],
  ['gpt-5.1', { thinking: { type: 'disabled' } }, { effort: 'none' }, ''],
  ['qwen3:8b', { effort: 'max' }, { effort: 'max', summary: 'auto' }, ''],
  ['gpt-5', { effort: 'low', summary: false }, { effort: 'low' }, ''],
]
for (const [model, reasoning, expected, notes] of MODELS) {
  test(`${model} asked for ${JSON.stringify(reasoning)} gets ${JSON.stringify(expected)}`, () => {
    const sent = encode({ reasoning }, { model })
    assert.deepEqual(sent.body['reasoning'], expected)
    assert.equal(sent.notes, notes)
    // A model that does not reason refuses to seal what it does not do.
    assert.equal(sent.body['include'] === undefined, expected === undefined)
  })
}

test('a model that refuses tools with reasoning in Chat takes both here', () => {
  const { body, notes } = encode(
    { tools: [TOOL], reasoning: { effort: 'high' } },
    { model: 'gpt-5.6' },
  )
  assert.equal(readArray(body['tools']).length, 1)
  assert.deepEqual(body['reasoning'], { effort: 'high', summary: 'auto' })
  assert.equal(notes, '')
})

test('sampling goes where the model takes it, and 0 is a value', () => {
  const asked: Partial<ChatRequest> = { temperature: 0, topP: 0.5, topK: 3, stop: ['x'] }
  const plain = encode(asked, { model: 'gpt-4.1' })
  assert.equal(plain.body['temperature'], 0)
  assert.equal(plain.body['top_p'], 0.5)
  assert.equal(plain.notes, 'top_k;dropped, stop;dropped')
  const thinking = encode(asked, { model: 'gpt-5' })
  assert.equal(thinking.body['temperature'], undefined)
  assert.equal(thinking.notes, 'temperature;dropped, top_p;dropped, top_k;dropped, stop;dropped')
  const off = encode({ ...asked, reasoning: { effort: 'none' } }, { model: 'gpt-5.1' })
  assert.equal(off.body['temperature'], 0)
  const newest = encode({ ...asked, reasoning: { effort: 'none' } }, { model: 'gpt-6-sol' })
  assert.equal(newest.body['temperature'], undefined)
})

for (const [asked, ceiling, expected, notes] of [
  [undefined, undefined, undefined, ''],
  [100, undefined, 100, ''],
  [100, 50, 50, 'max_tokens;adapted'],
  [1, undefined, 16, 'max_tokens;adapted'],
] as const) {
  test(`${asked} tokens under a ceiling of ${ceiling} are ${expected}`, () => {
    const sent = encode({ maxTokens: asked }, ceiling === undefined ? {} : { maxTokens: ceiling })
    assert.equal(sent.body['max_output_tokens'], expected)
    assert.equal(sent.notes, notes)
  })
}

test('o-series models are not asked for one call at a time, and it is announced', () => {
  const asked: Partial<ChatRequest> = { tools: [TOOL], parallelToolCalls: false }
  assert.equal(encode(asked).body['parallel_tool_calls'], false)
  const old = encode(asked, { model: 'o3' })
  assert.equal(old.body['parallel_tool_calls'], undefined)
  assert.equal(old.notes, 'parallel_tool_calls;dropped')
})

test('the end user is an id of at most 64 characters, and the key of the prompt cache', () => {
  const short = encode({ endUser: 'someone' }).body
  assert.equal(short['safety_identifier'], 'someone')
  assert.equal(short['prompt_cache_key'], 'someone')
  const long = encode({
    endUser: 'user_'.padEnd(150, 'a'),
    extras: { prompt_cache_key: 'mine' },
  }).body
  assert.match(readString(long['safety_identifier']) ?? '', /^[0-9a-f]{64}$/)
  assert.equal(long['prompt_cache_key'], 'mine')
})

test('a trailing assistant message is sent, and its different meaning announced', () => {
  const { body, notes } = encode({ messages: [user('Hi'), assistant(text('Once'))] })
  assert.equal(readArray(body['input']).length, 2)
  assert.equal(notes, 'messages;adapted')
})

test('only fields of this API leave', () => {
  const { body } = encode({
    extras: { seed: 1, store: true, metadata: { run: '7' }, logit_bias: {}, truncation: 'auto' },
  })
  assert.equal(body['store'], false)
  assert.deepEqual(body['metadata'], { run: '7' })
  assert.equal(body['truncation'], 'auto')
  assert.equal(body['seed'], undefined)
  assert.equal(body['logit_bias'], undefined)
})
