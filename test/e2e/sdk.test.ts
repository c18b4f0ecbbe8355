/** The official SDKs as real clients: what they throw on, they must not see; what they expect, they must. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Anthropic, * as anthropicSdk from '@anthropic-ai/sdk'
import OpenAI, * as openaiSdk from 'openai'
import { dig, digText, list, parseJson } from '../support/json.ts'
import { startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import {
  ANTHROPIC_START,
  ANTHROPIC_TEXT_START,
  CLAUDE,
  GPT_5_DATED,
  HELLO,
  OPENAI_DONE,
  OPENAI_ROLE,
  OPENAI_USAGE,
  anthropicAnswers,
  anthropicEnd,
  anthropicError,
  anthropicFrame,
  anthropicMessageOf,
  anthropicText,
  asksForStream,
  openaiAnswers,
  openaiChatOf,
  openaiChunk,
  openaiError,
  playFrames,
} from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Script, Upstream } from '../support/upstream.ts'

interface Stage {
  readonly proxy: Proxy
  readonly openai: Upstream
  readonly anthropic: Upstream
}

async function startStage(t: TestContext): Promise<Stage> {
  const openai = await createUpstream(t, openaiAnswers)
  const anthropic = await createUpstream(t, anthropicAnswers)
  const proxy = await startProxy(t, {
    config: `
models:
  gpt-5: { provider: openai }
  ${CLAUDE}: { provider: anthropic }
users:
  dev:
    models: [gpt-5, ${CLAUDE}]
`,
    env: {
      OPENAI_API_KEY: 'sk-test-openai',
      ANTHROPIC_API_KEY: 'sk-ant-test',
      OPENAI_BASE_URL: `${openai.origin}/v1`,
      ANTHROPIC_BASE_URL: anthropic.origin,
    },
  })
  return { proxy, openai, anthropic }
}

const openaiClient = (proxy: Proxy, apiKey: string = 'dev'): OpenAI =>
  new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey, maxRetries: 0 })
const anthropicClient = (proxy: Proxy, apiKey: string = 'dev'): Anthropic =>
  new Anthropic({ baseURL: proxy.url, apiKey, maxRetries: 0 })

const MODELS = [
  { model: 'gpt-5', served: GPT_5_DATED },
  { model: CLAUDE, served: CLAUDE },
]
const HELLO_TURN: OpenAI.ChatCompletionUserMessageParam[] = [{ role: 'user', content: 'Hello' }]
const HELLO_TURN_ANTHROPIC: Anthropic.MessageParam[] = [{ role: 'user', content: 'Hello' }]

const CITIES = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
}

// Two calls in one turn, then, once the results are there, a text that repeats them.
const openaiUsesTools: Script = async (reply, request) => {
  const body = request.json()
  const results = list(dig(body, 'messages')).filter((message) => dig(message, 'role') === 'tool')
  if (results.length > 0) {
    const text = results.map((result) => digText(result, 'content')).join(' and ')
    if (asksForStream(body)) {
      await playFrames(reply, [
        OPENAI_ROLE,
        openaiChunk({ content: text }),
        openaiChunk({}, 'stop'),
        OPENAI_USAGE,
        OPENAI_DONE,
      ])
    } else reply.json(200, openaiChatOf({ role: 'assistant', content: text, refusal: null }))
    return
  }
  const calls = ['Oslo', 'Rome'].map((city, index) => ({
    id: `call_${index}`,
    type: 'function',
    function: { name: 'weather', arguments: JSON.stringify({ city }) },
  }))
  if (!asksForStream(body)) {
    const message = { role: 'assistant', content: null, refusal: null, tool_calls: calls }
    reply.json(200, openaiChatOf(message, GPT_5_DATED, 'tool_calls'))
    return
  }
  await playFrames(reply, [
    OPENAI_ROLE,
    ...calls.flatMap(({ id, type, function: called }, index) => [
      openaiChunk({
        tool_calls: [{ index, id, type, function: { name: called.name, arguments: '' } }],
      }),
      openaiChunk({ tool_calls: [{ index, function: { arguments: called.arguments } }] }),
    ]),
    openaiChunk({}, 'tool_calls'),
    OPENAI_USAGE,
    OPENAI_DONE,
  ])
}

const anthropicUsesTools: Script = async (reply, request) => {
  const body = request.json()
  const last = dig(list(dig(body, 'messages')).at(-1), 'content')
  const results = Array.isArray(last)
    ? last.filter((block) => dig(block, 'type') === 'tool_result')
    : []
  if (results.length > 0) {
    const text = results.map((result) => resultText(dig(result, 'content'))).join(' and ')
    if (asksForStream(body)) {
      await playFrames(reply, [
        ANTHROPIC_START,
        ANTHROPIC_TEXT_START,
        anthropicText(text),
        anthropicFrame({ type: 'content_block_stop', index: 0 }),
        ...anthropicEnd(),
      ])
    } else reply.json(200, anthropicMessageOf([{ type: 'text', text }]))
    return
  }
  const calls = ['Oslo', 'Rome'].map((city, index) => ({
    type: 'tool_use',
    id: `toolu_${index}`,
    name: 'weather',
    input: { city },
  }))
  if (!asksForStream(body)) {
    reply.json(200, anthropicMessageOf(calls, 'tool_use'))
    return
  }
  await playFrames(reply, [
    ANTHROPIC_START,
    ...calls.flatMap((called, index) => [
      anthropicFrame({
        type: 'content_block_start',
        index,
        content_block: { ...called, input: {} },
      }),
      anthropicFrame({
        type: 'content_block_delta',
        index,
        delta: { type: 'input_json_delta', partial_json: JSON.stringify(called.input) },
      }),
      anthropicFrame({ type: 'content_block_stop', index }),
    ]),
    ...anthropicEnd('tool_use'),
  ])
}

/** A tool result's text, whether it came as a string or as text blocks. */
function resultText(content: unknown): string {
  if (typeof content === 'string') return content
  return list(content)
    .map((block) => digText(block, 'text'))
    .join('')
}

