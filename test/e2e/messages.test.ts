/** `POST /v1/messages`: an Anthropic client in front of either provider. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  HELLO_MESSAGES,
  assertAnthropicError,
  openMessages,
  postMessages,
  readMessagesStream,
  toolInput,
} from '../support/calls.ts'
import { send } from '../support/http.ts'
import type { Reply } from '../support/http.ts'
import { dig, digText, list, parseJson } from '../support/json.ts'
import { within } from '../support/owner.ts'
import { startProxy } from '../support/proxy.ts'
import {
  CLAUDE,
  HELLO,
  OPENAI_DONE,
  OPENAI_ROLE,
  OPENAI_USAGE,
  anthropicAnswers,
  anthropicError,
  anthropicFrames,
  openaiAnswers,
  openaiChatOf,
  openaiChunk,
  openaiError,
  streams,
} from '../support/replies.ts'
import {
  PNG,
  WEATHER,
  anthropicTool,
  answersWith,
  callChunk,
  oddRequest,
} from '../support/samples.ts'
import { DEATHS, anthropicStalls, dies, openaiStalls } from '../support/scripts.ts'
import { startStage } from '../support/stage.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'

const CONFIG = `
models:
  gpt-4.1: { provider: openai }
  ${CLAUDE}: { provider: anthropic }
  claude-alias: { provider: anthropic, model: ${CLAUDE} }
users:
  caller:
    models: [gpt-4.1, ${CLAUDE}, claude-alias]
`

const asCaller = { user: 'caller' }

/** A hello of this API. */
const bodyOf = (model: string, stream: boolean): unknown => ({
  model,
  max_tokens: 64,
  messages: HELLO_MESSAGES,
  ...(stream ? { stream: true } : {}),
})

