/** The official OpenAI SDK as a real client: what they throw on, they must not see; what they expect, they must. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI, * as openaiSdk from 'openai'
import { dig, digText, parseJson } from '../support/json.ts'
import type { Proxy } from '../support/proxy.ts'
import {
  ANTHROPIC_START,
  ANTHROPIC_TEXT_START,
  CLAUDE,
  GPT_5_DATED,
  HELLO,
  OPENAI_ROLE,
  anthropicAnswers,
  anthropicError,
  anthropicMessageOf,
  anthropicText,
  openaiAnswers,
  openaiChatOf,
  openaiChunk,
  openaiError,
} from '../support/replies.ts'
import { startStage } from '../support/stage.ts'
import { CITIES, anthropicUsesTools, openaiUsesTools } from '../support/tools.ts'

const CONFIG = `
models:
  gpt-5: { provider: openai }
  ${CLAUDE}: { provider: anthropic }
users:
  dev:
    models: [gpt-5, ${CLAUDE}]
`

const openaiClient = (proxy: Proxy, apiKey: string = 'dev'): OpenAI =>
  new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey, maxRetries: 0 })
const MODELS = [
  { model: 'gpt-5', served: GPT_5_DATED },
  { model: CLAUDE, served: CLAUDE },
]
const HELLO_TURN: OpenAI.ChatCompletionUserMessageParam[] = [{ role: 'user', content: 'Hello' }]
test('the OpenAI SDK', { timeout: 60_000 }, async (t) => {
  const { proxy, openai, anthropic } = await startStage(t, CONFIG)
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

test(
  'a stream that dies makes the OpenAI SDK throw, not finish',
  { timeout: 60_000 },
  async (t) => {
    const { proxy, openai, anthropic } = await startStage(t, CONFIG)
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
      await t.test(`of ${model}`, async () => {
        let text = ''
        const stream = openaiClient(proxy).chat.completions.stream({ model, messages: HELLO_TURN })
        stream.on('content', (piece) => {
          text += piece
        })
        await assert.rejects(stream.finalChatCompletion(), openaiSdk.APIError)
        assert.equal(text, 'Par')
      })
    }
  },
)
