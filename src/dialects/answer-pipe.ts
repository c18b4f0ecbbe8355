/**
 * The pipe a reply takes, by what the caller asked for and what the provider sends: a stream or one
 * piece on either side. Looking at the content type and not at the request, because servers exist that
 * answer the one with the other (wire-formats G.3).
 */
import type { Dialect, ReplyContext } from './dialect.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import {
  convertReply,
  createReplyCollector,
  createStreamPipe,
  replyToStream,
} from './reply-pipe.ts'
import type { ReplyPipe } from './pipe.ts'
import type { ConvertedReply } from './reply-pipe.ts'

export interface AnswerForm {
  readonly caller: Dialect
  readonly target: Dialect
  readonly callerStreams: boolean
  readonly targetStreams: boolean
  /** Usage was asked for on our own account: its chunk is kept from the caller. */
  readonly stripUsage: boolean
}

// Larger than any reply of a model; a provider gone wild must not take our memory with it.
const MAX_REPLY_BYTES = 32 * 1024 * 1024

// The same answer as events: every few characters come in an envelope of some hundred bytes.
const MAX_COLLECTED_BYTES = 4 * MAX_REPLY_BYTES

function tooLarge(bytes: number): ProxyError {
  return new ProxyError('upstream_protocol', `The reply is larger than ${bytes / 1024 / 1024} MiB.`)
}

// A reply in one piece has no mark that would end it before its body does.
const isNeverEarly = (): boolean => false

/** The pipe for one reply. Its `push` and `end` throw as ReplyPipe says. */
export function createAnswerPipe(form: AnswerForm, context: ReplyContext): ReplyPipe {
  const { caller, target } = form
  if (form.targetStreams && form.callerStreams) {
    return createStreamPipe(caller, target, { ...context, stripUsage: form.stripUsage })
  }
  if (form.targetStreams) {
    const collector = createReplyCollector(caller, target, context)
    let streamed = 0
    return createWholePipe(
      (chunk) => {
        streamed += chunk.length
        if (streamed > MAX_COLLECTED_BYTES) throw tooLarge(MAX_COLLECTED_BYTES)
        collector.push(chunk)
      },
      () => collector.end(),
      () => collector.finished,
    )
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  return createWholePipe(
    (chunk) => {
      bytes += chunk.length
      if (bytes > MAX_REPLY_BYTES) {
        throw tooLarge(MAX_REPLY_BYTES)
      }
      chunks.push(chunk)
    },
    () => {
      const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
      return form.callerStreams
        ? replyToStream(caller, target, body, context)
        : convertReply(caller, target, body, context)
    },
    isNeverEarly,
  )
}

type WholePipe = { -readonly [K in keyof ReplyPipe]: ReplyPipe[K] }

/** A pipe that gives everything at the end, or nothing at all. */
function createWholePipe(
  push: (chunk: Uint8Array) => void,
  end: () => ConvertedReply,
  finished: () => boolean,
): ReplyPipe {
  const pipe: WholePipe = {
    push(chunk) {
      push(chunk)
      pipe.finished = finished()
      return ''
    },
    end() {
      if (pipe.committed) return ''
      const reply = end()
      pipe.committed = true
      pipe.usage = reply.usage
      pipe.model = reply.model
      pipe.outputChars = reply.outputChars
      return reply.body
    },
    // Nothing has been sent before the end, so nothing can break after the commit.
    fail: () => '',
    committed: false,
    finished: false,
    failure: undefined,
    usage: undefined,
    model: undefined,
    outputChars: 0,
  }
  return pipe
}
