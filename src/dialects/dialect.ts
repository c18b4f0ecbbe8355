/**
 * One wire language as a plain value: how to read and write it as a caller speaks it, and how to write
 * and read it towards a provider that speaks it. All of it is pure: no I/O, no clock, no randomness.
 */
import type { UpstreamError } from '../errors/proxy-error.ts'
import type { ProxyError } from '../errors/proxy-error.ts'
import type { TopLevelEdit } from '../wire/json-edit.ts'
import type { SseEvent } from '../wire/sse.ts'
import type { RuleOverrides } from './model-rules.ts'
import type { ChatEvent, ChatReply, ChatRequest, JsonObject, TokenUsage } from './neutral.ts'

/** The API a caller speaks to us, as the usage log names it. */
export type Api = 'chat' | 'messages' | 'count_tokens' | 'responses' | 'embeddings'

export type DialectName = 'openai-chat' | 'anthropic' | 'openai-responses'

/** Says what could not cross as it was. Ends up in `x-aiproxy-notes`, each pair once, in order. */
export interface Notes {
  /** Something that the caller asked for is lost or changed; refused on a strict model. */
  add(field: string, what: 'dropped' | 'adapted'): void
  /** Something that could be of no use here is left out; a strict model lets it pass. */
  announce(field: string, what: 'dropped' | 'adapted'): void
}

/** What an encoder must know of the model it writes for. */
export interface TargetTraits {
  /** The provider's own name of the model. */
  readonly model: string
  /** Configured ceiling for output tokens; `undefined` where the config does not say. */
  readonly maxTokens: number | undefined
  /** Refuse, with `untranslatable`, what would otherwise be dropped or adapted with a note. */
  readonly strict: boolean
  /** What the config says over the tables of model-rules.ts. */
  readonly rules?: RuleOverrides | undefined
}

/**
 * What the encoder of a request did that the reader of its reply must undo (restore.ts). Pure data;
 * goes from `EncodedRequest.hints` into `ReplyContext.hints` unchanged.
 */
export interface ReplyHints {
  /** The tool whose arguments are the answer itself: a JSON schema asked of a model without one. */
  readonly jsonTool: string | undefined
  /** Custom tools that were offered as functions with one `input` string, by the caller's name. */
  readonly customTools: readonly string[]
  /** Names that had to differ: the provider's → the caller's. */
  readonly toolNames: ReadonlyArray<readonly [string, string]>
}

/** Nothing to undo: a relay, and most translations. */
export const NO_HINTS: ReplyHints = { jsonTool: undefined, customTools: [], toolNames: [] }

/** A request in a target's dialect, ready for its back door. */
export interface EncodedRequest {
  /** Relative to the provider's base URL; begins with `/`. */
  readonly path: string
  readonly body: JsonObject
  /**
   * Headers this dialect needs beyond credential and content type, lower case. `mapRequestHeaders`
   * (headers.ts) joins them with the caller's own.
   */
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly hints: ReplyHints
}

/** Turns a provider's SSE events into neutral ones. A closure with visible state and no I/O. */
export interface StreamDecoder {
  /**
   * What one SSE event means. Throws ProxyError `upstream_error` for an in-band error event and
   * `upstream_protocol` for bytes that cannot be read.
   */
  push(event: SseEvent): ChatEvent[]
  /** The body ended. Returns closing events, or throws `upstream_truncated` when no end mark was seen. */
  end(): ChatEvent[]
  /** The dialect's end mark was seen; nothing after it matters. */
  readonly finished: boolean
}

/** What the caller's dialect needs to know in order to write a reply. */
export interface ReplyContext {
  /** What was asked; `undefined` in a relay, where nothing was decoded. */
  readonly request: ChatRequest | undefined
  readonly hints: ReplyHints
  /** Unix seconds used where the target's dialect gives no creation time. */
  readonly nowSeconds: number
  /** Our own request id, for in-stream errors that carry one. */
  readonly requestId: string
}

/** Turns neutral events into the caller's SSE text. */
export interface StreamEncoder {
  /** SSE text for one event; may be empty. */
  push(event: ChatEvent): string
  /** SSE text that ends a committed stream with an error and without any end mark. */
  fail(error: ProxyError): string
}

/**
 * A value while it is being built or kept up to date by its own closure. What is looked at for every event
 * has plain members, written out: no getters and no spread. V8 gives each object with getters a hidden
 * class of its own, which makes every look at it, and every call of its methods, a slow one.
 */
export type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** What one relayed SSE event tells, without rewriting it. */
export interface FrameFacts {
  /** Text, reasoning or a tool call is in it: the stream commits here. */
  content: boolean
  /** The dialect's end mark. */
  end: boolean
  /** The event carries usage; the tap has merged it. */
  usage: boolean
  /** Nothing but usage is in it: kept from a caller who did not ask. */
  usageOnly: boolean
  /** The provider reported a failure inside the stream. */
  error: UpstreamError | undefined
}

/** The facts of an event that is of no concern, to begin with. */
export function noFacts(): FrameFacts {
  return { content: false, end: false, usage: false, usageOnly: false, error: undefined }
}

/** The facts of an event that is content and nothing else; most are, so there is one value for all. */
export const CONTENT_ONLY: Readonly<FrameFacts> = Object.freeze({ ...noFacts(), content: true })

/** Reads a relayed stream along the way: usage, served model, end mark, errors. */
export interface StreamTap {
  read(event: SseEvent): Readonly<FrameFacts>
  readonly usage: TokenUsage | undefined
  readonly model: string | undefined
  /** Content characters seen, for an estimate when a caller leaves before usage is told. */
  readonly outputChars: number
  /** A finish reason was seen: an end without end mark is then still complete (wire-formats C.2, C.3). */
  readonly finishSeen: boolean
  /** The end mark as an event, where the dialect's clients take no stream for whole without it. */
  readonly endMark?: string | undefined
  fail(error: ProxyError, requestId: string): string
}

export interface Dialect {
  readonly name: DialectName
  /** Path of its chat endpoint below a provider's base URL. */
  readonly path: string

  // As a caller speaks it.
  /** Throws ProxyError `request_invalid` with the field path for what cannot be read. */
  decodeRequest(body: JsonObject): ChatRequest
  encodeReply(reply: ChatReply, context: ReplyContext): JsonObject
  /** The same as JSON text, in fewer steps than JSON.stringify takes. */
  writeReply?(reply: ChatReply, context: ReplyContext): string
  createStreamEncoder(context: ReplyContext): StreamEncoder

  // As a provider speaks it.
  /** Throws ProxyError `untranslatable` where dropping would change the answer's meaning. */
  encodeRequest(request: ChatRequest, traits: TargetTraits, notes: Notes): EncodedRequest
  /** Throws ProxyError `upstream_protocol` for a reply that cannot be read, `upstream_error` for an error with status 200. */
  decodeReply(body: JsonObject): ChatReply
  createStreamDecoder(): StreamDecoder
  /** Any error body, however foreign: status, JSON or text (wire-formats E.3). Never throws. */
  decodeError(status: number, body: string): UpstreamError

  // Relay: caller and target agree.
  /** Usage and served model of a unary reply. */
  readReply(body: JsonObject): { usage: TokenUsage | undefined; model: string | undefined }
  createStreamTap(): StreamTap
  /**
   * For a body that holds our own mark (marker.ts) because another dialect answered an earlier turn: the
   * top-level values to replace before it is relayed. Its provider would refuse what we put there.
   */
  relayEdits?(body: JsonObject): TopLevelEdit[]
}
