import assert from 'node:assert/strict'
import test from 'node:test'
import { ERRORS } from '../../src/errors/catalog.ts'
import { ProxyError, toProxyError } from '../../src/errors/proxy-error.ts'
import { createRedactor, redactError } from '../../src/errors/redact.ts'
import { renderAnthropic, renderOpenAi, renderTerminal } from '../../src/errors/render.ts'

test('a refusal of ours reads as an OpenAI error with our code', () => {
  const error = new ProxyError('model_missing', 'Model not specified in request', {
    param: 'model',
  })
  assert.deepEqual(renderOpenAi(error), {
    error: {
      message: 'Model not specified in request',
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_missing',
    },
  })
  assert.equal(error.status, 400)
})

test('the same refusal reads as an Anthropic error with its request id', () => {
  const error = new ProxyError('user_unknown', 'User not authorized')
  assert.deepEqual(renderAnthropic(error, 'req_1'), {
    type: 'error',
    error: { type: 'permission_error', message: 'User not authorized' },
    request_id: 'req_1',
  })
})

test('a provider’s refusal keeps its status and gets the words of the caller’s dialect', () => {
  const error = new ProxyError('upstream_error', 'Overloaded', {
    upstream: {
      status: 529,
      kind: 'overloaded',
      message: 'Overloaded',
      type: 'overloaded_error',
      code: undefined,
      param: undefined,
    },
  })
  assert.equal(error.status, 529)
  assert.equal(error.source, 'upstream')
  assert.deepEqual(renderOpenAi(error).error, {
    message: 'Overloaded',
    type: 'service_unavailable_error',
    param: null,
    code: 'server_is_overloaded',
  })
  assert.equal(renderAnthropic(error, null).error.type, 'overloaded_error')
})

test('a person reads what happened and one next step', () => {
  assert.deepEqual(renderTerminal(new ProxyError('user_unknown', 'There is no user "x".')), [
    'error: There is no user "x".',
    '  → List the users with `aiproxy users`.',
  ])
})

test('every code of the catalogue has a status a reply can carry', () => {
  for (const [code, entry] of Object.entries(ERRORS)) {
    assert(entry.status >= 400 && entry.status <= 599, code)
  }
})

test('what was not thrown on purpose becomes internal and says nothing of itself', () => {
  const error = toProxyError(new TypeError('secret detail'))
  assert.equal(error.code, 'internal')
  assert(!error.message.includes('secret'))
  assert(error.cause instanceof TypeError)
})

test('known secrets and key-shaped text are redacted wherever they stand', () => {
  const redact = createRedactor(['very-secret-value', 'none'])
  assert.equal(redact('key very-secret-value here'), 'key [redacted] here')
  assert.equal(
    redact('Incorrect API key provided: sk-abcd***********wxyz. You can'),
    'Incorrect API key provided: [redacted] You can',
  )
  assert.equal(redact('got sk-ant-api03-AbCdEf_123 twice'), 'got [redacted] twice')
  assert.equal(
    redact('header Authorization: Bearer abcdef123456'),
    'header Authorization: [redacted]',
  )
  assert.equal(redact('aip_0123456789'), '[redacted]')
  assert.equal(
    redact('none of this is a key: task-list, skip-level'),
    'none of this is a key: task-list, skip-level',
  )
})

test('an error is redacted in all of its words, and kept where there is nothing to redact', () => {
  const redact = createRedactor(['the-secret-of-a-provider'])
  const plain = new ProxyError('upstream_error', 'Overloaded')
  assert.equal(redactError(plain, redact), plain)
  const words = 'x the-secret-of-a-provider y'
  const telling = new ProxyError('upstream_error', words, {
    cause: new SyntaxError(words),
    param: words,
    retryAfterSeconds: 3,
    upstream: {
      status: 401,
      kind: 'authentication',
      message: words,
      type: words,
      code: words,
      param: words,
    },
  })
  telling.headers = [['retry-after', '3']]
  const clean = redactError(telling, redact)
  assert.equal(clean.message, 'x [redacted] y')
  assert.equal(clean.cause, undefined)
  assert.equal(clean.status, 401)
  assert.equal(clean.retryAfterSeconds, 3)
  assert.deepEqual(clean.headers, telling.headers)
  assert.ok(!JSON.stringify([clean, clean.upstream]).includes('secret'))
})
