/** The rows of the fidelity table (fidelity.ts) from and to Responses (wire-formats F.1 to F.3, F.5). */
import { isJsonObject, readArray, readObject } from '../../wire/json.ts'
import type { FidelityRow } from '../fidelity.ts'
import type { JsonValue } from '../neutral.ts'
import { DROPPED_ITEMS } from './input.ts'
import { SEALED_REASONING } from './response.ts'
import { isDroppedTool } from './tools.ts'

type Silent = NonNullable<FidelityRow['silent']>

const FALSE: Silent = { words: '`false`', is: (value) => value === false }
const ZERO: Silent = { words: '`0`', is: (value) => value === 0 }
const ALWAYS: Silent = { words: 'always', is: () => true }
const EMPTY: Silent = {
  words: 'empty',
  is: (value) =>
    value === '' ||
    (Array.isArray(value) && value.length === 0) ||
    (isJsonObject(value) && Object.keys(value).length === 0),
}
const ONLY_USER_ID: Silent = {
  words: 'empty, or only `user_id`',
  is: (value) => Object.keys(readObject(value) ?? {}).every((key) => key === 'user_id'),
}

function equals(expected: JsonValue): Silent {
  return { words: `\`${JSON.stringify(expected)}\``, is: (value) => value === expected }
}

const map = (path: string, reason: string): FidelityRow => ({ path, verdict: 'map', reason })
const adapt = (path: string, reason: string): FidelityRow => ({ path, verdict: 'adapt', reason })
const pass = (path: string, reason: string): FidelityRow => ({ path, verdict: 'pass', reason })
const note = (path: string, reason: string, silent?: Silent): FidelityRow =>
  silent === undefined
    ? { path, verdict: 'note', reason }
    : { path, verdict: 'note', reason, silent }
const refuse = (path: string, reason: string, silent?: Silent): FidelityRow =>
  silent === undefined
    ? { path, verdict: 'refuse', reason }
    : { path, verdict: 'refuse', reason, silent }

/** What is the same wherever a Responses request goes. */
const FROM_RESPONSES: readonly FidelityRow[] = [
  refuse('previous_response_id', 'responses are not kept; `input` must hold the whole history'),
  refuse('conversation', 'conversations are kept at OpenAI'),
  refuse('prompt', 'prompts by id are kept at OpenAI'),
  refuse('background', 'a response in the background would have to be kept', FALSE),
  refuse('moderation', 'the promised check would not happen'),
  refuse('top_logprobs', 'log probabilities cannot be carried over', ZERO),
  map('model', '`model`, after routing'),
  map('input', 'the messages; items of one assistant turn become one message'),
  note('input[].type', 'what OpenAI’s own tools did is left out', {
    words: 'a message, a call, a result or reasoning',
    is: (value) => typeof value !== 'string' || !DROPPED_ITEMS.has(value),
  }),
  note('input[].phase', 'known to this API only', ALWAYS),
  map('instructions', 'the first system message'),
  map('stream', '`stream`'),
  note('stream_options.include_obfuscation', 'no padding is ever added', FALSE),
  map('tools', '`tools`, namespaces flattened to `namespace__tool`'),
  note('tools[].type', 'web and tool search are left out; other tools of OpenAI’s are refused', {
    words: 'a tool that the caller runs',
    is: (value) => typeof value !== 'string' || !isDroppedTool(value),
  }),
  map('text', 'the answer’s format'),
  map('reasoning', 'effort and summary'),
  note('reasoning.context', 'no counterpart'),
  note('reasoning.mode', 'no counterpart'),
  note('include[]', 'no counterpart', equals(SEALED_REASONING)),
  note('store', 'nothing is stored', FALSE),
  note('truncation', 'nothing is cut from the history', equals('disabled')),
  note('max_tool_calls', 'counts calls of OpenAI’s own tools only'),
  note('context_management', 'no counterpart'),
  note('access_programs', 'no counterpart'),
  note('image', 'no counterpart'),
  pass('extra_body', 'its members are lifted to the top'),
]

export const RESPONSES_TO_CHAT: readonly FidelityRow[] = [
  ...FROM_RESPONSES,
  adapt('max_output_tokens', '`max_completion_tokens`'),
  adapt('temperature', '`temperature` where the model takes it'),
  adapt('top_p', '`top_p` where the model takes it'),
  adapt('top_k', 'dropped'),
  map('tool_choice', '`tool_choice`'),
  map('parallel_tool_calls', '`parallel_tool_calls`'),
  map('metadata', '`metadata`'),
  map('safety_identifier', '`safety_identifier`'),
  map('user', '`safety_identifier`'),
  map('prompt_cache_key', '`prompt_cache_key`'),
  map('prompt_cache_retention', '`prompt_cache_retention`'),
  note('prompt_cache_options', 'no counterpart'),
  note('service_tier', '`service_tier`; Chat has no `ultrafast`', {
    words: 'any other',
    is: (value) => value !== 'ultrafast',
  }),
  pass('thinking', '`reasoning_effort`'),
]

