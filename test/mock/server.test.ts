import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createMockProvider } from '../../src/mock/mock.ts'
import type { SeenRequest } from '../../src/mock/mock.ts'
import {
  ANTHROPIC_HEADERS,
  at,
  listAt,
  OPENAI_HEADERS,
  parseObject,
  postAnthropic,
  postOpenAi,
  send,
  startMock,
  textAt,
} from './client.ts'

const CHAT = '/v1/chat/completions'
const HELLO = { model: 'mock', messages: [{ role: 'user', content: 'hello' }] }
const MESSAGE = { ...HELLO, max_tokens: 500 }

test('the same request gets the same bytes, from two providers, in every dialect', async (t) => {
  const [one, other] = [await startMock(t), await startMock(t)]
  for (const stream of [false, true]) {
    for (const ask of [
      (mock: typeof one) => postOpenAi(mock, CHAT, { ...HELLO, stream }),
      (mock: typeof one) =>
        postOpenAi(mock, '/v1/responses', { model: 'mock', input: 'hello', stream }),
      (mock: typeof one) => postAnthropic(mock, '/v1/messages', { ...MESSAGE, stream }),
      (mock: typeof one) => postOpenAi(mock, '/v1/embeddings', { model: 'mock', input: 'hello' }),
    ]) {
      const heard = [await ask(one), await ask(one), await ask(other)]
      assert.equal(heard[0]?.status, 200)
      assert.equal(heard[1]?.text, heard[0]?.text)
      assert.equal(heard[2]?.text, heard[0]?.text)
    }
  }
})

test('another request gets another id', async (t) => {
  const mock = await startMock(t)
  const idOf = async (content: string): Promise<string> =>
    textAt(
      parseObject(
        (await postOpenAi(mock, CHAT, { model: 'mock', messages: [{ role: 'user', content }] }))
          .text,
      ),
      'id',
    )
  assert.notEqual(await idOf('a'), await idOf('b'))
})

test('any credential will do, none at all is a 401 in the dialect’s shape', async (t) => {
  const mock = await startMock(t)
  for (const headers of [
    {},
    { authorization: 'Bearer ' },
    { authorization: 'Basic eDp5' },
    { 'x-api-key': 'k' },
  ]) {
    const openai = await send(mock, 'POST', CHAT, headers, JSON.stringify(HELLO))
    assert.equal(openai.status, 401)
    assert.match(
      textAt(parseObject(openai.text), 'error.message'),
      /^You didn't provide an API key\./u,
    )
  }
  const version = { 'anthropic-version': '2023-06-01' }
  for (const headers of [{}, { 'x-api-key': ' ' }]) {
    const anthropic = await send(
      mock,
      'POST',
      '/v1/messages',
      { ...version, ...headers },
      JSON.stringify(MESSAGE),
    )
    assert.equal(anthropic.status, 401)
    const body = parseObject(anthropic.text)
    assert.deepEqual(at(body, 'error'), {
      type: 'authentication_error',
      message: 'x-api-key header is required',
    })
    assert.equal(body['request_id'], anthropic.headers['request-id'])
  }
  for (const headers of [{ 'x-api-key': 'k' }, { authorization: 'Bearer k' }]) {
    const heard = await send(
      mock,
      'POST',
      '/v1/messages',
      { ...version, ...headers },
      JSON.stringify(MESSAGE),
    )
    assert.equal(heard.status, 200)
  }
})

