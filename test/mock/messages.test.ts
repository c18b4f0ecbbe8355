import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertGolden,
  at,
  eventsIn,
  framesIn,
  isObject,
  listAt,
  parseObject,
  postAnthropic,
  startMock,
  textAt,
} from './client.ts'
import type { Json } from './client.ts'
import { problemsOf } from './schema-checker.ts'

const PATH = '/v1/messages'
const HELLO = [{ role: 'user', content: 'Say hello to 東京 🌧' }]
const BASIC = { model: 'mock', max_tokens: 1000, messages: HELLO }

const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1 } },
  required: ['city', 'days'],
}
const TOOLS = [
  { name: 'get_weather', input_schema: WEATHER },
  { name: 'list_units', input_schema: { type: 'object', properties: {} } },
]

function deltasAt(events: readonly Json[], index: number): readonly unknown[] {
  return events
    .filter((event) => event['type'] === 'content_block_delta' && event['index'] === index)
    .map((event) => at(event, 'delta'))
}

test('a streamed message is, byte for byte, what it was', async (t) => {
  const mock = await startMock(t)
  const heard = await postAnthropic(mock, PATH, {
    ...BASIC,
    model: 'claude-sonnet-4-20250514',
    stream: true,
  })
  assert.equal(heard.status, 200)
  assert.equal(heard.headers['content-type'], 'text/event-stream; charset=utf-8')
  assertGolden('messages-text.sse', heard.text)
})

test('a streamed message with thinking and two calls is, byte for byte, what it was', async (t) => {
  const mock = await startMock(t)
  const heard = await postAnthropic(mock, PATH, {
    model: 'claude-sonnet-4-6',
    max_tokens: 4000,
    thinking: { type: 'adaptive' },
    messages: [{ role: 'user', content: 'get_weather, then list_units' }],
    tools: TOOLS,
    stream: true,
  })
  assertGolden('messages-tools.sse', heard.text)
})

test('the stream and the unary reply say the same', async (t) => {
  const mock = await startMock(t)
  const unary = parseObject((await postAnthropic(mock, PATH, BASIC)).text)
  const events = eventsIn((await postAnthropic(mock, PATH, { ...BASIC, stream: true })).text)
  const said = textAt(unary, 'content.0.text')
  assert.equal(
    deltasAt(events, 0)
      .map((delta) => textAt(delta, 'text'))
      .join(''),
    said,
  )
  assert.match(said, /東京 🌧/u)
  assert.equal(at(unary, 'stop_reason'), 'end_turn')
  const end = events.find((event) => event['type'] === 'message_delta')
  assert.equal(at(end, 'usage.output_tokens'), at(unary, 'usage.output_tokens'))
  assert.equal(at(end, 'usage.input_tokens'), at(unary, 'usage.input_tokens'))
})

test('the events keep the order of the grammar, with a ping after the first block opened', async (t) => {
  const mock = await startMock(t)
  const { text } = await postAnthropic(mock, PATH, { ...BASIC, stream: true })
  for (const frame of framesIn(text).frames) {
    assert.equal(frame.event, parseObject(frame.data)['type'], 'the event is named like its data')
  }
  const types = eventsIn(text).map((event) => event['type'])
  assert.deepEqual(types.slice(0, 3), ['message_start', 'content_block_start', 'ping'])
  assert.deepEqual(types.slice(-3), ['content_block_stop', 'message_delta', 'message_stop'])
  assert.ok(types.slice(3, -3).every((type) => type === 'content_block_delta'))
  const start = eventsIn(text)[0]
  assert.deepEqual(at(start, 'message.content'), [])
  assert.equal(at(start, 'message.stop_reason'), null)
  assert.equal(at(start, 'message.usage.input_tokens'), Math.ceil('Say hello to 東京 🌧'.length / 4))
  assert.equal(at(start, 'message.usage.output_tokens'), 1)
})

