/**
 * A provider made of nothing but a TCP socket: every byte, and every way to stop sending bytes, is the
 * script's. Writes are cut at random places, so that no reader can rely on where a packet ends.
 */
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import {
  ANTHROPIC_PING,
  ANTHROPIC_START,
  ANTHROPIC_TEXT_START,
  HELLO,
  OPENAI_DONE,
  OPENAI_ROLE,
  OPENAI_USAGE,
  anthropicEnd,
  anthropicFrame,
  anthropicMessage,
  anthropicText,
  openaiChat,
  openaiChunk,
} from '../support/replies.ts'
import type { Random } from '../support/random.ts'

export type Dialect = 'openai' | 'anthropic'
/** Where in a reply the fault strikes. */
export type Mode = 'unary' | 'before' | 'after'
export type Framing = 'length' | 'chunked' | 'close'

/** One reply under way, in the hands of a script. */
export interface Peer {
  readonly mode: Mode
  readonly dialect: Dialect
  readonly framing: Framing
  readonly random: Random
  /** What comes before the fault, and what would have followed. */
  readonly begin: string
  readonly rest: string
  /** Bytes as they are, cut at random. */
  raw(bytes: string | Buffer): Promise<void>
  /** A whole reply with a status and a JSON body. */
  json(status: number, body: unknown, headers?: string): Promise<void>
  /** Head of a good reply. `extra`: whole header lines. `length` overrides what is announced. */
  open(extra?: string, length?: number): Promise<void>
  /** Body bytes in the reply's framing. */
  say(body: string | Buffer): Promise<void>
  /** The body's proper end. */
  finish(): Promise<void>
  fin(): void
  rst(): void
  /** Says nothing more; resolves when the other side has left. */
  readonly left: Promise<void>
}

export type Script = (peer: Peer) => Promise<void> | void

export interface RawUpstream {
  readonly port: number
  readonly requests: number
  /** Connections that are open. */
  readonly open: number
  /** Called when it closes. */
  alsoClose(cleanUp: () => void): void
  close(): Promise<void>
}

export interface Shape {
  readonly mode: Mode
  readonly dialect: Dialect
  readonly framing: Framing
  readonly random: Random
}

const BEFORE: Record<Dialect, string> = {
  openai: OPENAI_ROLE,
  anthropic: ANTHROPIC_START + ANTHROPIC_TEXT_START + ANTHROPIC_PING,
}
const WORDS = [HELLO.slice(0, 10), HELLO.slice(10)] as const
const FIRST: Record<Dialect, string> = {
  openai: openaiChunk({ content: WORDS[0] }),
  anthropic: anthropicText(WORDS[0]),
}
const SECOND: Record<Dialect, string> = {
  openai: openaiChunk({ content: WORDS[1] }),
  anthropic: anthropicText(WORDS[1]),
}
const END: Record<Dialect, string> = {
  openai: openaiChunk({}, 'stop') + OPENAI_USAGE + OPENAI_DONE,
  anthropic: anthropicFrame({ type: 'content_block_stop', index: 0 }) + anthropicEnd().join(''),
}

/** The two parts of a good reply: up to where the fault strikes, and the rest. */
export function partsOf(mode: Mode, dialect: Dialect): { begin: string; rest: string } {
  if (mode === 'unary') {
    const whole = JSON.stringify(dialect === 'openai' ? openaiChat() : anthropicMessage())
    return { begin: whole.slice(0, 60), rest: whole.slice(60) }
  }
  if (mode === 'before') {
    return { begin: BEFORE[dialect], rest: FIRST[dialect] + SECOND[dialect] + END[dialect] }
  }
  return { begin: BEFORE[dialect] + FIRST[dialect], rest: SECOND[dialect] + END[dialect] }
}

/** Answers well. */
export const answers: Script = async (peer) => {
  await peer.open()
  await peer.say(peer.begin)
  await peer.say(peer.rest)
  await peer.finish()
}

/** Listens on loopback; every request on a connection runs the script of its turn, the last one repeats. */
export async function createRawUpstream(
  shape: Shape,
  scripts: readonly Script[],
  tls?: { readonly key: string; readonly cert: string },
): Promise<RawUpstream> {
  let requests = 0
  const sockets = new Set<Socket>()

  const accept = (socket: Socket): void => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let pending = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      for (;;) {
        const end = pending.indexOf('\r\n\r\n')
        if (end < 0) return
        const length = Number(
          /content-length: (\d+)/i.exec(pending.toString('latin1', 0, end))?.[1],
        )
        const whole = end + 4 + (Number.isNaN(length) ? 0 : length)
        if (pending.length < whole) return
        pending = pending.subarray(whole)
        const script = scripts[Math.min(requests, scripts.length - 1)]
        requests += 1
        Promise.resolve(script?.(createPeer(socket, shape))).catch(() => socket.destroy())
      }
    })
  }
  const server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept)
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    get requests() {
      return requests
    },
    get open() {
      return sockets.size
    },
    alsoClose: (cleanUp) => {
      server.on('close', cleanUp)
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function createPeer(socket: Socket, shape: Shape): Peer {
  const { mode, dialect, framing, random } = shape
  const { begin, rest } = partsOf(mode, dialect)
  const left = new Promise<void>((resolve) => {
    if (socket.destroyed) resolve()
    socket.on('close', () => {
      resolve()
    })
  })
  const put = (bytes: Buffer): Promise<void> =>
    new Promise((resolve) => {
      if (socket.destroyed || socket.writableEnded) resolve()
      else {
        socket.write(bytes, () => {
          resolve()
        })
      }
    })
  const raw = async (given: string | Buffer): Promise<void> => {
    const bytes = Buffer.from(given)
    // Large ones in one piece: cutting shows nothing there.
    let at = 0
    for (let cuts = bytes.length > 65_536 ? 0 : random.below(4); cuts > 0; cuts -= 1) {
      const next = at + random.below(Math.max(1, bytes.length - at))
      if (next > at) await put(bytes.subarray(at, next))
      at = next
    }
    await put(bytes.subarray(at))
  }
  return {
    mode,
    dialect,
    framing,
    random,
    begin,
    rest,
    raw,
    left,
    json: (status, body, headers = '') => {
      const text = JSON.stringify(body)
      return raw(
        `HTTP/1.1 ${status} x\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      )
    },
    open: (extra = '', length = Buffer.byteLength(begin + rest)) => {
      const type = mode === 'unary' ? 'application/json' : 'text/event-stream'
      const frame =
        framing === 'length'
          ? `content-length: ${length}\r\n`
          : framing === 'chunked'
            ? 'transfer-encoding: chunked\r\n'
            : 'connection: close\r\n'
      return raw(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${extra}${frame}\r\n`)
    },
    say: (given) => {
      const bytes = Buffer.from(given)
      if (framing !== 'chunked') return raw(bytes)
      return raw(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, CRLF]))
    },
    finish: async () => {
      if (framing === 'chunked') await raw('0\r\n\r\n')
      if (framing === 'close') socket.end()
    },
    fin: () => {
      socket.end()
    },
    rst: () => {
      socket.resetAndDestroy()
    },
  }
}

const CRLF = Buffer.from('\r\n')
