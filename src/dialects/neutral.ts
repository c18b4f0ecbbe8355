/**
 * The neutral chat form: what a caller asked and what a model answered, in no provider's words.
 * Used only for crossing dialects; where caller and target agree, bytes are relayed (relay.ts).
 *
 * Every value here is plain data. `undefined` means "not said", which differs from any default.
 * Translation is a pure function of the request: the same bytes in give the same bytes out, so prompt
 * caches and signed thinking survive (wire-formats 0.2 no. 7).
 */

import type { JsonObject, JsonValue } from '../wire/json.ts'

export type { JsonObject, JsonValue }

// ── what was asked ──────────────────────────────────────────────────────────────────────────────

export interface ChatRequest {
  /** The name the caller asked for; `encodeRequest` is told the target's own name apart. */
  readonly model: string
  /** In wire order, system and developer messages included where they stood. */
  readonly messages: readonly ChatMessage[]
  readonly stream: boolean
  /** Chat callers only see a usage chunk when they asked for one. */
  readonly includeUsage: boolean
  readonly maxTokens: number | undefined
  readonly temperature: number | undefined
  readonly topP: number | undefined
  readonly topK: number | undefined
  readonly stop: readonly string[] | undefined
  readonly tools: readonly Tool[]
  readonly toolChoice: ToolChoice | undefined
  /** `false` forbids more than one call a turn; `undefined` leaves the provider's default. */
  readonly parallelToolCalls: boolean | undefined
  readonly responseFormat: ResponseFormat | undefined
  readonly reasoning: ReasoningWish | undefined
  /** An opaque id of the end user: `safety_identifier`, `user`, `metadata.user_id`. */
  readonly endUser: string | undefined
  /** In OpenAI's words: auto, default, flex, priority, scale, fast. */
  readonly serviceTier: string | undefined
  /** A legacy `functions` request: the reply must use `function_call`. */
  readonly legacyFunctions: boolean
  /**
   * Every other top-level field of the caller's body that was said, as it came. The target's encoder
   * takes the ones it knows by name and no others (`pass` in fidelity.ts).
   */
  readonly extras: JsonObject
  /**
   * What the decoder itself had to leave out or change, because the neutral form has no place for it;
   * for `x-aiproxy-notes`, in order, the same pair at most once.
   */
  readonly losses?: readonly Loss[] | undefined
  /**
   * Fields of the caller's body, as they came, that the reply in its dialect repeats or depends on
   * (Responses). No part of what is translated: only the dialect that read the request looks at it.
   */
  readonly echo?: JsonObject | undefined
}

/** A field path and what became of it. */
export type Loss = readonly [field: string, what: 'dropped' | 'adapted']

export type ChatMessage = SystemMessage | UserMessage | AssistantMessage | ToolMessage

export interface SystemMessage {
  readonly role: 'system' | 'developer'
  readonly parts: readonly TextPart[]
}
export interface UserMessage {
  readonly role: 'user'
  readonly parts: readonly UserPart[]
}
export interface AssistantMessage {
  readonly role: 'assistant'
  /** In the order the model produced them. */
  readonly parts: readonly AssistantPart[]
}
/** One result of one tool call. Encoders group neighbours where their dialect wants that. */
export interface ToolMessage {
  readonly role: 'tool'
  readonly callId: string
  readonly parts: readonly UserPart[]
  readonly isError: boolean
  readonly cache: CacheMark | undefined
}

export type UserPart = TextPart | ImagePart | DocumentPart
export type AssistantPart = TextPart | RefusalPart | ReasoningPart | ToolCallPart

/** A prompt-cache breakpoint after this part. */
export interface CacheMark {
  readonly ttl: '5m' | '1h' | undefined
}

export interface TextPart {
  readonly type: 'text'
  readonly text: string
  readonly cache?: CacheMark | undefined
  /** Web pages this part of an answer rests on; answers only. */
  readonly citations?: readonly UrlCitation[] | undefined
}

export interface UrlCitation {
  readonly url: string
  readonly title: string | undefined
}

export interface ImagePart {
  readonly type: 'image'
  readonly source: BytesSource | UrlSource | FileSource
  /** OpenAI's `detail`: low, high, auto. */
  readonly detail?: string | undefined
  readonly cache?: CacheMark | undefined
}

export interface DocumentPart {
  readonly type: 'document'
  readonly source: BytesSource | UrlSource | FileSource | TextSource
  /** File name (OpenAI) or title (Anthropic). */
  readonly title?: string | undefined
  readonly cache?: CacheMark | undefined
}

export interface BytesSource {
  readonly kind: 'base64'
  readonly mediaType: string
  readonly data: string
}
export interface UrlSource {
  readonly kind: 'url'
  readonly url: string
}
/** A file kept at one provider; its id means nothing to another. */
export interface FileSource {
  readonly kind: 'file'
  readonly id: string
}
export interface TextSource {
  readonly kind: 'text'
  readonly text: string
}

export interface RefusalPart {
  readonly type: 'refusal'
  readonly text: string
}

