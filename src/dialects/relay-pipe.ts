/** The pipe where caller and provider speak the same dialect: whole events pass byte for byte. */
import { ProxyError } from '../errors/proxy-error.ts'
import { parseJson } from '../wire/json.ts'
import { createSseDecoder } from '../wire/sse.ts'
import type { SseEvent } from '../wire/sse.ts'
import type { Dialect, ReplyContext } from './dialect.ts'
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
  let committed = false
  let finished = false
  let failure: ProxyError | undefined

  /** Takes one event into `pieces`; throws the provider's error while nothing has gone out. */
  function take(event: SseEvent, pieces: Uint8Array[]): void {
    const facts = tap.read(event)
    if (event.data !== '') seenAny = true
    if (facts.error !== undefined) {
      const { error } = facts
      const thrown = new ProxyError('upstream_error', error.message, { upstream: error })
      if (!committed) throw thrown
      // The provider's own words reach the caller; nothing may follow them.
      failure = thrown
      finished = true
    }
    if (facts.content || facts.end || tap.finishSeen) committed = true
    if (facts.end) finished = true
    if (!(context.stripUsage && facts.usageOnly)) pieces.push(event.raw)
  }

  function release(pieces: Uint8Array[]): Uint8Array {
    if (!committed) {
      held.push(...pieces)
      return NOTHING
    }
    if (held.length === 0) return join(pieces)
    const all = [...held, ...pieces]
    held = []
    return join(all)
  }

  return {
    push(chunk) {
      if (finished) return NOTHING
      const pieces: Uint8Array[] = []
      let events: SseEvent[]
      try {
        events = sse.push(chunk)
      } catch (thrown) {
        if (!committed || !(thrown instanceof ProxyError)) throw thrown
        failure = thrown
        finished = true
        return tap.fail(thrown, context.requestId)
      }
      for (const event of events) {
        take(event, pieces)
        if (finished) break
      }
      return release(pieces)
    },
    end() {
      if (finished) return NOTHING
      const pieces: Uint8Array[] = []
      for (const event of sse.end()) {
        const tail: Uint8Array[] = []
        take(event, tail)
        if (finished) pieces.push(...tail)
        else if (parseJson(event.data) !== undefined && tail.length > 0) {
          // Most readers drop an event without its blank line.
          pieces.push(...tail, Buffer.from(event.raw.at(-1) === LF ? '\n' : '\n\n'))
        }
      }
      // A torn last event is not passed on: what may follow must stand on lines of its own.
      if (!finished && !tap.finishSeen) {
        throw new ProxyError(
          'upstream_truncated',
          seenAny
            ? 'The provider ended its stream in the middle of the reply.'
            : 'The provider sent an empty stream.',
        )
      }
      // Nothing but the mark is missing: without it a reader would throw the whole answer away.
      if (!finished && tap.endMark !== undefined) pieces.push(Buffer.from(tap.endMark))
      finished = true
      return release(pieces)
    },
    fail(error) {
      return tap.fail(error, context.requestId)
    },
    get committed() {
      return committed
    },
    get finished() {
      return finished
    },
    get failure() {
      return failure
    },
    get usage() {
      return tap.usage
    },
    get model() {
      return tap.model
    },
    get outputChars() {
      return tap.outputChars
    },
  }
}

/** The pieces as one; without copying where they lie side by side in one chunk, as they mostly do. */
function join(pieces: readonly Uint8Array[]): Uint8Array {
  const [first, ...rest] = pieces
  if (first === undefined) return NOTHING
  let end = first.byteOffset + first.byteLength
  for (const piece of rest) {
    if (piece.buffer !== first.buffer || piece.byteOffset !== end) return Buffer.concat(pieces)
    end += piece.byteLength
  }
  return rest.length === 0
    ? first
    : new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset)
}
