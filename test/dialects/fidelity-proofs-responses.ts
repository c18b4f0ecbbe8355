/** Proofs for the rows of Responses callers. */
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { arrives, dropped, refused } from './fidelity-proof.ts'
import type { Proof } from './fidelity-proof.ts'

const OBJECT: JsonObject = { type: 'object', properties: {} }
const CLOSED: JsonObject = { ...OBJECT, additionalProperties: false }
const F: JsonObject = { type: 'function', name: 'f', parameters: OBJECT }
const HI: JsonObject = { role: 'user', content: 'Hi' }
const FORMAT: JsonObject = { type: 'json_schema', name: 'x', schema: CLOSED }
const IMAGE = 'https://example.com/a.png'

function image(detail: string): JsonObject {
  return {
    input: [{ role: 'user', content: [{ type: 'input_image', image_url: IMAGE, detail }] }],
  }
}

const FROM_RESPONSES: readonly Proof[] = [
  refused('previous_response_id', { previous_response_id: 'r' }),
  refused('conversation', { conversation: 'c' }),
  refused('prompt', { prompt: { id: 'p' } }),
  refused('background', { background: true }),
  dropped('background', { background: false }, ''),
  refused('moderation', { moderation: {} }),
  refused('top_logprobs', { top_logprobs: 2 }),
  dropped('top_logprobs', { top_logprobs: 0 }, ''),
  dropped(
    'input[].type',
    { input: [HI, { type: 'web_search_call', id: 'w', status: 'completed' }] },
    'input.type;dropped',
  ),
  dropped('input[].phase', { input: [{ ...HI, phase: 'commentary' }] }, ''),
  arrives('stream', { stream: true }, { stream: true }),
  dropped(
    'stream_options.include_obfuscation',
    { stream_options: { include_obfuscation: true } },
    'stream_options.include_obfuscation;dropped',
  ),
  dropped('tools[].type', { tools: [{ type: 'web_search' }] }, 'tools.type;dropped'),
  dropped('reasoning.context', { reasoning: { context: 'all' } }, 'reasoning.context;dropped'),
  dropped('reasoning.mode', { reasoning: { mode: 'pro' } }, 'reasoning.mode;dropped'),
  dropped('include[]', { include: ['web_search_call.action.sources'] }, 'include;dropped'),
  dropped('include[]', { include: ['reasoning.encrypted_content'] }, ''),
  dropped('store', { store: true }, 'store;dropped'),
  dropped('store', { store: false }, ''),
  dropped('truncation', { truncation: 'auto' }, 'truncation;dropped'),
  dropped('truncation', { truncation: 'disabled' }, ''),
  dropped('max_tool_calls', { max_tool_calls: 3 }, 'max_tool_calls;dropped'),
  dropped(
    'context_management',
    { context_management: [{ type: 'compaction' }] },
    'context_management;dropped',
  ),
  dropped('context_management', { context_management: [] }, ''),
  dropped('access_programs', { access_programs: ['x'] }, 'access_programs;dropped'),
  dropped('image', { image: { size: 'auto' } }, 'image;dropped'),
]