test('an Anthropic caller and an OpenAI model', { timeout: 60_000 }, async (t) => {
  const { proxy, openai } = await startStage(t, CONFIG)
  const messages = (body: Record<string, unknown>): Promise<Reply> =>
    postMessages(
      proxy,
      { model: 'gpt-4.1', max_tokens: 256, messages: HELLO_MESSAGES, ...body },
      asCaller,
    )
  const sent = (): unknown => openai.requests.at(-1)?.json()

  await t.test('a text answer, unary', async () => {
    const reply = await messages({ system: 'Be short.', temperature: 0, stop_sequences: ['END'] })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(dig(sent(), 'temperature'), 0)
    assert.equal(dig(sent(), 'max_completion_tokens'), 256)
    assert.deepEqual(dig(sent(), 'stop'), ['END'])
    assert.deepEqual(
      list(dig(sent(), 'messages')).map((message) => dig(message, 'role')),
      ['system', 'user'],
    )
    const body = reply.json()
    assert.equal(dig(body, 'type'), 'message')
    assert.equal(dig(body, 'role'), 'assistant')
    assert.match(digText(body, 'id'), /^msg_/)
    assert.deepEqual(dig(body, 'content'), [{ type: 'text', text: HELLO }])
    assert.equal(dig(body, 'stop_reason'), 'end_turn')
    assert.equal(dig(body, 'usage', 'input_tokens'), 13)
    assert.equal(dig(body, 'usage', 'output_tokens'), 39)
  })

  await t.test('a text answer, streamed', async () => {
    const reply = await messages({ stream: true })
    assert.equal(dig(sent(), 'stream_options', 'include_usage'), true)
    const said = readMessagesStream(reply.frames())
    assert.equal(said.text, HELLO)
    assert.equal(said.stopped, true)
    assert.equal(dig(said.delta, 'delta', 'stop_reason'), 'end_turn')
    assert.equal(dig(said.delta, 'usage', 'input_tokens'), 13)
    assert.equal(dig(said.delta, 'usage', 'output_tokens'), 39)
    const record = await proxy.record(reply.headers['x-request-id'])
    assert.equal(record['api'], 'messages')
    assert.equal(record['total_tokens'], 52)
  })

  await t.test('an image arrives as an image_url', async () => {
    await messages({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
          ],
        },
      ],
    })
    const parts = list(dig(sent(), 'messages', 0, 'content'))
    assert.deepEqual(parts[0], { type: 'text', text: 'What is this?' })
    assert.equal(dig(parts[1], 'type'), 'image_url')
    assert.equal(dig(parts[1], 'image_url', 'url'), `data:image/png;base64,${PNG}`)
  })

  await t.test('tools, parallel calls and their results cross, unary', async () => {
    const calls = [
      {
        id: 'call_A',
        type: 'function',
        function: { name: 'get_weather', arguments: '{"city":"Oslo"}' },
      },
      { id: 'call_B', type: 'function', function: { name: 'list_units', arguments: '{}' } },
    ]
    openai.on(
      '/v1/chat/completions',
      answersWith(
        openaiChatOf(
          { role: 'assistant', content: 'Checking.', refusal: null, tool_calls: calls },
          'gpt-4.1',
          'tool_calls',
        ),
      ),
    )
    const tools = [anthropicTool('get_weather'), anthropicTool('list_units')]
    const reply = await messages({ tools, tool_choice: { type: 'any' } })
    openai.on('/v1/chat/completions', openaiAnswers)
    assert.deepEqual(
      list(dig(sent(), 'tools')).map((tool) => dig(tool, 'function', 'name')),
      ['get_weather', 'list_units'],
    )
    assert.deepEqual(dig(sent(), 'tools', 0, 'function', 'parameters'), WEATHER)
    assert.equal(dig(sent(), 'tool_choice'), 'required')
    const content = dig(reply.json(), 'content')
    assert.deepEqual(content, [
      { type: 'text', text: 'Checking.' },
      { type: 'tool_use', id: 'call_A', name: 'get_weather', input: { city: 'Oslo' } },
      { type: 'tool_use', id: 'call_B', name: 'list_units', input: {} },
    ])
    assert.equal(dig(reply.json(), 'stop_reason'), 'tool_use')

    await messages({
      tools,
      messages: [
        ...HELLO_MESSAGES,
        { role: 'assistant', content },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'call_A', content: '7 degrees' },
            { type: 'tool_result', tool_use_id: 'call_B', content: 'metric' },
            { type: 'text', text: 'And now?' },
          ],
        },
      ],
    })
    const turns = list(dig(sent(), 'messages'))
    assert.deepEqual(
      turns.map((turn) => [dig(turn, 'role'), dig(turn, 'tool_call_id')]),
      [
        ['user', undefined],
        ['assistant', undefined],
        ['tool', 'call_A'],
        ['tool', 'call_B'],
        ['user', undefined],
      ],
    )
    assert.deepEqual(dig(turns[1], 'tool_calls'), calls)
  })

  await t.test('parallel calls cross a stream, one block after the other', async () => {
    openai.on(
      '/v1/chat/completions',
      streams([
        OPENAI_ROLE,
        openaiChunk({ content: 'Checking.' }),
        callChunk(0, {
          id: 'call_A',
          type: 'function',
          function: { name: 'get_weather', arguments: '' },
        }),
        callChunk(0, { function: { arguments: '{"city":' } }),
        // The second call begins before the first one is whole: nothing may be lost or mixed.
        callChunk(1, {
          id: 'call_B',
          type: 'function',
          function: { name: 'list_units', arguments: '' },
        }),
        callChunk(1, { function: { arguments: '{"si":true}' } }),
        callChunk(0, { function: { arguments: '"Oslo"}' } }),
        openaiChunk({}, 'tool_calls'),
        OPENAI_USAGE,
        OPENAI_DONE,
      ]),
    )
    const reply = await messages({
      tools: [anthropicTool('get_weather'), anthropicTool('list_units')],
      stream: true,
    })
    openai.on('/v1/chat/completions', openaiAnswers)
    const said = readMessagesStream(reply.frames())
    assert.equal(said.stopped, true)
    assert.equal(dig(said.delta, 'delta', 'stop_reason'), 'tool_use')
    const tools = said.blocks.filter(({ block }) => dig(block, 'type') === 'tool_use')
    assert.deepEqual(
      tools.map(({ block, deltas }) => [
        dig(block, 'id'),
        dig(block, 'name'),
        parseJson(toolInput(deltas)),
      ]),
      [
        ['call_A', 'get_weather', { city: 'Oslo' }],
        ['call_B', 'list_units', { si: true }],
      ],
    )
    assert.equal(said.text, 'Checking.')
  })

  await t.test(
    'an overflowing prompt is told in the words Anthropic clients look for',
    async () => {
      openai.on('/v1/chat/completions', (reply) => {
        reply.json(400, {
          error: {
            message:
              "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
            type: 'invalid_request_error',
            param: 'messages',
            code: 'context_length_exceeded',
          },
        })
      })
      const reply = await messages({})
      openai.on('/v1/chat/completions', openaiAnswers)
      assert.equal(reply.status, 400)
      assert.equal(dig(reply.json(), 'error', 'type'), 'invalid_request_error')
      assert.match(
        digText(reply.json(), 'error', 'message'),
        /prompt is too long: 9001 tokens > 8192/,
      )
    },
  )
})