test('the OpenAI SDK', { timeout: 60_000 }, async (t) => {
  const { proxy, openai, anthropic } = await startStage(t)
  const client = openaiClient(proxy)

  for (const { model, served } of MODELS) {
    await t.test(`${model}: a unary answer with usage and request id`, async () => {
      const completion = await client.chat.completions.create({ model, messages: HELLO_TURN })
      assert.equal(completion.choices[0]?.message.content, HELLO)
      assert.equal(completion.choices[0]?.finish_reason, 'stop')
      assert.equal(completion.model, served)
      assert.equal(completion.usage?.total_tokens, 52)
      assert.match(digText(completion, '_request_id'), /^req_/)
    })

    await t.test(`${model}: the stream helper assembles the same`, async () => {
      const stream = client.chat.completions.stream({
        model,
        messages: HELLO_TURN,
        stream_options: { include_usage: true },
      })
      let text = ''
      stream.on('content', (piece) => {
        text += piece
      })
      const completion = await stream.finalChatCompletion()
      assert.equal(text, HELLO)
      assert.equal(completion.choices[0]?.message.content, HELLO)
      assert.equal(completion.usage?.completion_tokens, 39)
    })

    for (const stream of [false, true]) {
      const how = stream ? 'streamed' : 'unary'
      await t.test(`${model}: runTools ends its loop of parallel calls, ${how}`, async () => {
        openai.on('/v1/chat/completions', openaiUsesTools)
        anthropic.on('/v1/messages', anthropicUsesTools)
        const asked: string[] = []
        const tools = [
          {
            type: 'function' as const,
            function: {
              name: 'weather',
              description: 'Tells the weather of a city.',
              parameters: CITIES,
              parse: (text: string) => parseJson(text),
              function: (input: unknown) => {
                asked.push(digText(input, 'city'))
                return `${digText(input, 'city')}: fine`
              },
            },
          },
        ]
        const runner = stream
          ? client.chat.completions.runTools({ model, messages: HELLO_TURN, tools, stream: true })
          : client.chat.completions.runTools({ model, messages: HELLO_TURN, tools })
        const final = await runner.finalContent()
        openai.on('/v1/chat/completions', openaiAnswers)
        anthropic.on('/v1/messages', anthropicAnswers)
        assert.deepEqual(asked, ['Oslo', 'Rome'])
        assert.equal(final, 'Oslo: fine and Rome: fine')
      })
    }

    await t.test(`${model}: an image goes out`, async () => {
      const completion = await client.chat.completions.create({
        model,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is this?' },
              { type: 'image_url', image_url: { url: 'https://example.com/cat.jpg' } },
            ],
          },
        ],
      })
      assert.equal(completion.choices[0]?.message.content, HELLO)
      const upstream = model === CLAUDE ? anthropic : openai
      assert.match(upstream.requests.at(-1)?.body.toString() ?? '', /example\.com\/cat\.jpg/)
    })

    await t.test(`${model}: a JSON schema comes back as JSON`, async () => {
      openai.on('/v1/chat/completions', (reply) => {
        const message = { role: 'assistant', content: '{"city":"Oslo"}', refusal: null }
        reply.json(200, openaiChatOf(message))
      })
      anthropic.on('/v1/messages', (reply, request) => {
        // An older Claude is asked through a forced tool; a newer one would answer in text.
        const name = dig(request.json(), 'tool_choice', 'name')
        const block = { type: 'tool_use', id: 'toolu_1', name, input: { city: 'Oslo' } }
        reply.json(200, anthropicMessageOf([block], 'tool_use'))
      })
      const completion = await client.chat.completions.parse({
        model,
        messages: HELLO_TURN,
        response_format: {
          type: 'json_schema',
          json_schema: {
            name: 'city',
            strict: true,
            schema: { ...CITIES, additionalProperties: false },
          },
        },
      })
      openai.on('/v1/chat/completions', openaiAnswers)
      anthropic.on('/v1/messages', anthropicAnswers)
      const [choice] = completion.choices
      assert.equal(choice?.finish_reason, 'stop')
      assert.deepEqual(parseJson(choice.message.content ?? ''), { city: 'Oslo' })
    })
  }

  await t.test('lists models and retrieves one', async () => {
    const page = await client.models.list()
    assert.deepEqual(
      page.data.map((model) => model.id),
      ['gpt-5', CLAUDE],
    )
    assert.equal((await client.models.retrieve(CLAUDE)).id, CLAUDE)
  })

  await t.test('the Responses helper streams a Claude model', async () => {
    const response = await client.responses
      .stream({ model: CLAUDE, input: 'Hello', store: false })
      .finalResponse()
    assert.equal(response.status, 'completed')
    assert.equal(response.output_text, HELLO)
    assert.equal(response.usage?.total_tokens, 52)
  })

  await t.test('throws the right class for each refusal, with the request id', async () => {
    const stranger = openaiClient(proxy, 'aip_wrong')
    await assert.rejects(
      stranger.chat.completions.create({ model: 'gpt-5', messages: HELLO_TURN }),
      (error) => {
        assert.ok(error instanceof openaiSdk.AuthenticationError)
        assert.equal(error.code, 'key_invalid')
        assert.match(error.requestID ?? '', /^req_/)
        return true
      },
    )
    await assert.rejects(
      client.chat.completions.create({ model: 'nope', messages: HELLO_TURN }),
      (error) => {
        assert.ok(error instanceof openaiSdk.NotFoundError)
        assert.equal(error.code, 'model_not_found')
        assert.match(error.message, /was not found or is not accessible to this user/)
        assert.match(error.requestID ?? '', /^req_/)
        return true
      },
    )
    await assert.rejects(
      client.chat.completions.create({ model: CLAUDE, messages: HELLO_TURN, n: 2 }),
      (error) => {
        assert.ok(error instanceof openaiSdk.BadRequestError)
        assert.equal(error.code, 'untranslatable')
        assert.equal(error.param, 'n')
        return true
      },
    )
  })

  await t.test("throws the right class for a provider's failure", async () => {
    const rows = [
      { status: 400, type: 'invalid_request_error', thrown: openaiSdk.BadRequestError },
      { status: 422, type: 'invalid_request_error', thrown: openaiSdk.UnprocessableEntityError },
      { status: 429, type: 'rate_limit_error', thrown: openaiSdk.RateLimitError },
      { status: 500, type: 'api_error', thrown: openaiSdk.InternalServerError },
    ]
    for (const { status, type, thrown } of rows) {
      // Long enough that nobody waits for it, so that no retry stretches the test.
      const headers = { 'retry-after': '30' }
      openai.on('/v1/chat/completions', (reply) => {
        reply.json(status, openaiError('Said by OpenAI.', type, null), headers)
      })
      anthropic.on('/v1/messages', (reply) => {
        reply.json(status, anthropicError(type, 'Said by Anthropic.'), headers)
      })
      for (const [model, words] of [
        ['gpt-5', /Said by OpenAI\./],
        [CLAUDE, /Said by Anthropic\./],
      ] as const) {
        await assert.rejects(
          client.chat.completions.create({ model, messages: HELLO_TURN }),
          (error) => {
            assert.ok(error instanceof thrown, `${status} ${model}: ${String(error)}`)
            assert.equal(error.status, status)
            assert.match(error.message, words)
            return true
          },
        )
      }
    }
    openai.on('/v1/chat/completions', openaiAnswers)
    anthropic.on('/v1/messages', anthropicAnswers)
  })
})

