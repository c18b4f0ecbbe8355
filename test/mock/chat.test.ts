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
  postOpenAi,
  startMock,
  textAt,
} from './client.ts'
import type { Json } from './client.ts'
import { problemsOf } from './schema-checker.ts'

const PATH = '/v1/chat/completions'
const HELLO = [{ role: 'user', content: 'Say hello to 東京 🌧' }]

const WEATHER = {
  type: 'object',
  properties: {
    city: { type: 'string', minLength: 1 },
    unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
    days: { type: 'integer', minimum: 1, maximum: 7 },
  },
  required: ['city', 'unit', 'days'],
  additionalProperties: false,
}
const TOOLS = [
  { type: 'function', function: { name: 'get_weather', parameters: WEATHER, strict: true } },
  { type: 'function', function: { name: 'list_units' } },
]

function deltasIn(text: string): readonly Json[] {
  return eventsIn(text).flatMap((event) =>
    listAt(event, 'choices').map((choice) => {
      const delta = at(choice, 'delta')
      assert.ok(isObject(delta))
      return delta
    }),
  )
}

function joined(deltas: readonly Json[], field: string): string {
  return deltas.map((delta) => (typeof delta[field] === 'string' ? delta[field] : '')).join('')
}

test('a streamed chat answer is, byte for byte, what it was', async (t) => {
  const mock = await startMock(t)
  const heard = await postOpenAi(mock, PATH, {
    model: 'gpt-5',
    messages: HELLO,
    stream: true,
    stream_options: { include_usage: true },
  })
  assert.equal(heard.status, 200)
  assert.equal(heard.headers['content-type'], 'text/event-stream; charset=utf-8')
  assertGolden('chat-text.sse', heard.text)
})

test('a streamed tool call is, byte for byte, what it was', async (t) => {
  const mock = await startMock(t)
  const heard = await postOpenAi(mock, PATH, {
    model: 'gpt-4.1',
    messages: [{ role: 'user', content: 'Use list_units, then get_weather.' }],
    tools: TOOLS,
    stream: true,
  })
  assertGolden('chat-tools.sse', heard.text)
})

test('the stream and the unary reply say the same', async (t) => {
  const mock = await startMock(t)
  const unary = parseObject((await postOpenAi(mock, PATH, { model: 'mock', messages: HELLO })).text)
  const stream = await postOpenAi(mock, PATH, { model: 'mock', messages: HELLO, stream: true })
  const said = textAt(unary, 'choices.0.message.content')
  assert.equal(joined(deltasIn(stream.text), 'content'), said)
  assert.match(said, /mock/u)
  assert.match(said, /東京 🌧/u)
  assert.ok(said.split(' ').length > 36, 'a few dozen words')
})

test('the stream opens with the role, ends with a reason and [DONE], and shares one id', async (t) => {
  const mock = await startMock(t)
  const { text } = await postOpenAi(mock, PATH, { model: 'mock', messages: HELLO, stream: true })
  const { frames } = framesIn(text)
  assert.equal(frames.at(-1)?.data, '[DONE]')
  assert.ok(
    frames.every((frame) => frame.event === undefined),
    'Chat streams have no event names',
  )
  const events = eventsIn(text)
  assert.equal(at(events[0], 'choices.0.delta.role'), 'assistant')
  assert.equal(at(events.at(-1), 'choices.0.finish_reason'), 'stop')
  assert.equal(new Set(events.map((event) => textAt(event, 'id'))).size, 1)
  assert.ok(
    events.every((event) => !('usage' in event)),
    'usage was not asked for',
  )
})

test('with include_usage every chunk has usage null, and one more chunk without choices has the counts', async (t) => {
  const mock = await startMock(t)
  const ask = { model: 'mock', messages: HELLO }
  const unary = parseObject((await postOpenAi(mock, PATH, ask)).text)
  const { text } = await postOpenAi(mock, PATH, {
    ...ask,
    stream: true,
    stream_options: { include_usage: true },
  })
  const events = eventsIn(text)
  const last = events.at(-1)
  assert.ok(events.slice(0, -1).every((event) => event['usage'] === null))
  assert.deepEqual(at(last, 'choices'), [])
  assert.deepEqual(at(last, 'usage'), at(unary, 'usage'))
})

test('four characters are a token, on both sides of the answer', async (t) => {
  const mock = await startMock(t)
  const messages = [
    { role: 'system', content: 'x'.repeat(5) },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'y'.repeat(4) },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
      ],
    },
  ]
  const reply = parseObject((await postOpenAi(mock, PATH, { model: 'mock', messages })).text)
  const said = textAt(reply, 'choices.0.message.content')
  const usage = at(reply, 'usage')
  assert.equal(at(usage, 'prompt_tokens'), 3)
  assert.equal(at(usage, 'completion_tokens'), Math.ceil(said.length / 4))
  assert.equal(at(usage, 'total_tokens'), 3 + Math.ceil(said.length / 4))
  assert.equal(at(usage, 'prompt_tokens_details.cached_tokens'), 0)
  assert.equal(at(usage, 'completion_tokens_details.reasoning_tokens'), 0)
})

