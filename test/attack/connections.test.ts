/** How much one connection, and all of them together, may ask at once: reliability.md §2C, §2D. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ReplySink } from '../../src/exchange/call.ts'
import { connectionCap, defaultLimits, readOpenFilesLimit } from '../../src/server/limits.ts'
import { createGate, within } from '../support/owner.ts'
import { createDirectory } from '../support/proxy.ts'
import { answerOk, chatPost, identifyAndRead, openDoor, openRaw, readReplies } from './door.ts'

const CRLF = '\r\n'

test('500 pipelined requests are one at a time, 17 answers in order, one refusal, and the end', async (t) => {
  const gate = createGate()
  let atOnce = 0
  let most = 0
  const door = await openDoor(t, {
    limits: { lingerMs: 40 },
    async exchange(call, sink) {
      atOnce += 1
      most = Math.max(most, atOnce)
      const body = await identifyAndRead(call)
      await gate.opened
      atOnce -= 1
      answerOk(sink, body)
    },
  })
  const client = openRaw(t, door.port)
  const requests = Array.from({ length: 500 }, (_, n) =>
    chatPost(door.port, { body: `{"n":${n}}` }),
  )
  client.write(requests.join(''))
  while (door.seen.calls === 0) await new Promise(setImmediate)
  // A round trip on another connection: by then all 500 have been parsed.
  const other = openRaw(t, door.port)
  other.write(`GET /healthz HTTP/1.1${CRLF}Host: 127.0.0.1:${door.port}${CRLF}${CRLF}`)
  await other.until('the health check', (text) => readReplies(text).length === 1)
  assert.equal(door.seen.calls, 1, 'nobody else has started')
  gate.open()
  const { text, reset } = await within(client.over, 'the end')
  const replies = readReplies(text)
  assert.deepEqual(
    replies.slice(0, 17).map((reply) => reply.body),
    Array.from({ length: 17 }, (_, n) => `{"n":${n}}`),
  )
  assert.equal(replies.length, 18)
  assert.equal(replies[17]?.status, 503)
  assert.match(replies[17]?.body ?? '', /"code":"overloaded"/)
  assert.equal(replies[17]?.headers.get('connection'), 'close')
  assert.equal(reset, false)
  assert.equal(most, 1)
  assert.equal(door.seen.calls, 17)
})

test('a flood of pipelined requests past the refused one ends the connection', async (t) => {
  const door = await openDoor(t, {
    async exchange(call) {
      await identifyAndRead(call)
      await new Promise(() => {})
    },
  })
  const client = openRaw(t, door.port)
  client.write(chatPost(door.port))
  client.write(`GET / HTTP/1.1${CRLF}${CRLF}`.repeat(2_000))
  await within(client.over, 'the end')
  assert.equal(door.seen.calls, 1)
})

test('what waits behind a caller that left is not begun', async (t) => {
  const gone = createGate()
  const door = await openDoor(t, {
    async exchange(call, sink) {
      await identifyAndRead(call)
      sink.onGone(() => {
        gone.open()
      })
      await gone.opened
    },
  })
  const client = openRaw(t, door.port)
  client.write(chatPost(door.port).repeat(5))
  while (door.seen.calls === 0) await new Promise(setImmediate)
  client.socket.resetAndDestroy()
  await within(gone.opened, 'the first to hear of it')
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  assert.equal(door.seen.calls, 1)
})

test('a request behind one that ends the connection is not begun', async (t) => {
  const gate = createGate()
  const door = await openDoor(t, {
    limits: { lingerMs: 40 },
    async exchange(call, sink) {
      await identifyAndRead(call)
      await gate.opened
      answerOk(sink)
    },
  })
  const client = openRaw(t, door.port)
  const evil = chatPost(door.port, { headers: ['Host: evil.com', 'Content-Length: 2'] })
  client.write(chatPost(door.port) + evil + chatPost(door.port))
  while (door.seen.calls === 0) await new Promise(setImmediate)
  gate.open()
  const { text } = await within(client.over, 'the end')
  assert.deepEqual(
    readReplies(text).map((reply) => reply.status),
    [200, 400],
  )
  assert.equal(door.seen.calls, 1)
})

test('garbage behind a request does not take its reply away', async (t) => {
  const gate = createGate()
  const door = await openDoor(t, {
    limits: { lingerMs: 40 },
    async exchange(call, sink) {
      await identifyAndRead(call)
      await gate.opened
      answerOk(sink)
    },
  })
  const client = openRaw(t, door.port)
  client.write(`${chatPost(door.port)}\0\0\0${CRLF}${CRLF}`)
  while (door.seen.calls === 0) await new Promise(setImmediate)
  client.write('more of it')
  gate.open()
  const { text } = await within(client.over, 'the end')
  assert.deepEqual(
    readReplies(text).map((reply) => reply.status),
    [200, 400],
  )
})

test('a caller that closes its sending side has left', async (t) => {
  const gone = createGate()
  const door = await openDoor(t, {
    async exchange(call, sink) {
      await identifyAndRead(call)
      sink.onGone(() => {
        gone.open()
      })
      sink.head(200, [['content-type', 'text/event-stream']])
      sink.write('data: 1\n\n')
    },
  })
  const client = openRaw(t, door.port)
  client.write(chatPost(door.port))
  await client.until('the beginning', (text) => text.includes('data: 1'))
  client.socket.end()
  await within(gone.opened, 'the exchange to hear of it')
})

test("the request's own end is not its caller leaving", async (t) => {
  let left = false
  const door = await openDoor(t, {
    async exchange(call, sink) {
      sink.onGone(() => {
        left = true
      })
      await identifyAndRead(call)
      // The request's `close` fires about here.
      for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
      assert.equal(left, false)
      answerOk(sink)
    },
  })
  const client = openRaw(t, door.port)
  client.write(chatPost(door.port, { headers: ['Connection: close', 'Content-Length: 2'] }))
  const { text } = await within(client.over, 'the end')
  assert.equal(readReplies(text)[0]?.status, 200)
  assert.equal(left, false, 'a reply that was taken to its end is no leaving either')
})

test('one connection too many is closed at once, and makes room when another ends', async (t) => {
  const door = await openDoor(t, { limits: { connections: 3 } })
  const probe = `GET /healthz HTTP/1.1${CRLF}Host: 127.0.0.1:${door.port}${CRLF}${CRLF}`
  const first = [openRaw(t, door.port), openRaw(t, door.port), openRaw(t, door.port)]
  for (const client of first) {
    client.write(probe)
    await client.until('a reply', (text) => readReplies(text).length === 1)
  }
  const surplus = openRaw(t, door.port)
  const { text } = await within(surplus.over, 'the surplus one to be closed')
  assert.equal(text, '')
  first[0]?.write(probe.replace(`${CRLF}${CRLF}`, `${CRLF}Connection: close${CRLF}${CRLF}`))
  await within(first[0]?.over ?? assert.fail(), 'the first one to end')
  // The server counts down when the socket's close event fires, a turn after we saw its end.
  for (;;) {
    const next = openRaw(t, door.port)
    next.write(probe)
    const answered = await next
      .until('a reply', (received) => readReplies(received).length === 1)
      .then(() => true)
      .catch(() => false)
    if (answered) break
  }
})

test('the cap on connections leaves half the descriptors to the providers', () => {
  assert.equal(connectionCap(undefined), 10_000)
  assert.equal(connectionCap(1_048_576), 10_000)
  assert.equal(connectionCap(20_256), 10_000)
  assert.equal(connectionCap(1_024), 384)
  assert.equal(connectionCap(100), 1)
  assert.equal(defaultLimits(4_096).connections, 1_920)
})

test('the limit on open files is read from where Linux keeps it', (t) => {
  const path = join(createDirectory(t), 'limits')
  writeFileSync(path, limitsFile('1024'))
  assert.equal(readOpenFilesLimit(path), 1024)
  writeFileSync(path, limitsFile('unlimited'))
  assert.equal(readOpenFilesLimit(path), undefined)
  assert.equal(readOpenFilesLimit(`${path}-nowhere`), undefined)
})

test('all bodies in memory together are bounded, and given back when their exchanges end', async (t) => {
  const sinks: ReplySink[] = []
  const finish = createGate()
  const door = await openDoor(t, {
    limits: { bufferedBytes: 1_000, lingerMs: 20 },
    async exchange(call, sink) {
      await identifyAndRead(call)
      sinks.push(sink)
      await finish.opened
      answerOk(sink)
    },
  })
  const body = 'x'.repeat(400)
  const clients = [openRaw(t, door.port), openRaw(t, door.port)]
  for (const client of clients) client.write(chatPost(door.port, { body }))
  while (sinks.length < 2) await new Promise(setImmediate)
  const third = openRaw(t, door.port)
  third.write(chatPost(door.port, { body }))
  await third.until('a reply', (text) => readReplies(text).length === 1)
  const [refusal] = readReplies(third.text())
  assert.equal(refusal?.status, 503)
  assert.match(refusal?.body ?? '', /"code":"overloaded"/)
  assert.equal(refusal?.headers.get('retry-after'), '1')
  finish.open()
  for (const client of clients) {
    await client.until('its reply', (text) => readReplies(text)[0]?.status === 200)
  }
  // As often as it could leak: a refused body gives back what it had taken, too.
  for (let round = 0; round < 10; round += 1) {
    const again = openRaw(t, door.port)
    again.write(chatPost(door.port, { body }))
    await again.until('a reply', (text) => readReplies(text)[0]?.status === 200)
  }
})

test('the budget counts what has come, not what was announced', async (t) => {
  const door = await openDoor(t, { limits: { bufferedBytes: 1_000 } })
  // Ten callers that announce all of it and send nothing must not shut out an honest one.
  for (let n = 0; n < 10; n += 1) {
    openRaw(t, door.port).write(chatPost(door.port, { headers: ['Content-Length: 900'], body: '' }))
  }
  while (door.seen.calls < 10) await new Promise(setImmediate)
  const honest = openRaw(t, door.port)
  honest.write(chatPost(door.port, { body: 'x'.repeat(900) }))
  await honest.until('a reply', (text) => readReplies(text)[0]?.status === 200)
})

test('a door that is closing says so on every reply, and ends idle connections', async (t) => {
  const idle = createGate()
  const door = await openDoor(t, {
    async exchange(call, sink) {
      await identifyAndRead(call)
      await idle.opened
      answerOk(sink)
    },
  })
  const client = openRaw(t, door.port)
  client.write(chatPost(door.port))
  while (door.seen.calls === 0) await new Promise(setImmediate)
  const closed = door.close(5_000)
  idle.open()
  const { text } = await within(client.over, 'the end')
  assert.equal(readReplies(text)[0]?.headers.get('connection'), 'close')
  await within(closed, 'the door to close')
})

function limitsFile(soft: string): string {
  return `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${soft}    4096   files\n`
}
