import assert from 'node:assert/strict'
import test from 'node:test'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { checkHost, checkMediaType, checkOrigin } from '../../src/server/guards.ts'
import { readHeaders } from '../../src/server/headers.ts'

const policy = {
  port: 4242,
  host: '127.0.0.1',
  allowedHosts: new Set(['proxy.example', 'exact.example:8443']),
  allowedOrigins: new Set(['https://app.example']),
}

for (const host of [
  'localhost:4242',
  'LOCALHOST:4242',
  '127.0.0.1:4242',
  '[::1]:4242',
  'dev.localhost:4242',
  'proxy.example',
  'proxy.example:9999',
  'exact.example:8443',
]) {
  test(`Host ${host} is let in`, () => {
    checkHost({ host }, policy)
  })
}

for (const host of [
  'localhost',
  'localhost:80',
  'localhost:',
  'localhost:4242x',
  'localhost:04242222',
  'localhost.:4242',
  'evil.com',
  'evil.com:4242',
  'localhost.evil.com:4242',
  '127.0.0.1.nip.io:4242',
  '127.0.0.1:4242@evil.com',
  'evil@127.0.0.1:4242',
  '0x7f.1:4242',
  '2130706433:4242',
  '127.1:4242',
  '0.0.0.0:4242',
  '[::ffff:127.0.0.1]:4242',
  '[::]:4242',
  '::1:4242',
  '[::1]4242',
  'exact.example',
  'exact.example:1',
  'http://localhost:4242',
  'localhost:4242, evil.com',
  'localhost 4242',
]) {
  test(`Host ${host} is refused`, () => {
    assert.throws(
      () => checkHost({ host }, policy),
      (error) => error instanceof ProxyError && error.code === 'host_forbidden',
    )
  })
}

test('a request without Host is refused', () => {
  assert.throws(() => checkHost({}, policy), { code: 'request_malformed' })
})

test('a web page is refused unless its exact origin is configured', () => {
  assert.equal(checkOrigin({}, policy), undefined)
  assert.equal(checkOrigin({ 'sec-fetch-site': 'none' }, policy), undefined)
  assert.equal(
    checkOrigin({ origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }, policy),
    'https://app.example',
  )
  for (const headers of [
    { origin: 'null' },
    { origin: 'https://app.example.evil.com' },
    { origin: 'http://app.example' },
    { origin: 'http://localhost:4242' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]) {
    assert.throws(() => checkOrigin(headers, policy), { code: 'origin_forbidden' })
  }
})

test('only JSON is read: what a form can send without a preflight is not', () => {
  checkMediaType({ 'content-type': 'application/json' })
  checkMediaType({ 'content-type': 'Application/JSON; charset=utf-8' })
  for (const type of [
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
  ]) {
    assert.throws(() => checkMediaType({ 'content-type': type }), {
      code: 'media_type_unsupported',
    })
  }
  assert.throws(
    () => checkMediaType({ 'content-type': 'application/json', 'content-encoding': 'gzip' }),
    { code: 'media_type_unsupported' },
  )
})

test('a header that decides something may stand only once', () => {
  for (const name of ['Host', 'authorization', 'X-User', 'x-api-key', 'Content-Type']) {
    assert.throws(() => readHeaders([name, 'a', name.toLowerCase(), 'b']), {
      code: 'request_malformed',
    })
  }
  assert.equal(readHeaders(['Accept', 'a', 'accept', 'b'])['accept'], 'a, b')
})

test('a header named like an object property is only a header', () => {
  const headers = readHeaders(['__proto__', 'x', 'constructor', 'y'])
  assert.equal(headers['constructor'], 'y')
  assert.equal(headers['x-user'], undefined)
})
