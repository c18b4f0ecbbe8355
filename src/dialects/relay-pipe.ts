/** The pipe where caller and provider speak the same dialect: whole events pass byte for byte. */
import { ProxyError } from '../errors/proxy-error.ts'
import { parseJson } from '../wire/json.ts'
import { createSseDecoder } from '../wire/sse.ts'
import { rawOf } from '../wire/sse-plain.ts'
import type { SseEvent } from '../wire/sse.ts'
import type { Dialect, ReplyContext, Writable } from './dialect.ts'
import type { ReplyPipe } from './pipe.ts'

const NOTHING = new Uint8Array(0)
const LF = 0x0a

export function createRelayPipe(
  target: Dialect,
  context: ReplyContext & { readonly stripUsage: boolean },
): ReplyPipe {
  const sse = createSseDecoder()
  const tap = target.createStreamTap()
  // Whole events read before the first content.
  let held: Uint8Array[] = []
  let seenAny = false

  /** Reads one event: true where it is for the caller. Throws the provider's error while nothing has gone out. */
  function take(event: SseEvent): boolean {
    const facts = tap.read(event)
    if (event.data !== '') seenAny = true
    if (facts.error !== undefined) {
      const { error } = facts
      const thrown = new ProxyError('upstream_error', error.message, { upstream: error })
      if (!pipe.committed) throw thrown
      // The provider's own words reach the caller; nothing may follow them.
      pipe.failure = thrown
      pipe.finished = true
    }
    if (facts.content || facts.end || tap.finishSeen) pipe.committed = true
    if (facts.end) pipe.finished = true
    pipe.usage = tap.usage
    pipe.model = tap.model
    pipe.outputChars = tap.outputChars
    return !(context.stripUsage && facts.usageOnly)
  }

  function release(pieces: Uint8Array[]): Uint8Array {
    if (!pipe.committed) {
      held.push(...pieces)
      return NOTHING
    }
    if (held.length === 0) return join(pieces)
    const all = [...held, ...pieces]
    held = []
    return join(all)
  }

  const pipe: Writable<ReplyPipe> = {
    committed: false,
    finished: false,
    failure: undefined,
    usage: undefined,
    model: undefined,
    outputChars: 0,
    push(chunk) {
      if (pipe.finished) return NOTHING
      const begins = !sse.holding
      let events: SseEvent[]
      try {
        events = sse.push(chunk)
      } catch (thrown) {
        if (!pipe.committed || !(thrown instanceof ProxyError)) throw thrown
        pipe.failure = thrown
        pipe.finished = true
        return tap.fail(thrown, context.requestId)
      }
      const kept: SseEvent[] = []
      for (const event of events) {
        if (take(event)) kept.push(event)
        if (pipe.finished) break
      }
      // Whole events and all of them: the bytes as they came.
      const untouched = begins && !sse.holding && kept.length === events.length
      if (untouched && pipe.committed && held.length === 0) return chunk
      return release(rawOf(kept))
    },
    end() {
      if (pipe.finished) return NOTHING
      const pieces: Uint8Array[] = []
      for (const event of sse.end()) {
        const kept = take(event)
        if (pipe.finished) {
          if (kept) pieces.push(event.raw)
        } else if (kept && parseJson(event.data) !== undefined) {
          // Most readers drop an event without its blank line.
          pieces.push(event.raw, Buffer.from(event.raw.at(-1) === LF ? '\n' : '\n\n'))
        }
      }
      // A torn last event is not passed on: what may follow must stand on lines of its own.
      if (!pipe.finished && !tap.finishSeen) {
        throw new ProxyError(
          'upstream_truncated',
          seenAny
            ? 'The provider ended its stream in the middle of the reply.'
            : 'The provider sent an empty stream.',
        )
      }
      // Nothing but the mark is missing: without it a reader would throw the whole answer away.
      if (!pipe.finished && tap.endMark !== undefined) pieces.push(Buffer.from(tap.endMark))
      pipe.finished = true
      return release(pieces)
    },
    fail(error) {
      return tap.fail(error, context.requestId)
    },
  }
  return pipe
}

/** The pieces as one. */
function join(pieces: readonly Uint8Array[]): Uint8Array {
  const [only = NOTHING] = pieces
  return pieces.length < 2 ? only : Buffer.concat(pieces)
}
