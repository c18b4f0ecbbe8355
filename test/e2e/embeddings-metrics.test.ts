/** Two smaller doors: embeddings are relayed, and what happened is counted for a scraper. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HELLO_MESSAGES, assertOpenAiError } from '../support/calls.ts'
import { send } from '../support/http.ts'
import type { Reply } from '../support/http.ts'
import { dig } from '../support/json.ts'
import { CLAUDE } from '../support/replies.ts'
import { startStage } from '../support/stage.ts'

const CONFIG = `
models:
  gpt-5: { provider: openai }
  embedder: { provider: openai }
  ${CLAUDE}: { provider: anthropic }
users:
  caller:
    models: [gpt-5, embedder, ${CLAUDE}]
`

test('embeddings and metrics', { timeout: 60_000 }, async (t) => {
  const { proxy, openai } = await startStage(t, CONFIG)
  const ask = (path: string, body: unknown): Promise<Reply> =>
    send(proxy.url + path, { body, headers: { 'x-user': 'caller' } })

  await t.test('POST /v1/embeddings is relayed to an OpenAI-dialect target', async () => {
    const answer =
      '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10]}],"model":"e","usage":{"prompt_tokens":13,"total_tokens":13}}'
    openai.on('/v1/embeddings', (reply) => {
      reply.bytes(200, answer, { 'content-type': 'application/json' })
    })
    const body = { model: 'embedder', input: 'Hello' }
    const reply = await ask('/v1/embeddings', body)
    assert.equal(reply.text, answer)
    const record = await proxy.record(reply.headers['x-request-id'])
    assert.equal(record['api'], 'embeddings')
    assert.equal(record['prompt_tokens'], 13)

    const other = await ask('/v1/embeddings', { ...body, model: CLAUDE })
    assert.ok(other.status >= 400 && other.status < 500, 'Claude has no embeddings')
    assert.equal(typeof dig(other.json(), 'error', 'message'), 'string')
  })

  await t.test('GET /v1/embeddings is 405 with Allow', async () => {
    const reply = await send(`${proxy.url}/v1/embeddings`, { headers: { 'x-user': 'caller' } })
    assert.equal(assertOpenAiError(reply, 405).code, 'method_not_allowed')
    assert.match(reply.headers['allow'] ?? '', /\bPOST\b/)
  })

  await t.test('/metrics counts in Prometheus text', async () => {
    await ask('/v1/chat/completions', { model: 'gpt-5', messages: HELLO_MESSAGES })
    const reply = await send(`${proxy.url}/metrics`)
    assert.equal(reply.status, 200)
    assert.match(reply.headers['content-type'] ?? '', /^text\/plain/)
    assert.match(reply.text, /^# TYPE \S+ (counter|histogram|gauge)$/m)
    assert.match(reply.text, /gen_ai/)
  })
})