test('a stream that dies makes the SDKs throw, not finish', { timeout: 60_000 }, async (t) => {
  const { proxy, openai, anthropic } = await startStage(t)
  openai.on('/v1/chat/completions', async (reply) => {
    reply.openStream()
    await reply.write(OPENAI_ROLE)
    await reply.write(openaiChunk({ content: 'Par' }))
    reply.reset()
  })
  anthropic.on('/v1/messages', async (reply) => {
    reply.openStream()
    for (const frame of [ANTHROPIC_START, ANTHROPIC_TEXT_START, anthropicText('Par')]) {
      await reply.write(frame)
    }
    reply.reset()
  })

  for (const { model } of MODELS) {
    await t.test(`OpenAI's, for ${model}`, async () => {
      let text = ''
      const stream = openaiClient(proxy).chat.completions.stream({ model, messages: HELLO_TURN })
      stream.on('content', (piece) => {
        text += piece
      })
      await assert.rejects(stream.finalChatCompletion(), openaiSdk.APIError)
      assert.equal(text, 'Par')
    })
    await t.test(`Anthropic's, for ${model}`, async () => {
      const stream = anthropicClient(proxy).messages.stream({
        model,
        max_tokens: 64,
        messages: HELLO_TURN_ANTHROPIC,
      })
      await assert.rejects(stream.finalMessage(), anthropicSdk.APIError)
    })
  }
})

