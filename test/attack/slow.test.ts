/** Callers that send too slowly, too much, or do not read: reliability.md §2C. Real sockets, short limits. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createGate, within } from '../support/owner.ts'
import type { Owner } from '../support/owner.ts'
import {
  answerOk,
  chatPost,
  identifyAndRead,
  openDoor,
  openRaw,
  rawClient,
  readReplies,
  talk,
} from './door.ts'

const CRLF = '\r\n'
const QUICK_HEAD = { headMs: 60, requestMs: 60_000, checkMs: 20, lingerMs: 40 }
// A head that is sent whole must be read in time even where the machine is busy.
const QUICK_BODY = { headMs: 400, requestMs: 400, checkMs: 20, lingerMs: 40 }

test('a head that does not come to its end is told so in time, and closed', async (t) => {
  const door = await openDoor(t, { limits: QUICK_HEAD })
  for (const start of ['', 'POST /v1/chat', chatPost(door.port).split(CRLF + CRLF)[0] ?? '']) {
    const client = openRaw(t, door.port)
    if (start !== '') client.write(start)
    const { text } = await within(client.over, 'the end')
    const [reply] = readReplies(text)
    assert.equal(reply?.status, 408)
    assert.match(reply?.body ?? '', /request_timeout/)
    assert.equal(reply?.headers.get('connection'), 'close')
  }
  assert.equal(door.seen.calls, 0)
})

test('a head in drops is late all the same: the limit is a total', async (t) => {
  const door = await openDoor(t, { limits: QUICK_HEAD })
  const client = openRaw(t, door.port)
  const drops = setInterval(() => {
    client.write('X-A: b\r\n')
  }, 10)
  t.after(() => {
    clearInterval(drops)
  })
  client.write(`POST /v1/chat/completions HTTP/1.1${CRLF}`)
  const { text } = await within(client.over, 'the end')
  assert.equal(readReplies(text)[0]?.status, 408)
})

test("a body that does not come to its end is told so in the caller's shape", async (t) => {
  const door = await openDoor(t, { limits: QUICK_BODY })
  const openAi = /^\{"error":.*"code":"request_timeout"/
  const anthropic = /^\{"type":"error","error":\{"type":"timeout_error"/
  const length = ['Content-Length: 10', '{'] as const
  const chunks = ['Transfer-Encoding: chunked', '1\r\n{\r\n'] as const
  const cases = [
    ['/v1/chat/completions', openAi, length],
    ['/v1/chat/completions', openAi, chunks],
    ['/v1/messages', anthropic, length],
    ['/v1/messages', anthropic, chunks],
  ] as const
  await Promise.all(
    cases.map(async ([path, shape, [header, body]]) => {
      const client = openRaw(t, door.port)
      const request = chatPost(door.port, { headers: [header], body })
      client.write(request.replace('/v1/chat/completions', path))
      const { text } = await within(client.over, 'the end')
      const [reply] = readReplies(text)
      assert.equal(reply?.status, 408, path)
      assert.match(reply?.body ?? '', shape)
    }),
  )
  assert.deepEqual(door.seen.bodies, [])
  assert.equal(door.seen.failures.length, 4, 'each of them ended the call that waited for it')
})

test('a request that has had its reply gets no second one when its body stays away', async (t) => {
  const door = await openDoor(t, { limits: QUICK_BODY })
  const client = openRaw(t, door.port)
  client.write(chatPost(door.port, { user: undefined, headers: ['Content-Length: 10'], body: '{' }))
  const { text } = await within(client.over, 'the end')
  assert.deepEqual(
    readReplies(text).map((reply) => reply.status),
    [401],
  )
})

test('a body over the limit is refused before it comes, and the refusal arrives', async (t) => {
  const limits = { lingerMs: 5_000, lingerBytes: 64_000_000 }
  const door = await openDoor(t, { bodyLimitBytes: 1_000, limits })
  const big = Buffer.alloc(8_000_000, 0x20)
  for (const chunked of [false, true]) {
    const client = openRaw(t, door.port)
    const head = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${big.length}`
    client.write(chatPost(door.port, { headers: [head], body: '' }))
    // The caller sends all of it without looking, as most do. A reset would erase the reply.
    if (chunked) client.write(`${big.length.toString(16)}${CRLF}`)
    client.write(big)
    if (chunked) client.write(`${CRLF}0${CRLF}${CRLF}`)
    const { text, reset } = await within(client.over, 'the end')
    const [reply] = readReplies(text)
    assert.equal(reply?.status, 413)
    assert.equal(reply?.headers.get('connection'), 'close')
    assert.equal(reset, false, 'closed in order')
  }
  assert.deepEqual(door.seen.bodies, [])
})

test('what is thrown away after a refusal is bounded in bytes', async (t) => {
  const door = await openDoor(t, {
    bodyLimitBytes: 10,
    limits: { lingerMs: 60_000, lingerBytes: 100_000 },
  })
  const client = openRaw(t, door.port)
  client.write(chatPost(door.port, { headers: ['Content-Length: 1000000000'], body: '' }))
  await client.until('the refusal', (text) => readReplies(text).length === 1)
  const more = Buffer.alloc(64 * 1024)
  const pour = (): void => {
    while (client.socket.writable && client.socket.write(more));
  }
  client.socket.on('drain', pour)
  pour()
  // The time limit is a minute: only the bytes can have ended it.
  await within(client.over, 'the door to have had enough')
  assert.ok(client.socket.bytesWritten < 100_000_000, `${client.socket.bytesWritten} bytes`)
})

test('and in time', async (t) => {
  const door = await openDoor(t, { bodyLimitBytes: 10, limits: { lingerMs: 30 } })
  const client = openRaw(t, door.port)
  client.write(chatPost(door.port, { headers: ['Content-Length: 1000000000'], body: '' }))
  const { text } = await within(client.over, 'the end')
  assert.equal(readReplies(text)[0]?.status, 413)
})

test('a small body nobody wanted does not cost the connection', async (t) => {
  const door = await openDoor(t)
  const { replies, end } = await talk(door.port, chatPost(door.port, { user: undefined }))
  assert.equal(replies[0]?.status, 401)
  assert.equal(end, 'open')
})

test('a reader that takes nothing is cut off, and the exchange is told that it left', async (t) => {
  const left = createGate()
  const door = await openDoor(t, {
    limits: { stallMs: 80 },
    async exchange(call, sink) {
      await identifyAndRead(call)
      sink.onGone(() => {
        left.open()
      })
      sink.head(200, [['content-type', 'text/event-stream']])
      const piece = Buffer.alloc(64 * 1024, 0x61)
      // Until it is told to stop, as a provider would be.
      while (sink.write(piece));
    },
  })
  const socket = connect({ port: door.port, host: '127.0.0.1' })
  t.after(() => {
    socket.destroy()
  })
  socket.pause()
  socket.write(chatPost(door.port))
  await within(left.opened, 'the exchange to hear of it')
})

test('a reader that takes nothing of a reply in one piece is cut off, too', async (t) => {
  const door = await openDoor(t, {
    limits: { stallMs: 80, connections: 1 },
    async exchange(call, sink) {
      await identifyAndRead(call)
      answerOk(sink, 'x'.repeat(32 * 1024 * 1024))
    },
  })
  const socket = connect({ port: door.port, host: '127.0.0.1' })
  t.after(() => {
    socket.destroy()
  })
  socket.pause()
  socket.write(chatPost(door.port))
  // It holds the only place there is: somebody else is let in once it is cut off.
  await within(untilAnswered(t, door.port), 'the place to be free')
})

const isWhole = (text: string): boolean => readReplies(text).length === 1

/** Tries until a connection is let in and answered. */
async function untilAnswered(owner: Owner, port: number): Promise<void> {
  for (;;) {
    const client = openRaw(owner, port)
    client.write(`GET /healthz HTTP/1.1${CRLF}Host: 127.0.0.1:${port}${CRLF}${CRLF}`)
    // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
    const answered = await client.until('a reply', isWhole).then(Boolean, () => false)
    if (answered) return
  }
}

