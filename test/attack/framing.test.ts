/**
 * Where a request ends (RFC 9112; reliability.md §0.2, §2C): what Node's parser and we make of requests
 * that two programs could read differently. The table is what happens on Node 20. Another version may
 * refuse more, never less, and a change shows here.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chatPost, openDoor, openRaw, readReplies, talk } from './door.ts'

const LF = '\n'
const CRLF = '\r\n'

/** The request, what is answered, whether its body came through to the exchange, and what of the connection. */
type Row = readonly [
  name: string,
  bytes: (port: number) => string,
  statuses: readonly number[],
  bodies: number,
  end: 'open' | 'closed',
]

const base = (port: number): string =>
  [
    'POST /v1/chat/completions HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'X-User: alice',
    'Content-Type: application/json',
    '',
  ].join(CRLF)

const LENGTH = `Content-Length: 2${CRLF}${CRLF}{}`
const CHUNKS = `${CRLF}2${CRLF}{}${CRLF}0${CRLF}${CRLF}`
const CHUNKED = `Transfer-Encoding: chunked${CRLF}${CRLF}`

/** Headers after the right ones, then a right body. */
const header = (text: string) => (port: number) => `${base(port)}${text}${CRLF}${LENGTH}`
/** The end of the head and the body. */
const rest = (text: string) => (port: number) => base(port) + text
/** A transfer coding in front of well-formed chunks. */
const coding = (text: string) => rest(`Transfer-Encoding:${text}${CRLF}${CHUNKS}`)
const chunks = (text: string) => rest(CHUNKED + text)
/** Something else in place of a piece of the right request. */
const swap = (from: string, to: string | ((port: number) => string)) => (port: number) =>
  (base(port) + LENGTH).replace(from, typeof to === 'string' ? to : to(port))

const get = (line: string) => (port: number) =>
  `${line}${CRLF}Host: 127.0.0.1:${port}${CRLF}X-User: alice${CRLF}${CRLF}`

const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) => `A${index}: b${CRLF}`).join('')

