/** Responses callers, Anthropic models (wire-formats F). */
import { FROM_RESPONSES } from './from-responses.ts'
import { adapt, equals, hint, map, note, ONLY_USER_ID, pass } from './rows.ts'
import type { FidelityRow } from './rows.ts'

export const RESPONSES_TO_MESSAGES: readonly FidelityRow[] = [
  ...FROM_RESPONSES,
  adapt('max_output_tokens', '`max_tokens`, capped at what the model has'),
  adapt('temperature', '`temperature` up to 1 where the model still has sampling'),
  adapt('top_p', '`top_p` where the model takes it beside the rest'),
  adapt('top_k', '`top_k` where the model still has sampling'),
  note('input[].content[].detail', 'no counterpart', equals('auto')),
  adapt('tool_choice', '`tool_choice`; newer models cannot be forced'),
  map('parallel_tool_calls', '`disable_parallel_tool_use`'),
  map('reasoning.summary', '`thinking.display`'),
  adapt('text.format', '`output_config.format`, a forced tool, or an instruction'),
  note('text.verbosity', 'no counterpart', equals('medium')),
  note('metadata', 'only `user_id` has a counterpart', ONLY_USER_ID),
  map('safety_identifier', '`metadata.user_id`'),
  map('user', '`metadata.user_id`'),
  hint('prompt_cache_key', 'Anthropic routes its caches itself'),
  hint('prompt_cache_retention', 'no counterpart'),
  adapt('prompt_cache_options', 'a top-level `cache_control`; strict lets it pass'),
  adapt('service_tier', '`auto` or `standard_only`'),
  adapt('thinking', 'wins over `reasoning`, where the model takes it so'),
  pass('output_config', 'wins over what is derived'),
  pass('cache_control', 'on the request'),
  pass('mcp_servers', '`mcp_servers`'),
  pass('container', '`container`'),
  pass('inference_geo', '`inference_geo`'),
  pass('speed', '`speed`'),
  pass('betas', 'joined with the `anthropic-beta` header'),
]
