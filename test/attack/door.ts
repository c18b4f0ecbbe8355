/** A front door of its own for each test, and a client that sends exactly the bytes it is given. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Call, ReplySink } from '../../src/exchange/call.ts'
import type { DoorLimits } from '../../src/server/limits.ts'
import { createFrontDoor } from '../../src/server/server.ts'
import { identifyCaller } from '../../src/access/identify.ts'
import type { User } from '../../src/config/config.ts'
import { NO_LIMITS } from '../../src/config/no-limits.ts'
import { within } from '../support/owner.ts'
import type { Owner } from '../support/owner.ts'

export type FakeExchange = (call: Call, sink: ReplySink) => Promise<void> | void

export interface Door {
  readonly port: number
  /** Calls that reached the exchange, and how far they came. */
  readonly seen: { calls: number; bodies: string[]; failures: string[] }
  /** Defects the door reported; a test that expects none fails on any. */
  readonly unexpected: Error[]
  close(graceMs: number): Promise<void>
}

export interface DoorOptions {
  readonly limits?: Partial<DoorLimits>
  readonly bodyLimitBytes?: number
  readonly allowedHosts?: readonly string[]
  readonly allowedOrigins?: readonly string[]
  readonly host?: string
  /** In place of: identify, read the body, answer `{"ok":true}`. */
  readonly exchange?: FakeExchange
}

const ALICE: User = { name: 'alice', models: [], keys: [], limits: NO_LIMITS }
const USERS = { users: new Map([['alice', ALICE]]), keys: new Map<string, string>() }

/** What the real exchange does first: who, then the body. */
export async function identifyAndRead(call: Call): Promise<string> {
  identifyCaller(USERS, call.headers)
  return Buffer.from(await call.readBody()).toString('latin1')
}

export function answerOk(sink: ReplySink, text = '{"ok":true}'): void {
  sink.head(200, [['content-type', 'application/json']])
  sink.end(text)
}

/** Opens a front door with a fake exchange behind it, closed when `owner` cleans up. */
export async function openDoor(owner: Owner, options: DoorOptions = {}): Promise<Door> {
  const seen: Door['seen'] = { calls: 0, bodies: [], failures: [] }
  const unexpected: Error[] = []
  const settings = {
    bodyLimitBytes: options.bodyLimitBytes ?? 64 * 1024 * 1024,
    allowedHosts: new Set(options.allowedHosts),
    allowedOrigins: new Set(options.allowedOrigins),
  }
  const door = createFrontDoor({
    host: options.host ?? '127.0.0.1',
    port: 0,
    settings: () => settings,
    ...(options.limits !== undefined && { limits: options.limits }),
    modelsFor(headers) {
      identifyCaller(USERS, headers)
      return [{ id: 'm', ownedBy: 'p', maxTokens: undefined }]
    },
    metrics: () => ({ type: 'text/plain', text: '' }),
    async exchange(call, sink) {
      seen.calls += 1
      try {
        if (options.exchange !== undefined) {
          await options.exchange(call, sink)
          return
        }
        seen.bodies.push(await identifyAndRead(call))
        answerOk(sink)
      } catch (error) {
        seen.failures.push(String(error))
        throw error
      }
    },
    onUnexpected: (error) => unexpected.push(error),
  })
  const { port } = await door.listen()
  owner.after(() => door.close(0))
  return { port, seen, unexpected, close: (graceMs) => door.close(graceMs) }
}

export interface RawReply {
  readonly status: number
  /** Lower-case names; repeated ones joined by ', '. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface RawClient {
  readonly socket: Socket
  write(bytes: string | Uint8Array): void
  /** Everything received so far. */
  text(): string
  /** Resolves when the received text fits; rejects where the connection ends before. */
  until(what: string, fits: (text: string) => boolean): Promise<string>
  /** Resolves when the connection is over, with everything received. */
  readonly over: Promise<{ readonly text: string; readonly reset: boolean }>
}

/** A connection to the door; destroyed when `owner` cleans up. */
export function openRaw(owner: Owner, port: number): RawClient {
  const client = rawClient(port)
  owner.after(() => {
    client.socket.destroy()
  })
  return client
}

