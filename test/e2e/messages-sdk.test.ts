/** The official Anthropic SDK as a real client, in front of either provider. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Anthropic, * as anthropicSdk from '@anthropic-ai/sdk'
import { digText } from '../support/json.ts'
import type { Proxy } from '../support/proxy.ts'
import { CLAUDE, GPT_5_DATED, HELLO, anthropicAnswers, openaiAnswers } from '../support/replies.ts'
import { DEATHS, dies } from '../support/scripts.ts'
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
const MODELS = [
  { model: 'gpt-5', served: GPT_5_DATED },
  { model: CLAUDE, served: CLAUDE },
]
const HELLO_TURN: Anthropic.MessageParam[] = [{ role: 'user', content: 'Hello' }]

const anthropicClient = (proxy: Proxy, apiKey: string = 'dev'): Anthropic =>
  new Anthropic({ baseURL: proxy.url, apiKey, maxRetries: 0 })

test('the Anthropic SDK', { timeout: 60_000 }, async (t) => {
  const { proxy, openai, anthropic } = await startStage(t, CONFIG)
  const client = anthropicClient(proxy)

  for (const { model, served } of MODELS) {
    await t.test(`${model}: a unary answer`, async () => {
      const message = await client.messages.create({
        model,
        max_tokens: 64,
        messages: HELLO_TURN,
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
        .stream({ model, max_tokens: 64, messages: HELLO_TURN })
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
        .stream({ model, max_tokens: 64, messages: HELLO_TURN, tools })
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
          ...HELLO_TURN,
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
      messages: HELLO_TURN,
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
      client.messages.create({ model: 'nope', max_tokens: 16, messages: HELLO_TURN }),
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
        messages: HELLO_TURN,
      }),
      anthropicSdk.AuthenticationError,
    )
  })
})

test(
  'a stream that dies makes the Anthropic SDK throw, not finish',
  { timeout: 60_000 },
  async (t) => {
    const { proxy, openai, anthropic } = await startStage(t, CONFIG)
    for (const death of DEATHS.filter(({ provider }) => provider === undefined)) {
      await t.test(death.title, async () => {
        const ofOpenAi = death.dialect === 'openai'
        if (ofOpenAi) openai.on('/v1/chat/completions', dies(death))
        else anthropic.on('/v1/messages', dies(death))
        const stream = anthropicClient(proxy).messages.stream({
          model: ofOpenAi ? 'gpt-5' : CLAUDE,
          max_tokens: 64,
          messages: HELLO_TURN,
        })
        await assert.rejects(stream.finalMessage(), anthropicSdk.AnthropicError)
      })
    }
  },
)
