/** Replies in one piece: documents, refusals, errors. Streams and answers go through sink.ts. */
import type { ServerResponse } from 'node:http'
import type { ProxyError } from '../errors/proxy-error.ts'
import { renderAnthropic, renderOpenAi } from '../errors/render.ts'
import { announcedBytes } from './framing.ts'
import type { RequestHeaders } from './headers.ts'
import type { DoorLimits } from './limits.ts'
import type { Shape } from './routes.ts'
import type { Visit } from './visit.ts'

export type HeaderPairs = ReadonlyArray<readonly [string, string]>

/** What every reply to one request has in common. */
export interface Manner {
  /** Request ids, CORS for an allowed origin. */
  readonly headers: HeaderPairs
  /** What was sent; empty where the head was refused before it was read. */
  readonly requestHeaders: RequestHeaders
  readonly limits: DoorLimits
  /** This connection takes no further request. */
  readonly close: boolean
}

/**
 * Sends a whole reply; `body` is left out for HEAD, as it must be. Where much of the request's body is
 * unread the connection ends with this reply, but not before the caller had time to read it: bytes that
 * nobody reads make the system answer with a reset, which erases what was sent (RFC 9112 §9.6).
 */
export function sendWhole(
  visit: Visit,
  status: number,
  headers: HeaderPairs,
  body: string | Uint8Array | undefined,
  manner: Manner,
): void {
  const { request, response } = visit
  const unread = unreadBytes(visit, manner.requestHeaders)
  const closes = manner.close || mustClose(visit, unread, manner.limits)
  const lingers = closes && (unread > 0 || visit.problem !== undefined)
  const pairs = [...manner.headers, ...headers].flat()
  if (body !== undefined) pairs.push('content-length', String(Buffer.byteLength(body)))
  if (closes) pairs.push('connection', 'close')
  response.writeHead(status, pairs)
  const visible = request.method === 'HEAD' ? undefined : body
  if (!lingers) {
    guardStall(response, manner.limits.stallMs)
    response.end(visible)
    return
  }
  // The caller has all of the reply; only the connection stays for a moment.
  if (visible === undefined) response.flushHeaders()
  else response.write(visible)
  linger(visit, manner.limits)
}

/** Sends a JSON document. */
export function sendJson(
  visit: Visit,
  status: number,
  headers: HeaderPairs,
  document: object,
  manner: Manner,
): void {
  const all = [...headers, ['content-type', 'application/json'] as const]
  sendWhole(visit, status, all, JSON.stringify(document), manner)
}

/** Sends an error in the caller's shape. After the head is sent there is nothing left to say but the end. */
export function sendError(
  visit: Visit,
  error: ProxyError,
  shape: Shape,
  id: string,
  manner: Manner,
): void {
  if (visit.response.headersSent) {
    visit.response.destroy()
    return
  }
  const headers: (readonly [string, string])[] = [
    ...error.headers,
    ['x-aiproxy-error', error.source],
  ]
  if (error.retryAfterSeconds !== undefined) {
    headers.push(['retry-after', String(error.retryAfterSeconds)])
  }
  if (error.raw !== undefined) {
    headers.push(['content-type', error.raw.contentType])
    sendWhole(visit, error.status, headers, error.raw.body, manner)
    return
  }
  const body = shape === 'openai' ? renderOpenAi(error) : renderAnthropic(error, id)
  sendJson(visit, error.status, headers, body, manner)
}

/** Cuts the connection when its reader takes nothing of what was written for `stallMs`. */
export function guardStall(response: ServerResponse, stallMs: number): void {
  // Node's socket timer counts bytes that the system took as life (net.Socket#setTimeout), and destroys
  // the socket when it runs out, since nobody listens for it.
  response.socket?.setTimeout(stallMs)
}

/** The reader is no longer behind. */
export function liftStallGuard(response: ServerResponse): void {
  response.socket?.setTimeout(0)
}

/** At most this much of the request's body has yet to come; infinite where it is chunked. */
function unreadBytes({ request }: Visit, requestHeaders: RequestHeaders): number {
  return request.complete ? 0 : announcedBytes(requestHeaders)
}

/** True where reading the rest of the request just to keep the connection is not worth it, or not possible. */
function mustClose(visit: Visit, unread: number, limits: DoorLimits): boolean {
  // A caller that was not told to go on may send its body, or not: the next bytes could be either.
  return visit.problem !== undefined || visit.awaitsContinue || unread > limits.lingerBytes
}

/** Reads and throws away what still comes, up to the limits, then ends the reply and its connection. */
function linger(visit: Visit, limits: DoorLimits): void {
  const { request, response } = visit
  const { socket } = request
  const fromBytes = socket.bytesRead
  visit.lingersFromBytes = fromBytes
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, limits.lingerMs)
  response.on('close', () => {
    clearTimeout(timer)
  })
  request.on('end', end)
  request.on('data', () => {
    if (socket.bytesRead - fromBytes > limits.lingerBytes) end()
  })
}
