/**
 * What we write to a Messages caller, exactly as on the wire.
 * Reference: https://docs.anthropic.com/en/api/messages (and /en/docs/build-with-claude/streaming).
 *
 * Aliases, not interfaces: only an alias of an object type counts as a JsonObject.
 */
import type { JsonObject } from '../neutral.ts'

export type StopReason =
  | 'end_turn'
  | 'max_tokens'
  | 'stop_sequence'
  | 'tool_use'
  | 'pause_turn'
  | 'refusal'
  | 'model_context_window_exceeded'

export type StopDetails = { type: 'refusal'; category: null; explanation: string | null }

/** The counts that a stream carries; a whole Message has them too. */
export type MessageCounts = {
  input_tokens: number
  cache_creation_input_tokens: number
  cache_read_input_tokens: number
  output_tokens: number
}

export type MessageUsage = MessageCounts & {
  output_tokens_details: { thinking_tokens: number } | null
  service_tier: 'standard' | 'priority' | null
}

export type ReplyBlock =
  | { type: 'text'; text: string }
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'redacted_thinking'; data: string }
  | { type: 'tool_use'; id: string; name: string; input: JsonObject }

export type ReplyMessage = {
  id: string
  type: 'message'
  role: 'assistant'
  model: string
  content: ReplyBlock[]
  stop_reason: StopReason
  stop_sequence: string | null
  stop_details: StopDetails | null
  container: null
  diagnostics: null
  usage: MessageUsage
}

export type BlockDelta =
  | { type: 'text_delta'; text: string }
  | { type: 'thinking_delta'; thinking: string }
  | { type: 'signature_delta'; signature: string }
  | { type: 'input_json_delta'; partial_json: string }

export type StreamFrame =
  | {
      type: 'message_start'
      message: {
        id: string
        type: 'message'
        role: 'assistant'
        model: string
        content: []
        stop_reason: null
        stop_sequence: null
        usage: MessageCounts
      }
    }
  | { type: 'content_block_start'; index: number; content_block: ReplyBlock }
  | { type: 'content_block_delta'; index: number; delta: BlockDelta }
  | { type: 'content_block_stop'; index: number }
  | {
      type: 'message_delta'
      delta: {
        stop_reason: StopReason
        stop_sequence: string | null
        stop_details?: StopDetails
      }
      usage: MessageCounts & { output_tokens_details?: { thinking_tokens: number } }
    }
  | { type: 'message_stop' }
