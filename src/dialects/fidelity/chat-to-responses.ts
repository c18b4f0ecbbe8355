/** Chat Completions callers, models that are asked in Responses (wire-formats A.1, F.5). */
import { FROM_CHAT } from './from-chat.ts'
import { adapt, ALWAYS, map, note, pass } from './rows.ts'
import type { FidelityRow } from './rows.ts'

export const CHAT_TO_RESPONSES: readonly FidelityRow[] = [
  ...FROM_CHAT,
  adapt('messages', '`instructions` and `input`; a last assistant message is not continued'),
  map('messages[].refusal', 'a refusal part'),
  adapt('messages[].reasoning_content', 'left out: the model did not seal it; strict lets it pass'),
  adapt('messages[].thinking_blocks', 'left out, but for what the model itself sealed'),
  adapt('messages[].reasoning_details', 'left out, but for what the model itself sealed'),
  map('messages[].content[].image_url.detail', '`detail`'),
  adapt('max_completion_tokens', '`max_output_tokens`, at least 16'),
  adapt('max_tokens', '`max_output_tokens`, at least 16'),
  adapt('temperature', '`temperature` where the model takes it'),
  adapt('top_p', '`top_p` where the model takes it'),
  adapt('top_k', 'left out: no counterpart'),
  adapt('stop', 'left out: no counterpart'),
  adapt('stop_sequences', 'left out: no counterpart'),
  map('tools[].custom.format', '`format`'),
  adapt('tool_choice', '`tool_choice`, unless `rules` say that it cannot be forced'),
  adapt('parallel_tool_calls', '`parallel_tool_calls` where the model takes it'),
  map('response_format', '`text.format`'),
  adapt('reasoning_effort', '`reasoning.effort`, as near as the model has it'),
  adapt('thinking', '`reasoning.effort`, as near as the model has it'),
  map('safety_identifier', '`safety_identifier` and `prompt_cache_key`'),
  map('user', '`safety_identifier` and `prompt_cache_key`'),
  map('metadata', '`metadata`'),
  map('service_tier', '`service_tier`'),
  map('prompt_cache_key', '`prompt_cache_key`'),
  map('prompt_cache_options', '`prompt_cache_options`'),
  map('prompt_cache_retention', '`prompt_cache_retention`'),
  map('verbosity', '`text.verbosity`'),
  note('cache_control', 'caching is automatic', ALWAYS),
  pass('max_tool_calls', '`max_tool_calls`'),
  pass('truncation', '`truncation`'),
]
