import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { identifyCaller } from '../../src/access/identify.ts'
import type { CallerHeaders } from '../../src/access/identify.ts'
import type { User } from '../../src/config/config.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'

const KEY = 'aip_0123456789abcdef0123456789abcdef'
const digest = createHash('sha256').update(KEY).digest('hex')
const noLimits = { requests: [], tokens: [], costUsd: [], concurrency: undefined }
const named: User = { name: 'user-a', models: [], keys: [], limits: noLimits }
const keyed: User = { name: 'user-k', models: [], keys: [digest], limits: noLimits }
const config = {
  users: new Map([
    ['user-a', named],
    ['user-k', keyed],
  ]),
  keys: new Map([[digest, 'user-k']]),
}

const accepted: ReadonlyArray<[string, CallerHeaders, string]> = [
  ['X-User alone for a user without keys', { 'x-user': 'user-a' }, 'user-a'],
  ['a key as a bearer token', { authorization: `Bearer ${KEY}` }, 'user-k'],
  ['a bearer scheme in any case', { authorization: `bearer  ${KEY} ` }, 'user-k'],
  ['a key as x-api-key', { 'x-api-key': KEY }, 'user-k'],
  ['a key next to its own name', { 'x-user': 'user-k', 'x-api-key': KEY }, 'user-k'],
  ['the bare name where an SDK sends its key', { authorization: 'Bearer user-a' }, 'user-a'],
  ['the bare name as x-api-key', { 'x-api-key': 'user-a' }, 'user-a'],
  [
    'X-User next to the dummy key an SDK insists on',
    { 'x-user': 'user-a', authorization: 'Bearer unused' },
    'user-a',
  ],
]

for (const [what, headers, user] of accepted) {
  test(`${what} is accepted`, () => {
    assert.equal(identifyCaller(config, headers).name, user)
  })
}

const refused: ReadonlyArray<[string, CallerHeaders, string, number]> = [
  ['nothing at all', {}, 'user_missing', 401],
  ['an empty X-User', { 'x-user': '  ' }, 'user_missing', 401],
  ['an empty bearer token', { authorization: 'Bearer ' }, 'user_missing', 401],
  ['another scheme', { authorization: 'Basic dXNlci1hOg==' }, 'user_missing', 401],
  ['an unknown name', { 'x-user': 'nobody' }, 'user_unknown', 403],
  [
    'an unknown name next to some key',
    { 'x-user': 'nobody', 'x-api-key': 'unused' },
    'user_unknown',
    403,
  ],
  ['the name alone of a user with a key', { 'x-user': 'user-k' }, 'key_invalid', 401],
  [
    'the bare name of a user with a key as a token',
    { authorization: 'Bearer user-k' },
    'key_invalid',
    401,
  ],
  ['a wrong key', { authorization: 'Bearer aip_wrong' }, 'key_invalid', 401],
  [
    'a wrong key next to a name-only user',
    { 'x-user': 'user-a', 'x-api-key': 'aip_wrong' },
    'key_invalid',
    401,
  ],
  [
    'a key next to somebody else’s name',
    { 'x-user': 'user-a', 'x-api-key': KEY },
    'key_invalid',
    401,
  ],
  [
    'a wrong key next to a user with a key',
    { 'x-user': 'user-k', 'x-api-key': 'sk-other' },
    'key_invalid',
    401,
  ],
  [
    'a token of absurd length',
    { authorization: `Bearer ${'x'.repeat(9_000)}` },
    'key_invalid',
    401,
  ],
  ['the name of an object property', { 'x-user': 'constructor' }, 'user_unknown', 403],
  ['__proto__ as a token', { 'x-api-key': '__proto__' }, 'key_invalid', 401],
  ['the digest in place of the key', { 'x-api-key': digest }, 'key_invalid', 401],
]

for (const [what, headers, code, status] of refused) {
  test(`${what} is refused with ${status} ${code}, and no credential stands in the message`, () => {
    assert.throws(
      () => identifyCaller(config, headers),
      (error) => {
        assert(error instanceof ProxyError)
        assert.equal(error.code, code)
        assert.equal(error.status, status)
        const credential = headers['x-api-key'] ?? headers.authorization?.slice(7).trim()
        if (credential) assert(!error.message.includes(credential))
        return true
      },
    )
  })
}

test('the words of the seed are kept', () => {
  assert.throws(() => identifyCaller(config, {}), { message: 'User not specified' })
  assert.throws(() => identifyCaller(config, { 'x-user': 'x' }), { message: 'User not authorized' })
})