test('a slow reader is not a stalled one: what it takes counts as life', async (t) => {
  const size = 4 * 1024 * 1024
  const door = await openDoor(t, {
    limits: { stallMs: 500 },
    async exchange(call, sink) {
      await identifyAndRead(call)
      answerOk(sink, 'x'.repeat(size))
    },
  })
  const socket = connect({ port: door.port, host: '127.0.0.1' })
  t.after(() => {
    socket.destroy()
  })
  const startedMs = performance.now()
  let taken = 0
  const whole = new Promise<void>((resolve, reject) => {
    socket.on('close', () => {
      reject(new Error(`cut after ${taken} bytes`))
    })
    socket.on('data', (chunk) => {
      taken += chunk.length
      if (taken >= size) {
        resolve()
        return
      }
      // A pause after each piece, far shorter than the limit; all of them together far longer.
      if (performance.now() - startedMs < 1_200) {
        socket.pause()
        setTimeout(() => {
          socket.resume()
        }, 10)
      }
    })
  })
  socket.write(chatPost(door.port))
  await within(whole, 'the whole reply')
  assert.ok(performance.now() - startedMs > 600, 'it was slow enough to matter')
})

test('a quiet stream is not a stalled one: only a reader that is behind is timed', async (t) => {
  const finish = createGate()
  const door = await openDoor(t, {
    limits: { stallMs: 30 },
    async exchange(call, sink) {
      await identifyAndRead(call)
      sink.head(200, [['content-type', 'text/event-stream']])
      sink.write(': thinking\n\n')
      await finish.opened
      sink.end('data: done\n\n')
    },
  })
  const client = openRaw(t, door.port)
  client.write(chatPost(door.port))
  await client.until('the beginning', (text) => text.includes('thinking'))
  setTimeout(() => {
    finish.open()
  }, 120)
  await client.until('the end', (text) => text.includes('data: done'))
})

test('a reader that was behind and has caught up is not timed any more', async (t) => {
  const caughtUp = createGate()
  const finish = createGate()
  const door = await openDoor(t, {
    limits: { stallMs: 200 },
    async exchange(call, sink) {
      await identifyAndRead(call)
      sink.onDrain(() => {
        caughtUp.open()
      })
      sink.head(200, [['content-type', 'text/event-stream']])
      while (sink.write('x'.repeat(64 * 1024)));
      await finish.opened
      sink.end('data: done\n\n')
    },
  })
  const client = openRaw(t, door.port)
  client.write(chatPost(door.port))
  await within(caughtUp.opened, 'the reader to catch up')
  setTimeout(() => {
    finish.open()
  }, 600)
  await client.until('the end', (text) => text.includes('data: done'))
})

test('a caller that leaves while its body is awaited ends the call', async (t) => {
  const door = await openDoor(t)
  const client = rawClient(door.port)
  client.write(chatPost(door.port, { headers: ['Content-Length: 10'], body: '{' }))
  while (door.seen.calls === 0) await new Promise(setImmediate)
  client.socket.resetAndDestroy()
  while (door.seen.failures.length === 0) await new Promise(setImmediate)
  assert.match(door.seen.failures[0] ?? '', /broke off/)
  assert.deepEqual(door.unexpected, [])
})
