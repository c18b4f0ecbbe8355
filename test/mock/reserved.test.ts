import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MOCK_MODELS } from '../../src/mock/models.ts'
import type { MockProvider } from '../../src/mock/mock.ts'
import {
  at,
  eventsIn,
  framesIn,
  isObject,
  listAt,
  parseObject,
  postAnthropic,
  postOpenAi,
  startMock,
  textAt,
} from './client.ts'
import type { Heard } from './client.ts'

const API = {
  chat: {
    provider: 'openai',
    ask: (mock: MockProvider, model: string, stream: boolean): Promise<Heard> =>
      postOpenAi(mock, '/v1/chat/completions', {
        model,
        stream,
        messages: [{ role: 'user', content: 'hello' }],
      }),
  },
  responses: {
    provider: 'openai',
    ask: (mock: MockProvider, model: string, stream: boolean): Promise<Heard> =>
      postOpenAi(mock, '/v1/responses', { model, stream, input: 'hello' }),
  },
  messages: {
    provider: 'anthropic',
    ask: (mock: MockProvider, model: string, stream: boolean): Promise<Heard> =>
      postAnthropic(mock, '/v1/messages', {
        model,
        stream,
        max_tokens: 1000,
        messages: [{ role: 'user', content: 'hello' }],
      }),
  },
} as const

type ApiName = keyof typeof API
const NAMES = ['chat', 'responses', 'messages'] as const satisfies readonly ApiName[]

/** Status, OpenAI's type and code, Anthropic's type, and words of either message. */
const HTTP_FAULTS: Readonly<
  Record<string, readonly [number, string, string | null, number, string]>
> = {
  'mock-401': [401, 'invalid_request_error', 'invalid_api_key', 401, 'authentication_error'],
  'mock-402': [402, 'insufficient_quota', 'insufficient_quota', 402, 'billing_error'],
  'mock-quota': [429, 'insufficient_quota', 'insufficient_quota', 400, 'invalid_request_error'],
  'mock-403': [403, 'invalid_request_error', 'model_not_found', 403, 'permission_error'],
  'mock-404': [404, 'invalid_request_error', 'model_not_found', 404, 'not_found_error'],
  'mock-429': [429, 'requests', 'rate_limit_exceeded', 429, 'rate_limit_error'],
  'mock-500': [500, 'server_error', null, 500, 'api_error'],
  'mock-529': [529, 'service_unavailable_error', 'server_is_overloaded', 529, 'overloaded_error'],
  'mock-context': [
    400,
    'invalid_request_error',
    'context_length_exceeded',
    400,
    'invalid_request_error',
  ],
}

for (const [model, [status, type, code, anthropicStatus, anthropicType]] of Object.entries(
  HTTP_FAULTS,
)) {
  for (const name of NAMES) {
    test(`${model} answers ${name} with its status and words, streamed or not`, async (t) => {
      const mock = await startMock(t)
      for (const stream of [false, true]) {
        const heard = await API[name].ask(mock, model, stream)
        assert.equal(heard.headers['content-type'], 'application/json')
        assert.equal(heard.headers['x-mock'], 'true')
        const body = parseObject(heard.text)
        if (name === 'messages') {
          assert.equal(heard.status, anthropicStatus)
          assert.equal(at(body, 'error.type'), anthropicType)
          assert.equal(body['request_id'], heard.headers['request-id'])
        } else {
          assert.equal(heard.status, status)
          assert.equal(at(body, 'error.type'), type)
          assert.equal(at(body, 'error.code'), code)
          assert.match(String(heard.headers['x-request-id']), /^req_\w{32}$/u)
        }
      }
    })
  }
}

