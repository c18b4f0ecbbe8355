/** Proofs for the rows of Messages callers. */
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { arrives, dropped, refused } from './fidelity-proof.ts'
import type { Proof } from './fidelity-proof.ts'

const HI: JsonObject = { role: 'user', content: 'Hi' }
const OBJECT: JsonObject = { type: 'object', properties: {} }
const CLOSED: JsonObject = { ...OBJECT, additionalProperties: false }
const F: JsonObject = { name: 'f', input_schema: OBJECT }

function after(...blocks: JsonObject[]): JsonObject {
  return { messages: [HI, { role: 'assistant', content: blocks }, HI] }
}

const TEXT: JsonObject = { type: 'text', text: 'x' }
const CALL: JsonObject = { type: 'tool_use', id: 'a', name: 'f', input: {} }

/** A call and its result. */
function result(members: JsonObject): JsonObject {
  const answer: JsonObject = { type: 'tool_result', tool_use_id: 'a', content: 'z', ...members }
  return {
    messages: [HI, { role: 'assistant', content: [CALL] }, { role: 'user', content: [answer] }],
  }
}

function tool(members: JsonObject): JsonObject {
  return { tools: [{ ...F, ...members }] }
}

const FROM_MESSAGES: readonly Proof[] = [
  dropped(
    'messages[].content[].thinking',
    after({ type: 'thinking', thinking: 'T', signature: 's' }, TEXT),
    'messages.reasoning;dropped',
  ),
  dropped(
    'messages[].content[].citations',
    after({ ...TEXT, citations: [{ type: 'char_location' }] }),
    'messages.citations;dropped',
  ),
  dropped('messages[].content[].is_error', result({ is_error: true }), 'messages.is_error;adapted'),
  dropped(
    'messages[].content[].server_tool_use',
    after({ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }, TEXT),
    'messages.server_tools;dropped',
  ),
  dropped(
    'messages[].content[].compaction',
    after({ type: 'compaction', content: 'before' }, TEXT),
    'messages.compaction;adapted',
  ),
  arrives('stream', { stream: true }, { stream: true }),
  dropped(
    'tools[].type',
    { tools: [{ type: 'bash_20250124', name: 'bash' }] },
    'tools.bash;adapted',
  ),
  refused('tools[].type', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }),
  dropped('tools[].input_examples', tool({ input_examples: [{}] }), 'tools.input_examples;dropped'),
  dropped(
    'tools[].allowed_callers',
    tool({ allowed_callers: ['code_execution_20260120'] }),
    'tools.allowed_callers;dropped',
  ),
  dropped('tools[].strict', tool({ strict: true }), 'tools.strict;dropped'),
  dropped('tools[].defer_loading', tool({ defer_loading: true }), ''),
  dropped('tools[].eager_input_streaming', tool({ eager_input_streaming: true }), ''),
  dropped('output_config', { output_config: { novelty: 1 } }, 'output_config;dropped'),
  dropped(
    'output_config.task_budget',
    { output_config: { task_budget: { type: 'tokens', total: 9 } } },
    'output_config.task_budget;dropped',
  ),
  dropped('speed', { speed: 'fast' }, 'speed;dropped'),
  dropped('speed', { speed: 'standard' }, ''),
  dropped('cache_control', { cache_control: { type: 'ephemeral' } }, ''),
  dropped('cache_control', { system: [{ ...TEXT, cache_control: { type: 'ephemeral' } }] }, ''),
  dropped('betas', { betas: ['b-1'] }, ''),
  refused('container', { container: 'c' }),
  refused('mcp_servers', { mcp_servers: [{ url: 'u' }] }),
  dropped('mcp_servers', { mcp_servers: [] }, ''),
  dropped(
    'context_management',
    { context_management: { edits: [] } },
    'context_management;dropped',
  ),
  dropped('context_management', { context_management: {} }, ''),
  dropped('compaction', { compaction: { type: 'auto' } }, 'compaction;dropped'),
  dropped('metadata', { metadata: { trace: 't' } }, 'metadata;dropped'),
  dropped('fallbacks', { fallbacks: ['x'] }, 'fallbacks;dropped'),
  dropped('fallbacks', { fallbacks: [] }, ''),
  dropped('diagnostics', { diagnostics: {} }, 'diagnostics;dropped'),
  dropped('inference_geo', { inference_geo: 'eu' }, 'inference_geo;dropped'),
  dropped('billing_policy', { billing_policy: 'x' }, 'billing_policy;dropped'),
  dropped('thread', { thread: 't' }, 'thread;dropped'),
  dropped('fallback_credit_token', { fallback_credit_token: 't' }, 'fallback_credit_token;dropped'),
  dropped('user_profile_id', { user_profile_id: 'u' }, 'user_profile_id;dropped'),
  dropped('workspace_id', { workspace_id: 'w' }, 'workspace_id;dropped'),
  arrives('temperature', { temperature: 0 }, { temperature: 0 }),
  dropped('temperature', { temperature: 0 }, 'temperature;dropped', { model: 'gpt-5' }),
  arrives('top_p', { top_p: 0.5 }, { top_p: 0.5 }),
  dropped('top_p', { top_p: 0.5 }, 'top_p;dropped', { model: 'gpt-5' }),
  dropped('top_k', { top_k: 5 }, 'top_k;dropped'),
  dropped(
    'messages',
    { messages: [HI, { role: 'assistant', content: 'x' }] },
    'messages.prefill;adapted',
  ),
  dropped('tool_choice', { tools: [F], tool_choice: { type: 'any' } }, 'tool_choice;adapted', {
    rules: { forcedTools: false },
    to: { tool_choice: 'auto' },
  }),
  arrives('tool_choice', { tools: [F], tool_choice: { type: 'any' } }, { tool_choice: 'required' }),
  arrives(
    'tool_choice.disable_parallel_tool_use',
    { tools: [F], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    { parallel_tool_calls: false },
  ),
  dropped(
    'tool_choice.disable_parallel_tool_use',
    { tools: [F], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    'parallel_tool_calls;dropped',
    { model: 'o1' },
  ),
]

const CHAT_FORMAT: JsonObject = {
  type: 'json_schema',
  json_schema: { name: 'output', schema: CLOSED, strict: true },
}

export const MESSAGES_TO_CHAT_PROOFS: readonly Proof[] = [
  ...FROM_MESSAGES,
  arrives('model', {}, { model: 'gpt-4.1' }),
  arrives(
    'system',
    { system: [{ type: 'text', text: 'x-anthropic-billing-header: 1\nS' }] },
    { 'messages.0': { role: 'system', content: 'S' } },
  ),
  arrives('messages', {}, { 'messages.0': { role: 'user', content: 'Hello' } }),
  arrives('messages[].content[].tool_result', result({}), {
    'messages.2': { role: 'tool', tool_call_id: 'a', content: 'z' },
  }),
  dropped(
    'messages[].content[].tool_result',
    result({ content: [{ type: 'image', source: { type: 'url', url: 'https://x/y.png' } }] }),
    'messages.tool_result;adapted',
    { to: { 'messages.3.content.1.image_url.url': 'https://x/y.png' } },
  ),
  arrives('max_tokens', { max_tokens: 9 }, { max_completion_tokens: 9 }),
  arrives('max_tokens', { max_tokens: 9 }, { max_tokens: 9 }, { model: 'qwen3:8b' }),
  dropped('max_tokens', { max_tokens: 9 }, 'max_tokens;adapted', {
    rules: { maxOutput: 5 },
    to: { max_completion_tokens: 5 },
  }),
  arrives('top_k', { top_k: 5 }, { top_k: 5 }, { rules: { topK: true } }),
  arrives('stop_sequences', { stop_sequences: ['END'] }, { stop: ['END'] }),
  dropped('stop_sequences', { stop_sequences: ['a', 'b', 'c', 'd', 'e'] }, 'stop;adapted'),
  dropped('stop_sequences', { stop_sequences: ['END'] }, 'stop;dropped', { model: 'o3' }),
  arrives('metadata.user_id', { metadata: { user_id: 'u' } }, { safety_identifier: 'u' }),
  arrives('metadata.user_id', { metadata: { user_id: 'u' } }, { user: 'u' }, { model: 'qwen3:8b' }),
  arrives('tools', { tools: [F] }, { 'tools.0.function.name': 'f' }),
  arrives(
    'tools[].strict',
    { tools: [{ name: 'f', input_schema: CLOSED, strict: true }] },
    { 'tools.0.function.strict': true },
  ),
  arrives(
    'thinking',
    { thinking: { type: 'enabled', budget_tokens: 9000 } },
    { reasoning_effort: 'medium' },
    { model: 'gpt-5' },
  ),
  dropped('thinking', { thinking: { type: 'disabled' } }, 'reasoning_effort;adapted', {
    model: 'gpt-5',
    to: { reasoning_effort: 'minimal' },
  }),
  arrives(
    'output_config.effort',
    { output_config: { effort: 'low' } },
    { reasoning_effort: 'low' },
    { model: 'gpt-5' },
  ),
  dropped(
    'output_config.effort',
    { output_config: { effort: 'max' } },
    'reasoning_effort;adapted',
    {
      model: 'gpt-5',
      to: { reasoning_effort: 'high' },
    },
  ),
  arrives(
    'output_config.format',
    { output_config: { format: { type: 'json_schema', schema: CLOSED } } },
    { response_format: CHAT_FORMAT },
  ),
  arrives(
    'output_format',
    { output_format: { type: 'json_schema', schema: CLOSED } },
    { response_format: CHAT_FORMAT },
  ),
  arrives('service_tier', { service_tier: 'standard_only' }, { service_tier: 'default' }),
  dropped('service_tier', { service_tier: 'auto' }, 'service_tier;dropped', { model: 'qwen3:8b' }),
]

const RESPONSES_FORMAT: JsonObject = {
  type: 'json_schema',
  name: 'output',
  schema: CLOSED,
  strict: true,
}

export const MESSAGES_TO_RESPONSES_PROOFS: readonly Proof[] = [
  ...FROM_MESSAGES,
  arrives('model', {}, { model: 'gpt-4.1' }),
  arrives(
    'system',
    { system: [{ type: 'text', text: 'x-anthropic-billing-header: 1\nS' }] },
    { instructions: 'S' },
  ),
  arrives('messages', {}, { 'input.0.content.0.text': 'Hello' }),
  arrives(
    'messages[].content[].tool_result',
    result({ content: [{ type: 'image', source: { type: 'url', url: 'https://x/y.png' } }] }),
    { 'input.2.output.0.image_url': 'https://x/y.png' },
  ),
  arrives('max_tokens', { max_tokens: 99 }, { max_output_tokens: 99 }),
  dropped('max_tokens', { max_tokens: 9 }, 'max_tokens;adapted', { to: { max_output_tokens: 16 } }),
  dropped('stop_sequences', { stop_sequences: ['END'] }, 'stop;dropped'),
  arrives(
    'metadata.user_id',
    { metadata: { user_id: 'u' } },
    { safety_identifier: 'u', prompt_cache_key: 'u' },
  ),
  arrives('tools', { tools: [F] }, { 'tools.0.name': 'f' }),
  arrives(
    'tools[].strict',
    { tools: [{ name: 'f', input_schema: CLOSED, strict: true }] },
    { 'tools.0.strict': true },
  ),
  arrives(
    'thinking',
    { thinking: { type: 'enabled', budget_tokens: 9000 } },
    { 'reasoning.effort': 'medium' },
    { model: 'gpt-5' },
  ),
  dropped('thinking', { thinking: { type: 'disabled' } }, 'reasoning_effort;adapted', {
    model: 'gpt-5',
  }),
  arrives(
    'output_config.effort',
    { output_config: { effort: 'low' } },
    { 'reasoning.effort': 'low' },
    { model: 'gpt-5' },
  ),
  dropped(
    'output_config.effort',
    { output_config: { effort: 'max' } },
    'reasoning_effort;adapted',
    {
      model: 'gpt-5',
      to: { 'reasoning.effort': 'high' },
    },
  ),
  arrives(
    'output_config.format',
    { output_config: { format: { type: 'json_schema', schema: CLOSED } } },
    { 'text.format': RESPONSES_FORMAT },
  ),
  arrives(
    'output_format',
    { output_format: { type: 'json_schema', schema: CLOSED } },
    { 'text.format': RESPONSES_FORMAT },
  ),
  arrives('service_tier', { service_tier: 'standard_only' }, { service_tier: 'default' }),
]