test('an Anthropic caller and a Claude model', { timeout: 60_000 }, async (t) => {
  const { proxy, openai, anthropic } = await startStage(t, CONFIG)
  const messagesAt = (path: string, body: unknown): Promise<Reply> =>
    send(proxy.url + path, { body, headers: { 'x-user': 'caller' } })
  const hello = { model: CLAUDE, max_tokens: 64, messages: HELLO_MESSAGES }

  await t.test('a Messages request and its reply, byte for byte', async () => {
    const oddMessage =
      '{"type":"message", "id":"msg_1","role":"assistant","model":"claude-x","content":[{"type":"text","text":"h\\u00e9"}],' +
      '"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":13,"output_tokens":39},"extra":[1.0] }'
    anthropic.on('/v1/messages', (reply) => {
      reply.bytes(200, oddMessage, { 'content-type': 'application/json' })
    })
    const reply = await postMessages(proxy, oddRequest('claude-alias'), {
      user: 'caller',
      headers: { 'anthropic-version': '2026-10-21', 'anthropic-beta': 'some-beta-2026-01-01' },
    })
    const sent = anthropic.requests.at(-1)
    assert.equal(sent?.body.toString('utf8'), oddRequest(CLAUDE))
    assert.equal(sent?.headers['anthropic-version'], '2026-10-21', "the caller's own version")
    assert.equal(sent?.headers['anthropic-beta'], 'some-beta-2026-01-01')
    assert.equal(reply.text, oddMessage)
  })

  await t.test('a Messages stream, byte for byte', async () => {
    const frames = [': a comment\n\n', ...anthropicFrames()]
    anthropic.on('/v1/messages', streams(frames))
    const body = { model: CLAUDE, max_tokens: 64, messages: HELLO_MESSAGES, stream: true }
    const reply = await postMessages(proxy, body, asCaller)
    assert.equal(reply.text, frames.join(''))
    const record = await proxy.record(reply.headers['x-request-id'])
    assert.equal(record['prompt_tokens'], 13)
    assert.equal(record['completion_tokens'], 39)
  })

  await t.test('the route answers without /v1 and with a query string, too', async () => {
    anthropic.on('/v1/messages', anthropicAnswers)
    for (const path of ['/messages', '/v1/messages?beta=true', '/v1/messages/']) {
      const reply = await messagesAt(path, hello)
      assert.equal(dig(reply.json(), 'content', 0, 'text'), HELLO, path)
    }
  })

  await t.test('another method is 405 in the shape of this API', async () => {
    const reply = await send(`${proxy.url}/v1/messages`, { headers: { 'x-user': 'caller' } })
    assertAnthropicError(reply, 405)
    assert.match(reply.headers['allow'] ?? '', /\bPOST\b/)
  })

  await t.test('refusals and failures come in the shape of this API, named twice', async () => {
    const nobody = await send(`${proxy.url}/v1/messages`, { body: hello })
    assert.equal(assertAnthropicError(nobody, 401).type, 'authentication_error')
    const unknown = await messagesAt('/v1/messages', { ...hello, model: 'nope' })
    assert.equal(assertAnthropicError(unknown, 404).type, 'not_found_error')
    anthropic.on('/v1/messages', streams([]))
    const broken = await messagesAt('/v1/messages', { ...hello, stream: true })
    anthropic.on('/v1/messages', anthropicAnswers)
    assert.equal(assertAnthropicError(broken, 502).type, 'api_error')
    const good = await messagesAt('/v1/messages', hello)
    for (const reply of [nobody, unknown, broken, good]) {
      assert.match(reply.headers['x-request-id'] ?? '', /^req_/)
      assert.equal(reply.headers['request-id'], reply.headers['x-request-id'])
    }
  })

  await t.test('POST /v1/messages/count_tokens is relayed, or estimated and marked', async () => {
    anthropic.on('/v1/messages/count_tokens', (reply) => {
      reply.json(200, { input_tokens: 13 })
    })
    const body = { model: CLAUDE, messages: HELLO_MESSAGES }
    const path = '/v1/messages/count_tokens'
    const relayed = await messagesAt(path, body)
    assert.deepEqual(relayed.json(), { input_tokens: 13 })
    const guessed = await messagesAt(path, { ...body, model: 'gpt-4.1' })
    assert.equal(guessed.status, 200, guessed.text)
    assert.ok(Number(dig(guessed.json(), 'input_tokens')) > 0)
    if (openai.requestsTo('/v1/responses/input_tokens').length === 0) {
      assert.match(guessed.headers['x-aiproxy-notes'] ?? '', /estimate/)
    }
  })
})

