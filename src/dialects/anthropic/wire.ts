/**
 * What we write in Anthropic's Messages language, exactly as on the wire.
 * Reference: https://docs.anthropic.com/en/api/messages
 *
 * Aliases, not interfaces: only an alias of an object type counts as a JsonObject.
 */
import type { JsonObject } from '../neutral.ts'

export type CacheControl = { type: 'ephemeral'; ttl?: '5m' | '1h' }

export type TextBlock = { type: 'text'; text: string; cache_control?: CacheControl }
export type ImageBlock = {
  type: 'image'
  source:
    | { type: 'base64'; media_type: string; data: string }
    | { type: 'url'; url: string }
    | { type: 'file'; file_id: string }
  cache_control?: CacheControl
}
export type DocumentBlock = {
  type: 'document'
  source:
    | { type: 'base64'; media_type: 'application/pdf'; data: string }
    | { type: 'text'; media_type: 'text/plain'; data: string }
    | { type: 'url'; url: string }
    | { type: 'file'; file_id: string }
  title?: string
  cache_control?: CacheControl
}
export type ToolUseBlock = {
  type: 'tool_use'
  id: string
  name: string
  input: JsonObject
  cache_control?: CacheControl
}
export type ToolResultBlock = {
  type: 'tool_result'
  tool_use_id: string
  content: string | Array<TextBlock | ImageBlock | DocumentBlock>
  is_error?: true
  cache_control?: CacheControl
}
export type ThinkingBlock =
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'redacted_thinking'; data: string }

export type UserBlock = TextBlock | ImageBlock | DocumentBlock | ToolResultBlock
export type AssistantBlock = ThinkingBlock | TextBlock | ToolUseBlock

export type WireMessage =
  | { role: 'user'; content: UserBlock[] }
  | { role: 'assistant'; content: AssistantBlock[] }
  | { role: 'system'; content: TextBlock[] }