/** The same without an owner: whoever calls ends it. */
export function rawClient(port: number): RawClient {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: false })
  let text = ''
  let reset = false
  let ended = false
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const waiter of waiting) waiter()
  }
  const over = new Promise<{ text: string; reset: boolean }>((resolve) => {
    socket.on('close', () => {
      ended = true
      wake()
      resolve({ text, reset })
    })
  })
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    wake()
  })
  socket.on('error', () => {
    reset = true
  })
  return {
    socket,
    write: (bytes) => {
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    },
    text: () => text,
    until: async (what, fits) => {
      const arrival = new Promise<string>((resolve, reject) => {
        const look = (): void => {
          if (!fits(text) && !ended) return
          waiting.delete(look)
          if (fits(text)) resolve(text)
          else reject(new Error(`the connection ended before ${what}; received: ${text}`))
        }
        waiting.add(look)
        look()
      })
      return within(arrival, what)
    },
    over,
  }
}

export interface Talk {
  /** Every reply to the bytes, the one to the probe not among them. */
  readonly replies: readonly RawReply[]
  /** `open`: a request after it was answered on the same connection. */
  readonly end: 'open' | 'closed' | 'reset'
}

/**
 * One connection, these bytes, and what came of it. When as many replies have come as `expected` says and
 * the last one does not announce the end, a health check on the same connection shows whether both sides
 * still agree where they are.
 */
export async function talk(
  port: number,
  bytes: string | Uint8Array,
  options: { readonly expected?: number; readonly method?: string } = {},
): Promise<Talk> {
  const client = rawClient(port)
  const methods = Array.from({ length: 1_000 }, () => options.method ?? 'POST')
  const whole = (text: string): readonly RawReply[] => readReplies(text, methods)
  try {
    client.write(bytes)
    const wanted = options.expected ?? 1
    const first = client.until(`${wanted} replies`, (text) => {
      const replies = whole(text)
      return replies.length >= wanted || replies.at(-1)?.headers.get('connection') === 'close'
    })
    await first.catch(() => '')
    if (whole(client.text()).at(-1)?.headers.get('connection') === 'close') {
      const { text, reset } = await within(client.over, 'the end of the connection')
      return { replies: whole(text), end: reset ? 'reset' : 'closed' }
    }
    const before = client.text().length
    client.write(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`)
    const { text, reset } = await within(client.over, 'the end of the connection')
    const probe = readReplies(text.slice(before))
    const alive = probe.length === 1 && probe[0]?.status === 200
    return {
      replies: whole(alive ? text.slice(0, before) : text),
      end: alive ? 'open' : reset ? 'reset' : 'closed',
    }
  } finally {
    client.socket.destroy()
  }
}

/** The whole replies in a received text, interim ones (1xx) included. */
export function readReplies(text: string, methods: readonly string[] = []): RawReply[] {
  const replies: RawReply[] = []
  let rest = text
  while (rest.startsWith('HTTP/1.1 ')) {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) break
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n')
    const headers = new Map<string, string>()
    for (const line of lines) {
      const colon = line.indexOf(':')
      const name = line.slice(0, colon).toLowerCase()
      const value = line.slice(colon + 1).trim()
      const earlier = headers.get(name)
      headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`)
    }
    const status = Number(statusLine.slice(9, 12))
    rest = rest.slice(end + 4)
    const bodiless = status < 200 || status === 204 || methods[replies.length] === 'HEAD'
    const length = bodiless ? 0 : Number(headers.get('content-length') ?? rest.length)
    if (rest.length < length) break
    replies.push({ status, headers, body: rest.slice(0, length) })
    rest = rest.slice(length)
  }
  return replies
}

/** A POST to the chat route as text: right in everything but what `headers` and `body` say. */
export function chatPost(
  port: number,
  options: {
    readonly headers?: readonly string[]
    readonly body?: string
    readonly host?: string
    readonly user?: string | undefined
    readonly type?: string | undefined
  } = {},
): string {
  const body = options.body ?? '{}'
  const user = 'user' in options ? options.user : 'alice'
  const type = 'type' in options ? options.type : 'application/json'
  return [
    'POST /v1/chat/completions HTTP/1.1',
    `Host: ${options.host ?? `127.0.0.1:${port}`}`,
    ...(user === undefined ? [] : [`X-User: ${user}`]),
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    ...(options.headers ?? [`Content-Length: ${Buffer.byteLength(body)}`]),
    '',
    body,
  ].join('\r\n')
}
