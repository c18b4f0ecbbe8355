import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mapReplyHeaders, mapRequestHeaders } from '../../src/dialects/headers.ts'

const NOW = Date.parse('2026-11-22T00:00:00Z')

test('credentials, cookies, hop-by-hop and unknown headers never cross', () => {
  const all = {
    authorization: 'Bearer x',
    'x-api-key': 'x',
    'api-key': 'x',
    'x-goog-api-key': 'x',
    cookie: 'a=b',
    origin: 'https://evil.example',
    referer: 'x',
    host: 'x',
    connection: 'keep-alive, x-secret',
    'x-secret': '1',
    'transfer-encoding': 'chunked',
    'content-length': '3',
    'content-type': 'application/json',
    'user-agent': 'x',
    'x-user': 'user-a',
    'x-forwarded-for': '1.2.3.4',
    'anthropic-dangerous-direct-browser-access': 'true',
  }
  assert.deepEqual(mapRequestHeaders(all, 'openai-chat', 'openai-chat'), [])
  assert.deepEqual(mapRequestHeaders(all, 'anthropic', 'anthropic'), [
    ['anthropic-version', '2023-06-01'],
  ])
})

test('a relay keeps what its own dialect’s clients send', () => {
  assert.deepEqual(
    mapRequestHeaders(
      {
        'anthropic-version': '2026-10-21',
        'anthropic-beta': 'a,b',
        'x-app': 'cli',
        'x-stainless-lang': 'js',
        'idempotency-key': 'k',
        traceparent: 't',
        'openai-organization': 'org',
      },
      'anthropic',
      'anthropic',
    ),
    [
      ['anthropic-version', '2026-10-21'],
      ['x-app', 'cli'],
      ['x-stainless-lang', 'js'],
      ['idempotency-key', 'k'],
      ['traceparent', 't'],
      ['anthropic-beta', 'a,b'],
    ],
  )
})

test('a translation keeps only what means the same on the other side', () => {
  const caller = {
    'openai-organization': 'org',
    'x-stainless-lang': 'js',
    'idempotency-key': 'k',
    'x-request-id': 'r',
    'anthropic-beta': 'a, b',
  }
  assert.deepEqual(
    mapRequestHeaders(caller, 'openai-chat', 'anthropic', [
      ['anthropic-version', '2023-06-01'],
      ['anthropic-beta', 'b,c'],
    ]),
    [
      ['x-request-id', 'r'],
      ['anthropic-version', '2023-06-01'],
      ['anthropic-beta', 'a,b,c'],
    ],
  )
  assert.deepEqual(mapRequestHeaders(caller, 'openai-chat', 'openai-responses'), [
    ['openai-organization', 'org'],
    ['x-request-id', 'r'],
  ])
})

test('retry and rate-limit headers reach a caller of the other dialect under both names', () => {
  assert.deepEqual(
    mapReplyHeaders(
      {
        'retry-after': '7',
        'x-ratelimit-limit-requests': '60',
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '1m30s',
        'x-request-id': 'req_up',
        'set-cookie': 'a=b',
        server: 'x',
        'openai-processing-ms': '12',
        'openai-organization': 'our-org',
      },
      'openai-chat',
      'anthropic',
      NOW,
    ),
    [
      ['retry-after', '7'],
      ['x-ratelimit-limit-requests', '60'],
      ['x-ratelimit-remaining-requests', '0'],
      ['x-ratelimit-reset-requests', '1m30s'],
      ['anthropic-ratelimit-requests-limit', '60'],
      ['anthropic-ratelimit-requests-remaining', '0'],
      ['anthropic-ratelimit-requests-reset', '2026-11-22T00:01:30Z'],
      ['x-upstream-request-id', 'req_up'],
    ],
  )
})

const RESETS: ReadonlyArray<readonly [string, string]> = [
  ['2026-11-22T00:00:00.012Z', '12ms'],
  ['2026-11-22T00:00:01Z', '1s'],
  ['2026-11-22T00:06:00Z', '6m0s'],
  ['2026-11-22T01:02:03Z', '1h2m3s'],
  ['2026-11-21T23:00:00Z', '0ms'],
]

for (const [instant, duration] of RESETS) {
  test(`an Anthropic reset at ${instant} is ${duration} for an OpenAI caller`, () => {
    const headers = new Map(
      mapReplyHeaders(
        {
          'anthropic-ratelimit-tokens-reset': instant,
          'anthropic-ratelimit-input-tokens-limit': '9',
          'request-id': 'req_a',
        },
        'anthropic',
        'openai-chat',
        NOW,
      ),
    )
    assert.equal(headers.get('x-ratelimit-reset-tokens'), duration)
    assert.equal(headers.get('anthropic-ratelimit-input-tokens-limit'), '9')
    assert.equal(headers.get('x-upstream-request-id'), 'req_a')
  })
}

test('placeholders and what cannot be read are left out', () => {
  assert.deepEqual(
    mapReplyHeaders(
      {
        'x-ratelimit-limit-requests': '0',
        'x-ratelimit-remaining-requests': '-1',
        'x-ratelimit-reset-requests': 'soon',
        'x-ratelimit-reset-tokens': '9999999999999999h',
        'x-ratelimit-limit-tokens': 'many',
        'retry-after': 'a\r\nb',
      },
      'openai-chat',
      'anthropic',
      NOW,
    ),
    [
      ['x-ratelimit-reset-requests', 'soon'],
      ['x-ratelimit-reset-tokens', '9999999999999999h'],
      ['x-ratelimit-limit-tokens', 'many'],
    ],
  )
})

test('processing time passes within one dialect only', () => {
  const upstream = { 'openai-processing-ms': '12' }
  assert.deepEqual(mapReplyHeaders(upstream, 'openai-chat', 'openai-chat', NOW), [
    ['openai-processing-ms', '12'],
  ])
  assert.deepEqual(mapReplyHeaders(upstream, 'openai-chat', 'anthropic', NOW), [])
})
