/** Why an answer ended: OpenAI's words and those of the servers that imitate it ↔ ours. */
import type { FinishReason } from '../neutral.ts'
import type { ChatFinishReason } from './wire.ts'

const WORDS: Record<FinishReason, ChatFinishReason> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  pause: 'stop',
  other: 'stop',
  length: 'length',
  'context-window': 'length',
  'tool-calls': 'tool_calls',
  refusal: 'content_filter',
  'content-filter': 'content_filter',
}

/** The word a Chat caller gets. A legacy `functions` caller knows no `tool_calls`. */
export function mapFinishToWire(reason: FinishReason, legacyFunctions: boolean): ChatFinishReason {
  return reason === 'tool-calls' && legacyFunctions ? 'function_call' : WORDS[reason]
}

/**
 * A provider's `finish_reason`, leniently: compatible servers use the words of other APIs too.
 * `'error'` is a failure told as a finish (OpenRouter, DeepSeek).
 */
export function mapFinishFromWire(word: string): FinishReason | 'error' {
  switch (word.toLowerCase()) {
    case 'stop':
    case 'eos':
    case 'end_turn':
    case 'complete':
      return 'stop'
    case 'stop_sequence':
      return 'stop-sequence'
    case 'length':
    case 'max_tokens':
    case 'model_length':
      return 'length'
    case 'tool_calls':
    case 'tool_call':
    case 'tool_use':
    case 'function_call':
      return 'tool-calls'
    case 'content_filter':
    case 'safety':
    case 'recitation':
      return 'content-filter'
    case 'refusal':
      return 'refusal'
    case 'error':
    case 'insufficient_system_resource':
      return 'error'
    default:
      return 'other'
  }
}
