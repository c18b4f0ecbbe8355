/** Proofs for the rows of Chat callers. */
import { encodeMarker } from '../../src/dialects/marker.ts'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { arrives, dropped, refused } from './fidelity-proof.ts'
import type { Proof } from './fidelity-proof.ts'

const HI: JsonObject = { role: 'user', content: 'Hi' }
const OBJECT: JsonObject = { type: 'object', properties: {} }
const F: JsonObject = { type: 'function', function: { name: 'f', parameters: OBJECT } }
const FUNCTIONS: JsonValue[] = [{ name: 'f', parameters: OBJECT }]
const CLOSED: JsonObject = { type: 'object', properties: {}, additionalProperties: false }
const SEALED = encodeMarker({ id: 'rs_1', encrypted_content: 'gAAA' })

/** The last words of the assistant, between two questions. */
function after(said: JsonObject): JsonObject {
  return { messages: [HI, { role: 'assistant', ...said }, HI] }
}

function strictTool(schema: JsonObject): JsonObject {
  return {
    tools: [{ type: 'function', function: { name: 'f', parameters: schema, strict: true } }],
  }
}

function customTool(format: JsonObject): JsonObject {
  return { tools: [{ type: 'custom', custom: { name: 'f', format } }] }
}

function userPart(part: JsonObject): JsonObject {
  return { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }, part] }] }
}

const GRAMMAR: JsonObject = { type: 'grammar', grammar: { syntax: 'regex', definition: 'a+' } }
const IMAGE = 'https://example.com/a.png'

/** The same for both targets. */
const FROM_CHAT: readonly Proof[] = [
  dropped('messages[].name', { messages: [{ ...HI, name: 'bob' }] }, 'messages.name;dropped'),
  dropped('messages[].name', { messages: [{ ...HI, name: '' }] }, ''),
  dropped(
    'messages[].audio',
    after({ content: 'x', audio: { id: 'a' } }),
    'messages.audio;dropped',
  ),
  refused(
    'messages[].content[].input_audio',
    userPart({ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }),
  ),
  arrives('stream', { stream: true }, { stream: true }),
  arrives(
    'stream_options',
    { stream: true, stream_options: { include_usage: true } },
    { stream: true },
    { kept: { includeUsage: true } },
  ),
  arrives('stream_options', { stream: true }, { stream: true }, { kept: { includeUsage: false } }),
  dropped(
    'stream_options.include_obfuscation',
    { stream_options: { include_obfuscation: true } },
    'stream_options.include_obfuscation;dropped',
  ),
  dropped(
    'stream_options.include_obfuscation',
    { stream_options: { include_obfuscation: false } },
    '',
  ),
  refused('n', { n: 2 }),
  dropped('n', { n: 1 }, ''),
  dropped('store', { store: true }, 'store;dropped'),
  dropped('store', { store: false }, ''),
  dropped('seed', { seed: 7 }, 'seed;dropped'),
  refused('logprobs', { logprobs: true }),
  dropped('logprobs', { logprobs: false }, ''),
  refused('top_logprobs', { top_logprobs: 3 }),
  dropped('top_logprobs', { top_logprobs: 0 }, ''),
  dropped('logit_bias', { logit_bias: { '5': 1 } }, 'logit_bias;dropped'),
  dropped('logit_bias', { logit_bias: {} }, ''),
  dropped('presence_penalty', { presence_penalty: 1 }, 'presence_penalty;dropped'),
  dropped('presence_penalty', { presence_penalty: 0 }, ''),
  dropped('frequency_penalty', { frequency_penalty: 1 }, 'frequency_penalty;dropped'),
  dropped('frequency_penalty', { frequency_penalty: 0 }, ''),
  refused('modalities', { modalities: ['text', 'audio'] }),
  dropped('modalities', { modalities: ['text'] }, ''),
  refused('audio', { audio: { voice: 'x', format: 'wav' } }),
  dropped('prediction', { prediction: { type: 'content', content: 'x' } }, 'prediction;dropped'),
  refused('web_search_options', { web_search_options: {} }),
  refused('moderation', { moderation: { model: 'x' } }),
]

