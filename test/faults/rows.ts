/** The faults of reliability.md §2A and §2B, each with what must come of it. */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import type { FaultClass } from '../../src/config/config.ts'
import type { ErrorCode } from '../../src/errors/catalog.ts'
import { anthropicError, openaiError } from '../support/replies.ts'
import type { Dialect, Framing, Mode, Peer, Script } from './raw-upstream.ts'

export interface Row {
  readonly title: string
  readonly modes: readonly Mode[]
  /** Left out: nobody is asked (`where` says what is there instead). */
  readonly script?: Script
  /** In place of a provider that answers badly: a place where there is none. */
  readonly where?: 'refused' | 'no-such-name' | 'no-tls' | 'self-signed' | 'silent-tls'
  readonly dialects?: readonly [Dialect, ...Dialect[]]
  readonly framings?: readonly [Framing, ...Framing[]]
  /** `answered`: no caller notices. Else: before content it fails, after it the reply is cut. */
  readonly end: 'answered' | 'broken'
  readonly class?: FaultClass
  /** What the caller is told where nobody else could answer; the attempt's own status if it had one. */
  readonly code?: ErrorCode
  readonly status?: number
  /** Another target is asked. Default true. */
  readonly moves?: boolean
  /** The same target is asked again where it is the only one. */
  readonly again?: boolean
  readonly billed?: boolean
  /** It takes the whole deadline: nothing can follow. */
  readonly atDeadline?: readonly Mode[]
  /** Tokens are estimated, because nobody told them. */
  readonly estimated?: boolean
  readonly timeouts?: string
  readonly deadlineMs?: number
}

const ALL: readonly Mode[] = ['unary', 'before', 'after']
const STREAM: readonly Mode[] = ['before', 'after']
const EARLY: readonly Mode[] = ['unary', 'before']
const UNARY: readonly Mode[] = ['unary']

const begun =
  (then: (peer: Peer) => Promise<void> | void): Script =>
  async (peer) => {
    await peer.open()
    await peer.say(peer.begin)
    // A reset overtakes what was written just before it.
    await settled()
    await then(peer)
  }