test('the Anthropic SDK', { timeout: 60_000 }, async (t) => {
  const { proxy, openai, anthropic } = await startStage(t)
  const client = anthropicClient(proxy)

  for (const { model, served } of MODELS) {
    await t.test(`${model}: a unary answer`, async () => {
      const message = await client.messages.create({
        model,
        max_tokens: 64,
        messages: HELLO_TURN_ANTHROPIC,
      })
      assert.deepEqual(
        message.content.map((block) => (block.type === 'text' ? block.text : block.type)),
        [HELLO],
      )
      assert.equal(message.model, served)
      assert.equal(message.stop_reason, 'end_turn')
      assert.equal(message.usage.input_tokens, 13)
      assert.equal(message.usage.output_tokens, 39)
      assert.match(digText(message, '_request_id'), /^req_/)
    })

    await t.test(`${model}: the stream helper assembles the same`, async () => {
      const message = await client.messages
        .stream({ model, max_tokens: 64, messages: HELLO_TURN_ANTHROPIC })
        .finalMessage()
      assert.deepEqual(
        message.content.map((block) => (block.type === 'text' ? block.text : block.type)),
        [HELLO],
      )
      assert.equal(message.usage.output_tokens, 39)
      assert.equal(message.stop_reason, 'end_turn')
    })

    await t.test(`${model}: parallel tool calls, streamed, and their results`, async () => {
      openai.on('/v1/chat/completions', openaiUsesTools)
      anthropic.on('/v1/messages', anthropicUsesTools)
      const tools: Anthropic.Tool[] = [
        { name: 'weather', input_schema: { ...CITIES, type: 'object' } },
      ]
      const first = await client.messages
        .stream({ model, max_tokens: 64, messages: HELLO_TURN_ANTHROPIC, tools })
        .finalMessage()
      assert.equal(first.stop_reason, 'tool_use')
      const calls = first.content.filter((block) => block.type === 'tool_use')
      assert.deepEqual(
        calls.map((call) => call.input),
        [{ city: 'Oslo' }, { city: 'Rome' }],
      )
      const second = await client.messages.create({
        model,
        max_tokens: 64,
        tools,
        messages: [
          ...HELLO_TURN_ANTHROPIC,
          { role: 'assistant', content: first.content },
          {
            role: 'user',
            content: calls.map((call) => ({
              type: 'tool_result' as const,
              tool_use_id: call.id,
              content: `${digText(call.input, 'city')}: fine`,
            })),
          },
        ],
      })
      openai.on('/v1/chat/completions', openaiAnswers)
      anthropic.on('/v1/messages', anthropicAnswers)
      assert.deepEqual(
        second.content.map((block) => (block.type === 'text' ? block.text : block.type)),
        ['Oslo: fine and Rome: fine'],
      )
    })
  }

  await t.test('counts tokens and lists models', async () => {
    anthropic.on('/v1/messages/count_tokens', (reply) => {
      reply.json(200, { input_tokens: 13 })
    })
    const counted = await client.messages.countTokens({
      model: CLAUDE,
      messages: HELLO_TURN_ANTHROPIC,
    })
    assert.equal(counted.input_tokens, 13)
    const page = await client.models.list()
    assert.deepEqual(
      page.data.map((model) => model.id),
      ['gpt-5', CLAUDE],
    )
  })

  await t.test('throws the right class, in its own shape, with the request id', async () => {
    await assert.rejects(
      client.messages.create({ model: 'nope', max_tokens: 16, messages: HELLO_TURN_ANTHROPIC }),
      (error) => {
        assert.ok(error instanceof anthropicSdk.NotFoundError)
        assert.match(error.message, /not_found_error/)
        assert.match(error.requestID ?? '', /^req_/)
        return true
      },
    )
    await assert.rejects(
      anthropicClient(proxy, 'aip_wrong').messages.create({
        model: CLAUDE,
        max_tokens: 16,
        messages: HELLO_TURN_ANTHROPIC,
      }),
      anthropicSdk.AuthenticationError,
    )
  })
})
