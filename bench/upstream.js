/**
 * The provider of the bench: answers at once, with bytes prepared before. It reads HTTP/1.1 from raw
 * sockets, so that it costs as little as possible beside the program that is measured. The path says
 * what to answer: /<kind>/…, where kind is unary, sse, fast, slow, gone or refused, and …/messages is
 * Anthropic's. /count tells how many requests of each kind were answered so far.
 * Its argument is the port to listen on.
 */
import { createServer } from 'node:net'
import {
  GONE,
  REFUSED,
  SSE_END,
  SSE_HEAD,
  UNARY,
  createStampedChunk,
  jsonReply,
  streamOf,
} from './frames.js'
import { createPace } from './pace.js'
import { PACES, STREAM_CHUNKS, nowMicroseconds } from './settings.js'

const DIALECTS = ['openai', 'anthropic']
const counts = { unary: 0, gone: 0, refused: 0, sse: 0, fast: 0, slow: 0 }

const bursts = perDialect((dialect) => {
  const { opening, content, closing } = streamOf(dialect, STREAM_CHUNKS)
  const words = Array.from({ length: STREAM_CHUNKS }, (_, index) => content(` word${index}`))
  return Buffer.concat([SSE_HEAD, ...opening, ...words, ...closing, SSE_END])
})
const stampedChunks = perDialect(createStampedChunk)
const paced = new Map(
  Object.entries(PACES).map(([kind, { chunks, periodMs }]) => [
    kind,
    {
      chunks,
      pace: createPace(periodMs, stampedChunks),
      ends: perDialect((dialect) => {
        const { opening, closing } = streamOf(dialect, chunks)
        return {
          head: Buffer.concat([SSE_HEAD, ...opening]),
          closing: Buffer.concat([...closing, SSE_END]),
        }
      }),
    },
  ]),
)

const server = createServer({ noDelay: true }, (socket) => {
  // Bytes of a request head that is not whole yet; '' between requests.
  let head = ''
  let path = ''
  // The caller wants no further reply on this connection.
  let last = false
  // Bytes of the current request's body that are still to come.
  let missing = 0
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    let at = 0
    while (at < bytes.length || (missing === 0 && path !== '')) {
      if (path !== '') {
        const taken = Math.min(missing, bytes.length - at)
        at += taken
        missing -= taken
        if (missing > 0) return
        answer(socket, path, last)
        path = ''
        continue
      }
      const before = head.length
      head += bytes.latin1Slice(at)
      const end = head.indexOf('\r\n\r\n', Math.max(0, before - 3))
      if (end < 0) return
      at += end + 4 - before
      path = head.slice(head.indexOf(' ') + 1, head.indexOf(' ', head.indexOf(' ') + 1))
      const fields = head.slice(0, end + 2)
      const length = /\r\ncontent-length: *(\d+)/i.exec(fields)
      missing = length === null ? 0 : Number(length[1])
      last = /\r\nconnection: *close\r/i.test(fields)
      head = ''
    }
  })
})
server.listen(Number(process.argv[2]), '127.0.0.1')

function answer(socket, path, last) {
  const kind = path.slice(1, path.indexOf('/', 1))
  const dialect = path.endsWith('/messages') ? 'anthropic' : 'openai'
  if (kind in counts) counts[kind] += 1
  if (paced.has(kind)) {
    startPaced(socket, paced.get(kind), dialect, last)
    return
  }
  if (kind === 'unary') socket.write(UNARY[dialect])
  else if (kind === 'gone') socket.write(GONE)
  else if (kind === 'refused') socket.write(REFUSED)
  else if (kind === 'sse') socket.write(bursts[dialect])
  else socket.write(jsonReply(200, counts))
  if (last) socket.end()
}

// The first content comes at once: how long it then takes is the proxy's doing.
function startPaced(socket, { chunks, pace, ends }, dialect, last) {
  const { head, closing } = ends[dialect]
  socket.write(Buffer.concat([head, stampedChunks[dialect].stamp(nowMicroseconds())]))
  pace.add({ socket, dialect, left: chunks - 1, closing, last })
}

function perDialect(make) {
  return Object.fromEntries(DIALECTS.map((dialect) => [dialect, make(dialect)]))
}
