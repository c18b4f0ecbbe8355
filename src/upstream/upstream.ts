/**
 * The back door: one request to one provider over undici, without an opinion on what its body means.
 * `dispatch` with a handler object, because a promise per chunk and a fetch per request cost more
 * than everything else this program does (performance.md §3).
 *
 * Never followed: redirects. Never retried here. TLS is always verified. undici's own header and body
 * timers are off; one timer per request replaces them. It is not moved with every event: events note when
 * silence would end, and a timer that fires too early is set again.
 */
import { performance } from 'node:perf_hooks'
import type { Client, Dispatcher } from 'undici'
import type { Provider } from '../config/config.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { Connections } from './connections.ts'
import { prepareDoor } from './door.ts'
import type { Door } from './door.ts'
import { createUnpacker, readEncoding } from './unpack.ts'
import type { Unpacker } from './unpack.ts'

export interface UpstreamRequest {
  readonly provider: Provider
  /** Relative to the provider's base URL; begins with `/`. */
  readonly path: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body: Uint8Array | string
  /** Until the reply's head. */
  readonly headTimeoutMs: number
  /** Between two pieces of the body. */
  readonly idleTimeoutMs: number
  /** For everything together, from now. */
  readonly deadlineMs: number
}

export interface UpstreamListener {
  onHead(status: number, headers: UpstreamHeaders): void
  onBody(chunk: Uint8Array): void
  onEnd(): void
  /**
   * The attempt is over: `upstream_unreachable`, `upstream_timeout`, `upstream_truncated` or
   * `upstream_protocol`.
   */
  onFailure(error: ProxyError, reach: FailureReach): void
}

/** How far the request came: no connection, one to somebody else, or out on the wire. */
export type FailureReach = 'unsent' | 'untrusted' | 'sent'

/** Lower-case names; a header that came several times is joined. */
export type UpstreamHeaders = Readonly<Record<string, string | undefined>>

export interface UpstreamCall {
  /** Ends the request at once; no more events follow. */
  abort(): void
  /** The reply is complete although its body may not have ended: no more events; the connection is kept if it ends soon. */
  release(): void
  pause(): void
  resume(): void
}

export interface Upstream {
  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall
  /** Lets go of the connections to all other providers; replies under way still come to their end. */
  retain(providers: ReadonlySet<Provider>): void
  close(): Promise<void>
}

export interface UpstreamOptions {
  /** Base URL of the embedded mock for providers marked `mock`, without a path; asked for at their first request. */
  readonly mockUrl: string | undefined
}

/** The door of one provider, and who goes through it. */
interface OpenDoor extends Door {
  readonly connections: Connections
}

/** Keeps one set of connections per provider: per value, so that a changed provider gets a new one. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const doors = new Map<Provider, OpenDoor>()
  // Let go, with replies still under way.
  const closing = new Set<Connections>()

  function doorOf(provider: Provider): OpenDoor {
    let door = doors.get(provider)
    if (door === undefined) {
      const prepared = prepareDoor(provider, options.mockUrl)
      const connections = new Connections(prepared.origin, {
        maxHeaderBytes: MAX_HEADER_BYTES,
        connectMs: provider.timeouts.connectMs,
      })
      door = { ...prepared, connections }
      doors.set(provider, door)
    }
    return door
  }

  return {
    send(request, listener) {
      const door = doorOf(request.provider)
      const attempt = new Attempt(request, listener, door.connections)
      let { headers } = door
      if (request.headers.length > 0) headers = [...headers, ...request.headers.flat()]
      attempt.client.dispatch(
        {
          method: 'POST',
          path: door.pathPrefix + request.path,
          headers,
          body: request.body,
        },
        attempt,
      )
      return attempt
    },
    retain(providers) {
      for (const [provider, { connections }] of doors) {
        if (providers.has(provider)) continue
        doors.delete(provider)
        closing.add(connections)
        const forget = (): void => {
          closing.delete(connections)
        }
        connections.close().then(forget, forget)
      }
    },
    async close() {
      const all = [...closing, ...[...doors.values()].map(({ connections }) => connections)]
      await Promise.all(all.map((connections) => connections.destroy()))
    },
  }
}

// Some servers keep the socket open after the end mark; one that does not gets its connection reused.
const RELEASE_MS = 1_000

// Reliability §2, response caps. No model writes this much; memory and time stay bounded.
const MAX_HEADER_BYTES = 16 * 1024
const MAX_BODY_BYTES = 256 * 1024 * 1024
// Node's timers fire up to a millisecond before their time.
const TIMER_SLACK_MS = 1
// Early hints are allowed; a flood of them is an attempt to keep us busy.
const MAX_INTERIM_HEADS = 16

/** One request under way. A class because it has a lifetime and undici calls it by method name. */
class Attempt implements Dispatcher.DispatchHandler, UpstreamCall {
  readonly #listener: UpstreamListener
  readonly #request: UpstreamRequest
  readonly #connections: Connections
  readonly client: Client
  readonly #deadlineAtMs: number
  #controller: Dispatcher.DispatchController | undefined
  #timer: NodeJS.Timeout | undefined
  // When silence will have lasted too long.
  #silenceEndsMs: number
  // What silence means right now.
  #phase: 'head' | 'body' = 'head'
  // No event may follow the last one.
  #over = false
  #paused = false
  #interimHeads = 0
  #bodyBytes = 0
  // Its length was not told: it comes as it is made.
  #streams = false
  // Came in this turn.
  #arrived: Buffer[] = []
  // The body is compressed although identity was asked for.
  #unpacker: Unpacker | undefined

