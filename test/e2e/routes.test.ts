/** The front door: which paths answer whom, and who is not let in at all. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { HELLO_MESSAGES, assertAnthropicError, assertOpenAiError } from '../support/calls.ts'
import { send } from '../support/http.ts'
import type { Outgoing, Reply } from '../support/http.ts'
import { dig, digText, list } from '../support/json.ts'
import { startProxy } from '../support/proxy.ts'
import { CLAUDE, HELLO, anthropicAnswers, openaiAnswers } from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'

// A key as `users key` would make it; the file keeps its digest only.
const KEY = `aip_${'k'.repeat(43)}`
const KEY_DIGEST = `sha256:${createHash('sha256').update(KEY).digest('hex')}`

test('the front door', { timeout: 60_000 }, async (t) => {
  const openai = await createUpstream(t, openaiAnswers)
  const anthropic = await createUpstream(t, anthropicAnswers)
  const proxy = await startProxy(t, {
    config: `
allowed_hosts: [ai.example.test]
allowed_origins: ["http://app.example.test"]
models:
  gpt-5: { provider: openai }
  ${CLAUDE}: { provider: anthropic }
  embedder: { provider: openai }
users:
  user-a:
    models: [gpt-5, ${CLAUDE}, embedder]
  user-b:
    models: [gpt-5]
  user-k:
    key: "${KEY_DIGEST}"
    models: [gpt-5]
`,
    env: {
      OPENAI_API_KEY: 'sk-test-openai',
      ANTHROPIC_API_KEY: 'sk-ant-test',
      OPENAI_BASE_URL: `${openai.origin}/v1`,
      ANTHROPIC_BASE_URL: anthropic.origin,
    },
  })
  const at = (path: string, outgoing: Outgoing = {}): Promise<Reply> =>
    send(proxy.url + path, outgoing)
  const userA = { 'x-user': 'user-a' }
  const userB = { 'x-user': 'user-b' }
  const hello = { model: 'gpt-5', messages: HELLO_MESSAGES }

  await t.test("GET /v1/models lists the caller's own models", async () => {
    for (const path of ['/v1/models', '/models']) {
      const body = (await at(path, { headers: userA })).json()
      assert.equal(dig(body, 'object'), 'list')
      const models = list(dig(body, 'data'))
      assert.deepEqual(
        models.map((model) => dig(model, 'id')),
        ['gpt-5', CLAUDE, 'embedder'],
      )
      for (const model of models) {
        assert.equal(dig(model, 'object'), 'model')
        assert.ok(Number.isInteger(dig(model, 'created')))
        assert.equal(typeof dig(model, 'owned_by'), 'string')
      }
    }
    const ofB = (await at('/v1/models', { headers: userB })).json()
    assert.deepEqual(
      list(dig(ofB, 'data')).map((model) => dig(model, 'id')),
      ['gpt-5'],
    )
  })

  await t.test('GET /v1/models needs a caller', async () => {
    const error = assertOpenAiError(await at('/v1/models'), 401)
    assert.equal(error.code, 'user_missing')
  })

  await t.test('GET /v1/models speaks Anthropic to an Anthropic client', async () => {
    const headers = { ...userA, 'anthropic-version': '2023-06-01' }
    const body = (await at('/v1/models', { headers })).json()
    const models = list(dig(body, 'data'))
    assert.deepEqual(
      models.map((model) => [dig(model, 'type'), dig(model, 'id')]),
      [
        ['model', 'gpt-5'],
        ['model', CLAUDE],
        ['model', 'embedder'],
      ],
    )
    assert.equal(dig(body, 'has_more'), false)
    assert.equal(dig(body, 'first_id'), 'gpt-5')
    assert.equal(dig(body, 'last_id'), 'embedder')
    for (const model of models) {
      assert.equal(typeof dig(model, 'display_name'), 'string')
      assert.ok(!Number.isNaN(Date.parse(digText(model, 'created_at'))))
    }
  })

  await t.test('GET /v1/models/{id} shows one, and hides what is not for this caller', async () => {
    const own = await at(`/v1/models/${CLAUDE}`, { headers: userA })
    assert.equal(own.status, 200)
    assert.equal(dig(own.json(), 'id'), CLAUDE)
    assert.equal(dig(own.json(), 'object'), 'model')
    const foreign = assertOpenAiError(await at(`/v1/models/${CLAUDE}`, { headers: userB }), 404)
    const unknown = assertOpenAiError(await at('/v1/models/nope', { headers: userB }), 404)
    assert.equal(foreign.code, 'model_not_found')
    assert.equal(foreign.message.replace(CLAUDE, '?'), unknown.message.replace('nope', '?'))
    const anthropicShape = await at('/v1/models/nope', {
      headers: { ...userB, 'anthropic-version': '2023-06-01' },
    })
    assert.equal(assertAnthropicError(anthropicShape, 404).type, 'not_found_error')
  })

  await t.test(
    'POST /v1/chat/completions answers without /v1 and with a query string, too',
    async () => {
      for (const path of [
        '/chat/completions',
        '/v1/chat/completions?x=1',
        '/chat/completions?x=1',
      ]) {
        const reply = await at(path, { body: hello, headers: userA })
        assert.equal(reply.status, 200, path)
        assert.equal(dig(reply.json(), 'choices', 0, 'message', 'content'), HELLO)
      }
    },
  )

  await t.test('/healthz and /readyz answer anybody on this machine', async () => {
    assert.equal((await at('/healthz')).status, 200)
    assert.equal((await at('/readyz')).status, 200)
  })

  await t.test('HEAD answers like GET, without a body', async () => {
    for (const path of ['/healthz', '/v1/models']) {
      const reply = await at(path, { method: 'HEAD', headers: userA })
      assert.equal(reply.status, 200, path)
      assert.equal(reply.bytes.length, 0)
    }
  })

  await t.test('an unknown path is 404 in the shape of the nearest API', async () => {
    for (const path of ['/v1/nope', '/', '/v1/chat', '/v2/chat/completions', '/nope']) {
      const reply = await at(path, { body: hello, headers: userA })
      if (path === '/' && reply.status === 405) continue
      assert.equal(assertOpenAiError(reply, 404).code, 'route_not_found', path)
      assert.equal(reply.headers['x-aiproxy-error'], 'gateway')
      assert.match(reply.headers['x-request-id'] ?? '', /^req_/)
    }
    const reply = await at('/v1/messages/nope', { body: hello, headers: userA })
    assert.equal(assertAnthropicError(reply, 404).type, 'not_found_error')
  })

  await t.test('a known path with another method is 405 with Allow', async () => {
    const rows: ReadonlyArray<readonly [string, string, RegExp]> = [
      ['GET', '/v1/chat/completions', /\bPOST\b/],
      ['PUT', '/v1/chat/completions', /\bPOST\b/],
      ['DELETE', '/chat/completions', /\bPOST\b/],
      ['POST', '/v1/models', /\bGET\b/],
      ['POST', '/healthz', /\bGET\b/],
    ]
    for (const [method, path, allow] of rows) {
      const reply = await at(path, { method, headers: userA })
      assert.equal(assertOpenAiError(reply, 405).code, 'method_not_allowed', `${method} ${path}`)
      assert.match(reply.headers['allow'] ?? '', allow)
    }
  })

  await t.test('a Host that is not of this machine is refused, whatever the path', async () => {
    const port = new URL(proxy.url).port
    const before = openai.requests.length
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1.nip.io',
      'localhost.evil.example',
      '10.0.0.1',
      'user@127.0.0.1',
    ]) {
      for (const path of ['/v1/chat/completions', '/healthz', '/metrics', '/nope']) {
        const reply = await at(path, {
          headers: { ...userA, host },
          ...(path === '/v1/chat/completions' ? { body: hello } : {}),
        })
        assert.ok(reply.status === 403 || reply.status === 400, `${host} ${path}: ${reply.status}`)
        if (reply.status === 403) {
          assert.equal(dig(reply.json(), 'error', 'code'), 'host_forbidden')
        }
      }
    }
    assert.equal(openai.requests.length, before, 'no provider heard of it')
  })

  await t.test('loopback names and allowed hosts are let in', async () => {
    const port = new URL(proxy.url).port
    for (const host of [
      `127.0.0.1:${port}`,
      `localhost:${port}`,
      `LOCALHOST:${port}`,
      `[::1]:${port}`,
      'ai.example.test',
    ]) {
      const reply = await at('/healthz', { headers: { host } })
      assert.equal(reply.status, 200, host)
    }
  })

  await t.test('a browser page is refused, an allowed origin is not', async () => {
    const before = openai.requests.length
    for (const origin of ['http://evil.example', 'null', 'http://localhost.evil.example']) {
      const reply = await at('/v1/chat/completions', { body: hello, headers: { ...userA, origin } })
      assert.equal(assertOpenAiError(reply, 403).code, 'origin_forbidden', origin)
      assert.equal(reply.headers['access-control-allow-origin'], undefined)
    }
    assert.equal(openai.requests.length, before, 'no provider heard of it')
    const allowed = await at('/v1/chat/completions', {
      body: hello,
      headers: { ...userA, origin: 'http://app.example.test' },
    })
    assert.equal(allowed.status, 200)
    assert.notEqual(allowed.headers['access-control-allow-origin'], '*')
  })

  await t.test('a body that is not declared as JSON is refused', async () => {
    const reply = await at('/v1/chat/completions', {
      body: hello,
      headers: { ...userA, 'content-type': 'text/plain' },
    })
    assert.equal(assertOpenAiError(reply, 415).code, 'media_type_unsupported')
  })

  await t.test('a name-only user may come with the bare name as its key', async () => {
    for (const headers of [{ authorization: 'Bearer user-a' }, { 'x-api-key': 'user-a' }]) {
      const reply = await at('/v1/chat/completions', { body: hello, headers })
      assert.equal(reply.status, 200)
      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['user'], 'user-a')
    }
  })

  await t.test('a user with a key must show it, wherever an SDK puts it', async () => {
    for (const headers of [{ authorization: `Bearer ${KEY}` }, { 'x-api-key': KEY }]) {
      const reply = await at('/v1/chat/completions', { body: hello, headers })
      assert.equal(reply.status, 200, reply.text)
      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['user'], 'user-k')
      assert.ok(!JSON.stringify(record).includes(KEY))
    }
    for (const headers of [
      { 'x-user': 'user-k' },
      { authorization: 'Bearer user-k' },
      { authorization: `Bearer ${KEY}x` },
      { authorization: `Bearer aip_${'x'.repeat(43)}` },
      { 'x-user': 'user-k', authorization: 'Bearer aip_wrong' },
    ]) {
      const reply = await at('/v1/chat/completions', { body: hello, headers })
      const error = assertOpenAiError(reply, 401)
      assert.equal(error.code, 'key_invalid', JSON.stringify(headers))
    }
  })
})