test('a demanded credential is demanded', async (t) => {
  const mock = await startMock(t, {
    credential: { openai: 'sk-right-key', anthropic: 'sk-ant-right' },
  })
  const openai = await send(
    mock,
    'POST',
    CHAT,
    { authorization: 'Bearer sk-wrong-key-1' },
    JSON.stringify(HELLO),
  )
  assert.equal(openai.status, 401)
  assert.equal(at(parseObject(openai.text), 'error.code'), 'invalid_api_key')
  const right = await send(
    mock,
    'POST',
    CHAT,
    { authorization: 'Bearer sk-right-key' },
    JSON.stringify(HELLO),
  )
  assert.equal(right.status, 200)
  const wrong = await postAnthropic(mock, '/v1/messages', MESSAGE)
  assert.deepEqual(
    [wrong.status, at(parseObject(wrong.text), 'error.message')],
    [401, 'invalid x-api-key'],
  )
  const bearer = await postAnthropic(mock, '/v1/messages', MESSAGE, {
    'x-api-key': '',
    authorization: 'Bearer no',
  })
  assert.deepEqual(
    [bearer.status, at(parseObject(bearer.text), 'error.message')],
    [401, 'Invalid bearer token'],
  )
  assert.equal(
    (await postAnthropic(mock, '/v1/messages', MESSAGE, { 'x-api-key': 'sk-ant-right' })).status,
    200,
  )
})

test('an unknown path is a 404, another method a 405 with allow, in the nearer dialect', async (t) => {
  const mock = await startMock(t)
  for (const path of [
    '/',
    '/v1',
    '/chat/completions',
    '/v1/chat/completions/',
    '/v1/responses/resp_1',
    '/v1/models/',
  ]) {
    const heard = await send(mock, 'POST', path, OPENAI_HEADERS, '{}')
    assert.equal(heard.status, 404, path)
    assert.equal(at(parseObject(heard.text), 'error.message'), `Invalid URL (POST ${path})`)
  }
  const anthropic = await send(mock, 'POST', '/v1/complete', ANTHROPIC_HEADERS, '{}')
  assert.equal(anthropic.status, 404)
  assert.equal(at(parseObject(anthropic.text), 'error.type'), 'not_found_error')
  const get = await send(mock, 'GET', CHAT, OPENAI_HEADERS)
  assert.deepEqual([get.status, get.headers['allow']], [405, 'POST'])
  assert.equal(at(parseObject(get.text), 'error.code'), 'method_not_supported')
  const del = await send(mock, 'DELETE', '/v1/models', ANTHROPIC_HEADERS)
  assert.deepEqual([del.status, del.headers['allow']], [405, 'GET'])
  assert.equal(at(parseObject(del.text), 'type'), 'error')
})

