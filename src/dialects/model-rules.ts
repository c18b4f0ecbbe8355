/**
 * What models take, as data: THE two tables (wire-formats 0.3, 0.4), read by every translator. No
 * provider's own model list says any of it (sampling, forced tools, prefill), so the tables stay
 * necessary; the config overrides them model by model (RuleOverrides).
 */
import type { ReasoningEffort } from './neutral.ts'

/** What the config says over the tables; `undefined` leaves it to them. */
export interface RuleOverrides {
  /** The rules of this model, whatever ours is called: a deployment's name says nothing. */
  readonly like?: string | undefined
  /** `temperature` and `top_p`. */
  readonly sampling?: boolean | undefined
  readonly topK?: boolean | undefined
  readonly stop?: boolean | undefined
  readonly forcedTools?: boolean | undefined
  readonly parallelTools?: boolean | undefined
  /** Chat Completions takes function tools together with reasoning. */
  readonly toolsWithReasoning?: boolean | undefined
  readonly prefill?: boolean | undefined
  readonly midSystem?: boolean | undefined
  readonly structuredOutputs?: boolean | undefined
  readonly thinking?: ClaudeModel['thinking'] | undefined
  readonly efforts?: readonly ReasoningEffort[] | undefined
  /** Most output tokens, above which a request's own limit is cut. */
  readonly maxOutput?: number | undefined
  readonly maxTokensField?: OpenAiModel['maxTokensField'] | undefined
  readonly replayReasoning?: boolean | undefined
  readonly toolCallIds?: OpenAiModel['toolCallIds'] | undefined
  /** Values of `anthropic-beta` that this model refuses; a `*` at the end stands for any rest. */
  readonly dropBetas?: readonly string[] | undefined
}

/** The rules with those that were said in place of their own; `base` itself where none was. */
function withRules<Rules>(
  base: Rules,
  overrides: { readonly [K in keyof Rules]?: Rules[K] | undefined },
): Rules {
  const said = Object.entries(overrides).filter(([, value]) => value !== undefined)
  return said.length === 0 ? base : { ...base, ...Object.fromEntries(said) }
}

/** Nothing is said over the tables, as for most models. */
function isEmpty(overrides: RuleOverrides): boolean {
  for (const _ in overrides) return false
  return true
}

// Claude

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

