/**
 * The floor: what a pass-through costs in this runtime when it does nothing at all. node:http in front,
 * undici's Pool.dispatch behind, the same settings aiproxy would choose, no logic in between.
 * Arguments: its own port, the upstream's.
 *
 * The first part of the path says which floor: `plain`; `parse`, which reads the request with one
 * JSON.parse more; `twice`, which asks /gone first, lets that answer go, and asks again. The rest of the
 * path is the upstream's.
 */
import { createServer } from 'node:http'
import { Pool } from 'undici'

const [port, upstreamPort] = process.argv.slice(2)
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, {
  pipelining: 1,
  keepAliveTimeout: 60_000,
  keepAliveMaxTimeout: 600_000,
  headersTimeout: 0,
  bodyTimeout: 0,
})
const HEADERS = ['content-type', 'application/json', 'authorization', 'Bearer bench']

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => {
    chunks.push(chunk)
  })
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    const at = request.url.indexOf('/', 1)
    const path = request.url.slice(at)
    const floor = request.url.slice(1, at)
    if (floor === 'parse') JSON.parse(body.toString())
    if (floor === 'twice') forgetFirst(path, response, body)
    else forward(path, response, body)
  })
})
server.listen(Number(port), '127.0.0.1')

function forward(path, response, body) {
  let streaming = false
  const chunks = []
  pool.dispatch(
    { path, method: 'POST', headers: HEADERS, body },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, headers) {
        streaming = headers['content-length'] === undefined
        if (streaming) response.writeHead(status, ['content-type', headers['content-type']])
      },
      onResponseData(_controller, chunk) {
        if (streaming) response.write(chunk)
        else chunks.push(chunk)
      },
      onResponseEnd() {
        if (streaming) {
          response.end()
          return
        }
        const whole = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
        response.writeHead(200, [
          'content-type',
          'application/json',
          'content-length',
          String(whole.length),
        ])
        response.end(whole)
      },
      onResponseError() {
        response.destroy()
      },
    },
  )
}

function forgetFirst(path, response, body) {
  pool.dispatch(
    { path: path.replace('/unary/', '/gone/'), method: 'POST', headers: HEADERS, body },
    {
      onRequestStart() {},
      onResponseStart() {},
      onResponseData() {},
      onResponseEnd() {
        forward(path, response, body)
      },
      onResponseError() {
        response.destroy()
      },
    },
  )
}