/**
 * What a model thought. Signatures are opaque bytes of one provider: kept exactly, replayed only to
 * where they came from. Our own marker signatures start with `aiproxy.v1.`.
 */
export interface ReasoningPart {
  readonly type: 'reasoning'
  readonly text: string
  readonly signature?: string | undefined
  /** Anthropic's `redacted_thinking.data`; then `text` is empty. */
  readonly redacted?: string | undefined
}

export interface ToolCallPart {
  readonly type: 'tool-call'
  readonly id: string
  readonly name: string
  /** `custom` tools take free text in place of a JSON object. */
  readonly kind: 'function' | 'custom'
  /** JSON text for functions as it was written (may be cut or invalid), free text for custom tools. */
  readonly input: string
  /**
   * Members of the call that its provider wants back unchanged with the next turn (Gemini's
   * `extra_content` with its thought signature); nobody else may see a meaning in them.
   */
  readonly echo?: JsonObject | undefined
  readonly cache?: CacheMark | undefined
}

export interface Tool {
  readonly kind: 'function' | 'custom' | 'native'
  readonly name: string
  readonly description: string | undefined
  /** JSON schema of the arguments (function), the grammar or format (custom), or the whole tool (native). */
  readonly schema: JsonObject | undefined
  readonly strict: boolean | undefined
  readonly cache?: CacheMark | undefined
}

export type ToolChoice =
  | { readonly type: 'auto' | 'none' | 'required' }
  | { readonly type: 'tool'; readonly name: string }
  | { readonly type: 'allowed'; readonly names: readonly string[]; readonly required: boolean }

export type ResponseFormat =
  | { readonly type: 'json-object' }
  | {
      readonly type: 'json-schema'
      readonly name: string | undefined
      readonly description: string | undefined
      readonly schema: JsonObject
      readonly strict: boolean | undefined
    }

export type ReasoningEffort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'

/** What the caller wished of the model's reasoning, in whichever of the two idioms it was said. */
export interface ReasoningWish {
  readonly effort?: ReasoningEffort | undefined
  /** Anthropic's `thinking` object as it came; wins over `effort` towards Anthropic. */
  readonly thinking?: JsonObject | undefined
  /** The caller wants to see a summary. */
  readonly summary?: boolean | undefined
}

// ── what was answered ───────────────────────────────────────────────────────────────────────────

/** Token counts as reported. `undefined` means "not told", never 0. */
export interface TokenUsage {
  /** All input, cached and cache-written tokens included, in every dialect. */
  readonly promptTokens: number | undefined
  readonly completionTokens: number | undefined
  readonly totalTokens: number | undefined
  /** The part of the prompt read from the provider's cache. */
  readonly cachedTokens: number | undefined
  /** The part of the prompt written to the provider's cache. */
  readonly cacheWriteTokens: number | undefined
  /** The part of those that is kept for an hour, which costs more; only where told and not 0. */
  readonly cacheWriteHourTokens?: number
  /** The part of the completion that was reasoning. */
  readonly reasoningTokens: number | undefined
}

export type FinishReason =
  | 'stop'
  | 'stop-sequence'
  | 'length'
  | 'context-window'
  | 'tool-calls'
  | 'refusal'
  | 'content-filter'
  | 'pause'
  | 'other'

export interface Finish {
  readonly reason: FinishReason
  readonly stopSequence?: string | undefined
  /** Why the model declined, in its provider's words. */
  readonly explanation?: string | undefined
}

/** A whole reply, as a unary call returns it. */
export interface ChatReply {
  readonly id: string
  readonly model: string
  /** Unix seconds; `undefined` where the dialect has no such field. */
  readonly created: number | undefined
  readonly parts: readonly AssistantPart[]
  readonly finish: Finish
  readonly usage: TokenUsage | undefined
  /** In OpenAI's words. */
  readonly serviceTier: string | undefined
}

/**
 * One thing a model did. A stream is `start`, then content, then `finish` once. Deltas of one text,
 * reasoning or tool block follow each other; `reasoning-end` closes a reasoning block and carries its
 * signature. Tool calls are numbered from 0 by `call`, in order of first appearance.
 */
export type ChatEvent =
  | {
      readonly type: 'start'
      readonly id: string
      readonly model: string
      readonly created: number | undefined
      /** What is known before the answer: the prompt's side. */
      readonly usage: TokenUsage | undefined
    }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'refusal'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | {
      readonly type: 'reasoning-end'
      readonly signature?: string | undefined
      readonly redacted?: string | undefined
    }
  | {
      readonly type: 'tool-start'
      readonly call: number
      readonly id: string
      readonly name: string
      readonly kind: 'function' | 'custom'
      /** See {@link ToolCallPart.echo}. */
      readonly echo?: JsonObject | undefined
    }
  | { readonly type: 'tool-input'; readonly call: number; readonly text: string }
  | { readonly type: 'tool-end'; readonly call: number }
  | {
      readonly type: 'finish'
      readonly finish: Finish
      readonly usage: TokenUsage | undefined
      readonly serviceTier: string | undefined
    }