test('both dialects count the same: system, text and tool results, but no pictures', async (t) => {
  const mock = await startMock(t)
  const messages = [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a'.repeat(10) },
        {
          type: 'image',
          source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
        },
      ],
    },
    {
      role: 'assistant',
      content: [{ type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: {} }],
    },
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'toolu_1',
          content: [{ type: 'text', text: 'b'.repeat(10) }],
        },
      ],
    },
  ]
  const body = { model: 'mock', messages, system: [{ type: 'text', text: 'c'.repeat(10) }] }
  const reply = parseObject((await postAnthropic(mock, PATH, { ...body, max_tokens: 1000 })).text)
  assert.equal(at(reply, 'usage.input_tokens'), 8)
  assert.equal(at(reply, 'usage.cache_read_input_tokens'), 0)
  const counted = parseObject(
    (await postAnthropic(mock, `${PATH}/count_tokens?beta=true`, body)).text,
  )
  assert.deepEqual(counted, { input_tokens: 8 })
})

for (const [what, choice] of [
  ['any', { type: 'any' }],
  ['named', { type: 'tool', name: 'get_weather' }],
] as const) {
  test(`a tool that is forced by ${what} is called with input that satisfies its schema`, async (t) => {
    const mock = await startMock(t)
    const reply = parseObject(
      (await postAnthropic(mock, PATH, { ...BASIC, tools: TOOLS, tool_choice: choice })).text,
    )
    assert.equal(at(reply, 'stop_reason'), 'tool_use')
    assert.equal(listAt(reply, 'content').length, 1)
    assert.equal(at(reply, 'content.0.name'), 'get_weather')
    assert.match(textAt(reply, 'content.0.id'), /^toolu_01\w{22}$/u)
    assert.deepEqual(problemsOf(WEATHER, at(reply, 'content.0.input')), [])
  })
}

test('under auto the mock says so before it calls the tools that were named, so block and tool index differ', async (t) => {
  const mock = await startMock(t)
  const messages = [{ role: 'user', content: 'list_units, get_weather' }]
  const ask = { ...BASIC, messages, tools: TOOLS }
  const reply = parseObject((await postAnthropic(mock, PATH, ask)).text)
  assert.deepEqual(
    listAt(reply, 'content').map((block) => textAt(block, 'type')),
    ['text', 'tool_use', 'tool_use'],
  )
  const alone = parseObject(
    (
      await postAnthropic(mock, PATH, {
        ...ask,
        tool_choice: { type: 'auto', disable_parallel_tool_use: true },
      })
    ).text,
  )
  assert.deepEqual(
    listAt(alone, 'content').map((block) => textAt(block, 'type')),
    ['text', 'tool_use'],
  )
  const none = parseObject(
    (await postAnthropic(mock, PATH, { ...ask, tool_choice: { type: 'none' } })).text,
  )
  assert.deepEqual(
    listAt(none, 'content').map((block) => textAt(block, 'type')),
    ['text'],
  )
})

test('a streamed call opens with empty input, its first fragment is empty, and a call without arguments has no other', async (t) => {
  const mock = await startMock(t)
  const messages = [{ role: 'user', content: 'get_weather and list_units' }]
  const events = eventsIn(
    (await postAnthropic(mock, PATH, { ...BASIC, messages, tools: TOOLS, stream: true })).text,
  )
  const opened = events.filter((event) => event['type'] === 'content_block_start')
  assert.deepEqual(
    opened.map((event) => event['index']),
    [0, 1, 2],
  )
  assert.deepEqual(at(opened[1], 'content_block.input'), {})
  const fragments = deltasAt(events, 1).map((delta) => textAt(delta, 'partial_json'))
  assert.equal(fragments[0], '')
  assert.ok(fragments.length > 2)
  assert.deepEqual(problemsOf(WEATHER, JSON.parse(fragments.join(''))), [])
  assert.deepEqual(
    deltasAt(events, 2).map((delta) => textAt(delta, 'partial_json')),
    [''],
  )
})

