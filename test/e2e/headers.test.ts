/** The reply headers a caller relies on: on success, on a refusal, and on failure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HELLO_MESSAGES, postChat, readAttempts, readChatStream } from '../support/calls.ts'
import type { Reply } from '../support/http.ts'
import { startProxy } from '../support/proxy.ts'
import {
  anthropicAnswers,
  anthropicError,
  anthropicMessage,
  openaiAnswers,
  openaiChat,
  openaiError,
} from '../support/replies.ts'
import { parseStructuredList } from '../support/structured.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'

const MINTED = /^req_[\w-]{8,}$/

/** Asserts that `server-timing` is there and well-formed; returns its metrics and milliseconds. */
function timings(reply: Reply): Map<string, number> {
  const text = reply.headers['server-timing']
  assert.ok(text !== undefined, 'server-timing is there')
  const found = new Map<string, number>()
  for (const item of parseStructuredList(text)) {
    const duration = item.params.get('dur')
    assert.equal(typeof duration, 'number', `dur of ${String(item.value)} in ${text}`)
    found.set(String(item.value), Number(duration))
  }
  return found
}

test('reply headers', { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const proxy = await startProxy(t, {
    config: targetsConfig(
      upstream,
      [
        { name: 'good', dialect: 'openai' },
        { name: 'claude', dialect: 'anthropic' },
        { name: 'bad', dialect: 'openai' },
        { name: 'worse', dialect: 'anthropic' },
        { name: 'limited', dialect: 'openai' },
        { name: 'rude', dialect: 'openai' },
        { name: '2b-model', dialect: 'openai' },
      ],
      [
        { model: 'good' },
        { model: 'claude' },
        { model: 'bad', failover: ['worse'] },
        { model: 'limited' },
        { model: 'rude' },
        { model: '2b-model' },
      ],
    ),
    env: { TEST_KEY },
  })
  upstream.on('/good/', openaiAnswers)
  upstream.on('/2b-model/', openaiAnswers)
  upstream.on('/claude/', anthropicAnswers)
  upstream.on('/bad/', (reply) => {
    reply.json(500, openaiError('Broke.', 'server_error', null))
  })
  upstream.on('/worse/', (reply) => {
    reply.json(529, anthropicError('overloaded_error', 'Full.'))
  })

  const ask = (model: string, more: object = {}, headers: Record<string, string> = {}) =>
    postChat(proxy, { model, messages: HELLO_MESSAGES, ...more }, { user: 'caller', headers })

  for (const stream of [false, true]) {
    await t.test(`of an answer, ${stream ? 'streamed' : 'unary'}`, async () => {
      const reply = await ask('good', { stream })
      assert.equal(reply.status, 200)
      assert.match(reply.headers['x-request-id'] ?? '', MINTED)
      assert.equal(reply.headers['x-aiproxy-model'], 'good')
      assert.equal(reply.headers['x-aiproxy-provider'], 'p-good')
      const [attempt] = readAttempts(reply.headers)
      assert.deepEqual(
        [attempt?.model, attempt?.provider, attempt?.status],
        ['good', 'p-good', 200],
      )
      assert.ok(timings(reply).size >= 2, "our own time and the provider's, apart")
      assert.equal(reply.headers['x-upstream-request-id'], 'req_openai_01')
      assert.equal(reply.headers['x-aiproxy-error'], undefined)
      assert.equal(reply.headers['x-aiproxy-mock'], undefined, 'nothing is mocked')
      assert.equal(reply.headers['x-aiproxy-notes'], undefined, 'nothing was dropped')
      assert.equal(reply.headers['access-control-allow-origin'], undefined)
      if (stream) {
        assert.match(reply.headers['content-type'] ?? '', /^text\/event-stream/)
        assert.match(reply.headers['cache-control'] ?? '', /no-cache/)
        assert.equal(reply.headers['content-length'], undefined)
        assert.equal(readChatStream(reply.frames()).done, true)
      } else {
        assert.match(reply.headers['content-type'] ?? '', /^application\/json/)
        assert.equal(reply.headers['content-length'], String(reply.bytes.length))
      }
    })
  }

  await t.test('of an answer from the other dialect', async () => {
    const reply = await ask('claude', { seed: 1 })
    assert.equal(reply.headers['x-aiproxy-provider'], 'p-claude')
    assert.equal(reply.headers['x-upstream-request-id'], 'req_anthropic_01')
    const notes = parseStructuredList(reply.headers['x-aiproxy-notes'] ?? '')
    assert.deepEqual(
      notes.map((note) => [note.value, note.params.get('dropped')]),
      [['seed', true]],
    )
  })

  await t.test('of a refusal', async () => {
    const reply = await ask('nope')
    assert.equal(reply.status, 404)
    assert.match(reply.headers['x-request-id'] ?? '', MINTED)
    assert.equal(reply.headers['x-aiproxy-error'], 'gateway')
    assert.equal(reply.headers['x-aiproxy-provider'], undefined, 'nobody served it')
    timings(reply)
  })

  await t.test('of a failure', async () => {
    const reply = await ask('bad')
    assert.equal(reply.status, 500)
    assert.match(reply.headers['x-request-id'] ?? '', MINTED)
    assert.equal(reply.headers['x-aiproxy-error'], 'upstream')
    const attempts = readAttempts(reply.headers)
    assert.deepEqual(
      attempts.slice(0, 2).map((attempt) => [attempt.model, attempt.provider, attempt.status]),
      [
        ['bad', 'p-bad', 500],
        ['worse', 'p-worse', 529],
      ],
    )
    for (const attempt of attempts) assert.ok(Number.isInteger(attempt.ms))
    timings(reply)
  })

  await t.test("keep a caller's own request id", async () => {
    for (const id of ['my-id.1', 'x'.repeat(256), '!"#$%&/()=?~']) {
      const reply = await ask('good', {}, { 'x-request-id': id })
      assert.equal(reply.headers['x-request-id'], id)
      assert.equal((await proxy.record(id))['id'], id)
    }
  })

  await t.test('mint an id in place of one that is too long or not visible ASCII', async () => {
    for (const id of ['x'.repeat(257), 'two words', 'caf\u00e9']) {
      const reply = await ask('good', {}, { 'x-request-id': id })
      assert.match(reply.headers['x-request-id'] ?? '', MINTED)
    }
  })

  await t.test('differ in their id from one request to the next', async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await ask('good')).headers['x-request-id']),
    )
    assert.equal(new Set(ids).size, ids.length)
  })

  await t.test('pass on what the provider says of limits, on success and on failure', async () => {
    const limits = {
      'retry-after': '30',
      'x-ratelimit-limit-requests': '100',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '30s',
      'x-request-id': 'req_limited',
    }
    upstream.on('/limited/', (reply) => {
      reply.json(200, openaiChat(), limits)
    })
    const good = await ask('limited')
    upstream.on('/limited/', (reply) => {
      reply.json(429, openaiError('Slow down.', 'rate_limit_error', 'rate_limit_exceeded'), limits)
    })
    const refused = await ask('limited')
    assert.equal(good.status, 200)
    assert.equal(refused.status, 429)
    for (const reply of [good, refused]) {
      for (const [name, value] of Object.entries(limits)) {
        const ours = name === 'x-request-id' ? 'x-upstream-request-id' : name
        assert.equal(reply.headers[ours], value, ours)
      }
    }
  })

  await t.test(
    "an Anthropic provider's limits reach a Chat caller, under either name",
    async () => {
      upstream.on('/claude/', (reply) => {
        reply.json(200, anthropicMessage(), { 'anthropic-ratelimit-tokens-remaining': '7' })
      })
      const { headers } = await ask('claude')
      const told =
        headers['x-ratelimit-remaining-tokens'] ?? headers['anthropic-ratelimit-tokens-remaining']
      assert.equal(told, '7')
    },
  )

  await t.test('let nothing else of the provider through', async () => {
    upstream.on('/rude/', (reply) => {
      reply.json(200, openaiChat(), {
        'set-cookie': 'a=b',
        server: 'rude/1',
        'access-control-allow-origin': '*',
        'strict-transport-security': 'max-age=1',
        'x-aiproxy-model': 'forged',
        'x-aiproxy-mock': 'true',
      })
    })
    const reply = await ask('rude')
    assert.equal(reply.status, 200)
    for (const name of ['set-cookie', 'server', 'access-control-allow-origin']) {
      assert.equal(reply.headers[name], undefined, name)
    }
    assert.equal(reply.headers['strict-transport-security'], undefined)
    assert.equal(reply.headers['x-aiproxy-model'], 'rude')
    assert.equal(reply.headers['x-aiproxy-mock'], undefined)
  })

  await t.test('name a model as a quoted string where it is no token', async () => {
    const reply = await ask('2b-model')
    assert.equal(reply.status, 200)
    assert.match(reply.headers['x-aiproxy-attempts'] ?? '', /^"2b-model";/)
    assert.equal(readAttempts(reply.headers)[0]?.model, '2b-model')
  })

  await t.test("keep a caller's credentials and private headers from the provider", async () => {
    await ask(
      'good',
      {},
      { cookie: 'session=1', 'x-forwarded-for': '10.0.0.1', referer: 'http://x' },
    )
    const sent = upstream.requestsTo('/good/').at(-1)
    assert.equal(sent?.headers.authorization, `Bearer ${TEST_KEY}`)
    for (const name of ['cookie', 'x-forwarded-for', 'referer', 'x-user', 'origin']) {
      assert.equal(sent?.headers[name], undefined, name)
    }
  })
})
