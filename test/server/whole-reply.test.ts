/** A reply in one text is, byte for byte, what Node would have sent. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { HeaderPairs } from '../../src/server/reply.ts'
import { SocketSink } from '../../src/server/sink.ts'
import { createVisit } from '../../src/server/visit.ts'
import { createWholeReplies } from '../../src/server/whole-reply.ts'

const IDLE_MS = 65_000
const HEADERS: HeaderPairs = [
  ['content-type', 'application/json'],
  ['x-aiproxy-attempts', '"a;b";provider=p;status=200;ms=1'],
]
const PLAIN = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'

interface Reply {
  readonly status: number
  readonly common: HeaderPairs
  readonly headers: HeaderPairs
  readonly body: string | Uint8Array
}

const REPLY: Reply = {
  status: 200,
  common: [['x-request-id', 'r1']],
  headers: HEADERS,
  body: '{"a":1}',
}

interface Sent {
  /** All that the caller read, the date left out. */
  readonly text: string
  /** How often Node was asked to write a head. */
  readonly heads: number
  readonly thrown: unknown
}

/** Answers `count` requests on one connection, by way of whole replies or without them. */
async function send(
  t: TestContext,
  reply: Reply,
  whole: boolean,
  request = PLAIN,
  count = 1,
): Promise<Sent> {
  let heads = 0
  let thrown: unknown
  const wholeReplies = whole ? createWholeReplies(IDLE_MS) : undefined
  const server = createServer({ keepAliveTimeout: IDLE_MS }, (incoming, response) => {
    incoming.resume()
    // oxlint-disable-next-line typescript/unbound-method -- called on what it was called on
    response.writeHead = new Proxy(response.writeHead, {
      apply(writeHead, self, values) {
        heads += 1
        return Reflect.apply(writeHead, self, values)
      },
    })
    const visit = createVisit(incoming, response, false)
    const sink = new SocketSink(visit, () => reply.common, 60_000, wholeReplies)
    try {
      sink.head(reply.status, reply.headers)
      sink.end(reply.body)
    } catch (error) {
      thrown = error
      response.destroy()
    }
  })
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has such an address
  const { port } = server.address() as AddressInfo
  const caller = connect(port, '127.0.0.1')
  t.after(() => caller.destroy())
  const read: Buffer[] = []
  caller.on('data', (bytes) => read.push(bytes))
  caller.on('error', () => {})
  for (let sent = 0; sent < count; sent += 1) {
    caller.write(request)
    // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
    await Promise.race([once(caller, 'data'), once(caller, 'close')])
  }
  if (!caller.destroyed) caller.end()
  if (!caller.closed) await once(caller, 'close')
  const text = Buffer.concat(read).toString('latin1')
  return { text: text.replaceAll(/\r\nDate: [^\r]*/g, '\r\nDate: …'), heads, thrown }
}

const SAME: readonly (readonly [string, Reply, string, boolean])[] = [
  ['plain ASCII', REPLY, PLAIN, true],
  ['text of other scripts', { ...REPLY, body: '{"a":"東京 é 🙂"}' }, PLAIN, true],
  ['bytes', { ...REPLY, body: Buffer.from([0x7b, 0xff, 0x00, 0x7d]) }, PLAIN, true],
  ['an empty body', { ...REPLY, body: '' }, PLAIN, true],
  ['Latin-1 in a value', { ...REPLY, headers: [['x-name', 'caf\u00e9']] }, PLAIN, true],
  ['another status', { ...REPLY, status: 201 }, PLAIN, false],
  ['the last reply of a connection', { ...REPLY, common: [['connection', 'close']] }, PLAIN, false],
  ['a caller who closes', REPLY, PLAIN.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'), false],
  ['a caller of HTTP/1.0', REPLY, PLAIN.replace('1.1', '1.0'), false],
  ['a body that is no packet', { ...REPLY, body: 'x'.repeat(70_000) }, PLAIN, false],
]
for (const [what, reply, request, wholly] of SAME) {
  test(`${what}: the same bytes, ${wholly ? 'in one text' : "in Node's own way"}`, async (t) => {
    const one = await send(t, reply, true, request)
    const other = await send(t, reply, false, request)
    assert.equal(one.text, other.text)
    assert.match(one.text, /^HTTP\/1\.1 20[01] /)
    assert.equal(one.heads, wholly ? 0 : 1)
  })
}

test('a connection goes on after such a reply', async (t) => {
  const one = await send(t, REPLY, true, PLAIN, 3)
  assert.equal(one.text, (await send(t, REPLY, false, PLAIN, 3)).text)
  assert.equal(one.text.split('HTTP/1.1 200 OK').length, 4)
})

for (const value of ['a\r\nset-cookie: b', 'a\nb', 'a\r\n\r\n<b>']) {
  test(`a value of ${JSON.stringify(value)} begins no header of its own`, async (t) => {
    const { text, thrown } = await send(t, { ...REPLY, headers: [['x-name', value]] }, true)
    assert.equal(text, '')
    assert.ok(thrown instanceof Error && 'code' in thrown)
    assert.equal(thrown.code, 'ERR_INVALID_CHAR')
  })
}