export const RESPONSES_TO_CHAT_PROOFS: readonly Proof[] = [
  ...FROM_RESPONSES,
  arrives('model', {}, { model: 'gpt-4.1' }),
  arrives('input', { input: [HI] }, { 'messages.0': { role: 'user', content: 'Hi' } }),
  arrives(
    'instructions',
    { instructions: 'S' },
    { 'messages.0': { role: 'system', content: 'S' } },
  ),
  arrives('tools', { tools: [F] }, { 'tools.0.function.name': 'f' }),
  arrives(
    'tools[].strict',
    { tools: [{ ...F, parameters: CLOSED, strict: true }] },
    { 'tools.0.function.strict': true },
  ),
  dropped('tools[].strict', { tools: [{ ...F, strict: true }] }, 'tools.strict;dropped'),
  arrives(
    'reasoning.effort',
    { reasoning: { effort: 'low' } },
    { reasoning_effort: 'low' },
    { model: 'gpt-5' },
  ),
  dropped('reasoning.effort', { reasoning: { effort: 'max' } }, 'reasoning_effort;adapted', {
    model: 'gpt-5',
    to: { reasoning_effort: 'high' },
  }),
  dropped('reasoning.summary', { reasoning: { summary: 'auto' } }, ''),
  arrives('max_output_tokens', { max_output_tokens: 9 }, { max_completion_tokens: 9 }),
  dropped('max_output_tokens', { max_output_tokens: 9 }, 'max_tokens;adapted', {
    rules: { maxOutput: 5 },
  }),
  arrives('temperature', { temperature: 0 }, { temperature: 0 }),
  dropped('temperature', { temperature: 0 }, 'temperature;dropped', { model: 'gpt-5' }),
  arrives('top_p', { top_p: 0.5 }, { top_p: 0.5 }),
  dropped('top_p', { top_p: 0.5 }, 'top_p;dropped', { model: 'gpt-5' }),
  arrives('top_k', { top_k: 5 }, { top_k: 5 }, { rules: { topK: true } }),
  dropped('top_k', { top_k: 5 }, 'top_k;dropped'),
  arrives('input[].content[].detail', image('low'), {
    'messages.0.content.0.image_url': { url: IMAGE, detail: 'low' },
  }),
  arrives('tool_choice', { tools: [F], tool_choice: 'required' }, { tool_choice: 'required' }),
  dropped('tool_choice', { tools: [F], tool_choice: 'required' }, 'tool_choice;adapted', {
    rules: { forcedTools: false },
  }),
  arrives(
    'parallel_tool_calls',
    { tools: [F], parallel_tool_calls: false },
    { parallel_tool_calls: false },
  ),
  dropped(
    'parallel_tool_calls',
    { tools: [F], parallel_tool_calls: false },
    'parallel_tool_calls;dropped',
    { model: 'o3' },
  ),
  arrives(
    'text.format',
    { text: { format: FORMAT } },
    {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'x', schema: CLOSED, strict: true },
      },
    },
  ),
  arrives('text.verbosity', { text: { verbosity: 'low' } }, { verbosity: 'low' }),
  dropped('text.verbosity', { text: { verbosity: 'low' } }, 'text.verbosity;dropped', {
    model: 'qwen3:8b',
  }),
  arrives('metadata', { metadata: { trace: 't' } }, { metadata: { trace: 't' } }),
  dropped('metadata', { metadata: { trace: 't' } }, 'metadata;dropped', { model: 'qwen3:8b' }),
  arrives('safety_identifier', { safety_identifier: 'u' }, { safety_identifier: 'u' }),
  arrives('user', { user: 'u' }, { user: 'u' }, { model: 'qwen3:8b' }),
  arrives('prompt_cache_key', { prompt_cache_key: 'k' }, { prompt_cache_key: 'k' }),
  dropped('prompt_cache_key', { prompt_cache_key: 'k' }, 'prompt_cache_key;dropped', {
    model: 'qwen3:8b',
  }),
  arrives(
    'prompt_cache_retention',
    { prompt_cache_retention: '24h' },
    { prompt_cache_retention: '24h' },
  ),
  dropped(
    'prompt_cache_retention',
    { prompt_cache_retention: '24h' },
    'prompt_cache_retention;dropped',
    {
      model: 'qwen3:8b',
    },
  ),
  dropped(
    'prompt_cache_options',
    { prompt_cache_options: { mode: 'implicit' } },
    'prompt_cache_options;dropped',
    { model: 'qwen3:8b' },
  ),
  arrives(
    'prompt_cache_options',
    { prompt_cache_options: { mode: 'implicit' } },
    { prompt_cache_options: { mode: 'implicit' } },
  ),
  arrives('service_tier', { service_tier: 'flex' }, { service_tier: 'flex' }),
  dropped('service_tier', { service_tier: 'ultrafast' }, 'service_tier;adapted', {
    to: { service_tier: 'auto' },
  }),
  dropped('service_tier', { service_tier: 'flex' }, 'service_tier;dropped', { model: 'qwen3:8b' }),
  arrives(
    'thinking',
    { thinking: { type: 'enabled', budget_tokens: 9000 } },
    { reasoning_effort: 'medium' },
    { model: 'gpt-5' },
  ),
  dropped('thinking', { thinking: { type: 'disabled' } }, 'reasoning_effort;adapted', {
    model: 'gpt-5',
  }),
  arrives('seed', { seed: 7 }, { seed: 7 }),
  arrives('logit_bias', { logit_bias: { '5': 1 } }, { logit_bias: { '5': 1 } }),
  arrives('presence_penalty', { presence_penalty: 1 }, { presence_penalty: 1 }),
  arrives('frequency_penalty', { frequency_penalty: 1 }, { frequency_penalty: 1 }),
  arrives('extra_body', { extra_body: { temperature: 0.5 } }, { temperature: 0.5 }),
]

