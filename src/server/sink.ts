/** A reply on a socket, as the exchange writes it. */
import type { ReplySink } from '../exchange/call.ts'
import { guardStall, liftStallGuard } from './reply.ts'
import type { Visit } from './visit.ts'

// Beyond this, copying costs more than a second write.
const ONE_WRITE_BYTES = 64 * 1024

type Pairs = ReadonlyArray<readonly [string, string]>

/**
 * `common` goes on every reply (request ids, CORS for an allowed origin, `connection` while draining).
 * The head is held until the first write, so that a reply in one piece gets its content length. A reader
 * that takes nothing for `stallMs` is cut off. A class because it has a lifetime.
 */
export class SocketSink implements ReplySink {
  readonly #visit: Visit
  readonly #common: () => Pairs
  readonly #stallMs: number
  #status = 0
  // Name-value list of a head that has not been sent.
  #head: string[] | undefined
  #behind = false
  #drainListeners: (() => void)[] | undefined

  constructor(visit: Visit, common: () => Pairs, stallMs: number) {
    this.#visit = visit
    this.#common = common
    this.#stallMs = stallMs
  }

  head(status: number, headers: Pairs): void {
    const head: string[] = []
    for (const pair of this.#common()) head.push(pair[0], pair[1])
    for (const pair of headers) head.push(pair[0], pair[1])
    this.#status = status
    this.#head = head
  }

  write(chunk: string | Uint8Array): boolean {
    const { response } = this.#visit
    this.#sendHead(undefined)
    const keepsUp = response.write(chunk)
    if (!keepsUp && !this.#behind) {
      this.#behind = true
      guardStall(response, this.#stallMs)
    }
    return keepsUp
  }

  end(chunk?: string | Uint8Array): void {
    const { response } = this.#visit
    this.#sendHead(chunk === undefined ? 0 : Buffer.byteLength(chunk))
    if (chunk instanceof Uint8Array && chunk.length <= ONE_WRITE_BYTES) {
      // Node joins the head with a string, and so makes one packet of a reply, but not with bytes.
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
      response.end(bytes.toString('latin1'), 'latin1')
    } else response.end(chunk)
    // What the system has taken whole needs no guard.
    if (response.writableLength > 0) guardStall(response, this.#stallMs)
  }

  onDrain(listener: () => void): void {
    if (this.#drainListeners !== undefined) {
      this.#drainListeners.push(listener)
      return
    }
    this.#drainListeners = [listener]
    this.#visit.response.on('drain', () => this.#drained())
  }

  onGone(listener: () => void): void {
    this.#visit.onGone = listener
  }

  #drained(): void {
    const { response } = this.#visit
    if (this.#behind) {
      this.#behind = false
      if (!response.writableEnded) liftStallGuard(response)
    }
    for (const listener of this.#drainListeners ?? []) listener()
  }

  #sendHead(bodyBytes: number | undefined): void {
    const head = this.#head
    if (head === undefined) return
    if (bodyBytes !== undefined) head.push('content-length', String(bodyBytes))
    this.#visit.response.writeHead(this.#status, head)
    this.#head = undefined
  }
}
