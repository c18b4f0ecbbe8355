/**
 * The load: a closed loop of raw HTTP/1.1 connections, each with one request in flight. It lives as long
 * as the bench, so that its own code is warm, and takes one order a line on stdin:
 * { port, path, body, connections, seconds, warmupSeconds, stream, pid }. It answers with one line:
 * counts, latencies, and the CPU time the process `pid` spent meanwhile.
 * A reply other than a whole good one ends the bench: a fast refusal must not look like speed.
 */
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { cpuMicroseconds } from './machine.js'

const END_MARK = 'data: [DONE]\n\n'

const requestBytes = ({ port, path, body }) =>
  Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nx-user: bench\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )

const run = (order) =>
  new Promise((resolve, reject) => {
    const bytes = requestBytes(order)
    const sockets = []
    // Milliseconds per request, and until its first body byte; only of the measured time.
    let totals = []
    let firsts = []
    let measuring = false
    let stopping = false
    let open = 0
    let startedMs = 0
    let cpuBefore
    let measured

    const fail = (why) => {
      stopping = true
      for (const socket of sockets) socket.destroy()
      reject(new Error(why))
    }

    const client = () => {
      const socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true })
      sockets.push(socket)
      open += 1
      let sentMs = 0
      let firstMs = 0
      // Reply head so far; undefined once it was read.
      let head = ''
      // Body bytes still to come, or -1 for a chunked body.
      let missing = 0
      // The last bytes of a chunked body: where its end shows.
      let tail = ''

      const ask = () => {
        head = ''
        tail = ''
        firstMs = 0
        sentMs = performance.now()
        socket.write(bytes)
      }
      const done = () => {
        const nowMs = performance.now()
        if (measuring) {
          totals.push(nowMs - sentMs)
          firsts.push(firstMs - sentMs)
        }
        if (!stopping) {
          ask()
          return
        }
        open -= 1
        socket.destroy()
        if (open === 0) resolve(measured)
      }

      socket.on('connect', ask)
      socket.on('error', (error) => {
        if (!stopping) fail(`the connection failed: ${error.message}`)
      })
      socket.on('close', () => {
        if (!stopping) fail('the connection was closed')
      })
      socket.on('data', (chunk) => {
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
            fail(`a reply was not 200: ${text.slice(0, 600)}`)
            return
          }
          const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end + 2))
          missing = length === null ? -1 : Number(length[1])
          bodyBytes = text.length - end - 4
          text = text.slice(end + 4)
          head = undefined
        }
        if (bodyBytes > 0 && firstMs === 0) firstMs = performance.now()
        if (missing >= 0) {
          missing -= bodyBytes
          if (missing === 0) {
            if (order.stream) fail('a stream was asked for, and a whole body came')
            else done()
          } else if (missing < 0) fail('more bytes came than were announced')
          return
        }
        tail = (tail + (text ?? chunk.latin1Slice(Math.max(0, chunk.length - 64)))).slice(-64)
        if (!tail.endsWith('0\r\n\r\n')) return
        if (order.stream && !tail.includes(END_MARK))
          fail(`a stream ended without its end mark: ${tail}`)
        else done()
      })
    }

    for (let index = 0; index < order.connections; index += 1) client()
    setTimeout(() => {
      totals = []
      firsts = []
      measuring = true
      cpuBefore = cpuMicroseconds(order.pid)
      startedMs = performance.now()
    }, order.warmupSeconds * 1000)
    setTimeout(
      () => {
        const elapsedMs = performance.now() - startedMs
        const cpuAfter = cpuMicroseconds(order.pid)
        measuring = false
        measured = {
          requests: totals.length,
          seconds: elapsedMs / 1000,
          cpuMicroseconds: cpuBefore === undefined ? null : cpuAfter - cpuBefore,
          total: percentiles(totals),
          first: percentiles(firsts),
        }
        stopping = true
      },
      (order.warmupSeconds + order.seconds) * 1000,
    )
  })

const percentiles = (values) => {
  if (values.length === 0) return { p50: null, p99: null }
  const sorted = Float64Array.from(values).toSorted()
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]
  return { p50: at(0.5), p99: at(0.99) }
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await run(JSON.parse(line))))
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }))
  }
}
