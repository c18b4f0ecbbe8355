/** What of a streamed reply goes onto the socket, and when. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { SocketSink } from '../../src/server/sink.ts'
import { createVisit } from '../../src/server/visit.ts'

interface Stage {
  readonly sink: SocketSink
  readonly response: ServerResponse
  /** What the response was given, write by write. */
  readonly writes: string[]
  /** All that the caller has read, once the reply has ended. */
  readonly whole: () => Promise<string>
  readonly leave: () => void
}

async function stage(t: TestContext): Promise<Stage> {
  const server = createServer()
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has such an address
  const { port } = server.address() as AddressInfo
  const caller = connect(port, '127.0.0.1')
  t.after(() => caller.destroy())
  caller.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  let read = ''
  caller.setEncoding('utf8')
  caller.on('data', (text: string) => {
    read += text
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what node:http emits
  const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
  const writes: string[] = []
  const write = response.write.bind(response)
  response.write = (chunk: string | Uint8Array): boolean => {
    writes.push(Buffer.from(chunk).toString())
    return write(chunk)
  }
  return {
    sink: new SocketSink(createVisit(request, response, false), () => [['x-common', '1']], 60_000),
    response,
    writes,
    async whole() {
      await once(caller, 'close')
      return read
    },
    leave() {
      response.destroy()
    },
  }
}

/** The end of this turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

test('what comes in one turn goes out at its end, in one write and in order', async (t) => {
  const { sink, writes, whole } = await stage(t)
  sink.head(200, [['content-type', 'text/event-stream']])
  sink.write(Buffer.from('a'))
  sink.write('b')
  sink.write(Buffer.from('東'))
  assert.deepEqual(writes, [])
  await turn()
  assert.deepEqual(writes, ['ab東'])
  sink.write('c')
  sink.write('d')
  await turn()
  assert.deepEqual(writes, ['ab東', 'cd'])
  sink.end()
  const text = await whole()
  assert.match(text, /^HTTP\/1\.1 200 OK\r\nx-common: 1\r\ncontent-type: text\/event-stream\r\n/)
  assert.match(text, /\r\n\r\n5\r\nab東\r\n2\r\ncd\r\n0\r\n\r\n$/)
})

test('the end of a reply takes what its turn has brought with it', async (t) => {
  const { sink, whole } = await stage(t)
  sink.head(200, [])
  sink.write('a')
  sink.write('b')
  sink.end('c')
  assert.match(await whole(), /\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/)
})

test('a turn that brings very much is written in between, so that a slow reader shows', async (t) => {
  const { sink, response, writes } = await stage(t)
  sink.head(200, [])
  const piece = 'x'.repeat(40 * 1024)
  assert.equal(sink.write(piece), true)
  const keepsUp = sink.write(piece)
  assert.equal(writes.length, 1)
  assert.equal(keepsUp, response.writableLength < response.writableHighWaterMark)
})

test('nothing is written to a reader who left in this very turn', async (t) => {
  const { sink, writes, leave } = await stage(t)
  sink.head(200, [])
  sink.write('a')
  leave()
  await turn()
  assert.deepEqual(writes, [])
})
