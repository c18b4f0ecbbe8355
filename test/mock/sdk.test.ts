/** The official SDKs as judges: what they make of the mock is what they would make of the provider. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Anthropic, * as anthropicErrors from '@anthropic-ai/sdk'
import OpenAI, * as openAiErrors from 'openai'
import { startMock } from './client.ts'
import { problemsOf } from './schema-checker.ts'

const WEATHER = {
  type: 'object' as const,
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 2 } },
  required: ['city', 'days'],
}

async function openAi(t: TestContext): Promise<OpenAI> {
  const mock = await startMock(t)
  return new OpenAI({ baseURL: `${mock.url}/v1`, apiKey: 'sk-test', maxRetries: 0 })
}

async function anthropic(t: TestContext): Promise<Anthropic> {
  const mock = await startMock(t)
  return new Anthropic({ baseURL: mock.url, apiKey: 'sk-ant-test', maxRetries: 0 })
}

test('openai: a unary completion', async (t) => {
  const client = await openAi(t)
  const { data: reply, request_id: requestId } = await client.chat.completions
    .create({ model: 'gpt-5', messages: [{ role: 'user', content: 'hello' }] })
    .withResponse()
  assert.match(reply.choices[0]?.message.content ?? '', /mock answer/u)
  assert.equal(reply.choices[0]?.finish_reason, 'stop')
  assert.ok((reply.usage?.total_tokens ?? 0) > 40)
  assert.match(requestId ?? '', /^req_/u)
})

test('openai: the stream helper puts text, tool calls and usage together', async (t) => {
  const client = await openAi(t)
  const stream = client.chat.completions.stream({
    model: 'gpt-4.1',
    messages: [{ role: 'user', content: 'get_weather and get_time' }],
    tools: [
      { type: 'function', function: { name: 'get_weather', parameters: WEATHER } },
      { type: 'function', function: { name: 'get_time' } },
    ],
    stream_options: { include_usage: true },
  })
  const final = await stream.finalChatCompletion()
  const calls = final.choices[0]?.message.tool_calls ?? []
  assert.deepEqual(
    calls.map((call) => call.type === 'function' && call.function.name),
    ['get_weather', 'get_time'],
  )
  const first = calls[0]
  assert.ok(first?.type === 'function')
  assert.deepEqual(problemsOf(WEATHER, JSON.parse(first.function.arguments)), [])
  assert.ok((final.usage?.completion_tokens ?? 0) > 0)
})

test('openai: runTools comes to an end', async (t) => {
  const client = await openAi(t)
  const asked: unknown[] = []
  const runner = client.chat.completions.runTools({
    model: 'gpt-4.1',
    messages: [{ role: 'user', content: 'please use get_weather' }],
    tools: [
      {
        type: 'function',
        function: {
          name: 'get_weather',
          description: 'weather',
          parameters: WEATHER,
          parse: (text: string) => JSON.parse(text) as unknown,
          function: (args: unknown) => {
            asked.push(args)
            return 'rain in Oslo'
          },
        },
      },
    ],
  })
  assert.match((await runner.finalContent()) ?? '', /rain in Oslo/u)
  assert.equal(asked.length, 1)
  assert.deepEqual(problemsOf(WEATHER, asked[0]), [])
})

test('openai: responses, unary and streamed', async (t) => {
  const client = await openAi(t)
  const reply = await client.responses.create({ model: 'gpt-5', input: 'hello' })
  assert.match(reply.output_text, /mock answer/u)
  const stream = client.responses.stream({
    model: 'gpt-5',
    input: 'get_weather',
    reasoning: { summary: 'auto' },
    tools: [{ type: 'function', name: 'get_weather', parameters: WEATHER, strict: false }],
  })
  const final = await stream.finalResponse()
  assert.deepEqual(
    final.output.map((item) => item.type),
    ['reasoning', 'function_call'],
  )
  assert.ok((final.usage?.output_tokens ?? 0) > 0)
})

test('openai: embeddings and models', async (t) => {
  const client = await openAi(t)
  const reply = await client.embeddings.create({ model: 'text-embedding-3-small', input: 'hello' })
  assert.equal(reply.data[0]?.embedding.length, 1536)
  const ids: string[] = []
  for await (const model of client.models.list()) ids.push(model.id)
  assert.ok(ids.includes('mock-529'))
})

test('openai: each failure is the exception its status stands for', async (t) => {
  const client = await openAi(t)
  const ask = (model: string): Promise<unknown> =>
    client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }] })
  await assert.rejects(ask('mock-401'), openAiErrors.AuthenticationError)
  await assert.rejects(ask('mock-403'), openAiErrors.PermissionDeniedError)
  await assert.rejects(ask('mock-404'), openAiErrors.NotFoundError)
  await assert.rejects(ask('mock-429'), openAiErrors.RateLimitError)
  await assert.rejects(ask('mock-500'), openAiErrors.InternalServerError)
  await assert.rejects(ask('mock-529'), openAiErrors.InternalServerError)
  await assert.rejects(ask('mock-timeout'), openAiErrors.APIConnectionError)
  await assert.rejects(ask('mock-context'), (error: unknown) => {
    assert.ok(error instanceof openAiErrors.BadRequestError)
    assert.equal(error.code, 'context_length_exceeded')
    return true
  })
})

test('openai: a stream that breaks off is an error, in every way it can', async (t) => {
  const client = await openAi(t)
  for (const model of [
    'mock-cut',
    'mock-eof',
    'mock-stall',
    'mock-half-frame',
    'mock-error-in-stream',
    'mock-error-first',
  ]) {
    const stream = client.chat.completions.stream({
      model,
      messages: [{ role: 'user', content: 'hello' }],
    })
    await assert.rejects(stream.finalChatCompletion(), Error, model)
  }
})

test('openai: a flaky model is reached by the retries of the SDK', async (t) => {
  const mock = await startMock(t)
  // The SDK honours retry-after; a mock that says 0 would not be worth testing, so the wait is skipped here.
  const client = new OpenAI({
    baseURL: `${mock.url}/v1`,
    apiKey: 'sk-test',
    maxRetries: 2,
    fetch: async (input, init) => {
      const reply = await fetch(input, init)
      if (reply.ok) return reply
      const headers = new Headers(reply.headers)
      headers.set('retry-after-ms', '1')
      return new Response(reply.body, { status: reply.status, headers })
    },
  })
  const reply = await client.chat.completions.create({
    model: 'mock-flaky',
    messages: [{ role: 'user', content: 'hello' }],
  })
  assert.match(reply.choices[0]?.message.content ?? '', /mock-flaky/u)
  assert.equal(mock.requests, 3)
})

test('anthropic: a unary message, with the newer version and bearer key the SDK sends', async (t) => {
  const client = await anthropic(t)
  const { data: reply, request_id: requestId } = await client.messages
    .create({
      model: 'claude-haiku-4-5',
      max_tokens: 500,
      messages: [{ role: 'user', content: 'hello' }],
    })
    .withResponse()
  assert.equal(reply.content[0]?.type, 'text')
  assert.equal(reply.stop_reason, 'end_turn')
  assert.ok(reply.usage.input_tokens > 0 && reply.usage.output_tokens > 40)
  assert.match(requestId ?? '', /^req_/u)
})

test('anthropic: the stream helper puts thinking, text and calls together', async (t) => {
  const client = await anthropic(t)
  const stream = client.messages.stream({
    model: 'claude-sonnet-4-6',
    max_tokens: 4000,
    thinking: { type: 'adaptive' },
    messages: [{ role: 'user', content: 'get_weather and get_time' }],
    tools: [
      { name: 'get_weather', input_schema: WEATHER },
      { name: 'get_time', input_schema: { type: 'object', properties: {} } },
    ],
  })
  const final = await stream.finalMessage()
  assert.deepEqual(
    final.content.map((block) => block.type),
    ['thinking', 'text', 'tool_use', 'tool_use'],
  )
  const [, , weather, time] = final.content
  assert.ok(weather?.type === 'tool_use' && time?.type === 'tool_use')
  assert.deepEqual(problemsOf(WEATHER, weather.input), [])
  assert.deepEqual(time.input, {})
  assert.ok(final.usage.output_tokens > 1)
})

test('anthropic: a tool loop comes to an end', async (t) => {
  const client = await anthropic(t)
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'use get_weather' }]
  const tools = [{ name: 'get_weather', input_schema: WEATHER }]
  let turns = 0
  let reply = await client.messages.create({ model: 'mock', max_tokens: 500, messages, tools })
  for (; reply.stop_reason === 'tool_use' && turns < 5; turns += 1) {
    const results = reply.content.flatMap((block) =>
      block.type === 'tool_use'
        ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: 'rain in Oslo' }]
        : [],
    )
    messages.push({ role: 'assistant', content: reply.content }, { role: 'user', content: results })
    reply = await client.messages.create({ model: 'mock', max_tokens: 500, messages, tools })
  }
  assert.equal(turns, 1)
  assert.equal(reply.stop_reason, 'end_turn')
})

test('anthropic: count_tokens and models', async (t) => {
  const client = await anthropic(t)
  const counted = await client.messages.countTokens({
    model: 'mock',
    messages: [{ role: 'user', content: '12345678' }],
  })
  assert.equal(counted.input_tokens, 2)
  const ids: string[] = []
  for await (const model of client.models.list({ limit: 5 })) ids.push(model.id)
  assert.ok(ids.includes('mock-529') && ids.length > 20)
})

test('anthropic: each failure is the exception its status stands for', async (t) => {
  const client = await anthropic(t)
  const ask = (model: string): Promise<unknown> =>
    client.messages.create({
      model,
      max_tokens: 500,
      messages: [{ role: 'user', content: 'hello' }],
    })
  await assert.rejects(ask('mock-401'), anthropicErrors.AuthenticationError)
  await assert.rejects(ask('mock-403'), anthropicErrors.PermissionDeniedError)
  await assert.rejects(ask('mock-404'), anthropicErrors.NotFoundError)
  await assert.rejects(ask('mock-429'), anthropicErrors.RateLimitError)
  await assert.rejects(ask('mock-500'), anthropicErrors.InternalServerError)
  await assert.rejects(ask('mock-529'), anthropicErrors.InternalServerError)
  await assert.rejects(ask('mock-context'), anthropicErrors.BadRequestError)
  await assert.rejects(ask('mock-timeout'), anthropicErrors.APIConnectionError)
})

test('anthropic: a stream that breaks off is an error, in every way it can', async (t) => {
  const client = await anthropic(t)
  for (const model of [
    'mock-cut',
    'mock-eof',
    'mock-stall',
    'mock-half-frame',
    'mock-error-in-stream',
    'mock-error-first',
  ]) {
    const stream = client.messages.stream({
      model,
      max_tokens: 500,
      messages: [{ role: 'user', content: 'hello' }],
    })
    await assert.rejects(stream.finalMessage(), Error, model)
  }
})

test('anthropic: an empty answer and a refusal are answers', async (t) => {
  const client = await anthropic(t)
  const empty = await client.messages
    .stream({ model: 'mock-empty', max_tokens: 500, messages: [{ role: 'user', content: 'x' }] })
    .finalMessage()
  assert.deepEqual(empty.content, [])
  const refused = await client.messages
    .stream({ model: 'mock-refusal', max_tokens: 500, messages: [{ role: 'user', content: 'x' }] })
    .finalMessage()
  assert.equal(refused.stop_reason, 'refusal')
})