test('a rate limit says when to come back, in each provider’s headers', async (t) => {
  const mock = await startMock(t)
  const openai = (await API.chat.ask(mock, 'mock-429', false)).headers
  assert.equal(openai['retry-after'], '2')
  assert.equal(openai['retry-after-ms'], '2000')
  assert.equal(openai['x-ratelimit-remaining-requests'], '0')
  const anthropic = (await API.messages.ask(mock, 'mock-429', false)).headers
  assert.equal(anthropic['retry-after'], '2')
  assert.equal(anthropic['x-should-retry'], 'true')
  assert.equal((await API.messages.ask(mock, 'mock-404', false)).headers['x-should-retry'], 'false')
  assert.equal(anthropic['anthropic-ratelimit-requests-remaining'], '0')
  assert.equal((await API.chat.ask(mock, 'mock-quota', false)).headers['retry-after'], undefined)
})

test('an overflow is told in the words that clients look for', async (t) => {
  const mock = await startMock(t)
  const said = async (name: ApiName): Promise<string> =>
    textAt(parseObject((await API[name].ask(mock, 'mock-context', false)).text), 'error.message')
  assert.match(await said('messages'), /^prompt is too long: (\d+) tokens > 200000 maximum$/u)
  assert.match(
    await said('chat'),
    /^This model's maximum context length is 128000 tokens\. However, your messages resulted in \d+ tokens\./u,
  )
  assert.match(await said('responses'), /^Your input exceeds the context window of this model\./u)
})

test('a wrong key is shown back in part only', async (t) => {
  const mock = await startMock(t)
  const { text } = await API.chat.ask(mock, 'mock-401', false)
  assert.match(text, /sk-t\*{8}7890/u)
  assert.ok(!text.includes('sk-test-1234567890'))
})

for (const name of NAMES) {
  test(`${name}: mock-flaky fails with 429, then 529, then answers`, async (t) => {
    const mock = await startMock(t)
    const statuses: number[] = []
    for (let call = 0; call < 4; call += 1)
      statuses.push((await API[name].ask(mock, 'mock-flaky', call % 2 === 1)).status)
    assert.deepEqual(statuses, [429, 529, 200, 200])
  })

  test(`${name}: mock-timeout never sends a head`, async (t) => {
    const mock = await startMock(t)
    for (const stream of [false, true]) {
      const heard = await API[name].ask(mock, 'mock-timeout', stream)
      assert.equal(heard.ending, 'refused')
      assert.equal(heard.status, 0)
    }
  })

  test(`${name}: mock-cut sends some content and resets the connection`, async (t) => {
    const mock = await startMock(t)
    const streamed = await API[name].ask(mock, 'mock-cut', true)
    assert.equal(streamed.ending, 'cut')
    assert.equal(streamed.code, 'ECONNRESET')
    assertBrokenOff(name, streamed.text)
    const unary = await API[name].ask(mock, 'mock-cut', false)
    assert.equal(unary.ending, 'cut')
    assert.ok(Number(unary.headers['content-length']) > Buffer.byteLength(unary.text))
    assert.ok(unary.text.length > 0)
  })

  test(`${name}: mock-eof ends cleanly without an end mark`, async (t) => {
    const mock = await startMock(t)
    const streamed = await API[name].ask(mock, 'mock-eof', true)
    assert.equal(streamed.ending, 'clean')
    assertBrokenOff(name, streamed.text)
    const unary = await API[name].ask(mock, 'mock-eof', false)
    assert.deepEqual([unary.status, unary.ending, unary.text], [200, 'clean', ''])
  })

  test(`${name}: mock-stall sends some content and falls silent`, async (t) => {
    const mock = await startMock(t)
    const streamed = await API[name].ask(mock, 'mock-stall', true)
    assert.equal(streamed.ending, 'cut', 'the connection is dropped in the end')
    assertBrokenOff(name, streamed.text)
    const unary = await API[name].ask(mock, 'mock-stall', false)
    assert.equal(unary.ending, 'cut')
    assert.throws(() => JSON.parse(unary.text))
  })

  test(`${name}: mock-half-frame ends inside an event`, async (t) => {
    const mock = await startMock(t)
    const streamed = await API[name].ask(mock, 'mock-half-frame', true)
    assert.equal(streamed.ending, 'clean')
    const { frames, rest } = framesIn(streamed.text)
    assert.ok(frames.length > 3)
    assert.ok(rest.length > 10)
    assert.throws(() => JSON.parse(rest.slice(rest.indexOf('data: ') + 6)))
    const unary = await API[name].ask(mock, 'mock-half-frame', false)
    assert.equal(unary.ending, 'clean')
    assert.throws(() => JSON.parse(unary.text))
  })

  test(`${name}: mock-error-in-stream sends an error event after content and nothing after it`, async (t) => {
    const mock = await startMock(t)
    const streamed = await API[name].ask(mock, 'mock-error-in-stream', true)
    assert.equal(streamed.status, 200)
    assert.equal(streamed.ending, 'clean')
    const events = eventsIn(streamed.text)
    assertBrokenOff(name, streamed.text)
    assert.ok(events.length > 3)
    assertErrorEvent(name, events.at(-1), false)
    const unary = await API[name].ask(mock, 'mock-error-in-stream', false)
    assert.equal(unary.status, name === 'messages' ? 529 : 500)
  })

  test(`${name}: mock-error-first sends 200 and an error as its only event`, async (t) => {
    const mock = await startMock(t)
    const streamed = await API[name].ask(mock, 'mock-error-first', true)
    assert.equal(streamed.status, 200)
    assert.equal(streamed.headers['content-type'], 'text/event-stream; charset=utf-8')
    const events = eventsIn(streamed.text)
    assert.equal(events.length, 1)
    assertErrorEvent(name, events[0], true)
    const unary = await API[name].ask(mock, 'mock-error-first', false)
    assert.equal(unary.status, 200)
    assert.ok(isObject(at(parseObject(unary.text), 'error')))
  })

  test(`${name}: mock-slow answers well, later`, async (t) => {
    const mock = await startMock(t)
    for (const stream of [false, true]) {
      const slow = await API[name].ask(mock, 'mock-slow', stream)
      assert.deepEqual([slow.status, slow.ending], [200, 'clean'])
      assert.ok(slow.text.includes('mock-slow'))
    }
  })
}

