/**
 * A scripted provider: a true HTTP server on a loopback port that remembers every request and answers
 * each one as its script says, well or badly. It knows nothing of aiproxy. A script is a function, so
 * it can wait for a gate between two frames: no test needs to sleep.
 */
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { anthropicError, openaiError } from './replies.ts'
import { parseJson } from './json.ts'
import { within } from './owner.ts'
import type { Owner } from './owner.ts'

export interface Received {
  readonly method: string
  /** With the query string. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  json(): unknown
  /**
   * Resolves once this request is over: `answered` where the whole reply was written, `cut` where the
   * connection went away before; with the moment, in `performance.now()` milliseconds.
   */
  readonly over: Promise<{ readonly how: 'answered' | 'cut'; readonly atMs: number }>
}

export type Script = (reply: ScriptedReply, request: Received) => void | Promise<void>

export interface ScriptedReply {
  /** A whole JSON reply. */
  json(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void
  /** A whole reply of any kind: the bytes as they are. */
  bytes(status: number, body: string, headers: Readonly<Record<string, string>>): void
  /** Status 200 and the head of an event stream, on the wire at once. */
  openStream(headers?: Readonly<Record<string, string>>): void
  /** The head of a reply with this content length, on the wire at once. */
  openBody(status: number, length: number, headers?: Readonly<Record<string, string>>): void
  /** Bytes as they are; resolves when they were handed to the system. */
  write(text: string): Promise<void>
  /** A clean end of the body, whatever was said before. */
  end(): void
  /** A reset connection (RST), before or after the head. */
  reset(): void
  /** An orderly close (FIN) without the end of the reply. */
  hangUp(): void
  /** Says nothing more; resolves when the other side has left. */
  stall(): Promise<void>
}

export interface Upstream {
  /** `http://127.0.0.1:<port>`, no path. */
  readonly origin: string
  readonly port: number
  /** Every request so far, in order of arrival. */
  readonly requests: readonly Received[]
  /** The requests whose path begins with this prefix. */
  requestsTo(prefix: string): Received[]
  /** Answers paths that begin with `prefix`; the longest prefix wins, the newest of equals. */
  on(prefix: string, script: Script): void
  /** The first request to this prefix; waits for it. */
  firstRequestTo(prefix: string): Promise<Received>
  /** The next request, whatever its path. */
  arrival(): Promise<void>
}

/** Starts a scripted provider; closed, with all its connections, when `owner` cleans up. */
export async function createUpstream(owner: Owner, script?: Script): Promise<Upstream> {
  const requests: Received[] = []
  const scripts = new Map<string, Script>()
  if (script !== undefined) scripts.set('', script)
  const arrivals = new Set<() => void>()
  const failures: unknown[] = []

  const server = createServer((message, response) => {
    answer(message, response).catch((error: unknown) => {
      failures.push(error)
      response.destroy()
    })
  })

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const over = new Promise<{ how: 'answered' | 'cut'; atMs: number }>((resolve) => {
      response.on('close', () => {
        resolve({ how: response.writableFinished ? 'answered' : 'cut', atMs: performance.now() })
      })
    })
    const chunks: Buffer[] = []
    for await (const chunk of message) chunks.push(Buffer.from(chunk))
    const body = Buffer.concat(chunks)
    const request: Received = {
      method: message.method ?? '',
      path: message.url ?? '',
      headers: message.headers,
      body,
      json: () => parseJson(body.toString('utf8')),
      over,
    }
    requests.push(request)
    for (const arrived of arrivals) arrived()
    arrivals.clear()
    const chosen = choose(scripts, request.path)
    const reply = scriptReply(response, over)
    if (chosen === undefined) {
      reply.json(599, { error: { message: `no script for ${request.path}`, type: 'test' } })
      return
    }
    await chosen(reply, request)
  }

  const port = await listen(server)
  owner.after(async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve()
      })
    })
    if (failures.length > 0) throw new AggregateError(failures, 'a script of the upstream failed')
  })

  const arrival = (): Promise<void> =>
    new Promise((resolve) => {
      arrivals.add(resolve)
    })
  const requestsTo = (prefix: string): Received[] =>
    requests.filter((request) => request.path.startsWith(prefix))

  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    requests,
    requestsTo,
    on: (prefix, next) => {
      scripts.set(prefix, next)
    },
    firstRequestTo: async (prefix) => {
      for (;;) {
        const found = requestsTo(prefix)[0]
        if (found !== undefined) return found
        await within(arrival(), `a request to ${prefix}`)
      }
    },
    arrival: () => within(arrival(), 'a request'),
  }
}

/** A loopback port where nobody listens: opened once, so that it was free, and closed again. */
export async function refusedPort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve()
    })
  })
  return port
}

/** The first script for the first request, the second for the second; the last one repeats. */
export function inTurn(...scripts: readonly Script[]): Script {
  let turn = 0
  return (reply, request) => {
    const script = scripts[Math.min(turn, scripts.length - 1)]
    turn += 1
    return script?.(reply, request)
  }
}

/** Refuses in OpenAI's words a request whose bearer token is another than `key`; else the script answers. */
export function withOpenAiKey(key: string, script: Script): Script {
  return (reply, request) => {
    if (request.headers.authorization === `Bearer ${key}`) return script(reply, request)
    const sent = request.headers.authorization ?? 'nothing'
    reply.json(
      401,
      openaiError(
        `Incorrect API key provided: ${sent.replace(/^Bearer /, '')}.`,
        'invalid_request_error',
        'invalid_api_key',
      ),
      { 'x-request-id': 'req_openai_refusal' },
    )
    return undefined
  }
}

/** The same in Anthropic's words, for `x-api-key`. */
export function withAnthropicKey(key: string, script: Script): Script {
  return (reply, request) => {
    if (request.headers['x-api-key'] === key) return script(reply, request)
    reply.json(401, anthropicError('authentication_error', 'invalid x-api-key'), {
      'request-id': 'req_anthropic_refusal',
    })
    return undefined
  }
}

function choose(scripts: ReadonlyMap<string, Script>, path: string): Script | undefined {
  let longest = ''
  for (const prefix of scripts.keys()) {
    if (path.startsWith(prefix) && prefix.length >= longest.length) longest = prefix
  }
  return scripts.get(longest)
}

function scriptReply(response: ServerResponse, over: Promise<unknown>): ScriptedReply {
  const socket: Socket | null = response.socket
  const bytes: ScriptedReply['bytes'] = (status, body, headers) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers })
    response.end(body)
  }
  return {
    bytes,
    json: (status, body, headers) => {
      bytes(status, JSON.stringify(body), { 'content-type': 'application/json', ...headers })
    },
    openStream: (headers) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...headers })
      response.flushHeaders()
    },
    openBody: (status, length, headers) => {
      response.writeHead(status, {
        'content-type': 'application/json',
        'content-length': length,
        ...headers,
      })
      response.flushHeaders()
    },
    write: (text) =>
      new Promise<void>((resolve) => {
        // A write error means that the reader left: `over` tells of it.
        response.write(text, () => {
          resolve()
        })
      }),
    end: () => {
      response.end()
    },
    reset: () => {
      socket?.resetAndDestroy()
    },
    hangUp: () => {
      socket?.end()
    },
    stall: async () => {
      await over
    },
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return portOf(server.address())
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}