test('an agent loop ends: after a tool result comes text, even where a call is forced', async (t) => {
  const mock = await startMock(t)
  const ask = { ...BASIC, tools: TOOLS, tool_choice: { type: 'any' } }
  const called = parseObject((await postAnthropic(mock, PATH, ask)).text)
  const ended = parseObject(
    (
      await postAnthropic(mock, PATH, {
        ...ask,
        messages: [
          ...HELLO,
          { role: 'assistant', content: at(called, 'content') },
          {
            role: 'user',
            content: [
              {
                type: 'tool_result',
                tool_use_id: textAt(called, 'content.0.id'),
                content: 'rain in Oslo',
              },
            ],
          },
        ],
      })
    ).text,
  )
  assert.equal(at(ended, 'stop_reason'), 'end_turn')
  assert.match(textAt(ended, 'content.0.text'), /The tool gave back: “rain in Oslo”/u)
})

test('Anthropic’s own client tools are called with input they take, its server tools are not', async (t) => {
  const mock = await startMock(t)
  const reply = parseObject(
    (
      await postAnthropic(mock, PATH, {
        ...BASIC,
        tools: [
          { type: 'web_search_20250305', name: 'web_search' },
          { type: 'bash_20250124', name: 'bash' },
        ],
        tool_choice: { type: 'any' },
      })
    ).text,
  )
  assert.equal(at(reply, 'content.0.name'), 'bash')
  assert.deepEqual(at(reply, 'content.0.input'), { command: 'echo mock' })
})

test('a JSON schema asked for is answered by the smallest object that satisfies it', async (t) => {
  const mock = await startMock(t)
  const schema = {
    type: 'object',
    properties: { ok: { type: 'boolean' }, note: { type: 'string' } },
    required: ['ok'],
    additionalProperties: false,
  }
  const reply = parseObject(
    (
      await postAnthropic(mock, PATH, {
        ...BASIC,
        model: 'claude-haiku-4-5',
        output_config: { format: { type: 'json_schema', schema } },
      })
    ).text,
  )
  assert.equal(at(reply, 'content.0.text'), '{"ok":false}')
})

test('a token limit cuts the text and says max_tokens; a limit of 0 answers with nothing', async (t) => {
  const mock = await startMock(t)
  const cut = parseObject((await postAnthropic(mock, PATH, { ...BASIC, max_tokens: 5 })).text)
  assert.equal(textAt(cut, 'content.0.text').length, 20)
  assert.equal(at(cut, 'stop_reason'), 'max_tokens')
  assert.equal(at(cut, 'usage.output_tokens'), 5)
  const none = parseObject((await postAnthropic(mock, PATH, { ...BASIC, max_tokens: 0 })).text)
  assert.deepEqual(at(none, 'content'), [])
  assert.equal(at(none, 'stop_reason'), 'max_tokens')
  assert.equal(at(none, 'usage.output_tokens'), 0)
})

test('a token limit inside a call streams half its JSON and shows none of it in the unary reply', async (t) => {
  const mock = await startMock(t)
  const ask = { ...BASIC, tools: TOOLS, tool_choice: { type: 'any' }, max_tokens: 3 }
  const unary = parseObject((await postAnthropic(mock, PATH, ask)).text)
  assert.equal(at(unary, 'stop_reason'), 'max_tokens')
  assert.deepEqual(at(unary, 'content.0.input'), {})
  const events = eventsIn((await postAnthropic(mock, PATH, { ...ask, stream: true })).text)
  const json = deltasAt(events, 0)
    .map((delta) => textAt(delta, 'partial_json'))
    .join('')
  assert.equal(json.length, 12)
  assert.throws(() => JSON.parse(json))
})

test('a stop sequence ends the text before it and is named', async (t) => {
  const mock = await startMock(t)
  const reply = parseObject(
    (await postAnthropic(mock, PATH, { ...BASIC, stop_sequences: ['mock answer'] })).text,
  )
  assert.equal(at(reply, 'content.0.text'), 'This is a ')
  assert.equal(at(reply, 'stop_reason'), 'stop_sequence')
  assert.equal(at(reply, 'stop_sequence'), 'mock answer')
})