const TABLE: readonly Row[] = [
  // Right, however unusual.
  ['a length', rest(LENGTH), [200], 1, 'open'],
  ['chunks', coding(' chunked'), [200], 1, 'open'],
  ['chunks in capitals', coding(' CHUNKED'), [200], 1, 'open'],
  ['chunks after a tab', coding('\tchunked'), [200], 1, 'open'],
  ['a chunk extension', chunks(`2;a=b${CRLF}{}${CRLF}0${CRLF}${CRLF}`), [200], 1, 'open'],
  ['a chunk size with zeros', chunks(`0002${CRLF}{}${CRLF}0${CRLF}${CRLF}`), [200], 1, 'open'],
  ['a length with zeros', rest(`Content-Length: 002${CRLF}${CRLF}{}`), [200], 1, 'open'],
  ['no body at all', rest(CRLF), [200], 1, 'open'],
  ['empty lines before', (port) => `${CRLF}${CRLF}${base(port)}${LENGTH}`, [200], 1, 'open'],
  ['bytes above ASCII in a value', header('X-A: \xff\xfe'), [200], 1, 'open'],
  ['100 headers', rest(lines(96) + LENGTH), [200], 1, 'open'],

  // Two lengths.
  [
    'a length, then chunks',
    rest(`Content-Length: 2${CRLF}${CHUNKED}0${CRLF}${CRLF}`),
    [400],
    0,
    'closed',
  ],
  [
    'chunks, then a length',
    rest(`Transfer-Encoding: chunked${CRLF}Content-Length: 2${CRLF}${CHUNKS}`),
    [400],
    0,
    'closed',
  ],
  [
    'identity and a length',
    rest(`Transfer-Encoding: identity${CRLF}${LENGTH}`),
    [400],
    0,
    'closed',
  ],
  ['the same length twice', header('Content-Length: 2'), [400], 0, 'closed'],
  ['two different lengths', header('Content-Length: 3'), [400], 0, 'closed'],
  ['a list of lengths', rest(`Content-Length: 2, 2${CRLF}${CRLF}{}`), [400], 0, 'closed'],

  // Lengths that are none.
  ['a length with a plus', rest(`Content-Length: +2${CRLF}${CRLF}{}`), [400], 0, 'closed'],
  ['a negative length', rest(`Content-Length: -2${CRLF}${CRLF}{}`), [400], 0, 'closed'],
  ['a length in hex', rest(`Content-Length: 0x2${CRLF}${CRLF}{}`), [400], 0, 'closed'],
  ['a length with a point', rest(`Content-Length: 2.0${CRLF}${CRLF}{}`), [400], 0, 'closed'],
  ['a length with a gap', rest(`Content-Length: 2 2${CRLF}${CRLF}{}`), [400], 0, 'closed'],
  ['an empty length', rest(`Content-Length:${CRLF}${CRLF}{}`), [400], 0, 'closed'],
  [
    'a length past 64 bits',
    rest(`Content-Length: 99999999999999999999999${CRLF}${CRLF}{}`),
    [400],
    0,
    'closed',
  ],

  // Transfer codings other than exactly chunked.
  ['gzip, chunked', coding(' gzip, chunked'), [501], 0, 'closed'],
  ['chunked, gzip', coding(' chunked, gzip'), [400], 0, 'closed'],
  ['identity', coding(' identity'), [501], 0, 'closed'],
  ['xchunked', coding(' xchunked'), [501], 0, 'closed'],
  ['"chunked"', coding(' "chunked"'), [501], 0, 'closed'],
  ['chunked;a=b', coding(' chunked;a=b'), [501], 0, 'closed'],
  [',chunked', coding(' ,chunked'), [501], 0, 'closed'],
  ['chunked, chunked', coding(' chunked, chunked'), [400], 0, 'closed'],
  ['an empty coding', coding(''), [501], 0, 'closed'],
  ['a vertical tab before chunked', coding(' \x0bchunked'), [400], 0, 'closed'],
  [
    'chunked twice',
    rest(`Transfer-Encoding: chunked${CRLF}Transfer-Encoding: chunked${CRLF}${CHUNKS}`),
    [400],
    0,
    'closed',
  ],
  [
    'a space before the colon',
    rest(`Transfer-Encoding : chunked${CRLF}${CHUNKS}`),
    [400],
    0,
    'closed',
  ],
  [
    'chunks in HTTP/1.0',
    (port) => coding(' chunked')(port).replace('1.1', '1.0'),
    [400],
    0,
    'closed',
  ],

  // Chunks that are none: the head was right, so the exchange was asked, and got no body.
  [
    'a chunk size that is no number',
    chunks(`zz${CRLF}{}${CRLF}0${CRLF}${CRLF}`),
    [400],
    0,
    'closed',
  ],
  ['a negative chunk size', chunks(`-2${CRLF}{}${CRLF}0${CRLF}${CRLF}`), [400], 0, 'closed'],
  ['a chunk size with 0x', chunks(`0x2${CRLF}{}${CRLF}0${CRLF}${CRLF}`), [400], 0, 'closed'],
  ['a space after a chunk size', chunks(`2 ${CRLF}{}${CRLF}0${CRLF}${CRLF}`), [400], 0, 'closed'],
  [
    'a chunk size past 64 bits',
    chunks(`fffffffffffffffff${CRLF}{}${CRLF}0${CRLF}${CRLF}`),
    [400],
    0,
    'closed',
  ],
  ['a chunk longer than it says', chunks(`1${CRLF}{}${CRLF}0${CRLF}${CRLF}`), [400], 0, 'closed'],
  ['a chunk size with a bare LF', chunks(`2${LF}{}${CRLF}0${CRLF}${CRLF}`), [400], 0, 'closed'],
  ['a chunk with a bare LF', chunks(`2${CRLF}{}${LF}0${CRLF}${CRLF}`), [400], 0, 'closed'],
  ['a chunk size with a bare CR', chunks(`2\r{}${CRLF}0${CRLF}${CRLF}`), [400], 0, 'closed'],
  [
    'a bare LF in a chunk extension',
    chunks(`2;a${LF}b${CRLF}{}${CRLF}0${CRLF}${CRLF}`),
    [400],
    0,
    'closed',
  ],
  ['a NUL in a chunk extension', chunks(`2;\0${CRLF}{}${CRLF}0${CRLF}${CRLF}`), [400], 0, 'closed'],
  [
    'a chunk extension of 20 kB',
    chunks(`2;a=${'x'.repeat(20_000)}${CRLF}{}${CRLF}0${CRLF}${CRLF}`),
    [400],
    0,
    'closed',
  ],
  [
    'a trailer that is no header',
    chunks(`2${CRLF}{}${CRLF}0${CRLF}X A: b${CRLF}${CRLF}`),
    [400],
    0,
    'closed',
  ],
  [
    'a length in the trailer',
    chunks(`2${CRLF}{}${CRLF}0${CRLF}Content-Length: 5${CRLF}${CRLF}`),
    [400],
    0,
    'closed',
  ],
  [
    'a trailer of 40 kB',
    chunks(`2${CRLF}{}${CRLF}0${CRLF}X-A: ${'x'.repeat(40_000)}${CRLF}${CRLF}`),
    [431],
    0,
    'closed',
  ],

  // Lines and the bytes in them.
  ['a folded header', header(`X-A: a${CRLF} b`), [400], 0, 'closed'],
  ['a header folded with a tab', header(`X-A: a${CRLF}\tb`), [400], 0, 'closed'],
  ['a folded first header', swap('Host', ' X: y\r\nHost'), [400], 0, 'closed'],
  ['bare LFs everywhere', (port) => (base(port) + LENGTH).replaceAll(CRLF, LF), [400], 0, 'closed'],
  ['one bare LF', rest(`X-A: b${LF}${LENGTH}`), [400], 0, 'closed'],
  ['a bare LF before the body', rest(`Content-Length: 2${CRLF}${LF}{}`), [400], 0, 'closed'],
  ['a bare LF after the request line', swap('1.1\r\n', '1.1\n'), [400], 0, 'closed'],
  ['a bare CR in a value', header('X-A: b\rX-User: bob'), [400], 0, 'closed'],
  ['a bare CR before a line end', rest(`Content-Length: 2\r${CRLF}${CRLF}{}`), [400], 0, 'closed'],
  ['a NUL in a value', header('X-A: a\0b'), [400], 0, 'closed'],
  ['a NUL in a name', header('X\0A: b'), [400], 0, 'closed'],
  ['an ESC in a value', header('X-A: \x1b[31m'), [400], 0, 'closed'],
  ['a DEL in a value', header('X-A: \x7f'), [400], 0, 'closed'],
  ['a byte above ASCII in a name', header('X\xff: a'), [400], 0, 'closed'],
  ['a space before a colon', header('X-A : b'), [400], 0, 'closed'],
  ['a line without a colon', header('Nonsense'), [400], 0, 'closed'],
  ['a line that begins with its colon', header(': v'), [400], 0, 'closed'],

  // The request line.
  ['HTTP/2.0', swap('HTTP/1.1', 'HTTP/2.0'), [400], 0, 'closed'],
  ['HTTP/1.2', swap('HTTP/1.1', 'HTTP/1.2'), [400], 0, 'closed'],
  ['HTTP/0.9', swap('HTTP/1.1', 'HTTP/0.9'), [400], 0, 'closed'],
  ['http in lower case', swap('HTTP/1.1', 'http/1.1'), [400], 0, 'closed'],
  ['no version', () => `GET /healthz${CRLF}${CRLF}`, [400], 0, 'closed'],
  ['more after the version', swap('HTTP/1.1', 'HTTP/1.1x'), [400], 0, 'closed'],
  ['a space after the version', swap('HTTP/1.1', 'HTTP/1.1 '), [400], 0, 'closed'],
  ['a tab in the request line', swap(' HTTP', '\tHTTP'), [400], 0, 'closed'],
  ['a space before the method', (port) => ` ${base(port)}${LENGTH}`, [400], 0, 'closed'],
  ['a method in lower case', swap('POST', 'post'), [400], 0, 'closed'],
  ['a method nobody knows', swap('POST', 'FOO'), [400], 0, 'closed'],
  ['a NUL in the path', swap('/v1', '/v1\0'), [400], 0, 'closed'],
  ['a byte above ASCII in the path', swap('/v1', '/\xff'), [400], 0, 'closed'],
  ['a backslash path', swap('/v1', '\\v1'), [400], 0, 'closed'],
  [
    'an authority as target',
    swap('/v1/chat/completions', (port) => `127.0.0.1:${port}`),
    [400],
    0,
    'closed',
  ],
  ['an absolute target', swap('/v1', 'http://evil.com/v1'), [400], 0, 'closed'],
  ['a fragment', swap('completions', 'completions#x'), [404], 0, 'open'],
  ['dots in the path', swap('/v1/', '/v1/../v1/'), [404], 0, 'open'],
  ['two slashes', swap('/v1', '//evil.com/v1'), [404], 0, 'open'],
  ['an escaped letter', swap('/chat', '/%63hat'), [404], 0, 'open'],

  // How much.
  ['101 headers', rest(lines(97) + LENGTH), [431], 0, 'closed'],
  ['2,500 headers', rest(`${`a:${CRLF}`.repeat(2_500)}${LENGTH}`), [431], 0, 'closed'],
  ['a head of 17 kB', header(`X-A: ${'a'.repeat(17_000)}`), [431], 0, 'closed'],
  ['a target of 17 kB', swap('/v1', `/${'a'.repeat(17_000)}`), [431], 0, 'closed'],

  // What else HTTP can ask for.
  ['TRACE', get('TRACE / HTTP/1.1'), [405], 0, 'open'],
  ['PUT', swap('POST', 'PUT'), [405], 0, 'open'],
  ['DELETE', get('DELETE /v1/models/m HTTP/1.1'), [405], 0, 'open'],
  ['OPTIONS', get('OPTIONS /v1/models HTTP/1.1'), [204], 0, 'open'],
  ['OPTIONS *', get('OPTIONS * HTTP/1.1'), [400], 0, 'closed'],
  [
    'an upgrade to WebSocket',
    (port) =>
      get('GET /healthz HTTP/1.1')(port).replace(
        'X-User',
        `Connection: Upgrade${CRLF}Upgrade: websocket${CRLF}X-User`,
      ),
    [200],
    0,
    'open',
  ],
  [
    'an upgrade to HTTP/2',
    header(`Connection: Upgrade, HTTP2-Settings${CRLF}Upgrade: h2c${CRLF}HTTP2-Settings: AAMAAABk`),
    [200],
    1,
    'open',
  ],
  [
    'the preface of HTTP/2',
    () => `PRI * HTTP/2.0${CRLF}${CRLF}SM${CRLF}${CRLF}`,
    [400],
    0,
    'closed',
  ],
  [
    'CONNECT',
    () => `CONNECT evil.com:443 HTTP/1.1${CRLF}Host: evil.com:443${CRLF}${CRLF}`,
    [405],
    0,
    'closed',
  ],
  [
    'a TLS hello',
    () => `\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03${'\0'.repeat(100)}`,
    [400],
    0,
    'closed',
  ],
  ['SSH', () => `SSH-2.0-OpenSSH_9.0${CRLF}`, [400], 0, 'closed'],
  ['Redis', () => `*1${CRLF}$4${CRLF}PING${CRLF}`, [400], 0, 'closed'],
  ['another expectation', header('Expect: 200-ok'), [417], 0, 'closed'],
  ['one expectation too many', header('Expect: 100-continue, x'), [417], 0, 'closed'],
  [
    'a body nobody asked for',
    (port) =>
      `GET /healthz HTTP/1.1${CRLF}Host: 127.0.0.1:${port}${CRLF}Content-Length: 5${CRLF}${CRLF}hello`,
    [200],
    0,
    'open',
  ],

  // More than one request.
  [
    'garbage after a request',
    (port) => `${base(port)}${LENGTH}\0\0garbage${CRLF}${CRLF}`,
    [200, 400],
    1,
    'closed',
  ],
  ['bytes after a body of no length', rest(`${CRLF}{}`), [200, 400], 1, 'closed'],
  [
    'a request after the last one',
    (port) => `${base(port)}Connection: close${CRLF}${LENGTH}${base(port)}${LENGTH}`,
    [200],
    1,
    'closed',
  ],
  [
    'a request after a refused one',
    (port) => `${base(port)}Host: evil.com${CRLF}${LENGTH}${base(port)}${LENGTH}`,
    [400],
    0,
    'closed',
  ],
]

