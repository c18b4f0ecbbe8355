import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { deliver, stayMute } from '../../src/mock/deliver.ts'

const HOUR_MS = 3_600_000

/**
 * Lets a client ask, hear what comes at once, and leave; resolves when the reply is given up. A wait that
 * does not notice the client would last an hour, and the test's own limit would end it.
 */
async function leave(
  t: TestContext,
  answer: (res: ServerResponse) => Promise<void>,
): Promise<string> {
  let answering = Promise.resolve()
  const server = createServer((_req, res) => {
    answering = answer(res)
  })
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const socket = connect(address.port, '127.0.0.1').setEncoding('utf8')
  let heard = ''
  socket.on('data', (text: string) => (heard += text))
  const asked = once(server, 'request')
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await asked
  // One turn of the loop for what is sent without waiting.
  await new Promise((done) => setImmediate(done))
  socket.destroy()
  await answering
  return heard
}

const HEAD = { status: 200, headers: {} }
const NO_WAIT = { firstDelayMs: 0, paceMs: 0, stallMs: 0 }

for (const [where, ending, timing] of [
  ['before the head', 'clean', { ...NO_WAIT, firstDelayMs: HOUR_MS }],
  ['between two pieces', 'clean', { ...NO_WAIT, paceMs: HOUR_MS }],
  ['in a silence', 'silence', { ...NO_WAIT, stallMs: HOUR_MS }],
] as const) {
  test(`a client that leaves ${where} ends the wait`, { timeout: 10_000 }, async (t) => {
    await leave(t, (res) =>
      deliver(res, HEAD, { pieces: ['one', 'two'], ending, contentLength: undefined }, timing),
    )
  })
}

test('a client that leaves a mute provider ends the wait', { timeout: 10_000 }, async (t) => {
  assert.equal(await leave(t, (res) => stayMute(res, HOUR_MS)), '')
})

test('a reader that does not read holds the writer back', { timeout: 10_000 }, async (t) => {
  const responses: ServerResponse[] = []
  const pieces = Array.from({ length: 400 }, () => 'x'.repeat(100_000))
  let isDone = false
  const server = createServer((_req, res) => {
    responses.push(res)
    deliver(res, HEAD, { pieces, ending: 'clean', contentLength: undefined }, NO_WAIT).then(
      () => (isDone = true),
      () => undefined,
    )
  })
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const socket = connect(address.port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(server, 'request')
  const [res] = responses
  assert.ok(res !== undefined)
  for (let turn = 0; turn < 200; turn += 1) await new Promise((next) => setImmediate(next))
  assert.equal(isDone, false)
  assert.ok(res.writableLength < 1_000_000, 'it does not pile up in memory')
  socket.resume()
  await once(res, 'finish')
})