for (const [what, choice] of [
  ['required', 'required'],
  ['named', { type: 'function', function: { name: 'get_weather' } }],
  [
    'limited to allowed tools',
    {
      type: 'allowed_tools',
      allowed_tools: {
        mode: 'required',
        tools: [{ type: 'function', function: { name: 'get_weather' } }],
      },
    },
  ],
] as const) {
  test(`a ${what} tool is called with arguments that satisfy its schema`, async (t) => {
    const mock = await startMock(t)
    const reply = parseObject(
      (
        await postOpenAi(mock, PATH, {
          model: 'mock',
          messages: HELLO,
          tools: TOOLS,
          tool_choice: choice,
        })
      ).text,
    )
    const message = at(reply, 'choices.0.message')
    assert.equal(at(reply, 'choices.0.finish_reason'), 'tool_calls')
    assert.equal(at(message, 'content'), null)
    assert.equal(listAt(message, 'tool_calls').length, 1)
    assert.equal(at(message, 'tool_calls.0.function.name'), 'get_weather')
    const args: unknown = JSON.parse(textAt(message, 'tool_calls.0.function.arguments'))
    assert.deepEqual(problemsOf(WEATHER, args), [])
  })
}

test('under auto a tool is called when the last text names it, all of them when it names several', async (t) => {
  const mock = await startMock(t)
  const callsFor = async (content: string, more: object = {}): Promise<readonly string[]> => {
    const reply = parseObject(
      (
        await postOpenAi(mock, PATH, {
          model: 'mock',
          messages: [{ role: 'user', content }],
          tools: TOOLS,
          ...more,
        })
      ).text,
    )
    const message = at(reply, 'choices.0.message')
    assert.ok(isObject(message))
    return 'tool_calls' in message
      ? listAt(message, 'tool_calls').map((call) => textAt(call, 'function.name'))
      : []
  }
  assert.deepEqual(await callsFor('hello'), [])
  assert.deepEqual(await callsFor('call get_weather now'), ['get_weather'])
  assert.deepEqual(await callsFor('my_get_weather_tool is not one of yours'), [])
  assert.deepEqual(await callsFor('list_units and get_weather'), ['list_units', 'get_weather'])
  assert.deepEqual(await callsFor('list_units and get_weather', { parallel_tool_calls: false }), [
    'list_units',
  ])
  assert.deepEqual(await callsFor('call get_weather', { tool_choice: 'none' }), [])
})

test('a streamed call sends id and name first, and argument fragments that add up', async (t) => {
  const mock = await startMock(t)
  const { text } = await postOpenAi(mock, PATH, {
    model: 'mock',
    messages: [{ role: 'user', content: 'get_weather and list_units' }],
    tools: TOOLS,
    stream: true,
  })
  const parts = deltasIn(text).flatMap((delta) =>
    'tool_calls' in delta ? listAt(delta, 'tool_calls') : [],
  )
  const first = parts[0]
  assert.match(textAt(first, 'id'), /^call_\w{24}$/u)
  assert.equal(at(first, 'type'), 'function')
  assert.equal(at(first, 'function.name'), 'get_weather')
  assert.equal(at(first, 'function.arguments'), '')
  const second = parts.find((part) => at(part, 'index') === 1)
  assert.equal(at(second, 'function.name'), 'list_units')
  const argumentsOf = (index: number): string =>
    parts
      .filter((part) => at(part, 'index') === index)
      .map((part) => textAt(part, 'function.arguments'))
      .join('')
  assert.deepEqual(problemsOf(WEATHER, JSON.parse(argumentsOf(0))), [])
  assert.equal(argumentsOf(1), '{}')
  assert.ok(parts.length > 4, 'arguments come in several fragments')
  for (const part of parts.slice(1))
    if (part !== second) assert.ok(isObject(part) && !('id' in part))
})

test('an agent loop ends: after a tool result comes text, even where a call is required', async (t) => {
  const mock = await startMock(t)
  const messages: object[] = [{ role: 'user', content: 'use get_weather' }]
  const ask = { model: 'mock', tools: TOOLS, tool_choice: 'required' }
  const called = parseObject((await postOpenAi(mock, PATH, { ...ask, messages })).text)
  const message = at(called, 'choices.0.message')
  messages.push(
    { role: 'assistant', content: null, tool_calls: at(message, 'tool_calls') },
    { role: 'tool', tool_call_id: textAt(message, 'tool_calls.0.id'), content: 'rain in Oslo' },
  )
  const ended = parseObject((await postOpenAi(mock, PATH, { ...ask, messages })).text)
  assert.equal(at(ended, 'choices.0.finish_reason'), 'stop')
  assert.match(textAt(ended, 'choices.0.message.content'), /The tool gave back: “rain in Oslo”/u)
})

