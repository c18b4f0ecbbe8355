/** `POST /v1/responses`, stateless, in front of either provider. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import { assertOpenAiError } from '../support/calls.ts'
import { send } from '../support/http.ts'
import type { Reply } from '../support/http.ts'
import { dig, map, parseJson } from '../support/json.ts'
import { CLAUDE, HELLO } from '../support/replies.ts'
import { startStage } from '../support/stage.ts'

const CONFIG = `
models:
  gpt-5: { provider: openai }
  ${CLAUDE}: { provider: anthropic }
users:
  caller:
    models: [gpt-5, ${CLAUDE}]
`

const RESPONSE = JSON.stringify({
  id: 'resp_Test01',
  object: 'response',
  created_at: 1_795_305_600,
  status: 'completed',
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  model: 'gpt-5-2025-08-07',
  output: [
    {
      id: 'msg_Test01',
      type: 'message',
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text: HELLO, annotations: [], logprobs: [] }],
    },
  ],
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  usage: {
    input_tokens: 13,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 39,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 52,
  },
})

test('a Responses caller', { timeout: 60_000 }, async (t) => {
  const { proxy, openai } = await startStage(t, CONFIG)
  const ask = (path: string, body: unknown): Promise<Reply> =>
    send(proxy.url + path, { body, headers: { 'x-user': 'caller' } })

  await t.test('POST /v1/responses answers from either provider, unary', async () => {
    openai.on('/v1/responses', (reply) => {
      reply.bytes(200, RESPONSE, { 'content-type': 'application/json' })
    })
    const body = { model: 'gpt-5', input: 'Hello', store: false }
    const relayed = await ask('/v1/responses', body)
    assert.equal(relayed.text, RESPONSE, 'an OpenAI provider is relayed what the caller speaks')
    const record = await proxy.record(relayed.headers['x-request-id'])
    assert.equal(record['api'], 'responses')
    assert.equal(record['prompt_tokens'], 13)
    assert.equal(record['total_tokens'], 52)

    const crossed = await ask('/responses', { ...body, model: CLAUDE })
    assert.equal(crossed.status, 200, crossed.text)
    assert.equal(dig(crossed.json(), 'object'), 'response')
    assert.equal(dig(crossed.json(), 'status'), 'completed')
    assert.equal(dig(crossed.json(), 'output', 0, 'content', 0, 'text'), HELLO)
    assert.equal(dig(crossed.json(), 'usage', 'input_tokens'), 13)
    assert.equal(dig(crossed.json(), 'usage', 'total_tokens'), 52)
  })

  await t.test('POST /v1/responses streams a Claude model as Responses events', async () => {
    const body = { model: CLAUDE, input: 'Hello', stream: true, store: false }
    const reply = await ask('/v1/responses', body)
    const events = reply.frames().map((frame) => map(parseJson(frame.data)))
    assert.deepEqual(
      events.map((event) => event['sequence_number']),
      events.map((_event, index) => index),
    )
    assert.equal(events[0]?.['type'], 'response.created')
    assert.equal(events.at(-1)?.['type'], 'response.completed')
    const text = events
      .filter((event) => event['type'] === 'response.output_text.delta')
      .map((event) => event['delta'])
      .join('')
    assert.equal(text, HELLO)
    assert.equal(dig(events.at(-1), 'response', 'usage', 'total_tokens'), 52)
  })

  await t.test('POST /v1/responses refuses what would need a memory', async () => {
    const body = { model: CLAUDE, input: 'Hello', previous_response_id: 'resp_1' }
    const error = assertOpenAiError(await ask('/v1/responses', body), 400)
    assert.equal(error.code, 'untranslatable')
    assert.equal(error.param, 'previous_response_id')
  })

  await t.test('the official helper assembles a streamed Claude answer', async () => {
    const client = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: 'caller', maxRetries: 0 })
    const response = await client.responses
      .stream({ model: CLAUDE, input: 'Hello', store: false })
      .finalResponse()
    assert.equal(response.status, 'completed')
    assert.equal(response.output_text, HELLO)
    assert.equal(response.usage?.total_tokens, 52)
  })
})