export const CHAT_TO_MESSAGES_PROOFS: readonly Proof[] = [
  ...FROM_CHAT,
  arrives('model', {}, { model: 'claude-sonnet-4-5' }),
  arrives(
    'messages',
    { messages: [{ role: 'system', content: 'S' }, HI] },
    { 'system.0.text': 'S', 'messages.0.content.0.text': 'Hi' },
  ),
  dropped('messages', { messages: [{ role: 'assistant', content: 'x' }, HI] }, 'messages;adapted'),
  arrives(
    'messages[].refusal',
    after({ refusal: 'No.' }),
    { 'messages.1.content.0.text': 'No.' },
    { notes: 'messages.refusal;adapted' },
  ),
  dropped(
    'messages[].reasoning_content',
    after({ content: 'x', reasoning_content: 'Hm.' }),
    'messages.reasoning;dropped',
  ),
  arrives(
    'messages[].thinking_blocks',
    after({ content: 'x', thinking_blocks: [{ type: 'thinking', thinking: 'T', signature: 's' }] }),
    { 'messages.1.content.0': { type: 'thinking', thinking: 'T', signature: 's' } },
  ),
  arrives(
    'messages[].reasoning_details',
    after({
      content: 'x',
      reasoning_details: [
        { type: 'reasoning.text', text: 'T', signature: 's', format: 'anthropic-claude-v1' },
      ],
    }),
    { 'messages.1.content.0': { type: 'thinking', thinking: 'T', signature: 's' } },
  ),
  arrives(
    'messages[].content[].image_url.detail',
    userPart({ type: 'image_url', image_url: { url: IMAGE, detail: 'low' } }),
    { 'messages.0.content.1.source': { type: 'url', url: IMAGE } },
    { notes: 'messages.content.image_url.detail;dropped' },
  ),
  dropped(
    'messages[].content[].image_url.detail',
    userPart({ type: 'image_url', image_url: { url: IMAGE, detail: 'auto' } }),
    '',
  ),
  arrives('max_completion_tokens', { max_completion_tokens: 9, max_tokens: 8 }, { max_tokens: 9 }),
  dropped('max_completion_tokens', { max_completion_tokens: 1e6 }, 'max_tokens;adapted'),
  arrives('max_tokens', { max_tokens: 9 }, { max_tokens: 9 }),
  dropped('max_tokens', { max_tokens: 1e6 }, 'max_tokens;adapted', { to: { max_tokens: 64_000 } }),
  arrives('temperature', { temperature: 0 }, { temperature: 0 }),
  dropped('temperature', { temperature: 2 }, 'temperature;adapted', { to: { temperature: 1 } }),
  dropped('temperature', { temperature: 1 }, 'temperature;dropped', { model: 'claude-opus-5' }),
  arrives('top_p', { top_p: 0.5 }, { top_p: 0.5 }),
  dropped('top_p', { temperature: 1, top_p: 0.5 }, 'top_p;dropped'),
  arrives('top_k', { top_k: 5 }, { top_k: 5 }),
  dropped('top_k', { top_k: 5 }, 'top_k;dropped', { model: 'claude-opus-5' }),
  arrives('stop', { stop: 'END' }, { stop_sequences: ['END'] }),
  dropped('stop', { stop: ['\n', 'END'] }, 'stop;adapted', { to: { stop_sequences: ['END'] } }),
  arrives('stop_sequences', { stop: 'a', stop_sequences: ['b'] }, { stop_sequences: ['a', 'b'] }),
  dropped('stop_sequences', { stop_sequences: [' '] }, 'stop;adapted'),
  arrives('tools', { tools: [F] }, { 'tools.0.name': 'f' }),
  arrives('tools[].function.strict', strictTool(CLOSED), { 'tools.0.strict': true }),
  dropped('tools[].function.strict', strictTool({ type: 'object' }), 'tools.strict;dropped'),
  arrives('functions', { functions: FUNCTIONS }, { 'tools.0.name': 'f' }),
  arrives(
    'function_call',
    { functions: FUNCTIONS, function_call: { name: 'f' } },
    { tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true } },
  ),
  arrives('tools[].custom.format', customTool({ type: 'text' }), { 'tools.0.name': 'f' }),
  dropped('tools[].custom.format', customTool(GRAMMAR), 'tools.custom.format;adapted'),
  arrives('tool_choice', { tools: [F], tool_choice: 'required' }, { tool_choice: { type: 'any' } }),
  dropped('tool_choice', { tools: [F], tool_choice: 'required' }, 'tool_choice;adapted', {
    model: 'claude-opus-5-5',
    to: { tool_choice: { type: 'auto' } },
  }),
  arrives(
    'parallel_tool_calls',
    { tools: [F], parallel_tool_calls: false },
    { 'tool_choice.disable_parallel_tool_use': true },
  ),
  arrives(
    'response_format',
    { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: CLOSED } } },
    { 'output_config.format': { type: 'json_schema', schema: CLOSED } },
  ),
  dropped(
    'response_format',
    { response_format: { type: 'json_object' } },
    'response_format;adapted',
  ),
  arrives('reasoning_effort', { reasoning_effort: 'low' }, { 'thinking.budget_tokens': 2048 }),
  dropped('reasoning_effort', { reasoning_effort: 'none' }, 'reasoning_effort;adapted', {
    model: 'claude-opus-5-5',
    to: { 'output_config.effort': 'low' },
  }),
  arrives(
    'thinking',
    { thinking: { type: 'enabled', budget_tokens: 1024 } },
    { 'thinking.budget_tokens': 1024 },
  ),
  dropped('thinking', { thinking: { type: 'enabled', budget_tokens: 9000 } }, 'thinking;adapted', {
    model: 'claude-opus-4-7',
    to: { 'thinking.type': 'adaptive', 'output_config.effort': 'medium' },
  }),
  arrives('safety_identifier', { safety_identifier: 'u' }, { metadata: { user_id: 'u' } }),
  arrives('user', { user: 'u' }, { metadata: { user_id: 'u' } }),
  dropped('metadata', { metadata: { trace: 't' } }, 'metadata;dropped'),
  arrives('metadata', { metadata: { user_id: 'u' } }, { metadata: { user_id: 'u' } }),
  arrives('service_tier', { service_tier: 'default' }, { service_tier: 'standard_only' }),
  dropped('service_tier', { service_tier: 'flex' }, 'service_tier;adapted'),
  dropped('prompt_cache_key', { prompt_cache_key: 'k' }, 'prompt_cache_key;dropped'),
  arrives(
    'prompt_cache_options',
    { prompt_cache_options: { mode: 'implicit', ttl: '12h' } },
    { cache_control: { type: 'ephemeral', ttl: '1h' } },
    { notes: 'prompt_cache_options;adapted' },
  ),
  dropped(
    'prompt_cache_retention',
    { prompt_cache_retention: '24h' },
    'prompt_cache_retention;dropped',
  ),
  dropped('verbosity', { verbosity: 'low' }, 'verbosity;dropped'),
  dropped('verbosity', { verbosity: 'medium' }, ''),
  arrives('system', { system: 'S' }, { 'system.0.text': 'S' }),
  arrives(
    'output_config',
    { output_config: { effort: 'low' } },
    { output_config: { effort: 'low' } },
  ),
  arrives(
    'cache_control',
    { messages: [{ ...HI, cache_control: { type: 'ephemeral' } }] },
    { 'messages.0.content.0.cache_control': { type: 'ephemeral' } },
  ),
  dropped(
    'cache_control',
    {
      cache_control: { type: 'ephemeral' },
      messages: Array.from({ length: 4 }, () => ({ ...HI, cache_control: { type: 'ephemeral' } })),
    },
    'cache_control;adapted',
  ),
  arrives('mcp_servers', { mcp_servers: [{ url: 'u' }] }, { mcp_servers: [{ url: 'u' }] }),
  arrives('container', { container: 'c' }, { container: 'c' }),
  arrives(
    'context_management',
    { context_management: { edits: [] } },
    { context_management: { edits: [] } },
  ),
  arrives('inference_geo', { inference_geo: 'eu' }, { inference_geo: 'eu' }),
  arrives('speed', { speed: 'fast' }, { speed: 'fast' }),
  arrives('betas', { betas: ['b-1', 'b-1'] }, { 'header:anthropic-beta': 'b-1' }),
  arrives('extra_body', { extra_body: { top_k: 5 } }, { top_k: 5 }),
]

