/**
 * The embedded mock provider: a small real HTTP server on a loopback port that speaks OpenAI Chat
 * Completions, Responses, Embeddings and Models, and Anthropic Messages, as strictly as the providers do.
 * It knows nothing of the rest of the program.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { DemandedKeys } from './credential.ts'
import { deliver, stayMute } from './deliver.ts'
import { emptyObject } from './json.ts'
import { replyTo } from './routes.ts'
import type { MockRules } from './routes.ts'

/** A request as a test sees it. */
export interface SeenRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  /** When the body was complete, in milliseconds since the epoch. */
  readonly atMs: number
}

export interface MockProviderOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Between two events of a stream, and the same in total before a unary reply; default 0. */
  readonly paceMs?: number
  /** Before every reply; default 0. */
  readonly firstDelayMs?: number
  /** Extra silence of `mock-slow`; default 4000. */
  readonly slowMs?: number
  /** How long `mock-timeout` and `mock-stall` stay silent before the connection is dropped; default 15 min. */
  readonly stallMs?: number
  /** Keys that are demanded; where one is absent, any key will do, but there must be one. */
  readonly credential?: DemandedKeys
  /** Larger request bodies are a 413; default 32 MiB. */
  readonly maxBodyBytes?: number
  /** Sees every request that arrived whole, before it is answered. */
  readonly onRequest?: (seen: SeenRequest) => void
  /** Milliseconds since the epoch, for reset times in headers; default `Date.now`. */
  readonly now?: () => number
}

export interface MockProvider {
  /** `http://127.0.0.1:PORT`, no path: Anthropic's base URL as it is, OpenAI's with `/v1`. */
  readonly url: string
  readonly port: number
  /** Requests that arrived whole so far. */
  readonly requests: number
  /** Stops listening and drops every open connection. */
  close(): Promise<void>
}

const SLOW_MS = 4_000
const STALL_MS = 15 * 60_000
const MAX_BODY_BYTES = 32 * 1024 * 1024
/** Of a body that is too large anyway, this many times the limit is read so that the 413 can be heard. */
const DRAIN_FACTOR = 4
/** OpenAI takes this much of headers. */
const MAX_HEADER_BYTES = 64 * 1024
/** Longer than a client keeps an idle connection, so that none is dropped under a request. */
const KEEP_ALIVE_MS = 75_000

/** Starts the provider. Rejects where the port cannot be opened. */
export async function createMockProvider(options: MockProviderOptions = {}): Promise<MockProvider> {
  const { host = '127.0.0.1', maxBodyBytes = MAX_BODY_BYTES, now = Date.now } = options
  const timing = {
    firstDelayMs: options.firstDelayMs ?? 0,
    paceMs: options.paceMs ?? 0,
    stallMs: options.stallMs ?? STALL_MS,
  }
  const slowMs = options.slowMs ?? SLOW_MS
  const flakyCalls = new Map<string, number>()
  const rules: MockRules = {
    credential: options.credential ?? {},
    now,
    countFlaky(caller) {
      const before = flakyCalls.get(caller) ?? 0
      flakyCalls.set(caller, before + 1)
      return before
    },
  }
  let requests = 0

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await readBody(req, maxBodyBytes)
    if (body === 'left') return
    requests += 1
    const request = {
      method: req.method ?? '',
      target: req.url ?? '',
      headers: flatten(req.headers),
      body: body === 'too large' ? undefined : body.text,
    }
    options.onRequest?.({
      method: request.method,
      path: request.target,
      headers: request.headers,
      body: request.body ?? '',
      atMs: now(),
    })
    const reply = replyTo(request, rules)
    if (reply.isMute) return stayMute(res, timing.stallMs)
    // A unary reply takes as long as the same answer would have streamed.
    const waitMs = timing.firstDelayMs + reply.paces * timing.paceMs + (reply.isSlow ? slowMs : 0)
    return deliver(res, reply, reply.delivery, { ...timing, firstDelayMs: waitMs })
  }

  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (req, res) => {
    // A broken socket is the client's business; one that breaks must not take the provider with it.
    req.on('error', () => undefined)
    res.on('error', () => undefined)
    serve(req, res).catch(() => res.destroy())
  })
  server.keepAliveTimeout = KEEP_ALIVE_MS
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.once('close', () => sockets.delete(socket))
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    get requests() {
      return requests
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
    },
  }
}

/** Reads the whole body as text; says so where it is larger than `limit` bytes or the client went away. */
function readBody(
  req: IncomingMessage,
  limit: number,
): Promise<{ readonly text: string } | 'too large' | 'left'> {
  return new Promise((resolve) => {
    let chunks: Buffer[] = []
    let bytes = 0
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= limit) chunks.push(chunk)
      else chunks = []
      if (bytes > limit * DRAIN_FACTOR) req.destroy()
    })
    req.once('end', () =>
      resolve(bytes > limit ? 'too large' : { text: Buffer.concat(chunks).toString('utf8') }),
    )
    req.once('close', () => resolve('left'))
  })
}

/** Header names are outside-controlled; repeated ones are joined as HTTP says. */
function flatten(headers: IncomingMessage['headers']): Record<string, string | undefined> {
  const flat = emptyObject<string | undefined>()
  for (const [name, value] of Object.entries(headers)) {
    flat[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return flat
}