/** A turn for the reader: bytes written before a reset must have been read. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 15))

const stall = (peer: Peer): Promise<void> => peer.left

// Long enough that a busy machine's own slowness is not taken for silence.
const QUIET = 'connect: 2s, first_byte: 500ms, idle: 500ms'
const UNREACHABLE = { end: 'broken', class: 'transport', code: 'upstream_unreachable' } as const
const TRUNCATED = { end: 'broken', class: 'transport', code: 'upstream_truncated' } as const
const TIMEOUT = { end: 'broken', class: 'timeout', code: 'upstream_timeout', billed: true } as const
const JUNK = { end: 'broken', class: 'server', code: 'upstream_protocol', billed: true } as const

function refusal(status: number, kind: FaultClass, more: Partial<Row> = {}): Row {
  return {
    title: `status ${status}`,
    modes: EARLY,
    script: (peer) =>
      peer.json(
        status,
        peer.dialect === 'openai'
          ? openaiError('Refused.', 'server_error', null)
          : anthropicError('api_error', 'Refused.'),
      ),
    end: 'broken',
    class: kind,
    code: 'upstream_error',
    status,
    ...more,
  }
}

const limited = (retryAfter: string, more: Partial<Row>): Row =>
  refusal(429, 'rate', {
    title: `429 with retry-after: ${retryAfter || 'nothing'}`,
    script: (peer) =>
      peer.json(
        429,
        peer.dialect === 'openai'
          ? openaiError('Slow down.', 'rate_limit_error', 'rate_limit_exceeded')
          : anthropicError('rate_limit_error', 'Slow down.'),
        retryAfter === '' ? '' : `retry-after: ${retryAfter}\r\n`,
      ),
    ...more,
  })

const head =
  (text: string): Script =>
  async (peer) => {
    await peer.raw(text)
    await stall(peer)
  }

const packed =
  (pack: (bytes: Buffer) => Buffer, encoding: string): Script =>
  async (peer) => {
    const bytes = pack(Buffer.from(peer.begin + peer.rest))
    await peer.open(`content-encoding: ${encoding}\r\n`, bytes.length)
    await peer.say(bytes)
    await peer.finish()
  }

const empty: Script = async (peer) => {
  await peer.open('', 0)
  await peer.finish()
}

const errorEvent: Record<Dialect, string> = {
  openai: `data: ${JSON.stringify(openaiError('Overloaded.', 'server_error', 'server_is_overloaded'))}\n\n`,
  anthropic: `event: error\ndata: ${JSON.stringify(anthropicError('overloaded_error', 'Overloaded.'))}\n\n`,
}

/** §2A: before the first byte of an answer. */
export const BEFORE_FIRST_BYTE: readonly Row[] = [
  { title: 'refused', modes: EARLY, where: 'refused', ...UNREACHABLE, again: true },
  { title: 'DNS fails', modes: EARLY, where: 'no-such-name', ...UNREACHABLE, again: true },
  { title: 'TLS fails', modes: EARLY, where: 'no-tls', ...UNREACHABLE },
  { title: 'a certificate nobody signed', modes: EARLY, where: 'self-signed', ...UNREACHABLE },
  {
    title: 'connect hangs',
    modes: EARLY,
    where: 'silent-tls',
    ...TIMEOUT,
    billed: false,
    again: true,
    timeouts: 'connect: 100ms, first_byte: 5s, idle: 5s',
    deadlineMs: 6_000,
  },
  {
    title: 'accepts, then silence',
    modes: EARLY,
    script: stall,
    ...TIMEOUT,
    again: true,
    timeouts: QUIET,
    deadlineMs: 1_600,
    atDeadline: UNARY,
  },
  {
    title: 'drips header bytes',
    modes: EARLY,
    script: async (peer) => {
      await peer.raw('HTTP/1.1 200 OK\r\n')
      const drip = setInterval(() => void peer.raw('x-drip: 1\r\n'), 20)
      await peer.left
      clearInterval(drip)
    },
    ...TIMEOUT,
    again: true,
    timeouts: QUIET,
    deadlineMs: 1_600,
    atDeadline: UNARY,
  },
  {
    title: 'FIN before headers',
    modes: EARLY,
    script: (peer) => peer.fin(),
    ...UNREACHABLE,
    again: true,
    billed: true,
  },
  {
    title: 'RST before headers',
    modes: EARLY,
    script: (peer) => peer.rst(),
    ...UNREACHABLE,
    again: true,
    billed: true,
  },
  limited('', { again: true }),
  limited('0', { again: true }),
  limited('30', {}),
  limited('-1', { again: true }),
  limited('NaN', { again: true }),
  refusal(500, 'server', { again: true, billed: true }),
  refusal(502, 'server', { again: true, billed: true }),
  refusal(503, 'overload', { again: true }),
  refusal(504, 'server', { again: true, billed: true }),
  refusal(529, 'overload', { again: true }),
  refusal(401, 'credential', { code: 'upstream_credential', status: 502 }),
  refusal(403, 'credential', { code: 'upstream_credential', status: 502 }),
  refusal(402, 'billing'),
  refusal(404, 'model'),
  refusal(400, 'request', { moves: false }),
  refusal(413, 'request', { moves: false }),
  refusal(422, 'request', { moves: false }),
  {
    title: 'a redirect',
    modes: EARLY,
    script: (peer) => peer.json(302, {}, 'location: http://127.0.0.1:9/\r\n'),
    ...JUNK,
  },
  {
    title: '101 switching protocols',
    modes: EARLY,
    script: head('HTTP/1.1 101 x\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n'),
    ...JUNK,
  },
  { title: 'no HTTP at all', modes: EARLY, script: head('SSH-2.0-x\r\n\r\n'), ...JUNK },
  {
    title: 'two lengths',
    modes: EARLY,
    script: head('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'),
    ...JUNK,
  },
  {
    title: 'a length and chunks',
    modes: EARLY,
    script: head(
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    ),
    ...JUNK,
  },
  {
    title: 'a flood of interim replies',
    modes: EARLY,
    script: head('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(100)),
    ...JUNK,
  },
  {
    title: 'headers of more than 16 KiB',
    modes: EARLY,
    script: head(`HTTP/1.1 200 OK\r\n${`x-pad: ${'x'.repeat(1000)}\r\n`.repeat(20)}\r\n`),
    ...JUNK,
  },
  {
    title: 'an unasked second reply',
    modes: ALL,
    framings: ['length', 'chunked'],
    script: async (peer) => {
      await peer.open()
      await peer.say(peer.begin)
      await peer.say(peer.rest)
      await peer.finish()
      await peer.raw('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nBOGUS!')
    },
    end: 'answered',
  },
]

/** §2B: inside the body. */
export const IN_THE_BODY: readonly Row[] = [
  {
    title: 'hang mid-stream',
    modes: ALL,
    script: begun(stall),
    ...TIMEOUT,
    again: true,
    timeouts: QUIET,
    deadlineMs: 5_000,
  },
  {
    title: 'FIN mid-body',
    modes: ALL,
    framings: ['length', 'chunked'],
    script: begun((peer) => peer.fin()),
    ...TRUNCATED,
    again: true,
    billed: true,
  },
  {
    title: 'RST mid-body',
    modes: ALL,
    framings: ['length', 'chunked'],
    script: begun((peer) => peer.rst()),
    ...TRUNCATED,
    again: true,
    billed: true,
  },
  {
    title: 'RST on a close-framed stream',
    modes: STREAM,
    framings: ['close'],
    script: begun((peer) => peer.rst()),
    ...TRUNCATED,
    again: true,
    billed: true,
  },
  {
    title: 'RST on a close-framed JSON reply',
    modes: UNARY,
    framings: ['close'],
    script: begun((peer) => peer.rst()),
    ...JUNK,
  },
  {
    title: 'a stream without its end mark',
    modes: STREAM,
    framings: ['chunked', 'close'],
    script: begun((peer) => peer.finish()),
    ...TRUNCATED,
    again: true,
    billed: true,
  },
  {
    title: 'malformed but legal SSE',
    modes: STREAM,
    framings: ['chunked', 'close'],
    script: async (peer) => {
      await peer.open()
      const odd = (peer.begin + peer.rest)
        .replace(/data: /g, 'data:')
        .replace(
          /\n\n/g,
          '\r\n: a comment\r\nx-unknown: 1\r\n\r\nevent: unheard_of\r\ndata:\r\n\r\n',
        )
      await peer.say(`\uFEFF: hello\n\n${odd}`)
      await peer.finish()
    },
    end: 'answered',
  },
  {
    title: 'an event that is no JSON, translated',
    modes: STREAM,
    dialects: ['anthropic'],
    framings: ['chunked', 'close'],
    script: begun(async (peer) => {
      await peer.say('event: content_block_delta\ndata: {"type":"content_bl\n\n')
      await stall(peer)
    }),
    ...JUNK,
  },
  {
    title: 'an event that is no JSON, relayed',
    modes: STREAM,
    dialects: ['openai'],
    framings: ['chunked', 'close'],
    script: async (peer) => {
      await peer.open()
      await peer.say(peer.begin)
      await peer.say('data: {"id":"cut\n\n')
      await peer.say(peer.rest)
      await peer.finish()
    },
    end: 'answered',
  },
  {
    title: 'a JSON reply that is none',
    modes: UNARY,
    script: async (peer) => {
      await peer.open('', 5)
      await peer.say('{"id"')
      await peer.finish()
    },
    ...JUNK,
  },
  {
    title: 'an empty JSON reply',
    modes: UNARY,
    script: empty,
    ...JUNK,
  },
  {
    title: 'an empty stream',
    modes: ['before'],
    script: empty,
    ...TRUNCATED,
    again: true,
    billed: true,
  },
  {
    title: 'more bytes than announced',
    modes: UNARY,
    framings: ['length'],
    script: async (peer) => {
      await peer.open()
      await peer.raw(`${peer.begin}${peer.rest}surplus`)
    },
    end: 'answered',
  },
  {
    title: 'fewer bytes than announced',
    modes: UNARY,
    framings: ['length'],
    script: async (peer) => {
      await peer.open('', 100_000)
      await peer.raw(peer.begin + peer.rest)
      await settled()
      peer.fin()
    },
    ...TRUNCATED,
    again: true,
    billed: true,
  },
  { title: 'gzip', modes: ALL, script: packed(gzipSync, 'gzip'), end: 'answered' },
  { title: 'deflate', modes: ALL, script: packed(deflateSync, 'deflate'), end: 'answered' },
  { title: 'brotli', modes: ALL, script: packed(brotliCompressSync, 'br'), end: 'answered' },
  {
    title: 'two layers of gzip',
    modes: EARLY,
    script: packed((bytes) => gzipSync(gzipSync(bytes)), 'gzip, gzip'),
    ...JUNK,
  },
  {
    title: 'an unknown encoding',
    modes: EARLY,
    script: packed((bytes) => bytes, 'snappy'),
    ...JUNK,
  },
  {
    title: 'damaged gzip',
    modes: EARLY,
    script: packed((bytes) => Buffer.from(`no gzip ${bytes.length}`), 'gzip'),
    ...JUNK,
  },
  {
    title: 'gzip that is cut short',
    modes: EARLY,
    script: packed((bytes) => gzipSync(bytes).subarray(0, 40), 'gzip'),
    ...JUNK,
  },
  {
    title: 'gzip that unpacks a thousandfold',
    modes: EARLY,
    script: packed(() => gzipSync(Buffer.alloc(8 * 1024 * 1024, 32)), 'gzip'),
    ...JUNK,
  },
  {
    title: 'a JSON reply of more than 32 MiB',
    modes: UNARY,
    framings: ['length'],
    script: async (peer) => {
      await peer.open('', 40 * 1024 * 1024 + Buffer.byteLength(peer.begin + peer.rest))
      const block = Buffer.alloc(1024 * 1024, 0x20)
      for (let count = 0; count < 40; count += 1) await peer.raw(block)
      await peer.say(peer.begin + peer.rest)
    },
    ...JUNK,
    deadlineMs: 10_000,
  },
  {
    title: 'one event of more than 16 MiB',
    modes: STREAM,
    framings: ['chunked'],
    script: begun(async (peer) => {
      await peer.say('data: ')
      const block = Buffer.alloc(1024 * 1024, 0x20)
      for (let count = 0; count < 18; count += 1) await peer.say(block)
    }),
    ...JUNK,
    deadlineMs: 10_000,
  },
  {
    title: 'one byte at a time',
    modes: ALL,
    framings: ['length', 'close'],
    script: async (peer) => {
      await peer.open()
      for (const byte of Buffer.from(peer.begin + peer.rest)) await peer.raw(Buffer.of(byte))
      await peer.finish()
    },
    end: 'answered',
  },
  {
    title: 'a slow drip inside the idle limit',
    modes: ALL,
    framings: ['chunked'],
    script: begun(async (peer) => {
      const drip = setInterval(() => void peer.say(peer.mode === 'unary' ? ' ' : ': life\n\n'), 30)
      await peer.left
      clearInterval(drip)
    }),
    ...TIMEOUT,
    timeouts: 'connect: 2s, first_byte: 700ms, idle: 700ms',
    deadlineMs: 1_600,
    // A stream whose pings are no progress is given up in time for another target.
    atDeadline: ['unary', 'after'],
  },
  {
    title: 'an error event inside a 200',
    modes: STREAM,
    framings: ['chunked', 'close'],
    script: begun(async (peer) => {
      await peer.say(errorEvent[peer.dialect])
      await peer.finish()
    }),
    end: 'broken',
    class: 'overload',
    code: 'upstream_error',
    again: true,
  },
  {
    title: 'usage that is never told',
    modes: ALL,
    framings: ['chunked', 'close'],
    script: async (peer) => {
      await peer.open()
      const whole = peer.begin + peer.rest
      await peer.say(
        peer.mode === 'unary'
          ? whole.replace(/"usage":/, '"unused":')
          : whole
              .replace(/data: [^\n]*"choices":\[\][^\n]*\n\n/, '')
              .replaceAll('"usage":', '"unused":'),
      )
      await peer.finish()
    },
    end: 'answered',
    estimated: true,
  },
  {
    title: 'several message_delta, each with the total so far',
    modes: ['after'],
    dialects: ['anthropic'],
    framings: ['chunked', 'close'],
    script: async (peer) => {
      await peer.open()
      const delta = /event: message_delta\n[^\n]*\n\n/.exec(peer.rest)?.[0] ?? ''
      await peer.say(
        peer.begin +
          peer.rest.replace(
            delta,
            delta.replace('"output_tokens":39', '"output_tokens":7') + delta,
          ),
      )
      await peer.finish()
    },
    end: 'answered',
  },
  {
    title: 'an error page without end',
    modes: EARLY,
    framings: ['chunked'],
    script: async (peer) => {
      await peer.raw('HTTP/1.1 503 x\r\ntransfer-encoding: chunked\r\n\r\n')
      const block = Buffer.alloc(64 * 1024, 0x61)
      for (let count = 0; count < 16; count += 1) await peer.say(block)
      await stall(peer)
    },
    end: 'broken',
    class: 'overload',
    code: 'upstream_error',
    status: 503,
    again: true,
    // Less than an error page is given: only its size can end it in time.
    deadlineMs: 1_500,
  },
  {
    title: 'an error page that stalls',
    modes: EARLY,
    framings: ['length'],
    script: async (peer) => {
      await peer.raw('HTTP/1.1 503 x\r\ncontent-length: 1000\r\n\r\nbusy')
      await stall(peer)
    },
    end: 'broken',
    class: 'overload',
    code: 'upstream_error',
    status: 503,
    again: true,
    deadlineMs: 6_000,
    timeouts: 'connect: 2s, first_byte: 8s, idle: 8s',
  },
  {
    title: 'an error page that breaks off',
    modes: EARLY,
    script: async (peer) => {
      await peer.raw('HTTP/1.1 503 x\r\ncontent-length: 1000\r\n\r\nbusy')
      await settled()
      peer.rst()
    },
    end: 'broken',
    class: 'overload',
    code: 'upstream_error',
    status: 503,
    again: true,
  },
]