  constructor(request: UpstreamRequest, listener: UpstreamListener, connections: Connections) {
    this.#request = request
    this.#listener = listener
    this.#connections = connections
    this.client = connections.take()
    const nowMs = performance.now()
    const { headTimeoutMs, idleTimeoutMs, deadlineMs } = request
    this.#deadlineAtMs = nowMs + deadlineMs
    this.#silenceEndsMs = nowMs + headTimeoutMs
    // Early enough for the body's silence, too, which may be the shorter one.
    this.#startTimer(Math.min(headTimeoutMs, idleTimeoutMs, deadlineMs))
  }

  abort(): void {
    if (this.#over) return
    this.#finish()
    this.#controller?.abort(new Error('aborted by aiproxy'))
  }

  release(): void {
    if (this.#over) return
    this.#finish()
    this.resume()
    this.#timer = setTimeout(
      () => this.#controller?.abort(new Error('released by aiproxy')),
      RELEASE_MS,
    ).unref()
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#controller?.pause()
    this.#unpacker?.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#controller?.resume()
    this.#unpacker?.resume()
    if (!this.#over) this.#heard()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Aborted, or out of time, while waiting for a connection.
    if (this.#over) controller.abort(new Error('aborted by aiproxy'))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: RawHeaders,
  ): void {
    if (this.#over) return
    if (status < 200) {
      this.#interimHeads += 1
      if (this.#interimHeads > MAX_INTERIM_HEADS) {
        this.#fail(unreadable(this.#request.provider, `${MAX_INTERIM_HEADS} interim replies`))
      }
      return
    }
    this.#phase = 'body'
    this.#heard()
    const joined = joinHeaders(headers)
    this.#streams = joined['content-length'] === undefined
    const encoding = readEncoding(joined['content-encoding'])
    if (encoding === 'unknown') {
      this.#fail(unreadable(this.#request.provider, 'an encoding nobody asked for'))
      return
    }
    if (encoding !== 'identity') this.#unpacker = this.#createUnpacker(encoding)
    this.#listener.onHead(status, joined)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return
    if (!this.#streams) {
      this.#heard()
      this.#read(chunk)
      return
    }
    // A packet of a stream holds many chunks, each of an event or two, and they are handed over together
    // when all of them are here: with every single one the processor would load the code of its reader anew
    // between two steps of undici, and that takes longer than to run it.
    if (this.#arrived.length === 0) process.nextTick(handOver, this)
    this.#arrived.push(chunk)
  }

  /** Hands over what this turn has brought. */
  handOver(): void {
    const arrived = this.#arrived
    const [only] = arrived
    if (only === undefined) return
    this.#arrived = []
    if (this.#over) return
    this.#heard()
    this.#read(arrived.length === 1 ? only : Buffer.concat(arrived))
  }

  #read(bytes: Buffer): void {
    if (this.#unpacker === undefined) this.#take(bytes)
    else this.#unpacker.push(bytes)
  }

  onResponseEnd(): void {
    this.handOver()
    this.#connections.giveBack(this.client)
    if (this.#over) {
      clearTimeout(this.#timer)
      return
    }
    if (this.#unpacker === undefined) this.#complete()
    else this.#unpacker.end()
  }

  #take(chunk: Uint8Array): void {
    if (this.#over) return
    this.#bodyBytes += chunk.length
    if (this.#bodyBytes > MAX_BODY_BYTES) {
      this.#fail(unreadable(this.#request.provider, `more than ${MAX_BODY_BYTES} bytes`))
      return
    }
    this.#listener.onBody(chunk)
  }

  #complete(): void {
    if (this.#over) return
    this.#finish()
    this.#listener.onEnd()
  }

  #createUnpacker(encoding: 'gzip' | 'deflate' | 'br'): Unpacker {
    return createUnpacker(encoding, {
      onBytes: (bytes) => this.#take(bytes),
      onEnd: () => this.#complete(),
      onBroken: (why) => this.#fail(unreadable(this.#request.provider, why)),
      onBehind: () => this.#controller?.pause(),
      onCaughtUp: () => {
        if (!this.#paused) this.#controller?.resume()
      },
    })
  }

  /** Ends the attempt for a reason of our own. */
  #fail(error: ProxyError): void {
    if (this.#over) return
    this.#finish()
    this.#controller?.abort(error)
    this.#listener.onFailure(error, 'sent')
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.handOver()
    this.#connections.drop(this.client)
    clearTimeout(this.#timer)
    if (this.#over) return
    const bodyBegun = this.#phase === 'body'
    const reach = reachOf(error, this.#controller !== undefined)
    this.#finish()
    this.#listener.onFailure(
      describeFailure(this.#request.provider, error, bodyBegun, reach),
      reach,
    )
  }

  /** A sign of life: silence begins anew. */
  #heard(): void {
    this.#silenceEndsMs = performance.now() + this.#request.idleTimeoutMs
  }

  #startTimer(ms: number): void {
    this.#timer = setTimeout(() => this.#checkTime(), Math.max(1, ms)).unref()
  }

  #checkTime(): void {
    if (this.#over) return
    const nowMs = performance.now()
    const total = nowMs >= this.#deadlineAtMs - TIMER_SLACK_MS
    // A paused reply is slow because its reader is: that is not the provider's silence.
    if (this.#paused && !total) this.#heard()
    const leftMs = Math.min(this.#silenceEndsMs, this.#deadlineAtMs) - nowMs
    if (leftMs > TIMER_SLACK_MS) this.#startTimer(leftMs)
    else this.#timeUp(total)
  }

  #timeUp(total: boolean): void {
    const { provider, headTimeoutMs, idleTimeoutMs } = this.#request
    const message = total
      ? `${provider.name} did not finish within the deadline.`
      : this.#phase === 'head'
        ? `${provider.name} sent nothing for ${seconds(headTimeoutMs)}.`
        : `${provider.name} stopped sending for ${seconds(idleTimeoutMs)}.`
    const sent = this.#controller !== undefined
    this.#finish()
    this.#controller?.abort(new Error(message))
    this.#listener.onFailure(
      new ProxyError('upstream_timeout', message, {
        hint: total
          ? 'Raise `deadline` under `failover` in the config file.'
          : `Raise \`timeouts\` of provider ${provider.name} in the config file.`,
      }),
      sent ? 'sent' : 'unsent',
    )
  }

  #finish(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#unpacker?.destroy()
  }
}

function handOver(attempt: Attempt): void {
  attempt.handOver()
}

/** The very same headers where each came once, as they nearly always do. */
function joinHeaders(headers: RawHeaders): UpstreamHeaders {
  if (cameOnce(headers)) return headers
  const joined: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return joined
}

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>

function cameOnce(headers: RawHeaders): headers is UpstreamHeaders {
  for (const name in headers) if (typeof headers[name] !== 'string') return false
  return true
}

function seconds(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
}

/** Node's codes for a certificate that does not hold, and for a handshake that failed. */
const TLS_FAULT = /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO$)/

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

function reachOf(error: Error, started: boolean): FailureReach {
  if (started) return 'sent'
  return TLS_FAULT.test(codeOf(error)) ? 'untrusted' : 'unsent'
}

function unreadable(provider: Provider, why: string, cause?: Error): ProxyError {
  return new ProxyError(
    'upstream_protocol',
    `${provider.name} sent an unreadable reply (${why}).`,
    cause === undefined ? {} : { cause },
  )
}

// undici's codes for bytes that are no HTTP, or a reply that contradicts itself.
const NO_HTTP: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'HTTPParserError',
])

/** A connection that failed, in words for a person; undici's code says which way. */
function describeFailure(
  provider: Provider,
  error: Error,
  bodyBegun: boolean,
  reach: FailureReach,
): ProxyError {
  const code = codeOf(error)
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    return new ProxyError(
      'upstream_timeout',
      `${provider.name} did not accept a connection within ${seconds(provider.timeouts.connectMs)}.`,
      { cause: error },
    )
  }
  if (bodyBegun) {
    return new ProxyError(
      'upstream_truncated',
      `${provider.name} broke the connection in the middle of its reply (${code}).`,
      { cause: error },
    )
  }
  if (error.name === 'HTTPParserError' || NO_HTTP.has(code) || isInterim(error)) {
    return unreadable(provider, code, error)
  }
  if (reach === 'untrusted') {
    return new ProxyError(
      'upstream_unreachable',
      `${provider.name} cannot be trusted: TLS failed (${code}).`,
      {
        cause: error,
        hint: `Check \`base_url\` of provider ${provider.name}, and its certificate.`,
      },
    )
  }
  return new ProxyError('upstream_unreachable', `${provider.name} cannot be reached (${code}).`, {
    cause: error,
  })
}

/** undici breaks off at a 100 or a 101 that nobody asked for, with these words. */
function isInterim(error: Error): boolean {
  return error.message === 'bad response' || error.message === 'bad upgrade'
}
