/**
 * Anthropic Messages callers: what is the same wherever their request goes (wire-formats D.1). What is
 * lost inside messages and tools is found while they are decoded: ChatRequest.losses.
 */
import { adapt, ALWAYS, EMPTY, equals, map, note, ONLY_USER_ID, refuse } from './rows.ts'
import type { FidelityRow } from './rows.ts'

export const FROM_MESSAGES: readonly FidelityRow[] = [
  map('model', '`model`, after routing'),
  adapt(
    'messages[].content[].thinking',
    'left out where another model thought it; strict lets it pass',
  ),
  adapt('messages[].content[].citations', 'left out'),
  adapt('messages[].content[].is_error', 'said at the head of the result'),
  adapt('messages[].content[].server_tool_use', 'left out, with its result: Anthropic ran it'),
  adapt('messages[].content[].compaction', 'its text'),
  map('stream', '`stream`'),
  map('tools', 'functions; what only Anthropic can run is refused'),
  adapt('tools[].type', 'tools with a schema of Anthropic’s become functions with a described one'),
  adapt('tools[].input_examples', 'left out'),
  adapt('tools[].allowed_callers', 'left out'),
  adapt('tools[].strict', '`strict` where the schema allows it'),
  note('tools[].defer_loading', 'every tool is sent', ALWAYS),
  note('tools[].eager_input_streaming', 'no counterpart', ALWAYS),
  adapt('output_config.effort', 'a reasoning effort, as near as the model has it'),
  adapt('output_config', 'effort and format; any other member is left out'),
  adapt('output_config.task_budget', 'left out: no counterpart'),
  adapt('thinking', 'a reasoning effort, as near as the model has it'),
  note('speed', 'no counterpart', equals('standard')),
  note('cache_control', 'caching is automatic, wherever a mark stands', ALWAYS),
  note('betas', 'mean something to Anthropic only', ALWAYS),
  refuse('container', 'it is kept at Anthropic'),
  refuse('mcp_servers', 'the model would lack the tools it was promised', EMPTY),
  note('context_management', 'the client keeps managing the context itself', EMPTY),
  note('compaction', 'the client keeps managing the context itself', EMPTY),
  note('metadata', 'only `user_id` has a counterpart', ONLY_USER_ID),
  note('fallbacks', 'no counterpart', EMPTY),
  note('diagnostics', 'no counterpart'),
  note('inference_geo', 'no counterpart'),
  note('billing_policy', 'no counterpart'),
  note('thread', 'no counterpart'),
  note('fallback_credit_token', 'no counterpart'),
  note('user_profile_id', 'belongs to an Anthropic account'),
  note('workspace_id', 'belongs to an Anthropic account'),
]
