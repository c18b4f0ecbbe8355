import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertGolden,
  at,
  eventsIn,
  framesIn,
  listAt,
  parseObject,
  postOpenAi,
  startMock,
  textAt,
} from './client.ts'
import { problemsOf } from './schema-checker.ts'

const PATH = '/v1/responses'
const WEATHER = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const TOOLS = [
  { type: 'function', name: 'get_weather', parameters: WEATHER },
  { type: 'custom', name: 'shell' },
]

test('a streamed response is, byte for byte, what it was', async (t) => {
  const mock = await startMock(t)
  const heard = await postOpenAi(mock, PATH, {
    model: 'gpt-5',
    input: 'Say hello to 東京 🌧',
    stream: true,
  })
  assertGolden('responses-text.sse', heard.text)
})

test('a streamed response with reasoning and two calls is, byte for byte, what it was', async (t) => {
  const mock = await startMock(t)
  const heard = await postOpenAi(mock, PATH, {
    model: 'gpt-5',
    input: [{ role: 'user', content: [{ type: 'input_text', text: 'get_weather, then shell' }] }],
    reasoning: { effort: 'low', summary: 'auto' },
    include: ['reasoning.encrypted_content'],
    tools: TOOLS,
    stream: true,
  })
  assertGolden('responses-tools.sse', heard.text)
})

test('events are numbered without gaps, named like their data, and end with the whole response', async (t) => {
  const mock = await startMock(t)
  const ask = { model: 'mock', input: 'shell and get_weather', tools: TOOLS }
  const { text } = await postOpenAi(mock, PATH, { ...ask, stream: true })
  const { frames } = framesIn(text)
  for (const [index, frame] of frames.entries()) {
    const data = parseObject(frame.data)
    assert.equal(data['type'], frame.event)
    assert.equal(data['sequence_number'], index)
  }
  const events = eventsIn(text)
  assert.deepEqual(
    events.slice(0, 2).map((event) => event['type']),
    ['response.created', 'response.in_progress'],
  )
  const last = events.at(-1)
  assert.equal(at(last, 'type'), 'response.completed')
  const done = events.filter((event) => event['type'] === 'response.output_item.done')
  assert.deepEqual(
    done.map((event) => event['item']),
    listAt(last, 'response.output'),
  )
  assert.deepEqual(
    done.map((event) => event['output_index']),
    [0, 1],
  )
})

test('text parts add up to the item, and the unary reply says the same', async (t) => {
  const mock = await startMock(t)
  const unary = parseObject((await postOpenAi(mock, PATH, { model: 'mock', input: 'hello' })).text)
  const events = eventsIn(
    (await postOpenAi(mock, PATH, { model: 'mock', input: 'hello', stream: true })).text,
  )
  const deltas = events.filter((event) => event['type'] === 'response.output_text.delta')
  const said = textAt(unary, 'output.0.content.0.text')
  assert.equal(deltas.map((event) => textAt(event, 'delta')).join(''), said)
  assert.equal(at(unary, 'status'), 'completed')
  assert.equal(at(unary, 'usage.input_tokens'), 2)
  assert.equal(at(unary, 'usage.output_tokens'), Math.ceil(said.length / 4))
})

test('calls satisfy their schema, and a loop over function_call_output ends in text', async (t) => {
  const mock = await startMock(t)
  const ask = { model: 'mock', tools: TOOLS, tool_choice: 'required', store: false }
  const input: unknown[] = [{ type: 'message', role: 'user', content: 'hi' }]
  const called = parseObject((await postOpenAi(mock, PATH, { ...ask, input })).text)
  const call = at(called, 'output.0')
  assert.equal(at(call, 'type'), 'function_call')
  assert.deepEqual(problemsOf(WEATHER, JSON.parse(textAt(call, 'arguments'))), [])
  input.push(call, {
    type: 'function_call_output',
    call_id: textAt(call, 'call_id'),
    output: 'rain in Oslo',
  })
  const ended = parseObject((await postOpenAi(mock, PATH, { ...ask, input })).text)
  assert.match(textAt(ended, 'output.0.content.0.text'), /The tool gave back: “rain in Oslo”/u)
})

test('sealed reasoning is taken back as it was', async (t) => {
  const mock = await startMock(t)
  const ask = {
    model: 'gpt-5',
    reasoning: { summary: 'auto' },
    include: ['reasoning.encrypted_content'],
  }
  const first = parseObject((await postOpenAi(mock, PATH, { ...ask, input: 'hi' })).text)
  assert.equal(at(first, 'output.0.type'), 'reasoning')
  const input = [
    { role: 'user', content: 'hi' },
    ...listAt(first, 'output'),
    { role: 'user', content: 'and now?' },
  ]
  const heard = await postOpenAi(mock, PATH, { ...ask, input })
  assert.equal(heard.status, 200, heard.text)
})

test('a JSON schema is answered by the smallest object, json_object by an object', async (t) => {
  const mock = await startMock(t)
  const schema = {
    type: 'object',
    properties: { n: { type: 'integer', minimum: 3 } },
    required: ['n'],
    additionalProperties: false,
  }
  const strict = parseObject(
    (
      await postOpenAi(mock, PATH, {
        model: 'mock',
        input: 'x',
        text: { format: { type: 'json_schema', name: 'n', schema, strict: true } },
      })
    ).text,
  )
  assert.equal(at(strict, 'output.0.content.0.text'), '{"n":3}')
  const open = parseObject(
    (
      await postOpenAi(mock, PATH, {
        model: 'mock',
        input: 'json',
        text: { format: { type: 'json_object' } },
      })
    ).text,
  )
  assert.equal(parseObject(textAt(open, 'output.0.content.0.text'))['mock'], true)
})

test('a token limit leaves the response incomplete', async (t) => {
  const mock = await startMock(t)
  const ask = { model: 'mock', input: 'hi', max_output_tokens: 16 }
  const unary = parseObject((await postOpenAi(mock, PATH, ask)).text)
  assert.equal(at(unary, 'status'), 'incomplete')
  assert.deepEqual(at(unary, 'incomplete_details'), { reason: 'max_output_tokens' })
  assert.equal(textAt(unary, 'output.0.content.0.text').length, 64)
  const events = eventsIn((await postOpenAi(mock, PATH, { ...ask, stream: true })).text)
  assert.equal(at(events.at(-1), 'type'), 'response.incomplete')
})

test('input tokens can be counted without an answer', async (t) => {
  const mock = await startMock(t)
  const heard = await postOpenAi(mock, `${PATH}/input_tokens`, {
    model: 'gpt-5',
    input: '12345678',
    instructions: '1234',
  })
  assert.deepEqual(parseObject(heard.text), { object: 'response.input_tokens', input_tokens: 3 })
})