export const RESPONSES_TO_MESSAGES_PROOFS: readonly Proof[] = [
  ...FROM_RESPONSES,
  arrives('model', {}, { model: 'claude-sonnet-4-5' }),
  arrives('input', { input: [HI] }, { 'messages.0.content.0.text': 'Hi' }),
  arrives('instructions', { instructions: 'S' }, { 'system.0.text': 'S' }),
  arrives('tools', { tools: [F] }, { 'tools.0.name': 'f' }),
  arrives(
    'tools[].strict',
    { tools: [{ ...F, parameters: CLOSED, strict: true }] },
    { 'tools.0.strict': true },
  ),
  dropped('tools[].strict', { tools: [{ ...F, strict: true }] }, 'tools.strict;dropped'),
  arrives('reasoning.effort', { reasoning: { effort: 'low' } }, { 'thinking.budget_tokens': 2048 }),
  dropped('reasoning.effort', { reasoning: { effort: 'none' } }, 'reasoning_effort;adapted', {
    model: 'claude-opus-5-5',
    to: { 'output_config.effort': 'low' },
  }),
  arrives(
    'reasoning.summary',
    { reasoning: { effort: 'low', summary: 'auto' } },
    { 'thinking.display': 'summarized' },
    { model: 'claude-opus-5' },
  ),
  arrives('max_output_tokens', { max_output_tokens: 9 }, { max_tokens: 9 }),
  dropped('max_output_tokens', { max_output_tokens: 1e6 }, 'max_tokens;adapted'),
  arrives('temperature', { temperature: 0 }, { temperature: 0 }),
  dropped('temperature', { temperature: 0 }, 'temperature;dropped', { model: 'claude-opus-5' }),
  arrives('top_p', { top_p: 0.5 }, { top_p: 0.5 }),
  dropped('top_p', { temperature: 0, top_p: 0.5 }, 'top_p;dropped'),
  arrives('top_k', { top_k: 5 }, { top_k: 5 }),
  dropped('top_k', { top_k: 5 }, 'top_k;dropped', { model: 'claude-opus-5' }),
  dropped('input[].content[].detail', image('low'), 'input.content.detail;dropped'),
  dropped('input[].content[].detail', image('auto'), ''),
  arrives('tool_choice', { tools: [F], tool_choice: 'required' }, { tool_choice: { type: 'any' } }),
  dropped('tool_choice', { tools: [F], tool_choice: 'required' }, 'tool_choice;adapted', {
    model: 'claude-opus-5-5',
  }),
  arrives(
    'parallel_tool_calls',
    { tools: [F], parallel_tool_calls: false },
    { 'tool_choice.disable_parallel_tool_use': true },
  ),
  arrives(
    'text.format',
    { text: { format: FORMAT } },
    {
      'output_config.format': { type: 'json_schema', schema: CLOSED },
    },
  ),
  dropped('text.format', { text: { format: { type: 'json_object' } } }, 'response_format;adapted'),
  dropped('text.verbosity', { text: { verbosity: 'low' } }, 'text.verbosity;dropped'),
  dropped('text.verbosity', { text: { verbosity: 'medium' } }, ''),
  dropped('metadata', { metadata: { trace: 't' } }, 'metadata;dropped'),
  arrives('safety_identifier', { safety_identifier: 'u' }, { metadata: { user_id: 'u' } }),
  arrives('user', { user: 'u' }, { metadata: { user_id: 'u' } }),
  dropped('prompt_cache_key', { prompt_cache_key: 'k' }, 'prompt_cache_key;dropped'),
  dropped(
    'prompt_cache_retention',
    { prompt_cache_retention: '24h' },
    'prompt_cache_retention;dropped',
  ),
  arrives(
    'prompt_cache_options',
    { prompt_cache_options: { mode: 'implicit' } },
    { cache_control: { type: 'ephemeral' } },
    { notes: 'prompt_cache_options;adapted' },
  ),
  arrives('service_tier', { service_tier: 'default' }, { service_tier: 'standard_only' }),
  dropped('service_tier', { service_tier: 'ultrafast' }, 'service_tier;adapted', {
    to: { service_tier: 'auto' },
  }),
  arrives(
    'thinking',
    { thinking: { type: 'enabled', budget_tokens: 1024 } },
    { 'thinking.budget_tokens': 1024 },
  ),
  dropped('thinking', { thinking: { type: 'disabled' } }, 'thinking;adapted', {
    model: 'claude-opus-5-5',
  }),
  arrives(
    'output_config',
    { output_config: { effort: 'low' } },
    { output_config: { effort: 'low' } },
  ),
  arrives(
    'cache_control',
    { cache_control: { type: 'ephemeral' } },
    { cache_control: { type: 'ephemeral' } },
  ),
  arrives('mcp_servers', { mcp_servers: [{ url: 'u' }] }, { mcp_servers: [{ url: 'u' }] }),
  arrives('container', { container: 'c' }, { container: 'c' }),
  arrives('inference_geo', { inference_geo: 'eu' }, { inference_geo: 'eu' }),
  arrives('speed', { speed: 'fast' }, { speed: 'fast' }),
  arrives('betas', { betas: ['b-1'] }, { 'header:anthropic-beta': 'b-1' }),
  arrives('extra_body', { extra_body: { top_k: 5 } }, { top_k: 5 }),
]
