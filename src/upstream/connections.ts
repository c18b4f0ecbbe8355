/**
 * The connections to one origin, one request at a time on each. undici's own Pool asks its clients one after
 * the other, and twice at every request, which of them is free. Here the free ones are a stack: the one used
 * last is taken first, and those that are not needed close by their keep-alive time.
 */
import { Client, buildConnector } from 'undici'

export interface ConnectionLimits {
  /** A reply with a longer head is an error. */
  readonly maxHeaderBytes: number
  /** Until a connection stands. */
  readonly connectMs: number
}

/** A class because it has a lifetime. */
export class Connections {
  readonly #origin: string
  readonly #options: Client.Options
  // All there are, and of them those on which nothing is under way.
  readonly #all = new Set<Client>()
  readonly #free: Client[] = []
  // Called when the last one is gone; set while closing.
  #closed: (() => void) | undefined

  constructor(origin: string, { maxHeaderBytes, connectMs }: ConnectionLimits) {
    this.#origin = origin
    this.#options = {
      // One for all, so that they share TLS sessions.
      connect: buildConnector({ timeout: connectMs }),
      pipelining: 1,
      keepAliveTimeout: 60_000,
      keepAliveMaxTimeout: 600_000,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: maxHeaderBytes,
    }
  }

  /** A connection for one request: to be given back, or dropped, when that is over. */
  take(): Client {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const client = new Client(this.#origin, this.#options)
    this.#all.add(client)
    return client
  }

  /** The reply has come to its end. */
  giveBack(client: Client): void {
    if (this.#closed === undefined) this.#free.push(client)
    else this.drop(client)
  }

  /** The request failed: nobody knows what the connection is good for. */
  drop(client: Client): void {
    if (!this.#all.delete(client)) return
    // Not in the middle of its own work.
    setImmediate(() => {
      client.destroy().catch(() => {})
    })
    if (this.#all.size === 0) this.#closed?.()
  }

  /** Closes what is free now, and the others as they end; resolves when none is left. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closed = resolve
      if (this.#all.size === 0) resolve()
      for (const client of this.#free.splice(0)) this.drop(client)
    })
  }

  /** Cuts all of them. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#all].map((client) => client.destroy()))
  }
}