/** No end mark of the dialect stands in the stream, and some content does. */
function assertBrokenOff(name: ApiName, text: string): void {
  for (const mark of [
    '[DONE]',
    'message_stop',
    'message_delta',
    'response.completed',
    '"finish_reason":"',
  ]) {
    assert.ok(!text.includes(mark), `${mark} after all`)
  }
  const content = {
    chat: '"content":"This"',
    responses: '"delta":"This"',
    messages: '"text":"This"',
  }
  assert.ok(text.includes(content[name]), 'some content came before')
}

function assertErrorEvent(name: ApiName, event: unknown, isFirst: boolean): void {
  switch (name) {
    case 'chat':
      assert.equal(at(event, 'error.type'), 'server_error')
      return
    case 'messages':
      assert.equal(at(event, 'type'), 'error')
      assert.equal(at(event, 'error.type'), 'overloaded_error')
      assert.match(textAt(event, 'request_id'), /^req_/u)
      return
    case 'responses':
      assert.equal(at(event, 'type'), isFirst ? 'error' : 'response.failed')
      if (isFirst) assert.equal(at(event, 'code'), 'server_error')
      else assert.equal(at(event, 'response.error.code'), 'server_error')
      return
  }
}

test('a caller is the key it sends: each goes through mock-flaky on its own', async (t) => {
  const mock = await startMock(t)
  const ask = async (key: string): Promise<number> =>
    (
      await postAnthropic(
        mock,
        '/v1/messages',
        { model: 'mock-flaky', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] },
        { 'x-api-key': key },
      )
    ).status
  assert.deepEqual(
    [await ask('a'), await ask('b'), await ask('a'), await ask('b'), await ask('a')],
    [429, 429, 529, 529, 200],
  )
})

