/**
 * The floor: what a pass-through costs in this runtime when it does nothing at all. node:http in front,
 * undici's Pool.dispatch behind, the same settings aiproxy would choose, no logic in between.
 * First argument: port of the upstream. Prints its own port as one JSON line.
 */
import { createServer } from 'node:http'
import { Pool } from 'undici'

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, {
  connections: 512,
  pipelining: 1,
  keepAliveTimeout: 60_000,
  headersTimeout: 0,
  bodyTimeout: 0,
})
const HEADERS = ['content-type', 'application/json', 'authorization', 'Bearer bench']

const forward = (request, response, body) => {
  let streaming = false
  const chunks = []
  pool.dispatch(
    { path: request.url, method: 'POST', headers: HEADERS, body },
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

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => {
    chunks.push(chunk)
  })
  request.on('end', () => {
    forward(request, response, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
  })
})
server.listen(0, '127.0.0.1', () => {
  console.log(
    JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${server.address().port}` }),
  )
})
