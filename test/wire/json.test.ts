import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { sha256Hex } from '../../src/wire/hash.ts'
import {
  parseJson,
  parseJsonObject,
  readArray,
  readCount,
  readNumber,
} from '../../src/wire/json.ts'

function refusal(bytes: Uint8Array | string): ProxyError {
  try {
    parseJsonObject(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
  } catch (error) {
    assert.ok(error instanceof ProxyError)
    return error
  }
  throw new assert.AssertionError({ message: 'nothing was refused' })
}

const UNREADABLE: ReadonlyArray<readonly [string, Uint8Array | string]> = [
  ['an empty body', ''],
  ['white space', ' \n'],
  ['no JSON', '{model: "x"}'],
  ['a trailing comma', '{"a":1,}'],
  ['two values', '{} {}'],
  ['an array', '[{}]'],
  ['null', 'null'],
  ['a string', '"hi"'],
  ['a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d)],
  ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['a lone surrogate encoded in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ['101 levels', `{"a":${'['.repeat(100)}${']'.repeat(100)}}`],
  ['a million levels', `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`],
  ['half a million values', `{"a":[${'0,'.repeat(500_000)}0]}`],
]

for (const [name, bytes] of UNREADABLE) {
  test(`${name} is refused as a request body with json_invalid`, () => {
    const error = refusal(bytes)
    assert.equal(error.code, 'json_invalid')
    assert.equal(error.status, 400)
    assert.ok(error.message.startsWith('Invalid JSON in request body'))
  })
}

test('an object of exactly 100 levels is read', () => {
  const body = parseJsonObject(Buffer.from(`{"a":${'['.repeat(99)}${']'.repeat(99)}}`))
  assert.deepEqual(Object.keys(body), ['a'])
})

test('`__proto__` in a body is a key like any other', () => {
  const body = parseJsonObject(Buffer.from('{"__proto__":{"model":"x"}}'))
  assert.equal(body['model'], undefined)
  assert.deepEqual(Object.keys(body), ['__proto__'])
})

test('readers take only what has the type', () => {
  assert.equal(readNumber('1'), undefined)
  assert.equal(readCount(-1), undefined)
  assert.equal(readCount(1.5), undefined)
  assert.equal(readCount(0), 0)
  assert.deepEqual(readArray({ length: 1 }), [])
  assert.equal(parseJson('{'), undefined)
})

test('a digest is the well-known SHA-256 in hex', () => {
  assert.equal(sha256Hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