test('mock-thinking reasons before it answers, in each dialect’s way', async (t) => {
  const mock = await startMock(t)
  const chat = parseObject((await API.chat.ask(mock, 'mock-thinking', false)).text)
  assert.match(textAt(chat, 'choices.0.message.reasoning_content'), /No model is thinking/u)
  assert.ok(Number(at(chat, 'usage.completion_tokens_details.reasoning_tokens')) > 0)
  const streamed = await API.chat.ask(mock, 'mock-thinking', true)
  const reasoning = eventsIn(streamed.text).map((event) => {
    const delta = at(event, 'choices.0.delta')
    return isObject(delta) && typeof delta['reasoning_content'] === 'string'
      ? delta['reasoning_content']
      : ''
  })
  assert.equal(reasoning.join(''), textAt(chat, 'choices.0.message.reasoning_content'))
  const messages = parseObject((await API.messages.ask(mock, 'mock-thinking', false)).text)
  assert.equal(at(messages, 'content.0.type'), 'thinking')
  const responses = parseObject((await API.responses.ask(mock, 'mock-thinking', false)).text)
  assert.equal(at(responses, 'output.0.summary.0.type'), 'summary_text')
})

test('mock-empty ends its turn without content, in each dialect’s way', async (t) => {
  const mock = await startMock(t)
  const chat = parseObject((await API.chat.ask(mock, 'mock-empty', false)).text)
  assert.equal(at(chat, 'choices.0.message.content'), '')
  assert.equal(at(chat, 'choices.0.finish_reason'), 'stop')
  assert.ok(Number(at(chat, 'usage.completion_tokens')) > 0)
  const messages = parseObject((await API.messages.ask(mock, 'mock-empty', false)).text)
  assert.deepEqual(at(messages, 'content'), [])
  assert.equal(at(messages, 'stop_reason'), 'end_turn')
  const types = eventsIn((await API.messages.ask(mock, 'mock-empty', true)).text).map(
    (event) => event['type'],
  )
  assert.deepEqual(types, ['message_start', 'message_delta', 'message_stop'])
  const responses = parseObject((await API.responses.ask(mock, 'mock-empty', false)).text)
  assert.deepEqual(at(responses, 'output'), [])
})

test('mock-refusal declines with status 200, in each dialect’s way', async (t) => {
  const mock = await startMock(t)
  const chat = parseObject((await API.chat.ask(mock, 'mock-refusal', false)).text)
  assert.equal(at(chat, 'choices.0.message.content'), null)
  assert.match(textAt(chat, 'choices.0.message.refusal'), /declining/u)
  const messages = parseObject((await API.messages.ask(mock, 'mock-refusal', false)).text)
  assert.equal(at(messages, 'stop_reason'), 'refusal')
  assert.deepEqual(listAt(messages, 'content'), [])
  assert.match(textAt(messages, 'stop_details.explanation'), /declining/u)
  const end = eventsIn((await API.messages.ask(mock, 'mock-refusal', true)).text).find(
    (event) => event['type'] === 'message_delta',
  )
  assert.equal(at(end, 'delta.stop_details.type'), 'refusal')
  const responses = eventsIn((await API.responses.ask(mock, 'mock-refusal', true)).text)
  assert.equal(at(responses.at(-1), 'response.output.0.content.0.type'), 'refusal')
  assert.ok(responses.some((event) => event['type'] === 'response.refusal.delta'))
})

test('every reserved model is named once, described, and tested above', () => {
  const names = MOCK_MODELS.map((model) => model.name)
  assert.equal(new Set(names).size, names.length)
  for (const { name, description } of MOCK_MODELS) {
    assert.match(name, /^mock(?:-[a-z0-9-]+)?$/u)
    assert.ok(description.length > 10)
  }
  const behaving = [
    'mock',
    'mock-slow',
    'mock-thinking',
    'mock-empty',
    'mock-refusal',
    'mock-flaky',
    'mock-timeout',
    'mock-cut',
    'mock-eof',
    'mock-stall',
    'mock-error-in-stream',
    'mock-error-first',
    'mock-half-frame',
  ]
  assert.deepEqual(names.toSorted(), [...behaving, ...Object.keys(HTTP_FAULTS)].toSorted())
})
