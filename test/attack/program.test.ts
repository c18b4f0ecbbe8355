/** The same attacks on the real program: what reaches a provider, and what a caller can make of it. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { HELLO_MESSAGES, postChat, postMessages } from '../support/calls.ts'
import { send } from '../support/http.ts'
import { dig } from '../support/json.ts'
import { within } from '../support/owner.ts'
import type { Owner } from '../support/owner.ts'
import { startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import { OPENAI_ROLE, anthropicAnswers, openaiAnswers, openaiChunk } from '../support/replies.ts'
import { openaiStalls } from '../support/scripts.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Script, Upstream } from '../support/upstream.ts'
import { chatPost, openRaw } from './door.ts'

interface Stage {
  readonly proxy: Proxy
  readonly upstream: Upstream
  readonly port: number
}

async function startBetween(owner: Owner): Promise<Stage> {
  const upstream = await createUpstream(owner)
  const proxy = await startProxy(owner, {
    config: targetsConfig(
      upstream,
      [
        { name: 'good', dialect: 'openai' },
        { name: 'claude', dialect: 'anthropic' },
        { name: 'echo', dialect: 'openai' },
        { name: 'echo-claude', dialect: 'anthropic' },
      ],
      [{ model: 'good' }, { model: 'claude' }, { model: 'echo' }, { model: 'echo-claude' }],
    ),
    env: { TEST_KEY },
  })
  upstream.on('/good/', openaiAnswers)
  upstream.on('/claude/', anthropicAnswers)
  return { proxy, upstream, port: Number(new URL(proxy.url).port) }
}

test('the real program', { timeout: 60_000 }, async (t) => {
  const { proxy, upstream, port } = await startBetween(t)
  const hello = { model: 'good', messages: HELLO_MESSAGES }

  await t.test('asks no provider for what a page, a foreign name or a stranger sends', async () => {
    const shapes: ReadonlyArray<readonly [status: number, headers: Record<string, string>]> = [
      [403, { origin: 'https://evil.com' }],
      [403, { origin: 'null' }],
      [403, { 'sec-fetch-site': 'cross-site' }],
      [403, { host: `rebound.example:${port}` }],
      [403, { host: 'rebound.example' }],
      [415, { 'content-type': 'text/plain' }],
      [401, { 'x-user': '' }],
      [403, { 'x-user': 'nobody' }],
      [401, { 'x-user': '', authorization: 'Bearer aip_guess' }],
    ]
    for (const [status, headers] of shapes) {
      const reply = await postChat(proxy, hello, { user: 'caller', headers })
      assert.equal(reply.status, status, JSON.stringify(headers))
      assert.equal(reply.headers['access-control-allow-origin'], undefined)
    }
    assert.equal(upstream.requests.length, 0)
  })

  await t.test('finds no model under a name that every object has, or that is a path', async () => {
    const before = upstream.requests.length
    const names = [
      '__proto__',
      'constructor',
      'toString',
      '../../x',
      'good/../claude',
      'good?x=1',
      'good#x',
      '%2e%2e',
      'good\r\nX-Injected: yes',
      'good\0',
      ' good',
      'GOOD',
      '\u001b[31mgood',
      'x'.repeat(100_000),
    ]
    for (const model of names) {
      for (const post of [postChat, postMessages]) {
        const body = { model, max_tokens: 1, messages: HELLO_MESSAGES }
        const reply = await post(proxy, body, { user: 'caller' })
        assert.equal(reply.status, 404, JSON.stringify(model.slice(0, 40)))
        assert.equal(reply.headers['x-injected'], undefined)
      }
      const byPath = await send(
        `${proxy.url}/v1/models/${encodeURIComponent(model.slice(0, 100))}`,
        {
          headers: { 'x-user': 'caller' },
        },
      )
      assert.equal(byPath.status, 404)
    }
    for (const model of [null, 1, true, ['good'], { name: 'good' }, '']) {
      const reply = await postChat(proxy, { ...hello, model }, { user: 'caller' })
      assert.equal(reply.status, 400, JSON.stringify(model))
    }
    assert.equal(upstream.requests.length, before)
  })

  await t.test('does not let a body decide where it is sent, or with which key', async () => {
    let knocks = 0
    const canary = createServer((socket) => {
      knocks += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => {
      canary.listen(0, '127.0.0.1', resolve)
    })
    t.after(() => {
      canary.close()
    })
    const address = canary.address()
    const canaryPort = typeof address === 'object' ? address?.port : undefined
    const url = `http://127.0.0.1:${canaryPort}`
    const overrides = {
      api_base: url,
      base_url: url,
      api_key: 'sk-of-the-caller',
      api_version: url,
      host: `127.0.0.1:${canaryPort}`,
      headers: { host: `127.0.0.1:${canaryPort}` },
      extra_headers: { authorization: 'Bearer sk-of-the-caller' },
      extra_query: { api_base: url },
      custom_llm_provider: url,
      proxy: url,
      endpoint: url,
      provider: { base_url: url },
      models: ['claude'],
      route: 'fallback',
      fallbacks: [{ api_base: url }],
    }
    const bodies = [
      { ...hello, ...overrides },
      { ...hello, metadata: overrides },
      { ...hello, extra_body: { litellm_params: overrides } },
    ]
    const headers = {
      'x-api-base': url,
      'x-base-url': url,
      'x-forwarded-host': `127.0.0.1:${canaryPort}`,
      'x-original-url': '/healthz',
      'x-http-method-override': 'DELETE',
      forwarded: `host=127.0.0.1:${canaryPort}`,
    }
    for (const model of ['good', 'claude']) {
      for (const body of bodies) {
        const before = upstream.requests.length
        const reply = await postChat(proxy, { ...body, model }, { user: 'caller', headers })
        const sent = upstream.requests.slice(before)
        assert.ok(sent.length <= 1)
        if (sent.length === 0) assert.equal(reply.status, 400)
        for (const request of sent) {
          assert.ok(request.path.startsWith(`/${model}/v1/`), request.path)
          assert.equal(request.headers.host, new URL(upstream.origin).host)
          const key = request.headers.authorization ?? request.headers['x-api-key']
          assert.match(String(key), new RegExp(TEST_KEY))
          for (const name of Object.keys(headers)) assert.equal(request.headers[name], undefined)
        }
      }
    }
    assert.equal(knocks, 0)
  })

  await t.test('writes no header of its own from names a caller made up', async () => {
    const body: Record<string, unknown> = {
      model: 'claude',
      max_tokens: 1,
      messages: HELLO_MESSAGES,
    }
    for (const name of ['a\r\nX-Injected: yes', 'b\0', 'ü\u{1f600}', 'c;dropped, seed', '"', '']) {
      body[name] = 1
    }
    const reply = await postChat(proxy, body, { user: 'caller' })
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['x-injected'], undefined)
    assert.match(reply.headers['x-aiproxy-notes'] ?? '', /^[\x20-\x7e]+$/)
    assert.equal((await send(`${proxy.url}/healthz`)).status, 200, 'and it lives')
  })

  await t.test('refuses a body that two parsers could read as two', async () => {
    const before = upstream.requests.length
    const user = 'caller'
    for (const body of [
      '{"model":"good","messages":[]',
      '{"model":"good","messages":[]}}',
      '\ufeff{"model":"good","messages":[]}',
      'null',
      '[]',
      '"good"',
      '',
      `{"model":"good","messages":${'['.repeat(200)}${']'.repeat(200)}}`,
      `{"model":"good","messages":${'['.repeat(1_000_000)}`,
    ]) {
      const reply = await postChat(proxy, body, { user })
      assert.equal(reply.status, 400, body.slice(0, 40))
    }
    const badUtf8 = Buffer.from('{"model":"good","x":"\xff"}', 'latin1')
    assert.equal((await postChat(proxy, badUtf8, { user })).status, 400)
    assert.equal(upstream.requests.length, before)
  })

  await t.test('has no door for changing users or models', async () => {
    const paths = ['/users', '/admin', '/config', '/key/generate', '/v1/users', '/shutdown']
    for (const path of paths) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        const reply = await send(proxy.url + path, { method, headers: { 'x-user': 'caller' } })
        assert.equal(reply.status, 404, `${method} ${path}`)
      }
    }
  })

  await t.test('lets go of the provider when a caller closes its sending side', async () => {
    upstream.on('/good/', openaiStalls)
    const before = upstream.requests.length
    const client = openRaw(t, port)
    const body = JSON.stringify({ ...hello, stream: true })
    client.write(chatPost(port, { user: 'caller', body }))
    await client.until('some text', (text) => text.includes('Hello!'))
    client.socket.end()
    const over = upstream.requests[before]?.over ?? assert.fail('no request')
    assert.equal((await within(over, 'the provider to be left')).how, 'cut')
    upstream.on('/good/', openaiAnswers)
  })

  await t.test('holds a provider back while the caller does not read', async () => {
    const pieceBytes = 64 * 1024
    const piece = openaiChunk({ content: 'x'.repeat(pieceBytes) })
    let taken = 0
    let waitingSince = 0
    upstream.on('/good/', async (reply) => {
      reply.openStream()
      await reply.write(OPENAI_ROLE)
      for (let n = 0; n < 1_000; n += 1) {
        waitingSince = performance.now()
        // Resolves when the system has taken the piece: it stops doing so once nobody reads.
        await Promise.race([reply.write(piece), reply.stall()])
        taken += pieceBytes
      }
      reply.end()
    })
    const client = openRaw(t, port)
    client.write(
      chatPost(port, { user: 'caller', body: JSON.stringify({ ...hello, stream: true }) }),
    )
    await client.until('the beginning', (text) => text.length > 0)
    client.socket.pause()
    // Until nothing has been taken for a while: the buffers between are full.
    for (let seen = -1; seen !== taken || performance.now() - waitingSince < 200;) {
      seen = taken
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    // Two socket buffers each way, of the system's choosing, and ours. 64 MB were on offer.
    assert.ok(taken < 24 * 1024 * 1024, `${taken} bytes were taken`)
    client.socket.destroy()
    upstream.on('/good/', openaiAnswers)
  })

  await t.test('never passes on its own key, however the provider hands it back', async () => {
    const words = `key ${TEST_KEY} was revoked`
    const inStream = `data: ${JSON.stringify({ error: { message: words, code: 401 } })}\n\n`
    const echoes: Readonly<Record<string, Script>> = {
      'in a header': (reply) => {
        reply.json(429, { error: { message: 'slow' } }, { 'x-request-id': `req-${TEST_KEY}` })
      },
      'as a param': (reply) => {
        reply.json(400, { error: { message: 'no', param: TEST_KEY, code: TEST_KEY } })
      },
      'as the first event': async (reply) => {
        reply.openStream()
        await reply.write(inStream)
        reply.end()
      },
      'after content': async (reply) => {
        reply.openStream()
        await reply.write(OPENAI_ROLE)
        await reply.write(openaiChunk({ content: 'Hel' }))
        await reply.write(inStream)
        reply.end()
      },
    }
    for (const [how, script] of Object.entries(echoes)) {
      for (const model of ['echo', 'echo-claude']) {
        upstream.on(`/${model}/`, script)
        for (const post of [postChat, postMessages]) {
          const body = { ...hello, model, max_tokens: 5, stream: true }
          // oxlint-disable-next-line no-await-in-loop -- the script is shared
          const reply = await post(proxy, body, { user: 'caller' })
          assert.ok(!`${JSON.stringify(reply.headers)}${reply.text}`.includes(TEST_KEY), how)
        }
      }
    }
    assert.ok(!proxy.stdout().includes(TEST_KEY))
  })

  await t.test('is still well', async () => {
    const reply = await postChat(proxy, hello, { user: 'caller' })
    assert.equal(reply.status, 200)
    assert.equal(typeof dig(reply.json(), 'id'), 'string')
    assert.doesNotMatch(proxy.stderr(), /^ +at /m, 'no stack')
  })
})

test(
  'a lenient parser asked for in the environment is not used',
  { timeout: 30_000 },
  async (t) => {
    const proxy = await startProxy(t, {
      config: 'models: {gpt-5: {provider: openai}}\nusers: {u: {models: [gpt-5]}}\n',
      args: ['--mock'],
      env: { NODE_OPTIONS: '--insecure-http-parser' },
    })
    const port = Number(new URL(proxy.url).port)
    const client = openRaw(t, port)
    client.write(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-A: a\r\n b\r\n\r\n`)
    const { text } = await within(client.over, 'the end of the connection')
    assert.match(text, /^HTTP\/1\.1 400 /)
  },
)
