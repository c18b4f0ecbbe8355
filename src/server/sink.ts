/** A reply on a socket, as the exchange writes it. */
import type { ReplySink } from '../exchange/call.ts'
import { asBuffer } from '../wire/json.ts'
import { guardStall, liftStallGuard } from './reply.ts'
import type { HeaderPairs } from './reply.ts'
import type { Visit } from './visit.ts'
import type { WholeReplies } from './whole-reply.ts'

// Beyond this, copying costs more than a second write.
const ONE_WRITE_BYTES = 64 * 1024
// More than this is not kept back to the end of the turn, so that its writer learns whether the reader keeps up.
const TURN_BYTES = 64 * 1024

/**
 * `common` goes on every reply (request ids, CORS for an allowed origin, `connection` while draining).
 * The head is held until the first write, so that a reply in one piece gets its content length. What is
 * written in one turn of the event loop goes out at its end in one write: a provider's packet often holds
 * many events, and each write of its own would cost more than all that is done with them. A reader that
 * takes nothing for `stallMs` is cut off. A class because it has a lifetime.
 */
export class SocketSink implements ReplySink {
  readonly #visit: Visit
  readonly #common: (visit: Visit) => HeaderPairs
  readonly #stallMs: number
  readonly #wholeReplies: WholeReplies | undefined
  #status = 0
  // Of a head that has not been sent.
  #headers: HeaderPairs | undefined
  // Written in this turn.
  #pending: (string | Uint8Array)[] = []
  #pendingBytes = 0
  #behind = false
  #drainListeners: (() => void)[] | undefined

  /** Without `wholeReplies` every reply goes out as Node would send it. */
  constructor(
    visit: Visit,
    common: (visit: Visit) => HeaderPairs,
    stallMs: number,
    wholeReplies?: WholeReplies,
  ) {
    this.#visit = visit
    this.#common = common
    this.#stallMs = stallMs
    this.#wholeReplies = wholeReplies
  }

  head(status: number, headers: HeaderPairs): void {
    this.#status = status
    this.#headers = headers
  }

  write(chunk: string | Uint8Array): boolean {
    this.#sendHead(undefined)
    if (this.#pending.length === 0) process.nextTick(flush, this)
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.length
    if (this.#pendingBytes > TURN_BYTES) this.flush()
    return !this.#behind
  }

  /** Writes what this turn has brought. */
  flush(): void {
    const { response } = this.#visit
    const pending = this.#pending
    if (pending.length === 0) return
    this.#pending = []
    this.#pendingBytes = 0
    // Gone in this very turn: there is nobody to write to.
    if (response.destroyed) return
    const keepsUp = response.write(join(pending))
    if (!keepsUp && !this.#behind) {
      this.#behind = true
      guardStall(response, this.#stallMs)
    }
  }

  end(chunk?: string | Uint8Array): void {
    const { response } = this.#visit
    if (this.#pending.length > 0) {
      if (chunk !== undefined) this.#pending.push(chunk)
      response.end(join(this.#pending))
      this.#pending = []
      this.#pendingBytes = 0
      if (response.writableLength > 0) guardStall(response, this.#stallMs)
      return
    }
    if (chunk === undefined) {
      this.#sendHead(0)
      response.end()
    } else this.#endWith(typeof chunk === 'string' ? Buffer.from(chunk) : asBuffer(chunk))
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

  /** The end of a reply of which nothing waits. */
  #endWith(chunk: Buffer): void {
    const { response } = this.#visit
    if (chunk.length > ONE_WRITE_BYTES) {
      this.#sendHead(chunk.length)
      response.end(chunk)
      return
    }
    // Node joins the head with a string, and so makes one packet of a reply, but not with bytes.
    const text = chunk.toString('latin1')
    const headers = this.#headers
    if (headers !== undefined && this.#status === 200) {
      if (this.#wholeReplies?.end(this.#visit, this.#common(this.#visit), headers, text) === true)
        return
    }
    this.#sendHead(chunk.length)
    response.end(text, 'latin1')
  }

  #sendHead(bodyBytes: number | undefined): void {
    const headers = this.#headers
    if (headers === undefined) return
    this.#headers = undefined
    const head: string[] = []
    for (const pair of this.#common(this.#visit)) head.push(pair[0], pair[1])
    for (const pair of headers) head.push(pair[0], pair[1])
    if (bodyBytes !== undefined) head.push('content-length', String(bodyBytes))
    this.#visit.response.writeHead(this.#status, head)
  }
}

function flush(sink: SocketSink): void {
  sink.flush()
}

/** The pieces as one; a single one as it is. */
function join(pieces: readonly (string | Uint8Array)[]): string | Uint8Array {
  const [first = ''] = pieces
  if (pieces.length === 1) return first
  if (pieces.every((piece) => typeof piece === 'string')) return pieces.join('')
  return Buffer.concat(
    pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)),
  )
}
