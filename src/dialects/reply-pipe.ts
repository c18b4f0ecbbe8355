/**
 * Upstream bytes in, caller bytes out: relayed where both sides speak the same dialect, translated
 * where they do not, and converted where one side streams and the other does not. All of it is pure;
 * the exchange does the waiting and the writing.
 */
import { ProxyError, toProxyError } from '../errors/proxy-error.ts'
import { asBuffer, isJsonObject, parseJson, parseJsonObject } from '../wire/json.ts'
import { createSseDecoder } from '../wire/sse.ts'
import type { SseDecoder } from '../wire/sse.ts'
import { createReplyBuilder, replyToEvents } from './collect.ts'
import type { Dialect, ReplyContext, StreamDecoder, Writable } from './dialect.ts'
import type { ChatEvent, ChatReply, JsonObject, TokenUsage } from './neutral.ts'
import type { ReplyPipe } from './pipe.ts'
import { createRelayPipe } from './relay-pipe.ts'
import { changesNothing, createEventRestorer, restoreReply } from './restore.ts'

/** A reply that is complete, in the caller's form. */
export interface ConvertedReply {
  readonly body: Uint8Array | string
  readonly usage: TokenUsage | undefined
  readonly model: string | undefined
  /** Content characters, for estimates; counted only where `usage` does not tell the output. */
  readonly outputChars: number
}

/**
 * The pipe for a streamed reply to a streaming caller. `stripUsage`: usage was asked for on our own
 * account, so a chunk of nothing but usage is kept from a relayed caller.
 */
export function createStreamPipe(
  caller: Dialect,
  target: Dialect,
  context: ReplyContext & { readonly stripUsage: boolean },
): ReplyPipe {
  return caller.name === target.name
    ? createRelayPipe(target, context)
    : createTranslatePipe(caller, target, context)
}

function createTranslatePipe(caller: Dialect, target: Dialect, context: ReplyContext): ReplyPipe {
  const sse = createSseDecoder()
  const decoder = target.createStreamDecoder()
  const restore = changesNothing(context.hints) ? undefined : createEventRestorer(context.hints)
  const encoder = caller.createStreamEncoder(context)
  // Written before the first content: role chunks and the like.
  let held = ''

  function restored(events: ChatEvent[]): ChatEvent[] {
    return restore === undefined ? events : events.flatMap(restore)
  }

  function write(event: ChatEvent): string {
    const chars = contentChars(event)
    pipe.outputChars += chars
    if (event.type === 'start') {
      pipe.model = event.model === '' ? undefined : event.model
      pipe.usage = event.usage
    }
    if (event.type === 'finish') pipe.usage = event.usage ?? pipe.usage
    // Content, or the end of an answer that has none.
    if (chars > 0 || event.type === 'tool-start' || event.type === 'finish') pipe.committed = true
    return encoder.push(event)
  }

  function release(text: string): string {
    if (!pipe.committed) {
      held += text
      return ''
    }
    const all = held + text
    held = ''
    return all
  }

  const pipe: Writable<ReplyPipe> = {
    committed: false,
    finished: false,
    failure: undefined,
    usage: undefined,
    model: undefined,
    outputChars: 0,
    push(chunk) {
      if (pipe.finished) return ''
      let text = ''
      try {
        for (const frame of sse.push(chunk)) {
          for (const event of restored(decoder.push(frame))) text += write(event)
          if (decoder.finished) break
        }
      } catch (thrown) {
        const error = toProxyError(thrown)
        if (!pipe.committed) throw error
        pipe.failure = error
        text += encoder.fail(error)
      }
      pipe.finished = pipe.failure !== undefined || decoder.finished
      return release(text)
    },
    end() {
      if (pipe.finished) return ''
      let text = ''
      for (const event of restored(readTail(sse, decoder))) text += write(event)
      pipe.finished = true
      return release(text)
    },
    fail(error) {
      return encoder.fail(error)
    },
  }
  return pipe
}

/** What is left when the body has ended. A torn last event is a truncated stream, not a broken one. */
function readTail(sse: SseDecoder, decoder: StreamDecoder): ChatEvent[] {
  const events: ChatEvent[] = []
  for (const frame of sse.end()) {
    try {
      events.push(...decoder.push(frame))
    } catch (thrown) {
      if (!(thrown instanceof ProxyError) || thrown.code !== 'upstream_protocol') throw thrown
    }
  }
  events.push(...decoder.end())
  return events
}

