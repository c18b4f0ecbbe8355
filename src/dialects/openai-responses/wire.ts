/**
 * What we write in the Responses language, exactly as on the wire.
 * Reference: https://platform.openai.com/docs/api-reference/responses/object (and /responses-streaming).
 *
 * Aliases, not interfaces: only an alias of an object type counts as a JsonObject. What we read is never
 * typed here: every field of it may be missing.
 */
import type { JsonObject } from '../neutral.ts'

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

export type UrlAnnotation = {
  type: 'url_citation'
  url: string
  title: string
  start_index: number
  end_index: number
}

export type OutputTextPart = {
  type: 'output_text'
  text: string
  annotations: UrlAnnotation[]
  logprobs: never[]
}
export type OutputRefusalPart = { type: 'refusal'; refusal: string }
export type OutputPart = OutputTextPart | OutputRefusalPart

export type MessageItem = {
  id: string
  type: 'message'
  status: ItemStatus
  role: 'assistant'
  content: OutputPart[]
}

export type SummaryPart = { type: 'summary_text'; text: string }

export type ReasoningItem = {
  id: string
  type: 'reasoning'
  summary: SummaryPart[]
  encrypted_content?: string
}

export type FunctionCallItem = {
  id: string
  type: 'function_call'
  status: ItemStatus
  call_id: string
  name: string
  namespace?: string
  arguments: string
}

export type CustomToolCallItem = {
  id: string
  type: 'custom_tool_call'
  status: ItemStatus
  call_id: string
  name: string
  namespace?: string
  input: string
}

/** A call of a tool that the API itself defines and the caller runs: its arguments are an object. */
export type ShellCallItem = {
  id: string
  type: 'local_shell_call' | 'shell_call'
  status: ItemStatus
  call_id: string
  action: JsonObject
  environment?: null
}
export type ApplyPatchCallItem = {
  id: string
  type: 'apply_patch_call'
  /** Unlike the others, never `incomplete`. */
  status: 'in_progress' | 'completed'
  call_id: string
  operation: JsonObject
}

export type CallItem = FunctionCallItem | CustomToolCallItem | ShellCallItem | ApplyPatchCallItem
export type OutputItem = MessageItem | ReasoningItem | CallItem

export type ResponseUsage = {
  input_tokens: number
  input_tokens_details: { cached_tokens: number; cache_write_tokens: number }
  output_tokens: number
  output_tokens_details: { reasoning_tokens: number }
  total_tokens: number
}

export type ResponseStatus = 'in_progress' | 'completed' | 'incomplete' | 'failed'

export type IncompleteReason = 'max_output_tokens' | 'content_filter'
