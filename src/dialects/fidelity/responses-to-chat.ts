/** Responses callers, models that are asked in Chat Completions (wire-formats F). */
import { FROM_RESPONSES } from './from-responses.ts'
import { adapt, ALWAYS, map, note, pass } from './rows.ts'
import type { FidelityRow } from './rows.ts'

export const RESPONSES_TO_CHAT: readonly FidelityRow[] = [
  ...FROM_RESPONSES,
  adapt(
    'max_output_tokens',
    '`max_completion_tokens` or `max_tokens`, capped at what is configured',
  ),
  adapt('temperature', '`temperature` where the model takes it'),
  adapt('top_p', '`top_p` where the model takes it'),
  adapt('top_k', 'left out, unless `rules` say that it is taken'),
  map('input[].content[].detail', '`detail`'),
  adapt('tool_choice', '`tool_choice`, unless `rules` say that it cannot be forced'),
  adapt('parallel_tool_calls', '`parallel_tool_calls` where the model takes it'),
  note('reasoning.summary', 'Chat shows by itself what reasoning it has', ALWAYS),
  map('text.format', '`response_format`'),
  adapt('text.verbosity', '`verbosity`, for OpenAI’s own models'),
  adapt('metadata', '`metadata`, for OpenAI’s own models'),
  map('safety_identifier', '`safety_identifier`, or `user` for other servers'),
  map('user', '`safety_identifier`, or `user` for other servers'),
  adapt('prompt_cache_key', '`prompt_cache_key`, for OpenAI’s own models; strict lets it pass'),
  adapt('prompt_cache_retention', 'the same, for OpenAI’s own models; strict lets it pass'),
  adapt('prompt_cache_options', 'the same, for OpenAI’s own models; strict lets it pass'),
  adapt('service_tier', '`service_tier`, for OpenAI’s own models; Chat has no `ultrafast`'),
  adapt('thinking', 'a reasoning effort, as near as the model has it'),
  pass('seed', '`seed`'),
  pass('logit_bias', '`logit_bias`'),
  pass('presence_penalty', '`presence_penalty`'),
  pass('frequency_penalty', '`frequency_penalty`'),
]