function contentChars(event: ChatEvent): number {
  switch (event.type) {
    case 'text':
    case 'refusal':
    case 'reasoning':
    case 'tool-input':
      return event.text.length
    case 'start':
    case 'reasoning-end':
    case 'tool-start':
    case 'tool-end':
    case 'finish':
      return 0
    default:
      return event satisfies never
  }
}

/**
 * A unary reply for a unary caller. A relay returns the same bytes.
 * Throws ProxyError `upstream_protocol` for bytes that are no reply, `upstream_error` for an error that
 * came with status 200.
 */
export function convertReply(
  caller: Dialect,
  target: Dialect,
  body: Uint8Array,
  context: ReplyContext,
): ConvertedReply {
  if (caller.name === target.name) {
    const parsed = parseJson(asBuffer(body).toString('utf8'))
    if (!isJsonObject(parsed)) throw unreadable()
    const { usage, model } = target.readReply(parsed)
    return {
      body,
      usage,
      model,
      outputChars: charsUnlessTold(usage, () => tryDecode(target, parsed)),
    }
  }
  const reply = restoreReply(target.decodeReply(parseReply(body)), context.hints)
  return toConverted(reply, writeReply(caller, reply, context))
}

/** A unary reply for a caller who asked for a stream: the same answer as events. */
export function replyToStream(
  caller: Dialect,
  target: Dialect,
  body: Uint8Array,
  context: ReplyContext,
): ConvertedReply {
  const reply = restoreReply(target.decodeReply(parseReply(body)), context.hints)
  const encoder = caller.createStreamEncoder(context)
  const text = replyToEvents(reply).map((event) => encoder.push(event))
  return toConverted(reply, text.join(''))
}

/** Collects a streamed reply for a caller who asked for none. */
export interface ReplyCollector {
  /** Throws ProxyError for an in-band error or unreadable bytes: nothing has gone out yet. */
  push(chunk: Uint8Array): void
  /** The upstream's body ended, or `finished` is true. Throws `upstream_truncated` where the answer is not whole. */
  end(): ConvertedReply
  readonly finished: boolean
}

export function createReplyCollector(
  caller: Dialect,
  target: Dialect,
  context: ReplyContext,
): ReplyCollector {
  const sse = createSseDecoder()
  const decoder = target.createStreamDecoder()
  const builder = createReplyBuilder()

  function take(events: readonly ChatEvent[]): void {
    for (const event of events) builder.push(event)
  }

  const collector: Writable<ReplyCollector> = {
    finished: false,
    push(chunk) {
      for (const frame of sse.push(chunk)) take(decoder.push(frame))
      collector.finished = decoder.finished
    },
    end() {
      take(readTail(sse, decoder))
      if (builder.reply === undefined) throw unreadable()
      const reply = restoreReply(builder.reply, context.hints)
      return toConverted(reply, writeReply(caller, reply, context))
    },
  }
  return collector
}

function writeReply(caller: Dialect, reply: ChatReply, context: ReplyContext): string {
  return caller.writeReply?.(reply, context) ?? JSON.stringify(caller.encodeReply(reply, context))
}

function toConverted(reply: ChatReply, body: string): ConvertedReply {
  return {
    body,
    usage: reply.usage,
    model: reply.model === '' ? undefined : reply.model,
    outputChars: charsUnlessTold(reply.usage, () => reply),
  }
}

function charsUnlessTold(
  usage: TokenUsage | undefined,
  reply: () => ChatReply | undefined,
): number {
  if (usage?.completionTokens !== undefined) return 0
  return (reply()?.parts ?? []).reduce(
    (sum, part) => sum + (part.type === 'tool-call' ? part.input : part.text).length,
    0,
  )
}

/** A relayed body may be something else than a chat reply (embeddings). */
function tryDecode(target: Dialect, body: JsonObject): ChatReply | undefined {
  try {
    return target.decodeReply(body)
  } catch {
    return undefined
  }
}

function parseReply(body: Uint8Array): JsonObject {
  try {
    return parseJsonObject(body)
  } catch (cause) {
    throw unreadable(cause)
  }
}

function unreadable(cause?: unknown): ProxyError {
  return new ProxyError(
    'upstream_protocol',
    'The provider sent a reply that cannot be read.',
    cause === undefined ? {} : { cause },
  )
}
