/** A reply on a socket, as the exchange writes it. */
import type { ServerResponse } from 'node:http'
import type { ReplySink } from '../exchange/call.ts'
import { guardStall, liftStallGuard } from './reply.ts'

// Beyond this, copying costs more than a second write.
const ONE_WRITE_BYTES = 64 * 1024

/**
 * `common` goes on every reply (request ids, CORS for an allowed origin, `connection` while draining).
 * The head is held until the first write, so that a reply in one piece gets its content length. A reader
 * that takes nothing for `stallMs` is cut off.
 */
export function createSink(
  response: ServerResponse,
  common: () => ReadonlyArray<readonly [string, string]>,
  stallMs: number,
): ReplySink {
  let head: { status: number; headers: string[] } | undefined
  let behind = false

  function sendHead(bodyBytes: number | undefined): void {
    if (head === undefined) return
    if (bodyBytes !== undefined) head.headers.push('content-length', String(bodyBytes))
    response.writeHead(head.status, head.headers)
    head = undefined
  }

  return {
    head(status, headers) {
      head = { status, headers: [] }
      for (const pair of common()) head.headers.push(pair[0], pair[1])
      for (const pair of headers) head.headers.push(pair[0], pair[1])
    },
    write(chunk) {
      sendHead(undefined)
      const keepsUp = response.write(chunk)
      if (!keepsUp && !behind) {
        behind = true
        guardStall(response, stallMs)
      }
      return keepsUp
    },
    end(chunk) {
      sendHead(chunk === undefined ? 0 : Buffer.byteLength(chunk))
      if (chunk instanceof Uint8Array && chunk.length <= ONE_WRITE_BYTES) {
        // Node joins the head with a string, and so makes one packet of a reply, but not with bytes.
        const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
        response.end(bytes.toString('latin1'), 'latin1')
      } else response.end(chunk)
      // What the system has taken whole needs no guard.
      if (response.writableLength > 0) guardStall(response, stallMs)
    },
    onDrain(listener) {
      response.on('drain', () => {
        if (behind) {
          behind = false
          if (!response.writableEnded) liftStallGuard(response)
        }
        listener()
      })
    },
    onGone(listener) {
      // The response's close, not the request's: that one fires as soon as the body was read.
      response.on('close', () => {
        if (!response.writableFinished) listener()
      })
    },
  }
}