test("a provider's failure reaches an Anthropic caller", { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const rows = [400, 413, 422].flatMap((code) => [
    {
      model: `o${code}`,
      dialect: 'openai' as const,
      code,
      body: openaiError(`Your mistake no. ${code}.`, 'invalid_request_error', null),
    },
    {
      model: `a${code}`,
      dialect: 'anthropic' as const,
      code,
      body: anthropicError('invalid_request_error', `Your mistake no. ${code}.`),
    },
  ])
  const proxy = await startProxy(t, {
    config: targetsConfig(
      upstream,
      [
        ...rows.map(({ model, dialect }) => ({ name: model, dialect })),
        ...DEATHS.map(({ name, dialect, provider }) => ({
          name,
          dialect,
          ...(provider === undefined ? {} : { provider }),
        })),
        { name: 'o-stall', dialect: 'openai' },
        { name: 'a-stall', dialect: 'anthropic' },
        { name: 'broken', dialect: 'openai' },
        { name: 'overloaded', dialect: 'anthropic' },
        { name: 'backup', dialect: 'openai' },
      ],
      [
        ...[...rows.map(({ model }) => model), ...DEATHS.map(({ name }) => name)].map((model) => ({
          model,
          failover: ['backup'],
        })),
        { model: 'o-stall', failover: ['backup'] },
        { model: 'a-stall', failover: ['backup'] },
        { model: 'broken', failover: ['overloaded'] },
      ],
    ),
    env: { TEST_KEY },
  })
  upstream.on('/backup/', openaiAnswers)
  upstream.on('/broken/', (reply) => {
    reply.json(500, openaiError('The first broke.', 'server_error', null))
  })
  upstream.on('/overloaded/', (reply) => {
    reply.json(529, anthropicError('overloaded_error', 'The second is full.'))
  })
  for (const { model, code, body } of rows) {
    upstream.on(`/${model}/`, (reply) => {
      reply.json(code, body)
    })
  }
  for (const death of DEATHS) upstream.on(`/${death.name}/`, dies(death))

  for (const { model, code } of rows) {
    for (const stream of [false, true]) {
      await t.test(`its own mistake: ${model}, ${stream ? 'streamed' : 'unary'}`, async () => {
        const reply = await postMessages(proxy, bodyOf(model, stream), asCaller)
        const error = assertAnthropicError(reply, code)
        assert.match(error.message, new RegExp(`Your mistake no\\. ${code}\\.`))
        assert.equal(reply.headers['x-aiproxy-error'], 'upstream')
        assert.equal(upstream.requestsTo('/backup/').length, 0, 'the backup is not asked')
      })
    }
  }

  await t.test('when all fail, the requested model speaks', async () => {
    const reply = await postMessages(proxy, bodyOf('broken', false), asCaller)
    const error = assertAnthropicError(reply, 500)
    assert.equal(error.type, 'api_error')
    assert.match(error.message, /The first broke\./)
  })

  for (const death of DEATHS) {
    await t.test(`${death.title} after content: an error event, no message_stop`, async () => {
      const reply = await postMessages(proxy, bodyOf(death.name, true), asCaller)
      assert.equal(reply.status, 200, reply.text)
      const said = readMessagesStream(reply.frames())
      assert.equal(said.text, death.text)
      assert.equal(said.stopped, false, 'no message_stop')
      assert.equal(said.delta, undefined, 'no invented stop reason')
      assert.equal(said.errors.length, 1, reply.text)
      assert.equal(said.types.at(-1), 'error')
      assert.equal(upstream.requestsTo('/backup/').length, 0, 'never spliced')
      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['outcome'], 'truncated')
    })
  }

  for (const [model, script] of [
    ['o-stall', openaiStalls],
    ['a-stall', anthropicStalls],
  ] as const) {
    await t.test(`a caller who leaves ${model} ends the upstream connection`, async () => {
      upstream.on(`/${model}/`, script)
      const reply = await openMessages(proxy, bodyOf(model, true), asCaller)
      let text = ''
      while (!text.includes(HELLO)) text += (await reply.next())?.data ?? assert.fail('it ended')
      reply.leave()
      const request = await upstream.firstRequestTo(`/${model}/`)
      assert.equal((await within(request.over, 'the upstream to be left')).how, 'cut')
      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['status'], 499)
      assert.equal(record['outcome'], 'aborted')
      assert.equal(record['api'], 'messages')
      assert.equal(record['estimated'], true)
    })
  }
})
