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
import type { TokenUsage } from './neutral.ts'
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

/** The pipe for one reply. Its `push` and `end` throw as ReplyPipe says. */
export function createAnswerPipe(form: AnswerForm, context: ReplyContext): ReplyPipe {
  const { caller, target, callerStreams, targetStreams, stripUsage } = form
  if (!targetStreams) return new WholePipe(new PlainBody(form, context))
  return callerStreams
    ? createStreamPipe(caller, target, { ...context, stripUsage })
    : new WholePipe(createStreamedBody(form, context))
}

/**
 * A pipe that gives everything at the end, or nothing at all; nothing has been sent before the end, so
 * nothing can break after the commit. A class because one object costs less than nine functions.
 */
class WholePipe implements ReplyPipe {
  committed = false
  finished = false
  readonly failure = undefined
  usage: TokenUsage | undefined
  model: string | undefined
  outputChars = 0
  readonly #body: WholeBody

  constructor(body: WholeBody) {
    this.#body = body
  }

  push(chunk: Uint8Array): string {
    this.#body.push(chunk)
    this.finished = this.#body.finished
    return ''
  }

  end(): string | Uint8Array {
    if (this.committed) return ''
    const reply = this.#body.convert()
    this.committed = true
    this.usage = reply.usage
    this.model = reply.model
    this.outputChars = reply.outputChars
    return reply.body
  }

  fail(): string {
    return ''
  }
}

/** What a provider sends, kept until it is whole. */
interface WholeBody {
  push(chunk: Uint8Array): void
  /** The end mark was seen before the body's end. */
  readonly finished: boolean
  convert(): ConvertedReply
}

/** A reply in one piece. */
class PlainBody implements WholeBody {
  // It has no mark that would end it before its body does.
  readonly finished = false
  readonly #form: AnswerForm
  readonly #context: ReplyContext
  // Nearly always the only one.
  #first: Uint8Array | undefined
  #more: Uint8Array[] | undefined
  #bytes = 0

  constructor(form: AnswerForm, context: ReplyContext) {
    this.#form = form
    this.#context = context
  }

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > MAX_REPLY_BYTES) throw tooLarge(MAX_REPLY_BYTES)
    if (this.#first === undefined) this.#first = chunk
    else (this.#more ??= [this.#first]).push(chunk)
  }

  convert(): ConvertedReply {
    const { caller, target, callerStreams } = this.#form
    const body = this.#more === undefined ? (this.#first ?? NOTHING) : Buffer.concat(this.#more)
    return callerStreams
      ? replyToStream(caller, target, body, this.#context)
      : convertReply(caller, target, body, this.#context)
  }
}

const NOTHING = new Uint8Array(0)

/** A stream collected for a caller who asked for none. */
function createStreamedBody({ caller, target }: AnswerForm, context: ReplyContext): WholeBody {
  const collector = createReplyCollector(caller, target, context)
  let streamed = 0
  return {
    push(chunk) {
      streamed += chunk.length
      if (streamed > MAX_COLLECTED_BYTES) throw tooLarge(MAX_COLLECTED_BYTES)
      collector.push(chunk)
    },
    get finished() {
      return collector.finished
    },
    convert: () => collector.end(),
  }
}