const onNode20 = process.version.startsWith('v20.')

test('what is no well-formed request is refused, closed, and never reaches a provider', async (t) => {
  assert.ok(TABLE.length >= 60, `${TABLE.length} shapes`)
  const door = await openDoor(t, { limits: { lingerMs: 50 } })
  for (const [name, bytes, statuses, bodies, end] of TABLE) {
    const before = door.seen.bodies.length
    const said = await talk(door.port, bytes(door.port), { expected: statuses.length })
    const got = {
      statuses: said.replies.map((reply) => reply.status),
      bodies: door.seen.bodies.length - before,
      end: said.end,
    }
    if (onNode20 || !isRefusal(got)) assert.deepEqual(got, { statuses, bodies, end }, name)
    for (const reply of said.replies) {
      if (reply.status < 400) continue
      assert.match(reply.body, /^\{"error":\{"message":"[^"]+/, name)
      assert.match(reply.headers.get('x-request-id') ?? '', /^req_/, name)
      assert.equal(reply.headers.get('x-aiproxy-error'), 'gateway', name)
    }
  }
  assert.deepEqual(door.unexpected, [])
})

/** What any version may do with any of these: refuse, close, and ask nobody. */
function isRefusal(got: { statuses: readonly number[]; bodies: number; end: string }): boolean {
  return got.bodies === 0 && got.end === 'closed' && (got.statuses[0] ?? 0) >= 400
}

test('no header name but the exact one says who is calling', async (t) => {
  const door = await openDoor(t)
  for (const name of ['X_User', 'X-User_', 'XUser', 'HTTP-X-User', 'HTTP_X_USER', 'X-User2']) {
    const request = chatPost(door.port, {
      user: undefined,
      headers: [`${name}: alice`, 'Content-Length: 2'],
    })
    const { replies } = await talk(door.port, request)
    assert.equal(replies[0]?.status, 401, name)
  }
  const both = chatPost(door.port, { headers: ['X_User: mallory', 'Content-Length: 2'] })
  assert.equal((await talk(door.port, both)).replies[0]?.status, 200)
})

test('a trailer is never a header', async (t) => {
  const door = await openDoor(t)
  const trailer = `X-User: alice${CRLF}Authorization: Bearer x`
  const request = chatPost(door.port, {
    user: undefined,
    headers: ['Transfer-Encoding: chunked', 'Trailer: X-User'],
    body: `2${CRLF}{}${CRLF}0${CRLF}${trailer}${CRLF}${CRLF}`,
  })
  const { replies } = await talk(door.port, request)
  assert.equal(replies[0]?.status, 401)
  assert.deepEqual(door.seen.bodies, [])
})

test('a header that decides something may stand only once, on the wire too', async (t) => {
  const door = await openDoor(t)
  for (const line of [
    'X-User: alice',
    'Authorization: Bearer a',
    'x-api-key: a',
    'Content-Type: application/json',
  ]) {
    const request = chatPost(door.port, { headers: [line, line, 'Content-Length: 2'] })
    const { replies, end } = await talk(door.port, request)
    assert.equal(replies[0]?.status, 400, line)
    assert.equal(end, 'closed', line)
  }
  assert.equal(door.seen.calls, 0)
})

test('an Anthropic client reads the Anthropic shape of what never became a request', async (t) => {
  const door = await openDoor(t, { limits: { lingerMs: 50 } })
  const host = `Host: 127.0.0.1:${door.port}`
  for (const head of [
    `POST /v1/messages HTTP/1.1${CRLF}${host}`,
    `GET /v1/models HTTP/1.1${CRLF}${host}${CRLF}anthropic-version: 2023-06-01`,
  ]) {
    const { replies } = await talk(door.port, `${head}${CRLF}X A: b${CRLF}${CRLF}`)
    assert.equal(replies[0]?.status, 400)
    assert.match(replies[0]?.body ?? '', /^\{"type":"error"/)
    assert.equal(replies[0]?.headers.get('request-id'), replies[0]?.headers.get('x-request-id'))
  }
})

test('HEAD has the headers of GET and no body, on every route that GET has', async (t) => {
  const door = await openDoor(t)
  for (const path of ['/', '/healthz', '/readyz', '/v1/models', '/v1/models/m', '/v1/models/x']) {
    const byGet = await talk(door.port, get(`GET ${path} HTTP/1.1`)(door.port))
    const byHead = await talk(door.port, get(`HEAD ${path} HTTP/1.1`)(door.port), {
      method: 'HEAD',
    })
    assert.equal(byHead.replies[0]?.status, byGet.replies[0]?.status, path)
    assert.equal(byHead.end, 'open', path)
    assert.equal(
      byHead.replies[0]?.headers.get('content-length'),
      byGet.replies[0]?.headers.get('content-length'),
      path,
    )
  }
  const onPost = await talk(door.port, get('HEAD /v1/chat/completions HTTP/1.1')(door.port), {
    method: 'HEAD',
  })
  assert.equal(onPost.replies[0]?.status, 405)
  assert.equal(onPost.replies[0]?.headers.get('allow'), 'POST')
})

test('a request in single bytes is the request in one piece', async (t) => {
  const door = await openDoor(t)
  const client = openRaw(t, door.port)
  for (const byte of chatPost(door.port, { body: '{"a":1}' })) client.write(byte)
  await client.until('the reply', (text) => readReplies(text).length === 1)
  assert.equal(readReplies(client.text())[0]?.status, 200)
  assert.deepEqual(door.seen.bodies, ['{"a":1}'])
})
