/**
 * What Claude models take, as data (wire-formats 0.3). The API's own model list says nothing about
 * sampling, forced tools or prefill, so the table stays necessary.
 */

export type Effort = 'low' | 'medium' | 'high' | 'xhigh' | 'max'

export interface ClaudeModel {
  readonly maxOutputTokens: number
  readonly contextTokens: number
  /** Thinks when the request does not say. */
  readonly thinksByDefault: boolean
  /** How thinking is asked for: a token budget, an effort, or not at all. `given`: pass what came. */
  readonly thinking: 'none' | 'budget' | 'adaptive' | 'given'
  /** `thinking.type: "enabled"` is taken although an effort is preferred. */
  readonly takesBudget: boolean
  /** How it is switched off. */
  readonly thinkingOff: 'disabled' | 'between_tools' | 'never'
  /** `one`: temperature or top_p, not both. */
  readonly sampling: 'free' | 'one' | 'none'
  /** `tool_choice` may name a tool or demand any. */
  readonly forcedTools: boolean
  readonly efforts: readonly Effort[]
  /** `role: "system"` inside `messages`. */
  readonly midSystem: boolean
  /** A trailing assistant message is continued. */
  readonly prefill: boolean
  /** `output_config.format`, and `strict` on tools. */
  readonly structuredOutputs: boolean
  /** One of Anthropic's own: caching and betas are known to work. */
  readonly claude: boolean
}

const NEWEST: ClaudeModel = {
  maxOutputTokens: 128_000,
  contextTokens: 1_000_000,
  thinksByDefault: true,
  thinking: 'adaptive',
  takesBudget: false,
  thinkingOff: 'never',
  sampling: 'none',
  forcedTools: false,
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  midSystem: true,
  prefill: false,
  structuredOutputs: true,
  claude: true,
}
const FIVE: ClaudeModel = { ...NEWEST, thinkingOff: 'disabled', forcedTools: true }
const FOUR_8: ClaudeModel = { ...FIVE, thinksByDefault: false }
const FOUR_7: ClaudeModel = { ...FOUR_8, midSystem: false }
const FOUR_6: ClaudeModel = {
  ...FOUR_7,
  takesBudget: true,
  sampling: 'one',
  efforts: ['low', 'medium', 'high', 'max'],
}
const FOUR_5: ClaudeModel = {
  ...FOUR_6,
  maxOutputTokens: 64_000,
  contextTokens: 200_000,
  thinking: 'budget',
  efforts: [],
  prefill: true,
}
const FOUR: ClaudeModel = { ...FOUR_5, structuredOutputs: false }
const THREE: ClaudeModel = {
  ...FOUR,
  maxOutputTokens: 4096,
  thinking: 'none',
  takesBudget: false,
  sampling: 'free',
}
/** Another vendor's model behind Anthropic's API: whatever is not said stays unsaid. */
const FOREIGN: ClaudeModel = { ...THREE, thinking: 'given', claude: false }

/** By a part of the name; the longest that fits wins. */
export const CLAUDE_MODELS: ReadonlyMap<string, ClaudeModel> = new Map([
  ['fable-5-2', NEWEST],
  ['mythos-5-2', NEWEST],
  ['fable-5-1', NEWEST],
  ['mythos-5-1', NEWEST],
  // Sources disagree on forced tools for these two; a loosened choice is better than a 400.
  ['fable-5', NEWEST],
  ['mythos-5', NEWEST],
  ['opus-5-5', NEWEST],
  ['sonnet-5-5', { ...NEWEST, thinkingOff: 'between_tools' }],
  ['haiku-5-5', FIVE],
  ['opus-5', FIVE],
  ['sonnet-5', FIVE],
  ['opus-4-8', FOUR_8],
  ['opus-4-7', FOUR_7],
  ['mythos-preview', { ...FOUR_6, sampling: 'none', forcedTools: false }],
  ['opus-4-6', FOUR_6],
  ['sonnet-4-6', FOUR_6],
  ['opus-4-5', FOUR_5],
  ['sonnet-4-5', FOUR_5],
  ['haiku-4-5', FOUR_5],
  ['opus-4', { ...FOUR, maxOutputTokens: 32_000 }],
  ['opus-4-1', { ...FOUR, maxOutputTokens: 32_000 }],
  ['sonnet-4', FOUR],
  ['claude-3-5', { ...THREE, maxOutputTokens: 8192 }],
  ['claude-3', THREE],
  ['claude-2', THREE],
  ['claude-instant', THREE],
])

/**
 * The rules for a model name, with or without a cloud's prefix and suffix
 * (`us.anthropic.claude-opus-4-5-20251101-v1:0`, `anthropic/claude-opus-4.5`, `claude-opus-4@20250514`).
 * A Claude that is not listed is taken for newer than the table; any other name for a foreign model.
 */
export function findClaudeModel(name: string): ClaudeModel {
  const plain = name.toLowerCase().replaceAll(/[.@:_]/g, '-')
  let best = ''
  for (const key of CLAUDE_MODELS.keys()) {
    if (key.length > best.length && containsModel(plain, key)) best = key
  }
  const known = CLAUDE_MODELS.get(best)
  if (known !== undefined) return known
  return plain.includes('claude') ? NEWEST : FOREIGN
}

/** `opus-5` is in `claude-opus-5-20260301`, but not in `claude-opus-5-7`: that is another model. */
function containsModel(name: string, key: string): boolean {
  const at = name.indexOf(key)
  if (at === -1) return false
  // Claude 3 names put the version first, and a family or a second number may follow it.
  return key.startsWith('claude-') || !/^(\d|-\d{1,2}(?!\d))/.test(name.slice(at + key.length))
}
