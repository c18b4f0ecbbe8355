/**
 * A page in the browser of the person at this machine (reliability.md §1.2 A1): whatever a page can send
 * without asking first must reach nobody's models, and no reply may be readable to it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDoor, talk } from './door.ts'

const CHAT = '/v1/chat/completions'

/** What a browser says about where a request comes from; `port` is ours. */
const PAGES: ReadonlyArray<readonly [name: string, headers: (port: number) => readonly string[]]> =
  [
    ['no origin', () => []],
    ['a sandboxed page', () => ['Origin: null']],
    ['a foreign page', () => ['Origin: https://evil.com']],
    ['a look-alike', () => ['Origin: http://localhost.evil.com']],
    ['our host, another port', () => ['Origin: http://127.0.0.1:1']],
    ['our own origin', (port) => [`Origin: http://127.0.0.1:${port}`]],
    ['a cross-site load', () => ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors']],
    ['a same-site load', () => ['Sec-Fetch-Site: same-site']],
    ['an empty origin', () => ['Origin:']],
  ]
const TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  undefined,
  'application/json',
]
const METHODS = ['POST', 'GET', 'HEAD', 'OPTIONS']
const BODY = '{"model":"m","messages":[]}'

function statusFor(page: string, type: string | undefined, method: string): number {
  if (page !== 'no origin') return 403
  if (method === 'OPTIONS') return 204
  if (method !== 'POST') return 405
  // What is left is what any program on this machine may send; it has not said who it is.
  return type === 'application/json' ? 401 : 415
}

test('nothing a web page can send reaches the exchange, and no reply is readable to it', async (t) => {
  const door = await openDoor(t, { limits: { lingerMs: 50 } })
  let shapes = 0
  for (const [page, headersOf] of PAGES) {
    for (const type of TYPES) {
      for (const method of METHODS) {
        shapes += 1
        const name = `${method} from ${page} as ${type ?? 'nothing'}`
        const request = [
          `${method} ${CHAT} HTTP/1.1`,
          `Host: 127.0.0.1:${door.port}`,
          ...headersOf(door.port),
          ...(type === undefined ? [] : [`Content-Type: ${type}`]),
          `Content-Length: ${BODY.length}`,
          '',
          BODY,
        ].join('\r\n')
        const { replies } = await talk(door.port, request, { method })
        assert.deepEqual(
          replies.map((reply) => reply.status),
          [statusFor(page, type, method)],
          name,
        )
        for (const header of replies[0]?.headers.keys() ?? []) {
          assert.doesNotMatch(header, /^access-control-/, name)
        }
        assert.doesNotMatch(replies[0]?.headers.get('set-cookie') ?? '', /./, name)
      }
    }
  }
  assert.ok(shapes >= 60, `${shapes} shapes`)
  assert.deepEqual(door.seen.bodies, [], 'no body was read')
  // Only the JSON POST without any origin comes as far as being asked who it is.
  assert.equal(door.seen.calls, 1)
  assert.deepEqual(door.unexpected, [])
})

test('every route is shut to web pages, health and model lists too', async (t) => {
  const door = await openDoor(t)
  const routes = ['/', '/healthz', '/readyz', '/metrics', '/v1/models', '/v1/models/m', '/nope']
  for (const route of routes) {
    for (const [page, headersOf] of PAGES.slice(1)) {
      const lines = [
        `GET ${route} HTTP/1.1`,
        `Host: 127.0.0.1:${door.port}`,
        'X-User: alice',
        ...headersOf(door.port),
      ]
      const { replies } = await talk(door.port, `${lines.join('\r\n')}\r\n\r\n`, { method: 'GET' })
      assert.equal(replies[0]?.status, 403, `${route} from ${page}`)
      assert.match(replies[0]?.body ?? '', /origin_forbidden/)
    }
  }
})

test('only the exact origin that is configured may read replies', async (t) => {
  const door = await openDoor(t, { allowedOrigins: ['https://app.example'] })
  const ask = async (method: string, origin: string) => {
    const lines = [
      `${method} /v1/models HTTP/1.1`,
      `Host: 127.0.0.1:${door.port}`,
      'X-User: alice',
      `Origin: ${origin}`,
    ]
    const { replies } = await talk(door.port, `${lines.join('\r\n')}\r\n\r\n`, { method })
    return replies[0]
  }
  const allowed = await ask('GET', 'https://app.example')
  assert.equal(allowed?.status, 200)
  assert.equal(allowed?.headers.get('access-control-allow-origin'), 'https://app.example')
  assert.equal(allowed?.headers.get('vary'), 'origin')
  assert.equal(allowed?.headers.get('access-control-allow-credentials'), undefined, 'no cookies')
  const preflight = await ask('OPTIONS', 'https://app.example')
  assert.equal(preflight?.status, 204)
  assert.match(preflight?.headers.get('access-control-allow-headers') ?? '', /x-user/)
  for (const origin of [
    'http://app.example',
    'https://app.example:444',
    'https://app.example.evil.com',
    'https://APP.example',
    'https://app.example/',
    'https://app.example, https://evil.com',
    '*',
  ]) {
    const refused = await ask('GET', origin)
    assert.equal(refused?.status, 403, origin)
    assert.equal(refused?.headers.get('access-control-allow-origin'), undefined, origin)
  }
})

test('two Origin headers are refused, whichever is the allowed one', async (t) => {
  const door = await openDoor(t, { allowedOrigins: ['https://app.example'] })
  for (const pair of [
    ['https://app.example', 'https://evil.com'],
    ['https://evil.com', 'https://app.example'],
  ]) {
    const lines = [
      'GET /v1/models HTTP/1.1',
      `Host: 127.0.0.1:${door.port}`,
      'X-User: alice',
      ...pair.map((origin) => `Origin: ${origin}`),
    ]
    const { replies, end } = await talk(door.port, `${lines.join('\r\n')}\r\n\r\n`)
    assert.equal(replies[0]?.status, 400)
    assert.equal(replies[0]?.headers.get('access-control-allow-origin'), undefined)
    assert.equal(end, 'closed')
  }
})
