import assert from 'node:assert/strict'
import test from 'node:test'
import { acceptableRequestId, createRequestIdMint } from '../../src/server/request-id.ts'
import { findRoute } from '../../src/server/routes.ts'

const table: ReadonlyArray<[string, object]> = [
  ['/v1/chat/completions', { kind: 'api', api: 'chat', shape: 'openai' }],
  ['/chat/completions', { kind: 'api', api: 'chat', shape: 'openai' }],
  ['/v1/chat/completions/', { kind: 'api', api: 'chat', shape: 'openai' }],
  ['/v1/chat/completions?beta=true', { kind: 'api', api: 'chat', shape: 'openai' }],
  ['/v1/models', { kind: 'models', shape: 'openai' }],
  ['/models', { kind: 'models', shape: 'openai' }],
  ['/v1/models/gpt-5', { kind: 'model', id: 'gpt-5', shape: 'openai' }],
  ['/v1/models/org%2Fname', { kind: 'model', id: 'org/name', shape: 'openai' }],
  ['/v1/models/org/name', { kind: 'model', id: 'org/name', shape: 'openai' }],
  ['/v1/models/%zz', { kind: 'model', id: '%zz', shape: 'openai' }],
  ['/healthz', { kind: 'health', shape: 'openai' }],
  ['/readyz', { kind: 'ready', shape: 'openai' }],
  ['/', { kind: 'root', shape: 'openai' }],
  ['/v1', { kind: 'root', shape: 'openai' }],
  ['/v1/v1/models', { kind: 'none', shape: 'openai' }],
  ['/v2/models', { kind: 'none', shape: 'openai' }],
  ['/v1/files', { kind: 'none', shape: 'openai' }],
]
for (const [target, route] of table) {
  test(`${target} is found as ${JSON.stringify(route)}`, () => {
    assert.deepEqual(findRoute(target, undefined), route)
  })
}

test('an Anthropic client reads the Anthropic shape', () => {
  assert.deepEqual(findRoute('/v1/models', '2023-06-01'), { kind: 'models', shape: 'anthropic' })
  assert.equal(findRoute('/v1/messages/batches', undefined).shape, 'anthropic')
})

test('minted ids are unique, sort by time and stay in the documented form', () => {
  const mintRequestId = createRequestIdMint()
  const early = mintRequestId(1_000)
  const late = mintRequestId(2_000_000_000_000)
  assert.match(early, /^req_[0-9A-HJKMNP-TV-Z]{26}$/)
  assert(early < late)
  assert.notEqual(mintRequestId(5), mintRequestId(5))
})

test('no id comes twice, however many are minted in one millisecond', () => {
  const mintRequestId = createRequestIdMint()
  const ids = new Set(Array.from({ length: 2_000 }, () => mintRequestId(7)))
  assert.equal(ids.size, 2_000)
})

test('a caller’s own id is kept only where it is visible ASCII of at most 256 bytes', () => {
  assert.equal(acceptableRequestId('my-id-1'), 'my-id-1')
  for (const id of [undefined, '', 'a b', 'a\u001b[31m', 'ü', 'x'.repeat(257)]) {
    assert.equal(acceptableRequestId(id), undefined)
  }
})
