/** Anthropic Messages callers, models that are asked in Responses (wire-formats F.5). */
import { FROM_MESSAGES } from './from-messages.ts'
import { adapt, map } from './rows.ts'
import type { FidelityRow } from './rows.ts'

export const MESSAGES_TO_RESPONSES: readonly FidelityRow[] = [
  ...FROM_MESSAGES,
  map('system', '`instructions`, without the `x-anthropic-billing-header` line'),
  adapt('messages', '`input`; a last assistant message is not continued'),
  map('messages[].content[].tool_result', '`function_call_output`, pictures included'),
  adapt('max_tokens', '`max_output_tokens`, at least 16'),
  adapt('temperature', '`temperature` where the model takes it'),
  adapt('top_p', '`top_p` where the model takes it'),
  adapt('top_k', 'left out: no counterpart'),
  adapt('stop_sequences', 'left out: no counterpart'),
  map('metadata.user_id', '`safety_identifier` and `prompt_cache_key`'),
  adapt('tool_choice', '`tool_choice`, unless `rules` say that it cannot be forced'),
  adapt('tool_choice.disable_parallel_tool_use', '`parallel_tool_calls` where the model takes it'),
  map('output_config.format', '`text.format`'),
  map('output_format', '`text.format`'),
  map('service_tier', '`service_tier`: `auto` or `default`'),
]
