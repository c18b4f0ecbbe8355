/** Puts a reply on the socket: waits, writes at the pace, and ends it or fails to, as was decided. */
import type { ServerResponse } from 'node:http'
import type { Delivery } from './spoil.ts'

/** How long everything takes, in milliseconds. */
export interface Timing {
  /** Before the reply head. */
  readonly firstDelayMs: number
  /** Between two pieces. */
  readonly paceMs: number
  /** How long a silence lasts before the connection is dropped. */
  readonly stallMs: number
}

export interface Head {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/**
 * A reset overtakes what was written just before it in the reader's own buffers. This much time lets the
 * content that a cut stream is said to have sent really arrive first.
 */
const BEFORE_RESET_MS = 20

/** Writes the whole reply. Resolves when it is out, or as soon as the client has left. */
export async function deliver(
  res: ServerResponse,
  head: Head,
  delivery: Delivery,
  timing: Timing,
): Promise<void> {
  const left = new AbortController()
  res.once('close', () => left.abort())
  if (res.destroyed) return
  await pause(timing.firstDelayMs, left.signal)
  if (left.signal.aborted) return
  const length =
    delivery.contentLength === undefined ? {} : { 'content-length': String(delivery.contentLength) }
  res.writeHead(head.status, { ...head.headers, ...length })
  res.flushHeaders()
  for (const [index, piece] of delivery.pieces.entries()) {
    if (index > 0) await pause(timing.paceMs, left.signal)
    if (left.signal.aborted) return
    await write(res, piece, left.signal)
  }
  if (left.signal.aborted) return
  switch (delivery.ending) {
    case 'clean':
      res.end()
      return
    case 'reset':
      await pause(BEFORE_RESET_MS, left.signal)
      res.socket?.resetAndDestroy()
      return
    case 'silence':
      await pause(timing.stallMs, left.signal)
      res.destroy()
      return
  }
}

/** Sends nothing at all, not even a head, until the client leaves or the silence is over. */
export async function stayMute(res: ServerResponse, stallMs: number): Promise<void> {
  const left = new AbortController()
  res.once('close', () => left.abort())
  await pause(stallMs, left.signal)
  res.destroy()
}

/** Waits, unless the signal is or becomes aborted; never rejects and never keeps the process alive. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms).unref()
    signal.addEventListener('abort', done)
  })
}

/** Hands one piece to the socket and waits until it was taken, so that a slow reader slows the mock. */
function write(res: ServerResponse, piece: string, signal: AbortSignal): Promise<void> {
  if (piece === '') return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
    res.write(piece, done)
  })
}
