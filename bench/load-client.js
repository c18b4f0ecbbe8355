/** One connection of the load: asks, reads the whole answer, asks again. */
import { Buffer } from 'node:buffer'
import { connect } from 'node:net'
import { STAMP_DIGITS, nowMicroseconds } from './settings.js'

// The end of a chunked body and of the stream in it stand within so many last bytes.
const TAIL_BYTES = 64

/**
 * Begins at once. `listener.whole(totalMs, firstMs)` is told of each whole answer, `firstMs` being its first
 * body byte or, where chunks are stamped, its first content; the next request goes out where it returns
 * true. `listener.chunk(lateMs)` is told of each stamped chunk how long ago it was sent,
 * `listener.failed(why)` of anything else that happens. A connection the other side is done with is opened again.
 */
export function createClient(order, listener) {
  const bytes = requestBytes(order)
  let socket
  let closed = false
  let sentMs = 0
  let firstMs = 0
  // Reply head so far; undefined once it was read.
  let head = ''
  // Body bytes still to come, or -1 for a chunked body.
  let missing = 0
  // The last bytes of a chunked body: where its end shows.
  let tail = ''
  // The other side ends the connection after this answer.
  let last = false

  const open = () => {
    socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true })
    const mine = socket
    socket.on('connect', ask)
    socket.on('data', read)
    socket.on('error', (error) => {
      if (mine === socket && !closed) listener.failed(`the connection failed: ${error.message}`)
    })
    socket.on('close', () => {
      if (mine === socket && !closed) listener.failed('the connection was closed')
    })
  }
  const ask = () => {
    head = ''
    tail = ''
    firstMs = 0
    sentMs = performance.now()
    socket.write(bytes)
  }
  const done = () => {
    if (!listener.whole(performance.now() - sentMs, firstMs - sentMs)) destroy()
    else if (last) {
      const old = socket
      open()
      old.destroy()
    } else ask()
  }
  const destroy = () => {
    closed = true
    socket.destroy()
  }

  const read = (chunk) => {
    let text
    let bodyBytes = chunk.length
    if (head !== undefined) {
      text = head + chunk.latin1Slice()
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) {
        head = text
        return
      }
      if (!text.startsWith('HTTP/1.1 200 ')) {
        listener.failed(`a reply was not 200: ${text.slice(0, 600)}`)
        return
      }
      const fields = text.slice(0, end + 2)
      const length = /\r\ncontent-length: *(\d+)/i.exec(fields)
      missing = length === null ? -1 : Number(length[1])
      last = /\r\nconnection: *close\r/i.test(fields)
      bodyBytes = text.length - end - 4
      text = text.slice(end + 4)
      head = undefined
    }
    if (order.stamped) readStamps(text ?? chunk.latin1Slice())
    else if (bodyBytes > 0 && firstMs === 0) firstMs = performance.now()
    if (missing >= 0) countBody(bodyBytes)
    else findEnd(text ?? chunk.latin1Slice(Math.max(0, chunk.length - TAIL_BYTES)))
  }
  const readStamps = (text) => {
    const now = nowMicroseconds()
    for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + STAMP_DIGITS + 2)) {
      const sent = Number(text.slice(at + 1, at + 1 + STAMP_DIGITS))
      if (firstMs === 0) firstMs = performance.now()
      // One that was cut in two by the network is not read.
      if (text[at + 1 + STAMP_DIGITS] === '@') listener.chunk((now - sent) / 1000)
    }
  }
  const countBody = (bodyBytes) => {
    missing -= bodyBytes
    if (missing < 0) listener.failed('more bytes came than were announced')
    else if (missing === 0 && order.stream) {
      listener.failed('a stream was asked for, and a whole body came')
    } else if (missing === 0) done()
  }
  const findEnd = (text) => {
    tail = (tail + text).slice(-TAIL_BYTES)
    if (!tail.endsWith('0\r\n\r\n')) return
    if (order.stream && !tail.includes(order.endMark)) {
      listener.failed(`a stream ended without its end mark: ${tail}`)
    } else done()
  }

  open()
  return { destroy }
}

function requestBytes({ port, path, headers, body }) {
  const fields = Object.entries({
    host: `127.0.0.1:${port}`,
    ...headers,
    'content-length': Buffer.byteLength(body),
  })
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines}\r\n${body}`)
}