const NEWEST_CLAUDE: ClaudeModel = {
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
const CLAUDE_5: ClaudeModel = { ...NEWEST_CLAUDE, thinkingOff: 'disabled', forcedTools: true }
const CLAUDE_4_8: ClaudeModel = { ...CLAUDE_5, thinksByDefault: false }
const CLAUDE_4_7: ClaudeModel = { ...CLAUDE_4_8, midSystem: false }
const CLAUDE_4_6: ClaudeModel = {
  ...CLAUDE_4_7,
  takesBudget: true,
  sampling: 'one',
  efforts: ['low', 'medium', 'high', 'max'],
}
const CLAUDE_4_5: ClaudeModel = {
  ...CLAUDE_4_6,
  maxOutputTokens: 64_000,
  contextTokens: 200_000,
  thinking: 'budget',
  efforts: [],
  prefill: true,
}
const CLAUDE_4: ClaudeModel = { ...CLAUDE_4_5, structuredOutputs: false }
const CLAUDE_3: ClaudeModel = {
  ...CLAUDE_4,
  maxOutputTokens: 4096,
  thinking: 'none',
  takesBudget: false,
  sampling: 'free',
}
/** Another vendor's model behind Anthropic's API: whatever is not said stays unsaid. */
const FOREIGN_TO_ANTHROPIC: ClaudeModel = { ...CLAUDE_3, thinking: 'given', claude: false }

/** By a part of the name; the longest that fits wins. */
export const CLAUDE_MODELS: ReadonlyMap<string, ClaudeModel> = new Map([
  ['fable-5-2', NEWEST_CLAUDE],
  ['mythos-5-2', NEWEST_CLAUDE],
  ['fable-5-1', NEWEST_CLAUDE],
  ['mythos-5-1', NEWEST_CLAUDE],
  // Sources disagree on forced tools for these two; a loosened choice is better than a 400.
  ['fable-5', NEWEST_CLAUDE],
  ['mythos-5', NEWEST_CLAUDE],
  ['opus-5-5', NEWEST_CLAUDE],
  ['sonnet-5-5', { ...NEWEST_CLAUDE, thinkingOff: 'between_tools' }],
  ['haiku-5-5', CLAUDE_5],
  ['opus-5', CLAUDE_5],
  ['sonnet-5', CLAUDE_5],
  ['opus-4-8', CLAUDE_4_8],
  ['opus-4-7', CLAUDE_4_7],
  ['mythos-preview', { ...CLAUDE_4_6, sampling: 'none', forcedTools: false }],
  ['opus-4-6', CLAUDE_4_6],
  ['sonnet-4-6', CLAUDE_4_6],
  ['opus-4-5', CLAUDE_4_5],
  ['sonnet-4-5', CLAUDE_4_5],
  ['haiku-4-5', CLAUDE_4_5],
  ['opus-4', { ...CLAUDE_4, maxOutputTokens: 32_000 }],
  ['opus-4-1', { ...CLAUDE_4, maxOutputTokens: 32_000 }],
  ['sonnet-4', CLAUDE_4],
  ['claude-3-5', { ...CLAUDE_3, maxOutputTokens: 8192 }],
  ['claude-3', CLAUDE_3],
  ['claude-2', CLAUDE_3],
  ['claude-instant', CLAUDE_3],
])

/**
 * The rules for a model behind Anthropic's API, by its name with or without a cloud's prefix and suffix
 * (`us.anthropic.claude-opus-4-5-20251101-v1:0`, `anthropic/claude-opus-4.5`, `claude-opus-4@20250514`).
 * A Claude that is not listed is taken for newer than the table; any other name for a foreign model.
 */
export function findClaudeModel(name: string, overrides?: RuleOverrides): ClaudeModel {
  const base = lookUpClaude(overrides?.like ?? name)
  if (overrides === undefined || isEmpty(overrides)) return base
  return withRules(base, {
    maxOutputTokens: overrides.maxOutput,
    thinking: overrides.thinking,
    takesBudget: overrides.thinking === undefined ? undefined : overrides.thinking === 'budget',
    sampling: overrides.sampling === undefined ? undefined : samplingOf(overrides.sampling, base),
    forcedTools: overrides.forcedTools,
    efforts: overrides.efforts?.filter(isClaudeEffort),
    midSystem: overrides.midSystem,
    prefill: overrides.prefill,
    structuredOutputs: overrides.structuredOutputs,
  })
}

function samplingOf(allowed: boolean, base: ClaudeModel): ClaudeModel['sampling'] {
  if (!allowed) return 'none'
  return base.sampling === 'none' ? 'free' : base.sampling
}

function isClaudeEffort(word: ReasoningEffort): word is Effort {
  return word !== 'none' && word !== 'minimal'
}

/** The listed names by their first word: most of them need no look. */
const CLAUDE_FAMILIES: ReadonlyMap<string, readonly string[]> = familiesOf(CLAUDE_MODELS.keys())

function familiesOf(names: Iterable<string>): Map<string, string[]> {
  const families = new Map<string, string[]>()
  for (const name of names) {
    const family = name.slice(0, name.indexOf('-'))
    families.set(family, [...(families.get(family) ?? []), name])
  }
  return families
}

const ANY_FAMILY = new RegExp([...CLAUDE_FAMILIES.keys()].join('|'))

function lookUpClaude(name: string): ClaudeModel {
  const small = name.toLowerCase()
  if (!ANY_FAMILY.test(small)) return FOREIGN_TO_ANTHROPIC
  const plain = small.replaceAll(/[.@:_]/g, '-')
  let best = ''
  for (const [family, keys] of CLAUDE_FAMILIES) {
    if (!plain.includes(family)) continue
    for (const key of keys) {
      if (key.length > best.length && containsModel(plain, key)) best = key
    }
  }
  const known = CLAUDE_MODELS.get(best)
  if (known !== undefined) return known
  return plain.includes('claude') ? NEWEST_CLAUDE : FOREIGN_TO_ANTHROPIC
}

/** `opus-5` is in `claude-opus-5-20260301`, but not in `claude-opus-5-7`: that is another model. */
function containsModel(name: string, key: string): boolean {
  const at = name.indexOf(key)
  if (at === -1) return false
  // Claude 3 names put the version first, and a family or a second number may follow it.
  return key.startsWith('claude-') || !/^(\d|-\d{1,2}(?!\d))/.test(name.slice(at + key.length))
}

// OpenAI and whoever speaks its APIs

export interface OpenAiModel {
  /** One of OpenAI's own; other servers get the older, widely understood spelling of everything. */
  readonly openai: boolean
  /** Reasons before it answers: takes an effort, and `developer` for `system`. */
  readonly reasoning: boolean
  /** Efforts it takes, lowest first; `any` where nothing is known. */
  readonly efforts: readonly ReasoningEffort[] | 'any'
  /** `temperature` and `top_p`: always, never, or where the effort is `none`. */
  readonly sampling: 'always' | 'never' | 'without-reasoning'
  readonly topK: boolean
  /** `stop` in Chat; Responses has none. */
  readonly stop: boolean
  /** `tool_choice` may name a tool or demand any. */
  readonly forcedTools: boolean
  /** `parallel_tool_calls` is taken. */
  readonly parallelTools: boolean
  /** Chat takes function tools although the effort is not `none`; otherwise only Responses does. */
  readonly toolsWithReasoning: boolean
  /** `undefined` where the server cuts by itself, or nobody knows. */
  readonly maxOutputTokens: number | undefined
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens'
  /** The server wants its own reasoning back, as `reasoning_content` (wire-formats D.4). */
  readonly replayReasoning: boolean
  /** `mistral`: exactly nine letters and digits (wire-formats D.3). */
  readonly toolCallIds: 'any' | 'mistral'
}

const GPT_4: OpenAiModel = {
  openai: true,
  reasoning: false,
  efforts: [],
  sampling: 'always',
  topK: false,
  stop: true,
  forcedTools: true,
  parallelTools: true,
  toolsWithReasoning: true,
  maxOutputTokens: undefined,
  maxTokensField: 'max_completion_tokens',
  replayReasoning: false,
  toolCallIds: 'any',
}
const REASONING: OpenAiModel = {
  ...GPT_4,
  reasoning: true,
  efforts: ['low', 'medium', 'high'],
  sampling: 'never',
}
const O_SERIES: OpenAiModel = { ...REASONING, parallelTools: false }
/** From gpt-5.1 to the last gpt-5: reasoning can be turned off, and sampling is back then. */
const GPT_5_1: OpenAiModel = {
  ...REASONING,
  efforts: ['none', 'low', 'medium', 'high'],
  sampling: 'without-reasoning',
}
const GPT_5_2: OpenAiModel = { ...GPT_5_1, efforts: ['none', 'low', 'medium', 'high', 'xhigh'] }
const NEWEST_GPT: OpenAiModel = {
  ...REASONING,
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  toolsWithReasoning: false,
}
const GPT_6_WITH_NONE: OpenAiModel = {
  ...NEWEST_GPT,
  efforts: ['none', 'low', 'medium', 'high', 'xhigh', 'max'],
}
/** A model of another server. Nothing is known of it, so nothing is taken away. */
const FOREIGN_TO_OPENAI: OpenAiModel = {
  ...GPT_4,
  openai: false,
  efforts: 'any',
  maxTokensField: 'max_tokens',
}

/** By the name without a vendor's prefix; the first match wins, so the longer names stand first. */
export const OPENAI_MODELS: ReadonlyArray<readonly [RegExp, OpenAiModel]> = [
  [/^(o3|o4-mini)\b/, { ...O_SERIES, stop: false }],
  [/^o\d/, O_SERIES],
  [/^gpt-6(-sol|-luna)\b|^gpt-6\.1-terra\b/, GPT_6_WITH_NONE],
  [/^gpt-([6-9]|\d\d)/, NEWEST_GPT],
  [/^gpt-5(\.\d+)?-chat\b/, GPT_4],
  [/^gpt-5\.[4-9]/, { ...GPT_5_2, toolsWithReasoning: false }],
  [/^gpt-5\.1-codex-max\b/, GPT_5_2],
  [/^gpt-5\.1/, GPT_5_1],
  [/^gpt-5\.\d/, GPT_5_2],
  [/^gpt-5-pro\b/, { ...REASONING, efforts: ['high'] }],
  [/^gpt-5-codex\b/, REASONING],
  [/^gpt-5/, { ...REASONING, efforts: ['minimal', 'low', 'medium', 'high'] }],
  [/^(gpt-[34]|chatgpt-)/, GPT_4],
  // The older one answers 400 where its reasoning comes back, all others where it does not.
  [/^deepseek-reasoner\b/, FOREIGN_TO_OPENAI],
  [/^(deepseek|kimi)-/, { ...FOREIGN_TO_OPENAI, replayReasoning: true }],
  [
    /^(mistral|ministral|magistral|codestral|devstral|pixtral|open-mi[sx]tral)-/,
    { ...FOREIGN_TO_OPENAI, toolCallIds: 'mistral' },
  ],
]

/** The rules for a model behind one of OpenAI's APIs, by its name with or without a vendor's prefix. */
export function findOpenAiModel(name: string, overrides?: RuleOverrides): OpenAiModel {
  const base = lookUpOpenAi(overrides?.like ?? name)
  if (overrides === undefined || isEmpty(overrides)) return base
  const { sampling, efforts } = overrides
  return withRules(base, {
    // A model with an effort to choose reasons.
    reasoning: efforts === undefined ? undefined : efforts.some((word) => word !== 'none'),
    efforts,
    sampling: sampling === undefined ? undefined : sampling ? 'always' : 'never',
    topK: overrides.topK,
    stop: overrides.stop,
    forcedTools: overrides.forcedTools,
    parallelTools: overrides.parallelTools,
    toolsWithReasoning: overrides.toolsWithReasoning,
    maxOutputTokens: overrides.maxOutput,
    maxTokensField: overrides.maxTokensField,
    replayReasoning: overrides.replayReasoning,
    toolCallIds: overrides.toolCallIds,
  })
}

/** All of them at once, for the many names that none of them matches. */
const LISTED = new RegExp(OPENAI_MODELS.map(([pattern]) => pattern.source).join('|'))

function lookUpOpenAi(name: string): OpenAiModel {
  const last = name.slice(name.lastIndexOf('/') + 1).toLowerCase()
  const bare = last.startsWith('ft:') ? last.slice('ft:'.length) : last
  if (!LISTED.test(bare)) return FOREIGN_TO_OPENAI
  return OPENAI_MODELS.find(([pattern]) => pattern.test(bare))?.[1] ?? FOREIGN_TO_OPENAI
}