export const RESPONSES_TO_ANTHROPIC: readonly FidelityRow[] = [
  ...FROM_RESPONSES,
  adapt('max_output_tokens', '`max_tokens`, capped at what the model has'),
  adapt('temperature', '`temperature` up to 1 where the model still has sampling'),
  adapt('top_p', '`top_p` where the model takes it beside the rest'),
  pass('top_k', '`top_k` where the model still has sampling'),
  adapt('tool_choice', '`tool_choice`; newer models cannot be forced'),
  map('parallel_tool_calls', '`disable_parallel_tool_use`'),
  note('input[].content[].detail', 'no counterpart', equals('auto')),
  note('text.verbosity', 'no counterpart', equals('medium')),
  note('metadata', 'only `user_id` has a counterpart', ONLY_USER_ID),
  map('safety_identifier', '`metadata.user_id`'),
  map('user', '`metadata.user_id`'),
  note('prompt_cache_key', 'Anthropic routes its caches itself'),
  note('prompt_cache_retention', 'no counterpart'),
  adapt('prompt_cache_options', 'a top-level `cache_control`'),
  adapt('service_tier', '`auto` or `standard_only`'),
  pass('thinking', 'wins over `reasoning`'),
  pass('output_config', 'wins over what is derived'),
  pass('cache_control', 'on the request'),
]

export const CHAT_TO_RESPONSES: readonly FidelityRow[] = [
  map('model', '`model`, after routing'),
  map('messages', '`instructions` and `input`'),
  note('messages[].name', 'no counterpart; never written into the text', EMPTY),
  adapt('messages[].reasoning_content', 'dropped: it was not sealed by the model that answers'),
  note('messages[].audio', 'the words of an earlier spoken answer are not in the request'),
  refuse('messages[].content[].input_audio', 'this API takes no audio'),
  adapt('max_completion_tokens', '`max_output_tokens`, at least 16'),
  adapt('max_tokens', '`max_output_tokens`, at least 16'),
  adapt('temperature', '`temperature` where the model takes it'),
  adapt('top_p', '`top_p` where the model takes it'),
  adapt('top_k', 'dropped'),
  adapt('stop', 'dropped: no counterpart'),
  adapt('stop_sequences', 'dropped: no counterpart'),
  map('stream', '`stream`'),
  map('stream_options', 'decides whether the usage chunk is written'),
  note('stream_options.include_obfuscation', 'no padding is ever added', FALSE),
  refuse('n', 'there is one answer to a request', equals(1)),
  map('tools', '`tools`'),
  adapt('tools[].function.strict', '`strict` where the schema allows it'),
  map('tool_choice', '`tool_choice`'),
  map('parallel_tool_calls', '`parallel_tool_calls`'),
  map('functions', '`tools`; the reply uses `function_call`'),
  map('function_call', '`tool_choice`'),
  map('response_format', '`text.format`'),
  adapt('reasoning_effort', '`reasoning.effort`, capped by model'),
  map('verbosity', '`text.verbosity`'),
  map('safety_identifier', '`safety_identifier` and `prompt_cache_key`'),
  map('user', '`safety_identifier` and `prompt_cache_key`'),
  map('metadata', '`metadata`'),
  map('service_tier', '`service_tier`'),
  map('prompt_cache_key', '`prompt_cache_key`'),
  map('prompt_cache_options', '`prompt_cache_options`'),
  map('prompt_cache_retention', '`prompt_cache_retention`'),
  note('store', 'nothing is stored', FALSE),
  note('seed', 'no counterpart'),
  refuse('logprobs', 'log probabilities cannot be carried over', FALSE),
  refuse('top_logprobs', 'log probabilities cannot be carried over', ZERO),
  note('logit_bias', 'no counterpart', EMPTY),
  note('presence_penalty', 'no counterpart', ZERO),
  note('frequency_penalty', 'no counterpart', ZERO),
  refuse('modalities', 'the answer is text only', {
    words: 'without `audio`',
    is: (value) => !readArray(value).includes('audio'),
  }),
  refuse('audio', 'the answer is text only'),
  note('prediction', 'only a hint for speed'),
  refuse('web_search_options', 'the promised search would not happen'),
  refuse('moderation', 'the promised check would not happen'),
  pass('thinking', '`reasoning.effort`'),
  pass('system', 'stands before the other system messages'),
  pass('cache_control', 'caching is automatic'),
  pass('extra_body', 'its members are lifted to the top'),
]

export const ANTHROPIC_TO_RESPONSES: readonly FidelityRow[] = [
  map('model', '`model`, after routing'),
  map('messages', '`input`'),
  map('system', '`instructions`'),
  adapt('max_tokens', '`max_output_tokens`, at least 16'),
  adapt('temperature', '`temperature` where the model takes it'),
  adapt('top_p', '`top_p` where the model takes it'),
  adapt('top_k', 'dropped'),
  adapt('stop_sequences', 'dropped: no counterpart'),
  map('stream', '`stream`'),
  map('metadata', '`safety_identifier` and `prompt_cache_key`'),
  map('tools', '`tools`'),
  map('tool_choice', '`tool_choice` and `parallel_tool_calls`'),
  adapt('thinking', '`reasoning.effort`, capped by model'),
  adapt('output_config', '`reasoning.effort` and `text.format`'),
  note('output_config.task_budget', 'no counterpart'),
  map('output_format', '`text.format`'),
  map('service_tier', '`service_tier`'),
  note('speed', 'no counterpart', equals('standard')),
  note('cache_control', 'caching is automatic', ALWAYS),
  note('betas', 'mean something to Anthropic only', ALWAYS),
  refuse('container', 'containers are kept at Anthropic'),
  refuse('mcp_servers', 'the model would lack the promised tools', EMPTY),
  note('context_management', 'no counterpart', EMPTY),
  note('compaction', 'no counterpart'),
  note('fallbacks', 'no counterpart'),
  note('diagnostics', 'no counterpart'),
  note('inference_geo', 'no counterpart'),
  note('billing_policy', 'no counterpart'),
  note('thread', 'no counterpart'),
  note('fallback_credit_token', 'no counterpart'),
]
