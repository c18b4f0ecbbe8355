/**
 * The reply to a caller who streams, kept alive: after 15 s without a byte it gets a comment (Anthropic
 * callers a `ping`, which their SDKs know), because load balancers and clients hang up on silence. That
 * sends the head, status 200, before anybody has answered; failover goes on behind it, and a failure is
 * then told as an event (reliability.md §3).
 *
 * What arrives in one turn of the event loop is written at the end of that turn, as one piece: every write
 * is framed and accounted for on its own, which costs more than all we do with an event.
 */
import type { DialectName, Writable } from '../dialects/dialect.ts'
import type { ReplySink } from './call.ts'
import type { HeaderPairs } from './trail.ts'

const QUIET_MS = 15_000
const COMMENT = ': keep-alive\n\n'
const PING = 'event: ping\ndata: {"type":"ping"}\n\n'
// A turn that brings more is written at once, so that the reader's pace is asked for in time.
const TURN_LENGTH = 64 * 1024

export interface LiveSink extends ReplySink {
  /** The head is out: whatever happens now is told inside the stream. */
  readonly begun: boolean
  /** No more signs of life: the reply is over, or is going to be. */
  still(): void
}

/**
 * `head` gives the headers of a reply that begins with a sign of life; `quietMs` is how long a silence may
 * last, default 15 s.
 */
export function createLiveSink(
  sink: ReplySink,
  caller: DialectName,
  head: () => HeaderPairs,
  quietMs: number = QUIET_MS,
): LiveSink {
  const sign = caller === 'anthropic' ? PING : COMMENT
  let behind = false
  let over = false
  // What this turn has brought so far, and its length: bytes, or UTF-16 units of text.
  let turn: (string | Uint8Array)[] = []
  let turnLength = 0

  function begin(status: number, headers: HeaderPairs): void {
    if (live.begun) return
    live.begun = true
    sink.head(status, headers)
  }

  const timer = setInterval(() => {
    // A reader that does not keep up is not waiting for us.
    if (over || behind) return
    if (!live.begun) begin(200, head())
    behind = !sink.write(sign)
  }, quietMs).unref()
  sink.onDrain(() => {
    behind = false
  })
  sink.onGone(() => {
    turn = []
  })

  function still(): void {
    over = true
    clearInterval(timer)
  }

  function flush(): void {
    if (turn.length === 0) return
    const whole = join(turn)
    turn = []
    turnLength = 0
    timer.refresh()
    behind = !sink.write(whole)
  }

  const live: Writable<LiveSink> = {
    begun: false,
    head: begin,
    write(chunk) {
      if (turn.length === 0) process.nextTick(flush)
      turn.push(chunk)
      turnLength += chunk.length
      if (turnLength >= TURN_LENGTH) flush()
      return !behind
    },
    end(chunk) {
      flush()
      still()
      sink.end(chunk)
    },
    onDrain(listener) {
      sink.onDrain(listener)
    },
    onGone(listener) {
      sink.onGone(listener)
    },
    still,
  }
  return live
}

function join(pieces: readonly (string | Uint8Array)[]): string | Uint8Array {
  const [first] = pieces
  if (pieces.length === 1 && first !== undefined) return first
  let text = ''
  for (const piece of pieces) {
    if (typeof piece !== 'string') return Buffer.concat(pieces.map(bytesOf))
    text += piece
  }
  return text
}

function bytesOf(piece: string | Uint8Array): Uint8Array {
  return typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece
}