test('what is not JSON, or no object, is a 400 and never a crash', async (t) => {
  const mock = await startMock(t)
  for (const body of [
    '',
    '{',
    'hello',
    '[]',
    '"x"',
    '5',
    'null',
    '\u0000',
    '{"model":',
    `{"messages":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
  ]) {
    for (const [path, headers] of [
      [CHAT, OPENAI_HEADERS],
      ['/v1/responses', OPENAI_HEADERS],
      ['/v1/messages', ANTHROPIC_HEADERS],
    ] as const) {
      const heard = await send(mock, 'POST', path, headers, body)
      assert.equal(heard.status, 400, `${path} ${body.slice(0, 20)}: ${heard.text}`)
      assert.ok(textAt(parseObject(heard.text), 'error.message').length > 0)
    }
  }
  assert.match(
    (await send(mock, 'POST', CHAT, OPENAI_HEADERS, '{')).text,
    /We could not parse the JSON body of your request\./u,
  )
  assert.match(
    (await send(mock, 'POST', '/v1/messages', ANTHROPIC_HEADERS, '{')).text,
    /The request body is not valid JSON/u,
  )
})

test('values of every wrong type are refused or ignored, but never an internal error', async (t) => {
  const mock = await startMock(t)
  const fields = [
    'model',
    'messages',
    'tools',
    'tool_choice',
    'system',
    'stop',
    'stop_sequences',
    'max_tokens',
    'thinking',
    'output_config',
    'response_format',
    'input',
    'instructions',
    'reasoning',
    'text',
    'metadata',
    'stream',
    'stream_options',
    'n',
    'functions',
    'function_call',
    'include',
    'dimensions',
  ]
  const values: readonly unknown[] = [
    null,
    true,
    0,
    -1,
    1.5,
    '',
    'x',
    [],
    [null],
    [[]],
    ['x'],
    [{}],
    {},
    { type: 'x' },
    { type: null, name: 5 },
    { __proto__: null, constructor: 1 },
  ]
  for (const field of fields) {
    const replies = await Promise.all(
      values.flatMap((value) => [
        postOpenAi(mock, CHAT, { ...HELLO, [field]: value }),
        postOpenAi(mock, '/v1/responses', { model: 'mock', input: 'x', [field]: value }),
        postAnthropic(mock, '/v1/messages', { ...MESSAGE, [field]: value }),
      ]),
    )
    for (const [index, heard] of replies.entries()) {
      const value = JSON.stringify(values[Math.floor(index / 3)])
      assert.ok(
        [200, 400].includes(heard.status),
        `${field}: ${value} → ${heard.status} ${heard.text}`,
      )
    }
  }
})

test('wrong values deep inside are refused or ignored, but never an internal error', async (t) => {
  const mock = await startMock(t)
  const values: readonly unknown[] = [
    null,
    5,
    'x',
    [],
    [null],
    {},
    { type: 'text' },
    [{ type: 'text' }],
    [{ type: 'tool_use' }],
    [{ type: 'tool_result' }],
    [{ type: 'image' }],
    [{ type: 'image_url' }],
    [{ type: 'function' }],
    [{ type: 'function', function: null }],
    [{ type: 'thinking' }],
  ]
  for (const value of values) {
    for (const role of ['user', 'assistant', 'tool', 'system']) {
      const messages = [
        ...HELLO.messages,
        { role, content: value, tool_calls: value, tool_call_id: value },
      ]
      const plain = [...HELLO.messages, { role, content: value }]
      const replies = [
        await postOpenAi(mock, CHAT, { ...HELLO, messages }),
        await postOpenAi(mock, CHAT, { ...HELLO, messages: plain }),
        await postOpenAi(mock, '/v1/responses', { model: 'mock', input: plain }),
        await postAnthropic(mock, '/v1/messages', { ...MESSAGE, messages: plain }),
      ]
      for (const heard of replies) {
        assert.ok(
          [200, 400].includes(heard.status),
          `${role}: ${JSON.stringify(value)} → ${heard.status} ${heard.text}`,
        )
      }
    }
  }
})

test('a body over the limit is a 413, and the next request is answered', async (t) => {
  const mock = await startMock(t, { maxBodyBytes: 1000 })
  const body = JSON.stringify({
    model: 'mock',
    messages: [{ role: 'user', content: 'x'.repeat(2000) }],
  })
  const openai = await send(mock, 'POST', CHAT, OPENAI_HEADERS, body)
  assert.equal(openai.status, 413)
  const anthropic = await send(mock, 'POST', '/v1/messages', ANTHROPIC_HEADERS, body)
  assert.equal(at(parseObject(anthropic.text), 'error.type'), 'request_too_large')
  const flood = await send(mock, 'POST', CHAT, OPENAI_HEADERS, 'x'.repeat(1_000_000))
  assert.ok(flood.status === 413 || flood.ending === 'refused')
  assert.equal((await postOpenAi(mock, CHAT, HELLO)).status, 200)
})

test('32 MiB and no more is the limit', async (t) => {
  const mock = await startMock(t)
  const frame = JSON.stringify({ model: 'mock', messages: [{ role: 'user', content: '' }] })
  const fits = frame.replace(
    '"content":""',
    `"content":"${'x'.repeat(32 * 1024 * 1024 - frame.length)}"`,
  )
  assert.equal((await send(mock, 'POST', CHAT, OPENAI_HEADERS, fits)).status, 200)
  assert.equal((await send(mock, 'POST', CHAT, OPENAI_HEADERS, `${fits} `)).status, 413)
})

test('a character cut between two chunks of the request stays whole', async (t) => {
  const mock = await startMock(t)
  const bytes = Buffer.from(
    JSON.stringify({ model: 'mock', messages: [{ role: 'user', content: 'Grüße 🌧' }] }),
  )
  const reply = await new Promise<string>((resolve) => {
    const req = request(
      { port: mock.port, host: '127.0.0.1', method: 'POST', path: CHAT, headers: OPENAI_HEADERS },
      (res) => {
        let text = ''
        res
          .setEncoding('utf8')
          .on('data', (chunk: string) => (text += chunk))
          .on('end', () => resolve(text))
      },
    )
    for (let index = 0; index < bytes.length; index += 1)
      req.write(bytes.subarray(index, index + 1))
    req.end()
  })
  assert.match(textAt(parseObject(reply), 'choices.0.message.content'), /Grüße 🌧/u)
})

test('a test can watch what arrives', async (t) => {
  const seen: SeenRequest[] = []
  const mock = await startMock(t, { onRequest: (request_) => seen.push(request_), now: () => 42 })
  await postOpenAi(mock, `${CHAT}?x=1`, HELLO)
  await send(mock, 'GET', '/v1/models', OPENAI_HEADERS)
  assert.equal(mock.requests, 2)
  assert.equal(seen[0]?.method, 'POST')
  assert.equal(seen[0]?.path, `${CHAT}?x=1`)
  assert.equal(seen[0]?.headers['authorization'], OPENAI_HEADERS.authorization)
  assert.equal(seen[0]?.body, JSON.stringify(HELLO))
  assert.equal(seen[0]?.atMs, 42)
  assert.equal(seen[1]?.body, '')
})

test('the list of models has the shape of the dialect that asks, page by page at Anthropic', async (t) => {
  const mock = await startMock(t)
  const openai = parseObject((await send(mock, 'GET', '/v1/models', OPENAI_HEADERS)).text)
  assert.equal(openai['object'], 'list')
  const ids = listAt(openai, 'data').map((model) => textAt(model, 'id'))
  assert.ok(
    ids.includes('mock-flaky') && ids.includes('gpt-5') && ids.includes('claude-sonnet-4-20250514'),
  )
  const paged: string[] = []
  for (let query = '?limit=7'; query !== '';) {
    const page = parseObject(
      (await send(mock, 'GET', `/v1/models${query}`, ANTHROPIC_HEADERS)).text,
    )
    paged.push(...listAt(page, 'data').map((model) => textAt(model, 'id')))
    query = page['has_more'] === true ? `?limit=7&after_id=${textAt(page, 'last_id')}` : ''
  }
  assert.deepEqual(paged, ids)
  const first = ids[10] ?? ''
  const before = parseObject(
    (await send(mock, 'GET', `/v1/models?limit=3&before_id=${first}`, ANTHROPIC_HEADERS)).text,
  )
  assert.deepEqual(
    listAt(before, 'data').map((model) => textAt(model, 'id')),
    ids.slice(7, 10),
  )
  assert.equal((await send(mock, 'GET', '/v1/models?limit=0', ANTHROPIC_HEADERS)).status, 400)
})

test('any model exists but mock-404', async (t) => {
  const mock = await startMock(t)
  const openai = await send(mock, 'GET', '/v1/models/ft%3Agpt-x', OPENAI_HEADERS)
  assert.equal(at(parseObject(openai.text), 'id'), 'ft:gpt-x')
  const anthropic = await send(mock, 'GET', '/v1/models/claude-sonnet-4-5', ANTHROPIC_HEADERS)
  assert.equal(at(parseObject(anthropic.text), 'max_tokens'), 64_000)
  assert.equal(at(parseObject(anthropic.text), 'created_at'), '2026-11-22T00:00:00Z')
  assert.equal((await send(mock, 'GET', '/v1/models/mock-404', OPENAI_HEADERS)).status, 404)
  assert.equal((await send(mock, 'GET', '/v1/models/%zz', OPENAI_HEADERS)).status, 200)
})

test('embeddings are unit vectors, the same for the same text in either encoding', async (t) => {
  const mock = await startMock(t)
  const body = { model: 'text-embedding-3-small', input: ['one', 'two', 'one'], dimensions: 8 }
  const floats = parseObject((await postOpenAi(mock, '/v1/embeddings', body)).text)
  const vectors = [0, 1, 2].map((index) => listAt(floats, `data.${index}.embedding`).map(Number))
  assert.deepEqual(vectors[0], vectors[2])
  assert.notDeepEqual(vectors[0], vectors[1])
  for (const vector of vectors) {
    assert.equal(vector.length, 8)
    assert.ok(Math.abs(vector.reduce((sum, value) => sum + value * value, 0) - 1) < 1e-6)
  }
  const packed = parseObject(
    (await postOpenAi(mock, '/v1/embeddings', { ...body, encoding_format: 'base64' })).text,
  )
  const bytes = Buffer.from(textAt(packed, 'data.0.embedding'), 'base64')
  assert.equal(bytes.length, 32)
  assert.equal(bytes.readFloatLE(4), vectors[0]?.[1])
  assert.deepEqual(at(floats, 'usage'), { prompt_tokens: 3, total_tokens: 3 })
  const tokens = parseObject(
    (await postOpenAi(mock, '/v1/embeddings', { model: 'e', input: [[1, 2], [3]] })).text,
  )
  assert.equal(listAt(tokens, 'data').length, 2)
  assert.equal(listAt(tokens, 'data.0.embedding').length, 1536)
})

test('every OpenAI reply carries its ids, limits and the mock mark', async (t) => {
  const mock = await startMock(t)
  for (const heard of [
    await postOpenAi(mock, CHAT, HELLO),
    await postOpenAi(mock, CHAT, {}),
    await send(mock, 'GET', '/nowhere', {}),
  ]) {
    assert.equal(heard.headers['x-mock'], 'true')
    assert.match(String(heard.headers['x-request-id']), /^req_\w{32}$/u)
    assert.match(String(heard.headers['openai-processing-ms']), /^\d+$/u)
    for (const kind of ['requests', 'tokens']) {
      assert.match(String(heard.headers[`x-ratelimit-limit-${kind}`]), /^\d+$/u)
      assert.match(String(heard.headers[`x-ratelimit-remaining-${kind}`]), /^\d+$/u)
      assert.match(String(heard.headers[`x-ratelimit-reset-${kind}`]), /^\d+ms$/u)
    }
  }
})

test('a paced stream comes event by event, and a unary reply waits as long in total', async (t) => {
  const mock = await startMock(t, { paceMs: 2, firstDelayMs: 5 })
  const ask = { ...HELLO, max_tokens: 8 }
  const began = performance.now()
  const stream = await postOpenAi(mock, CHAT, { ...ask, stream: true })
  const streamMs = performance.now() - began
  const pieces = stream.text.split('\n\n').length - 1
  const middle = performance.now()
  await postOpenAi(mock, CHAT, ask)
  const unaryMs = performance.now() - middle
  const leastMs = 5 + 2 * (pieces - 1)
  assert.ok(pieces > 5)
  // Timers never fire early; how late they fire is not this test's business.
  assert.ok(streamMs >= leastMs - 1, `${streamMs} < ${leastMs}`)
  assert.ok(unaryMs >= leastMs - 1, `${unaryMs} < ${leastMs}`)
})

test('a client that leaves before its request is whole is not counted and harms nothing', async (t) => {
  const mock = await startMock(t)
  const socket = connect(mock.port, '127.0.0.1')
  socket.write(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"model"`)
  await once(socket, 'connect')
  socket.destroy()
  await once(socket, 'close')
  const garbage = connect(mock.port, '127.0.0.1')
  garbage.resume().write('not http at all\r\n\r\n')
  await once(garbage, 'close')
  assert.equal((await postOpenAi(mock, CHAT, HELLO)).status, 200)
  assert.equal(mock.requests, 1)
})

test('close drops open streams and frees the port', async () => {
  const mock = await createMockProvider({ paceMs: 3_600_000 })
  const pending = postOpenAi(mock, CHAT, { ...HELLO, stream: true })
  while (mock.requests === 0) await new Promise((resolve) => setImmediate(resolve))
  await mock.close()
  assert.notEqual((await pending).ending, 'clean')
  const again = await createMockProvider({ port: mock.port })
  assert.equal(again.url, `http://127.0.0.1:${mock.port}`)
  await again.close()
})

test('a port that is taken is an error', async (t) => {
  const mock = await startMock(t)
  await assert.rejects(createMockProvider({ port: mock.port }), { code: 'EADDRINUSE' })
})
