import assert from 'node:assert/strict'
import test from 'node:test'
import { createNotes } from '../../src/dialects/notes.ts'
import { prepareCall } from '../../src/dialects/prepare.ts'
import type { Inbound } from '../../src/dialects/prepare.ts'
import { callerDialect, targetDialect } from '../../src/dialects/registry.ts'
import type { Api } from '../../src/dialects/dialect.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { parseJsonObject } from '../../src/wire/json.ts'

function inbound(api: Api, text: string): Inbound {
  const body = Buffer.from(text)
  const json = parseJsonObject(body)
  const caller = callerDialect(api)
  return {
    api,
    caller,
    headers: {},
    body,
    json,
    stream: json['stream'] === true,
    request: () => caller.decodeRequest(json),
    decoded: () => undefined,
  }
}

function prepare(
  api: Api,
  text: string,
  model = 'm',
  provider: Parameters<typeof targetDialect>[0] = { dialect: 'openai', api: 'auto' },
) {
  const call = inbound(api, text)
  const traits = { model, maxTokens: undefined, strict: false }
  return prepareCall(call, targetDialect(provider, model, call), traits, createNotes(false))
}

const bodyText = (body: Uint8Array | string) => Buffer.from(body).toString()

test('a relayed body is the very same bytes where the model keeps its name', () => {
  const text = '{ "model" : "m", "x": 1.0, "messages":[]}'
  const call = inbound('chat', text)
  const traits = { model: 'm', maxTokens: undefined, strict: false }
  const { body } = prepareCall(call, call.caller, traits, createNotes(false))
  assert.equal(body, call.body)
})

test('an alias is replaced in place and nothing else is touched', () => {
  const { body } = prepare('chat', '{ "x": 1.0,"model" : "alias" , "messages":[] }', 'real-name')
  assert.equal(bodyText(body), '{ "x": 1.0,"model" : "real-name" , "messages":[] }')
})

test('a stream asks for usage on our account only where its caller did not', () => {
  const asked = prepare(
    'chat',
    '{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
  )
  assert.equal(asked.stripUsage, false)
  const unasked = prepare('chat', '{"model":"m","messages":[],"stream":true}')
  assert.equal(unasked.stripUsage, true)
  assert.equal(
    bodyText(unasked.body),
    '{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
  )
})

for (const text of [
  '{"model":"m","model":"dear-model","messages":[]}',
  '{"mod\\u0065l":"dear-model","model":"m","messages":[]}',
  '{"model":"m","messages":[],"messages":[{"role":"user","content":"x"}]}',
]) {
  test(`a key that occurs twice is refused: ${text}`, () => {
    assert.throws(
      () => prepare('chat', text),
      (error) => error instanceof ProxyError && error.code === 'json_invalid',
    )
  })
}

const paths: ReadonlyArray<[Api, Parameters<typeof targetDialect>[0], string]> = [
  ['chat', { dialect: 'openai', api: 'auto' }, '/chat/completions'],
  ['chat', { dialect: 'openai', api: 'responses' }, '/responses'],
  ['chat', { dialect: 'anthropic', api: 'auto' }, '/v1/messages'],
  ['messages', { dialect: 'anthropic', api: 'auto' }, '/v1/messages'],
  ['count_tokens', { dialect: 'anthropic', api: 'auto' }, '/v1/messages/count_tokens'],
  ['messages', { dialect: 'openai', api: 'auto' }, '/chat/completions'],
  ['messages', { dialect: 'openai', api: 'responses' }, '/responses'],
  ['responses', { dialect: 'openai', api: 'auto' }, '/responses'],
  ['responses', { dialect: 'openai', api: 'chat' }, '/chat/completions'],
  ['responses', { dialect: 'anthropic', api: 'auto' }, '/v1/messages'],
  ['embeddings', { dialect: 'openai', api: 'auto' }, '/embeddings'],
  ['embeddings', { dialect: 'openai', api: 'responses' }, '/embeddings'],
]
for (const [api, provider, path] of paths) {
  test(`${api} to ${provider.dialect} with api ${provider.api} goes to ${path}`, () => {
    const body =
      '{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}],"input":"x"}'
    assert.equal(prepare(api, body, 'm', provider).path, path)
  })
}

test('embeddings cannot reach a provider that has none', () => {
  assert.throws(
    () =>
      prepare('embeddings', '{"model":"m","input":"x"}', 'm', {
        dialect: 'anthropic',
        api: 'auto',
      }),
    (error) => error instanceof ProxyError && error.code === 'untranslatable',
  )
})

const gpt = (more: string) =>
  `{"model":"gpt-5.5","messages":[{"role":"user","content":"x"}]${more}}`
const tools = ',"tools":[{"type":"function","function":{"name":"f"}}]'
test('a model that refuses tools with reasoning in Chat is asked in Responses, on auto only', () => {
  assert.equal(prepare('chat', gpt(tools), 'gpt-5.5').path, '/responses')
  assert.equal(prepare('chat', gpt(''), 'gpt-5.5').path, '/chat/completions')
  assert.equal(
    prepare('chat', gpt(`${tools},"reasoning_effort":"none"`), 'gpt-5.5').path,
    '/chat/completions',
  )
  assert.equal(
    prepare('chat', gpt(tools), 'gpt-5.5', { dialect: 'openai', api: 'chat' }).path,
    '/chat/completions',
  )
})

const block = (signature: string) => `{"type":"thinking","thinking":"x","signature":"${signature}"}`
const turn = (blocks: string) => `{"role":"assistant","content":[${blocks}]}`
const conversation = (messages: string) => `{"model":"m", "max_tokens":5,"messages":[${messages}]}`

test('what we marked ourselves is taken out of a relay, and nothing else is touched', () => {
  const text = '{"type":"text","text":"t"}'
  const claude = { dialect: 'anthropic', api: 'auto' } as const
  const marked = conversation(
    `${turn(`${block('aiproxy.v1.e30')},${text}`)},${turn(block('aiproxy.v1.'))}`,
  )
  assert.equal(bodyText(prepare('messages', marked, 'm', claude).body), conversation(turn(text)))
  const genuine = conversation(turn(`${block('c2lnLTE=')},${text}`))
  assert.equal(bodyText(prepare('messages', genuine, 'm', claude).body), genuine)
  const quoted = conversation('{"role":"user","content":"what is aiproxy.v1. for?"}')
  assert.equal(bodyText(prepare('messages', quoted, 'm', claude).body), quoted)
})