test('thinking that was asked for comes first, signed, and is taken back as it was', async (t) => {
  const mock = await startMock(t)
  const ask = {
    ...BASIC,
    model: 'claude-sonnet-4-5',
    max_tokens: 4000,
    thinking: { type: 'enabled', budget_tokens: 1024 },
  }
  const reply = parseObject((await postAnthropic(mock, PATH, ask)).text)
  assert.deepEqual(
    listAt(reply, 'content').map((block) => textAt(block, 'type')),
    ['thinking', 'text'],
  )
  assert.ok(textAt(reply, 'content.0.thinking').length > 0)
  const spent = at(reply, 'usage.output_tokens_details.thinking_tokens')
  assert.ok(typeof spent === 'number' && spent > 0)
  const again = [
    ...HELLO,
    { role: 'assistant', content: at(reply, 'content') },
    { role: 'user', content: 'and now?' },
  ]
  assert.equal((await postAnthropic(mock, PATH, { ...ask, messages: again })).status, 200)
})

test('models that think unasked leave the text of it out but not the signature', async (t) => {
  const mock = await startMock(t)
  const ask = { ...BASIC, model: 'claude-opus-5' }
  const reply = parseObject((await postAnthropic(mock, PATH, ask)).text)
  assert.equal(at(reply, 'content.0.thinking'), '')
  assert.ok(textAt(reply, 'content.0.signature').length > 40)
  const events = eventsIn((await postAnthropic(mock, PATH, { ...ask, stream: true })).text)
  assert.deepEqual(
    deltasAt(events, 0).map((delta) => textAt(delta, 'type')),
    ['signature_delta'],
  )
  const shown = parseObject(
    (
      await postAnthropic(mock, PATH, {
        ...ask,
        thinking: { type: 'adaptive', display: 'summarized' },
      })
    ).text,
  )
  assert.ok(textAt(shown, 'content.0.thinking').length > 0)
  const off = parseObject(
    (await postAnthropic(mock, PATH, { ...ask, thinking: { type: 'disabled' } })).text,
  )
  assert.equal(at(off, 'content.0.type'), 'text')
  const again = [
    ...HELLO,
    { role: 'assistant', content: at(reply, 'content') },
    { role: 'user', content: 'and now?' },
  ]
  assert.equal((await postAnthropic(mock, PATH, { ...ask, messages: again })).status, 200)
})

test('a newer SDK’s version and bearer key are taken', async (t) => {
  const mock = await startMock(t)
  const heard = await postAnthropic(mock, PATH, BASIC, {
    'x-api-key': '',
    authorization: 'Bearer sk-ant-test',
    'anthropic-version': '2026-10-21',
  })
  assert.equal(heard.status, 200)
})

test('a system message among the messages is taken where the model knows it', async (t) => {
  const mock = await startMock(t)
  const messages = [...HELLO, { role: 'system', content: 'be brief' }]
  const reply = parseObject(
    (await postAnthropic(mock, PATH, { ...BASIC, model: 'claude-opus-4-8', messages })).text,
  )
  assert.match(textAt(reply, 'content.0.text'), /東京/u)
})

test('neighbouring messages of one role count as one', async (t) => {
  const mock = await startMock(t)
  const messages = [
    { role: 'user', content: 'go' },
    {
      role: 'assistant',
      content: [
        { type: 'tool_use', id: 'a', name: 'f', input: {} },
        { type: 'tool_use', id: 'b', name: 'f', input: {} },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: '1' }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'b' }] },
  ]
  const heard = await postAnthropic(mock, PATH, { ...BASIC, messages })
  assert.equal(heard.status, 200, heard.text)
})

test('every reply carries a request id and rate limits that reset in the future', async (t) => {
  const mock = await startMock(t, { now: () => Date.UTC(2026, 10, 22, 12, 0, 0) })
  const { headers } = await postAnthropic(mock, PATH, BASIC)
  assert.match(String(headers['request-id']), /^req_011C\w{20}$/u)
  assert.equal(headers['anthropic-ratelimit-requests-limit'], '4000')
  assert.equal(headers['anthropic-ratelimit-input-tokens-reset'], '2026-11-22T12:01:00Z')
  assert.equal(headers['x-mock'], 'true')
  assert.ok(!isObject(headers['x-request-id']) && headers['x-request-id'] === undefined)
})