test('a custom tool is called with free text', async (t) => {
  const mock = await startMock(t)
  const ask = {
    model: 'mock',
    messages: HELLO,
    tools: [{ type: 'custom', custom: { name: 'shell' } }],
    tool_choice: { type: 'custom', custom: { name: 'shell' } },
  }
  const reply = parseObject((await postOpenAi(mock, PATH, ask)).text)
  assert.deepEqual(at(reply, 'choices.0.message.tool_calls.0.custom'), {
    name: 'shell',
    input: 'mock input',
  })
  const { text } = await postOpenAi(mock, PATH, { ...ask, stream: true })
  const input = deltasIn(text)
    .flatMap((delta) => ('tool_calls' in delta ? listAt(delta, 'tool_calls') : []))
    .map((part) => textAt(part, 'custom.input'))
    .join('')
  assert.equal(input, 'mock input')
})

test('the legacy functions are answered in the legacy way', async (t) => {
  const mock = await startMock(t)
  const ask = {
    model: 'gpt-4o',
    messages: HELLO,
    functions: [{ name: 'get_weather', parameters: WEATHER }],
    function_call: { name: 'get_weather' },
  }
  const reply = parseObject((await postOpenAi(mock, PATH, ask)).text)
  assert.equal(at(reply, 'choices.0.finish_reason'), 'function_call')
  const args = textAt(reply, 'choices.0.message.function_call.arguments')
  assert.deepEqual(problemsOf(WEATHER, JSON.parse(args)), [])
  const { text } = await postOpenAi(mock, PATH, { ...ask, stream: true })
  const streamed = deltasIn(text)
    .flatMap((delta) =>
      'function_call' in delta ? [textAt(delta, 'function_call.arguments')] : [],
    )
    .join('')
  assert.equal(streamed, args)
})

test('a JSON schema asked for is answered by the smallest object that satisfies it', async (t) => {
  const mock = await startMock(t)
  const reply = parseObject(
    (
      await postOpenAi(mock, PATH, {
        model: 'mock',
        messages: HELLO,
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'weather', schema: WEATHER, strict: true },
        },
      })
    ).text,
  )
  const value: unknown = JSON.parse(textAt(reply, 'choices.0.message.content'))
  assert.deepEqual(value, { city: 'mock', unit: 'celsius', days: 1 })
})

test('json_object is answered by a JSON object', async (t) => {
  const mock = await startMock(t)
  const messages = [{ role: 'user', content: 'answer in JSON' }]
  const reply = parseObject(
    (
      await postOpenAi(mock, PATH, {
        model: 'mock',
        messages,
        response_format: { type: 'json_object' },
      })
    ).text,
  )
  assert.equal(parseObject(textAt(reply, 'choices.0.message.content'))['mock'], true)
})

test('a token limit cuts the text and says length', async (t) => {
  const mock = await startMock(t)
  const reply = parseObject(
    (await postOpenAi(mock, PATH, { model: 'gpt-5', messages: HELLO, max_completion_tokens: 5 }))
      .text,
  )
  assert.equal(textAt(reply, 'choices.0.message.content').length, 20)
  assert.equal(at(reply, 'choices.0.finish_reason'), 'length')
  assert.equal(at(reply, 'usage.completion_tokens'), 5)
})

test('a token limit cuts tool arguments and says length', async (t) => {
  const mock = await startMock(t)
  const reply = parseObject(
    (
      await postOpenAi(mock, PATH, {
        model: 'mock',
        messages: HELLO,
        tools: TOOLS,
        tool_choice: 'required',
        max_tokens: 4,
      })
    ).text,
  )
  assert.equal(at(reply, 'choices.0.finish_reason'), 'length')
  assert.equal(textAt(reply, 'choices.0.message.tool_calls.0.function.arguments').length, 16)
})

test('a stop sequence ends the text before it, the earliest of several first', async (t) => {
  const mock = await startMock(t)
  const reply = parseObject(
    (
      await postOpenAi(mock, PATH, {
        model: 'mock',
        messages: HELLO,
        stop: ['no model', 'mock answer'],
      })
    ).text,
  )
  assert.equal(at(reply, 'choices.0.message.content'), 'This is a ')
  assert.equal(at(reply, 'choices.0.finish_reason'), 'stop')
})

test('n choices are n choices, and only the prompt is counted once', async (t) => {
  const mock = await startMock(t)
  const ask = { model: 'mock', messages: HELLO, n: 3 }
  const reply = parseObject((await postOpenAi(mock, PATH, ask)).text)
  const texts = [0, 1, 2].map((index) => textAt(reply, `choices.${index}.message.content`))
  assert.equal(listAt(reply, 'choices').length, 3)
  assert.ok(new Set(texts).size > 1, 'the choices differ')
  assert.equal(
    at(reply, 'usage.completion_tokens'),
    texts.reduce((sum, text) => sum + Math.ceil(text.length / 4), 0),
  )
  const { text } = await postOpenAi(mock, PATH, { ...ask, stream: true })
  const finished = eventsIn(text).filter((event) => at(event, 'choices.0.finish_reason') === 'stop')
  assert.deepEqual(
    finished.map((event) => at(event, 'choices.0.index')),
    [0, 1, 2],
  )
})