export const CHAT_TO_RESPONSES_PROOFS: readonly Proof[] = [
  ...FROM_CHAT,
  arrives('model', {}, { model: 'gpt-4.1' }),
  arrives(
    'messages',
    { messages: [{ role: 'system', content: 'S' }, HI] },
    { instructions: 'S', 'input.0.content.0.text': 'Hi' },
  ),
  dropped('messages', { messages: [HI, { role: 'assistant', content: 'x' }] }, 'messages;adapted'),
  arrives('messages[].refusal', after({ refusal: 'No.' }), {
    'input.1.content.0': { type: 'refusal', refusal: 'No.' },
  }),
  dropped(
    'messages[].reasoning_content',
    after({ content: 'x', reasoning_content: 'Hm.' }),
    'messages.reasoning;dropped',
  ),
  arrives(
    'messages[].thinking_blocks',
    after({
      content: 'x',
      thinking_blocks: [{ type: 'thinking', thinking: '', signature: SEALED }],
    }),
    { 'input.1.encrypted_content': 'gAAA' },
  ),
  dropped(
    'messages[].thinking_blocks',
    after({ content: 'x', thinking_blocks: [{ type: 'thinking', thinking: '', signature: 's' }] }),
    'messages.reasoning;dropped',
  ),
  arrives(
    'messages[].reasoning_details',
    after({
      content: 'x',
      reasoning_details: [{ type: 'reasoning.text', text: '', signature: SEALED }],
    }),
    { 'input.1.encrypted_content': 'gAAA' },
  ),
  dropped(
    'messages[].reasoning_details',
    after({
      content: 'x',
      reasoning_details: [{ type: 'reasoning.text', text: 'T', signature: 's' }],
    }),
    'messages.reasoning;dropped',
  ),
  arrives(
    'messages[].content[].image_url.detail',
    userPart({ type: 'image_url', image_url: { url: IMAGE, detail: 'low' } }),
    { 'input.0.content.1': { type: 'input_image', image_url: IMAGE, detail: 'low' } },
  ),
  arrives('max_completion_tokens', { max_completion_tokens: 99 }, { max_output_tokens: 99 }),
  dropped('max_completion_tokens', { max_completion_tokens: 5 }, 'max_tokens;adapted', {
    to: { max_output_tokens: 16 },
  }),
  arrives('max_tokens', { max_tokens: 99 }, { max_output_tokens: 99 }),
  dropped('max_tokens', { max_tokens: 5 }, 'max_tokens;adapted'),
  arrives('temperature', { temperature: 0 }, { temperature: 0 }),
  dropped('temperature', { temperature: 0 }, 'temperature;dropped', { model: 'gpt-5' }),
  arrives('top_p', { top_p: 0.5 }, { top_p: 0.5 }),
  dropped('top_p', { top_p: 0.5 }, 'top_p;dropped', { model: 'gpt-5' }),
  dropped('top_k', { top_k: 5 }, 'top_k;dropped'),
  dropped('stop', { stop: 'END' }, 'stop;dropped'),
  dropped('stop_sequences', { stop_sequences: ['END'] }, 'stop;dropped'),
  arrives('tools', { tools: [F] }, { 'tools.0.name': 'f' }),
  arrives('tools[].function.strict', strictTool(CLOSED), { 'tools.0.strict': true }),
  dropped('tools[].function.strict', strictTool({ type: 'object' }), 'tools.strict;dropped', {
    to: { 'tools.0.strict': false },
  }),
  arrives('functions', { functions: FUNCTIONS }, { 'tools.0.name': 'f' }),
  arrives(
    'function_call',
    { functions: FUNCTIONS, function_call: { name: 'f' } },
    { tool_choice: { type: 'function', name: 'f' } },
  ),
  arrives('tools[].custom.format', customTool(GRAMMAR), {
    'tools.0.format': { type: 'grammar', syntax: 'regex', definition: 'a+' },
  }),
  arrives('tool_choice', { tools: [F], tool_choice: 'required' }, { tool_choice: 'required' }),
  dropped('tool_choice', { tools: [F], tool_choice: 'required' }, 'tool_choice;adapted', {
    rules: { forcedTools: false },
    to: { tool_choice: 'auto' },
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
    'response_format',
    { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: CLOSED } } },
    { 'text.format': { type: 'json_schema', name: 'x', schema: CLOSED, strict: true } },
  ),
  arrives(
    'reasoning_effort',
    { reasoning_effort: 'low' },
    { 'reasoning.effort': 'low' },
    { model: 'gpt-5' },
  ),
  dropped('reasoning_effort', { reasoning_effort: 'max' }, 'reasoning_effort;adapted', {
    model: 'gpt-5',
    to: { 'reasoning.effort': 'high' },
  }),
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
    'safety_identifier',
    { safety_identifier: 'u' },
    { safety_identifier: 'u', prompt_cache_key: 'u' },
  ),
  arrives('user', { user: 'u' }, { safety_identifier: 'u', prompt_cache_key: 'u' }),
  arrives('metadata', { metadata: { trace: 't' } }, { metadata: { trace: 't' } }),
  arrives('service_tier', { service_tier: 'flex' }, { service_tier: 'flex' }),
  arrives('prompt_cache_key', { prompt_cache_key: 'k' }, { prompt_cache_key: 'k' }),
  arrives(
    'prompt_cache_options',
    { prompt_cache_options: { mode: 'implicit' } },
    { prompt_cache_options: { mode: 'implicit' } },
  ),
  arrives(
    'prompt_cache_retention',
    { prompt_cache_retention: '24h' },
    { prompt_cache_retention: '24h' },
  ),
  arrives('verbosity', { verbosity: 'low' }, { 'text.verbosity': 'low' }),
  arrives('system', { system: 'S' }, { instructions: 'S' }),
  dropped('cache_control', { messages: [{ ...HI, cache_control: { type: 'ephemeral' } }] }, ''),
  dropped('cache_control', { cache_control: { type: 'ephemeral' } }, ''),
  arrives('max_tool_calls', { max_tool_calls: 3 }, { max_tool_calls: 3 }),
  arrives('truncation', { truncation: 'auto' }, { truncation: 'auto' }),
  arrives('extra_body', { extra_body: { verbosity: 'low' } }, { 'text.verbosity': 'low' }),
]
