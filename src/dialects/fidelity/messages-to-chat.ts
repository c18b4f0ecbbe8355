/** Anthropic Messages callers, models that are asked in Chat Completions (wire-formats D). */
import { FROM_MESSAGES } from './from-messages.ts'
import { adapt, map } from './rows.ts'
import type { FidelityRow } from './rows.ts'

export const MESSAGES_TO_CHAT: readonly FidelityRow[] = [
  ...FROM_MESSAGES,
  map('system', 'the first message, without the `x-anthropic-billing-header` line'),
  adapt('messages', '`messages`; a last assistant message is not continued'),
  adapt('messages[].content[].tool_result', 'a message of its own; pictures follow all results'),
  adapt('max_tokens', '`max_completion_tokens` or `max_tokens`, capped at what is configured'),
  adapt('temperature', '`temperature`, but not for reasoning models'),
  adapt('top_p', '`top_p`, but not for reasoning models'),
  adapt('top_k', 'left out, unless `rules` say that it is taken'),
  adapt('stop_sequences', '`stop`, the first four'),
  map('metadata.user_id', '`safety_identifier`, or `user` for other servers'),
  adapt('tool_choice', '`tool_choice`, unless `rules` say that it cannot be forced'),
  adapt('tool_choice.disable_parallel_tool_use', '`parallel_tool_calls` where the model takes it'),
  map('output_config.format', '`response_format`'),
  map('output_format', '`response_format`'),
  adapt('service_tier', '`auto` or `default`, for OpenAI’s own models'),
]
