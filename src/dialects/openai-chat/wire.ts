/**
 * What we write in the Chat Completions language, exactly as on the wire.
 * Reference: https://platform.openai.com/docs/api-reference/chat/object (and /streaming).
 *
 * Aliases, not interfaces: only an alias of an object type counts as a JsonObject. What we read is never
 * typed here: it comes from many servers, and every field of it may be missing.
 */

export type ChatFinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'function_call'

export type ChatUsage = {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number; cache_write_tokens: number }
  completion_tokens_details?: { reasoning_tokens: number }
}

export type ChatToolCall =
  | { id: string; type: 'function'; function: { name: string; arguments: string } }
  | { id: string; type: 'custom'; custom: { name: string; input: string } }

export type ChatAnnotation = {
  type: 'url_citation'
  url_citation: { url: string; title: string; start_index: number; end_index: number }
}

export type ChatReplyMessage = {
  role: 'assistant'
  content: string | null
  refusal: string | null
  reasoning_content?: string
  annotations?: ChatAnnotation[]
  tool_calls?: ChatToolCall[]
  function_call?: { name: string; arguments: string }
}

export type ChatCompletion = {
  id: string
  object: 'chat.completion'
  created: number
  model: string
  choices: [
    { index: 0; message: ChatReplyMessage; logprobs: null; finish_reason: ChatFinishReason },
  ]
  usage?: ChatUsage
  service_tier?: string
}

export type ChatToolCallDelta = {
  index: number
  id?: string
  type?: 'function' | 'custom'
  function?: { name?: string; arguments?: string }
  custom?: { name?: string; input?: string }
}

export type ChatDelta = {
  role?: 'assistant'
  content?: string
  reasoning_content?: string
  refusal?: string
  tool_calls?: [ChatToolCallDelta]
  function_call?: { name?: string; arguments?: string }
}

export type ChatChunk = {
  id: string
  object: 'chat.completion.chunk'
  created: number
  model: string
  choices:
    | []
    | [{ index: 0; delta: ChatDelta; logprobs: null; finish_reason: ChatFinishReason | null }]
  /** With `include_usage`: null on every chunk but the last. Without: no such key at all. */
  usage?: ChatUsage | null
}
