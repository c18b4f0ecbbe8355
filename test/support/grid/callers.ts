/**
 * The three ways of asking, each through its official SDK: whole, or through the SDK's own stream helper.
 * One description of a request for all three, and one of what was heard.
 */
import type { SaidCall } from './said.ts'
import type { ApiName } from './said.ts'

export type UserPart =
  | { readonly type: 'text'; readonly text: string }
  /** A PNG as bytes. */
  | { readonly type: 'image'; readonly base64: string }
  | { readonly type: 'image-url'; readonly url: string }
  | { readonly type: 'pdf'; readonly base64: string; readonly name: string }

export interface ToolOutcome {
  readonly id: string
  readonly text: string
  readonly isError?: boolean
  /** A PNG beside the text. */
  readonly image?: string
}

export type Turn =
  | { readonly user: string | readonly UserPart[] }
  | { readonly assistant: { readonly text?: string; readonly calls?: readonly SaidCall[] } }
  /** What was heard in an earlier turn, given back as the SDK gave it. */
  | { readonly replay: Heard }
  | { readonly results: readonly ToolOutcome[] }

export interface AskTool {
  readonly name: string
  readonly description: string
  readonly schema: ObjectSchema
}

/** A JSON schema of an object. */
export interface ObjectSchema {
  readonly type: 'object'
  readonly [keyword: string]: unknown
}

export interface Ask {
  readonly system?: string
  readonly turns: readonly Turn[]
  /** Default 4096: a Messages caller must name a limit. */
  readonly maxTokens?: number
  readonly temperature?: number
  readonly stop?: readonly string[]
  readonly tools?: readonly AskTool[]
  readonly choice?: 'auto' | 'none' | 'required' | { readonly tool: string }
  /** False forbids more than one call a turn. */
  readonly parallel?: boolean
  /** The answer must satisfy this schema; asked for through the SDK's `parse`. */
  readonly schema?: ObjectSchema
  readonly effort?: 'low' | 'medium' | 'high'
}

/** How an answer is asked for. */
export interface Way {
  readonly model: string
  readonly stream: boolean
  /** Each piece of text as the stream helper tells it. */
  readonly onText?: (piece: string) => void
}

/** What the SDK made of the answer. */
export interface Heard {
  readonly text: string
  readonly thinking: string
  readonly refusal: string
  readonly calls: readonly SaidCall[]
  /** In the caller's own words: finish_reason, stop_reason, or status with the reason of an incomplete one. */
  readonly finish: string
  /** The caller's own usage object. */
  readonly usage: unknown
  readonly model: string
  /** What the SDK's parser made of a structured answer. */
  readonly parsed: unknown
  /** The request id as the SDK shows it; unary answers only. */
  readonly requestId: unknown
  /** What the caller sends back as its history. */
  readonly replay: unknown
  /** The whole answer as the SDK gave it. */
  readonly raw: unknown
  readonly headers: Headers
}

export interface Caller {
  readonly api: ApiName
  /** Rejects with the SDK's own error. */
  ask(ask: Ask, way: Way): Promise<Heard>
}

/** A `fetch` that shows the headers of the last reply. */
export interface WatchedFetch {
  readonly fetch: typeof fetch
  readonly headers: () => Headers
}

export function watchFetch(through: typeof fetch): WatchedFetch {
  let headers = new Headers()
  return {
    fetch: async (input, init) => {
      const response = await through(input, init)
      headers = response.headers
      return response
    },
    headers: () => headers,
  }
}

export const MAX_TOKENS = 4096
