/**
 * The part of the fidelity table (fidelity.ts) for callers of Anthropic Messages whose model speaks Chat
 * Completions (wire-formats D.1). What is lost inside messages, tools and `output_config` is found while
 * they are decoded: ChatRequest.losses.
 */
import { isJsonObject } from '../wire/json.ts'
import type { FidelityRow } from './fidelity.ts'
import type { JsonValue } from './neutral.ts'

const EMPTY = {
  words: 'empty',
  is: (value: JsonValue) =>
    (Array.isArray(value) && value.length === 0) ||
    (isJsonObject(value) && Object.keys(value).length === 0),
}

export const MESSAGES_TO_CHAT: readonly FidelityRow[] = [
  { path: 'model', verdict: 'map', reason: '`model`, after routing' },
  {
    path: 'system',
    verdict: 'map',
    reason: 'the first message, without the `x-anthropic-billing-header` line',
  },
  {
    path: 'messages',
    verdict: 'adapt',
    reason: '`messages`; tool results become messages of their own',
  },
  {
    path: 'messages[].content[].thinking',
    verdict: 'adapt',
    reason: 'left out: another model cannot use it',
  },
  {
    path: 'max_tokens',
    verdict: 'adapt',
    reason: '`max_completion_tokens` or `max_tokens`, capped at what the model has',
  },
  { path: 'temperature', verdict: 'adapt', reason: '`temperature`, but not for reasoning models' },
  { path: 'top_p', verdict: 'adapt', reason: '`top_p`, but not for reasoning models' },
  { path: 'top_k', verdict: 'adapt', reason: 'dropped: no counterpart' },
  { path: 'stop_sequences', verdict: 'adapt', reason: '`stop`, the first four' },
  { path: 'stream', verdict: 'map', reason: '`stream`, with usage asked for' },
  {
    path: 'metadata',
    verdict: 'note',
    reason: '`user_id` becomes `safety_identifier` or `user`',
    silent: {
      words: 'empty, or only `user_id`',
      is: (value) =>
        isJsonObject(value) && Object.keys(value).every((member) => member === 'user_id'),
    },
  },
  {
    path: 'tools',
    verdict: 'adapt',
    reason: 'functions; what only Anthropic can run is refused',
  },
  {
    path: 'tool_choice',
    verdict: 'map',
    reason: '`tool_choice` and `parallel_tool_calls`',
  },
  { path: 'thinking', verdict: 'adapt', reason: '`reasoning_effort`' },
  {
    path: 'output_config',
    verdict: 'adapt',
    reason: '`reasoning_effort` and `response_format`; other members are dropped',
  },
  { path: 'output_format', verdict: 'map', reason: '`response_format`' },
  { path: 'service_tier', verdict: 'map', reason: '`service_tier`: `auto` or `default`' },
  {
    path: 'speed',
    verdict: 'note',
    reason: 'no counterpart',
    silent: { words: '`"standard"`', is: (value) => value === 'standard' },
  },
  {
    path: 'cache_control',
    verdict: 'adapt',
    reason: 'left out without a word, wherever it stands: the provider caches by itself',
  },
  {
    path: 'container',
    verdict: 'refuse',
    reason: 'it is kept at Anthropic',
  },
  {
    path: 'mcp_servers',
    verdict: 'refuse',
    reason: 'the model would lack the tools it was promised',
    silent: EMPTY,
  },
  {
    path: 'context_management',
    verdict: 'note',
    reason: 'the client keeps managing the context itself',
  },
  { path: 'compaction', verdict: 'note', reason: 'the client keeps managing the context itself' },
  { path: 'betas', verdict: 'note', reason: 'mean nothing to another provider', silent: EMPTY },
  { path: 'fallbacks', verdict: 'note', reason: 'no counterpart', silent: EMPTY },
  { path: 'diagnostics', verdict: 'note', reason: 'no counterpart' },
  { path: 'inference_geo', verdict: 'note', reason: 'no counterpart' },
  { path: 'billing_policy', verdict: 'note', reason: 'no counterpart' },
  { path: 'thread', verdict: 'note', reason: 'no counterpart' },
  { path: 'fallback_credit_token', verdict: 'note', reason: 'no counterpart' },
  { path: 'user_profile_id', verdict: 'note', reason: 'belongs to an Anthropic account' },
  { path: 'workspace_id', verdict: 'note', reason: 'belongs to an Anthropic account' },
]
