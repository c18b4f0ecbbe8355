/** What is ours to refuse, whatever Node's parser of the day has already refused before. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { announcedBytes, checkExpectation, checkFraming } from '../../src/server/framing.ts'
import { readHeaders } from '../../src/server/headers.ts'

function check(rawHeaders: readonly string[], httpVersion = '1.1', url = '/v1/models'): void {
  checkFraming({ httpVersion, url, rawHeaders: [...rawHeaders] }, readHeaders(rawHeaders), 3)
}

test('a length, plain chunks, or neither is well-framed', () => {
  check([])
  check(['Content-Length', '5'])
  check(['Transfer-Encoding', 'Chunked'])
  check(['Content-Length', '5'], '1.0')
})

test('two lengths are refused, in either order', () => {
  const pairs = [
    ['Content-Length', '5', 'Transfer-Encoding', 'chunked'],
    ['Transfer-Encoding', 'chunked', 'Content-Length', '5'],
  ]
  for (const pair of pairs) assert.throws(() => check(pair), { code: 'request_malformed' })
})

test('any coding but chunked is refused, and chunks before HTTP/1.1', () => {
  for (const coding of ['gzip', 'gzip, chunked', 'chunked, chunked', 'identity', '', 'chunked;a']) {
    assert.throws(() => check(['Transfer-Encoding', coding]), {
      code: 'transfer_encoding_unsupported',
    })
  }
  assert.throws(() => check(['Transfer-Encoding', 'chunked'], '1.0'), { code: 'request_malformed' })
})

test('another version, a target that is no path, or one header too many is refused', () => {
  for (const version of ['0.9', '1.2', '2.0']) {
    assert.throws(() => check([], version), { code: 'request_malformed' })
  }
  for (const target of ['*', 'http://localhost/', 'localhost:80', '']) {
    assert.throws(() => check([], '1.1', target), { code: 'request_malformed' })
  }
  check(['a', '1', 'b', '2', 'c', '3'])
  assert.throws(() => check(['a', '1', 'b', '2', 'c', '3', 'd', '4']), {
    code: 'headers_too_large',
  })
})

test('the one expectation that is met is 100-continue', () => {
  checkExpectation({})
  checkExpectation({ expect: ' 100-Continue ' })
  for (const expect of ['', '100', '200-ok', '100-continue, 100-continue']) {
    assert.throws(() => checkExpectation({ expect }), { code: 'expectation_failed' })
  }
})

test('what a head announces is its length, or no telling where it is chunked', () => {
  assert.equal(announcedBytes({}), 0)
  assert.equal(announcedBytes({ 'content-length': '12' }), 12)
  assert.equal(announcedBytes({ 'transfer-encoding': 'chunked' }), Number.POSITIVE_INFINITY)
})
