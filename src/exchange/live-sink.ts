/**
 * The reply to a caller who streams, kept alive: after 15 s without a byte it gets a comment (Anthropic
 * callers a `ping`, which their SDKs know), because load balancers and clients hang up on silence. That
 * sends the head, status 200, before anybody has answered; failover goes on behind it, and a failure is
 * then told as an event (reliability.md §3).
 */
import type { DialectName } from '../dialects/dialect.ts'
import type { ReplySink } from './call.ts'
import type { HeaderPairs } from './trail.ts'

const QUIET_MS = 15_000
const COMMENT = ': keep-alive\n\n'
const PING = 'event: ping\ndata: {"type":"ping"}\n\n'

export interface LiveSink extends ReplySink {
  /** The head is out: whatever happens now is told inside the stream. */
  readonly begun: boolean
  /** No more signs of life: the reply is over, or is going to be. */
  still(): void
}

/**
 * `quietHeaders` are those of a reply that begins with a sign of life; `quietMs` is how long a silence may
 * last, default 15 s.
 */
export function createLiveSink(
  sink: ReplySink,
  caller: DialectName,
  quietHeaders: HeaderPairs,
  quietMs: number = QUIET_MS,
): LiveSink {
  const sign = caller === 'anthropic' ? PING : COMMENT
  let begun = false
  let behind = false
  let over = false
  const timer = setInterval(() => {
    // A reader that does not keep up is not waiting for us.
    if (over || behind) return
    if (!begun) {
      begun = true
      sink.head(200, quietHeaders)
    }
    behind = !sink.write(sign)
  }, quietMs).unref()
  sink.onDrain(() => {
    behind = false
  })

  function still(): void {
    over = true
    clearInterval(timer)
  }

  return {
    head(status, headers) {
      if (begun) return
      begun = true
      sink.head(status, headers)
    },
    write(chunk) {
      timer.refresh()
      const ready = sink.write(chunk)
      behind = !ready
      return ready
    },
    end(chunk) {
      still()
      sink.end(chunk)
    },
    onDrain(listener) {
      sink.onDrain(listener)
    },
    onGone(listener) {
      sink.onGone(listener)
    },
    get begun() {
      return begun
    },
    still,
  }
}
