import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import test from 'node:test'
import type { TestContext } from 'node:test'
import type { Provider } from '../../src/config/config.ts'
import type { ProxyError } from '../../src/errors/proxy-error.ts'
import { createUpstream } from '../../src/upstream/upstream.ts'
import type { Upstream, UpstreamHeaders } from '../../src/upstream/upstream.ts'

interface Peer {
  readonly url: string
  readonly sockets: Socket[]
  /** Everything received so far, per connection. */
  readonly received: string[]
}

function portOf(server: Server): number {
  const address = server.address()
  assert(typeof address === 'object' && address !== null)
  return address.port
}

/** A raw TCP peer that runs `script` when a request's head has arrived. */
async function listen(
  t: TestContext,
  script: (socket: Socket, turn: number) => void,
): Promise<Peer> {
  const sockets: Socket[] = []
  const received: string[] = []
  let turn = 0
  const server = createServer((socket) => {
    const index = sockets.push(socket) - 1
    received[index] = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received[index] += chunk.toString('latin1')
      if (chunk.includes('\r\n\r\n')) script(socket, turn++)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${portOf(server)}`, sockets, received }
}

function providerAt(baseUrl: string): Provider {
  return {
    name: 'far',
    dialect: 'openai',
    api: 'auto',
    baseUrl,
    credential: { kind: 'key', value: 'sk-test', source: 'env TEST' },
    mock: false,
    timeouts: { connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000 },
  }
}

interface Heard {
  status?: number
  headers?: UpstreamHeaders
  body: string
  end: 'complete' | ProxyError
}

interface Limits {
  headTimeoutMs?: number
  idleTimeoutMs?: number
  deadlineMs?: number
}

function open(t: TestContext): Upstream {
  const upstream = createUpstream({ mockUrl: undefined })
  t.after(() => upstream.close())
  return upstream
}

function ask(
  upstream: Upstream,
  baseUrl: string,
  limits: Limits = {},
  provider = providerAt(baseUrl),
): Promise<Heard> {
  return new Promise((resolve) => {
    const heard: Heard = { body: '', end: 'complete' }
    upstream.send(
      {
        provider,
        path: '/chat/completions',
        headers: [['x-extra', '1']],
        body: '{"model":"m"}',
        headTimeoutMs: limits.headTimeoutMs ?? 5_000,
        idleTimeoutMs: limits.idleTimeoutMs ?? 5_000,
        deadlineMs: limits.deadlineMs ?? 10_000,
      },
      {
        onHead(status, headers) {
          heard.status = status
          heard.headers = headers
        },
        onBody(chunk) {
          heard.body += Buffer.from(chunk).toString('latin1')
        },
        onEnd() {
          resolve(heard)
        },
        onFailure(error) {
          heard.end = error
          resolve(heard)
        },
      },
    )
  })
}

function codeOf(heard: Heard): string {
  return heard.end === 'complete' ? 'complete' : heard.end.code
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'

test('a request carries our credential, its own headers and asks for an uncompressed reply', async (t) => {
  const peer = await listen(t, (socket) => socket.write(OK))
  const heard = await ask(open(t), `${peer.url}/v1`)
  assert.equal(heard.body, '{}')
  const head = peer.received[0] ?? ''
  assert.match(head, /^POST \/v1\/chat\/completions HTTP\/1\.1\r\n/)
  assert.match(head, /\r\nauthorization: Bearer sk-test\r\n/)
  assert.match(head, /\r\naccept-encoding: identity\r\n/)
  assert.match(head, /\r\nx-extra: 1\r\n/)
  assert(head.endsWith('{"model":"m"}'))
})

test('an Anthropic provider gets its key as x-api-key and nothing as a bearer token', async (t) => {
  const peer = await listen(t, (socket) => socket.write(OK))
  await ask(open(t), peer.url, {}, { ...providerAt(peer.url), dialect: 'anthropic' })
  assert.match(peer.received[0] ?? '', /\r\nx-api-key: sk-test\r\n/)
  assert.doesNotMatch(peer.received[0] ?? '', /authorization/i)
})

test('a refused connection is upstream_unreachable', async (t) => {
  const peer = await listen(t, () => {})
  // No port that was free a moment ago: another test may have it by now.
  assert.equal(codeOf(await ask(open(t), 'http://127.0.0.1:1')), 'upstream_unreachable')
  assert.equal(peer.sockets.length, 0)
})

test('a reset before the head is upstream_unreachable', async (t) => {
  const peer = await listen(t, (socket) => socket.resetAndDestroy())
  assert.equal(codeOf(await ask(open(t), peer.url)), 'upstream_unreachable')
})

test('a reset in the body is upstream_truncated, and what came before it was delivered', async (t) => {
  const peer = await listen(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n', () =>
      setImmediate(() => socket.resetAndDestroy()),
    )
  })
  const heard = await ask(open(t), peer.url)
  assert.equal(codeOf(heard), 'upstream_truncated')
})

test('a body shorter than its content length is upstream_truncated', async (t) => {
  const peer = await listen(t, (socket) => {
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort')
  })
  assert.equal(codeOf(await ask(open(t), peer.url)), 'upstream_truncated')
})

test('bytes that are no HTTP are upstream_protocol', async (t) => {
  const peer = await listen(t, (socket) => socket.end('SMTP ready\r\n\r\n'))
  assert.equal(codeOf(await ask(open(t), peer.url)), 'upstream_protocol')
})

test('a redirect is handed over, never followed', async (t) => {
  let visited = 0
  const elsewhere = await listen(t, () => {
    visited += 1
  })
  const peer = await listen(t, (socket) =>
    socket.write(`HTTP/1.1 307 Go\r\nlocation: ${elsewhere.url}/\r\ncontent-length: 0\r\n\r\n`),
  )
  assert.equal((await ask(open(t), peer.url)).status, 307)
  assert.equal(visited, 0)
})

test('silence before the head ends with upstream_timeout and closes the connection', async (t) => {
  const peer = await listen(t, () => {})
  const heard = await ask(open(t), peer.url, { headTimeoutMs: 30 })
  assert.equal(codeOf(heard), 'upstream_timeout')
  await new Promise((resolve) => peer.sockets[0]?.once('close', resolve))
})

test('silence in the body ends with upstream_timeout', async (t) => {
  const peer = await listen(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'),
  )
  const heard = await ask(open(t), peer.url, { idleTimeoutMs: 30 })
  assert.equal(codeOf(heard), 'upstream_timeout')
  assert.equal(heard.body, 'hello')
})

test('a slow drip inside the idle limit is ended by the deadline', async (t) => {
  const drips: NodeJS.Timeout[] = []
  t.after(() => drips.forEach(clearInterval))
  const peer = await listen(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
    drips.push(setInterval(() => socket.write('1\r\nx\r\n'), 5))
  })
  const heard = await ask(open(t), peer.url, { idleTimeoutMs: 1_000, deadlineMs: 60 })
  assert.equal(codeOf(heard), 'upstream_timeout')
  assert.match(heard.end === 'complete' ? '' : heard.end.message, /deadline/)
})

test('aborting closes the connection and nothing more is heard', async (t) => {
  const peer = await listen(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'),
  )
  const upstream = open(t)
  const events: string[] = []
  await new Promise<void>((resolve) => {
    const call = upstream.send(
      {
        provider: providerAt(peer.url),
        path: '/x',
        headers: [],
        body: '{}',
        headTimeoutMs: 5_000,
        idleTimeoutMs: 5_000,
        deadlineMs: 5_000,
      },
      {
        onHead: () => events.push('head'),
        onBody() {
          events.push('body')
          peer.sockets[0]?.once('close', () => resolve())
          call.abort()
        },
        onEnd: () => events.push('end'),
        onFailure: () => events.push('failure'),
      },
    )
  })
  assert.deepEqual(events, ['head', 'body'])
})

test('an abort before the connection stands sends nothing', async (t) => {
  const peer = await listen(t, (socket) => socket.write(OK))
  const upstream = open(t)
  const provider = providerAt(peer.url)
  const limits = { headTimeoutMs: 5_000, idleTimeoutMs: 5_000, deadlineMs: 5_000 }
  const silent = { onHead() {}, onBody() {}, onEnd: assert.fail, onFailure: assert.fail }
  upstream.send({ provider, path: '/gone', headers: [], body: '{}', ...limits }, silent).abort()
  await ask(upstream, peer.url, {}, provider)
  assert(!peer.received.join('').includes('/gone'))
})

test('one connection serves requests one after the other', async (t) => {
  const peer = await listen(t, (socket) => socket.write(OK))
  const upstream = open(t)
  const provider = providerAt(peer.url)
  await ask(upstream, peer.url, {}, provider)
  // The connection is free again once the reply's last event has been delivered.
  await new Promise(setImmediate)
  await ask(upstream, peer.url, {}, provider)
  assert.equal(peer.sockets.length, 1)
})

test('a second response nobody asked for is not given to the next request', async (t) => {
  const peer = await listen(t, (socket, turn) => {
    const body = `{"turn":${turn}}`
    const reply = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    socket.write(turn === 0 ? reply + 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil' : reply)
  })
  const upstream = open(t)
  const provider = providerAt(peer.url)
  assert.equal((await ask(upstream, peer.url, {}, provider)).body, '{"turn":0}')
  assert.equal((await ask(upstream, peer.url, {}, provider)).body, '{"turn":1}')
})

test('a provider let go ends its reply, then its connection; one retained keeps it', async (t) => {
  const peer = await listen(t, (socket, turn) => {
    // The first waits until it is let go.
    if (turn > 0) socket.write(OK)
  })
  const upstream = open(t)
  const [gone, kept] = [providerAt(peer.url), providerAt(peer.url)]
  const late = ask(upstream, peer.url, {}, gone)
  while (peer.received[0]?.includes('{"model"') !== true) {
    await new Promise((resolve) => setImmediate(resolve)) // oxlint-disable-line no-await-in-loop -- until it arrived
  }
  assert.equal((await ask(upstream, peer.url, {}, kept)).body, '{}')
  upstream.retain(new Set([kept]))
  const closed = new Promise((resolve) => peer.sockets[0]?.on('close', resolve))
  peer.sockets[0]?.write(OK)
  assert.deepEqual([(await late).body, codeOf(await late)], ['{}', 'complete'])
  await closed
  await ask(upstream, peer.url, {}, kept)
  assert.equal(peer.sockets.length, 2)
  // Asked for again it is connected to again.
  assert.equal((await ask(upstream, peer.url, {}, gone)).body, '{}')
  assert.equal(peer.sockets.length, 3)
})

test('as many connections as requests at once, and none beyond them afterwards', async (t) => {
  let waiting: Socket[] = []
  const peer = await listen(t, (socket) => {
    waiting.push(socket)
    if (waiting.length < 3) return
    for (const each of waiting) each.write(OK)
    waiting = []
  })
  const upstream = open(t)
  const provider = providerAt(peer.url)
  const threeAtOnce = (): Promise<Heard[]> =>
    Promise.all([1, 2, 3].map(() => ask(upstream, peer.url, {}, provider)))
  for (const heard of [...(await threeAtOnce()), ...(await threeAtOnce())]) {
    assert.equal(heard.body, '{}')
  }
  assert.equal(peer.sockets.length, 3)
})

test('a connection on which a reply broke off is not used again', async (t) => {
  const peer = await listen(t, (socket, turn) => {
    if (turn > 0) socket.write(OK)
    else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}')
  })
  const upstream = open(t)
  const provider = providerAt(peer.url)
  assert.equal(codeOf(await ask(upstream, peer.url, {}, provider)), 'upstream_truncated')
  assert.equal((await ask(upstream, peer.url, {}, provider)).body, '{}')
  assert.equal(peer.sockets.length, 2)
})

const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'

/** What one request to such a peer is told, event by event. */
async function eventsOf(t: TestContext, script: (socket: Socket) => void): Promise<string[]> {
  const peer = await listen(t, script)
  const events: string[] = []
  await new Promise<void>((resolve) => {
    open(t).send(
      {
        provider: providerAt(peer.url),
        path: '/chat/completions',
        headers: [],
        body: '{}',
        headTimeoutMs: 5_000,
        idleTimeoutMs: 5_000,
        deadlineMs: 10_000,
      },
      {
        onHead: (status) => events.push(String(status)),
        onBody: (chunk) => events.push(Buffer.from(chunk).toString('latin1')),
        onEnd() {
          events.push('end')
          resolve()
        },
        onFailure(error) {
          events.push(error.code)
          resolve()
        },
      },
    )
  })
  return events
}

test('the chunks of one packet are handed over together, in order, before the end', async (t) => {
  const chunks = ['a', 'bc', 'd'].map((text) => `${text.length}\r\n${text}\r\n`).join('')
  const events = await eventsOf(t, (socket) => socket.write(`${STREAM_HEAD}${chunks}0\r\n\r\n`))
  assert.deepEqual(events, ['200', 'abcd', 'end'])
})

test('what came before a stream broke off is handed over before that is told', async (t) => {
  const events = await eventsOf(t, (socket) => socket.end(`${STREAM_HEAD}1\r\na\r\n1\r\nb\r\n`))
  assert.deepEqual(events, ['200', 'ab', 'upstream_truncated'])
})
