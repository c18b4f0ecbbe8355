/**
 * What OpenAI's own models take in Chat Completions (wire-formats 0.4), as data. Other servers' models
 * are not listed: they get the older, widely understood spelling of everything.
 */
import type { ReasoningEffort } from '../neutral.ts'

export interface OpenAiModel {
  /** Reasons before it answers: `max_completion_tokens`, `developer`, no sampling. */
  readonly reasoning: boolean
  /** Efforts it takes, lowest first; empty where it takes none. */
  readonly efforts: readonly ReasoningEffort[]
  /** Sampling is allowed when the effort is `none`. */
  readonly samplingWithoutReasoning: boolean
  readonly stop: boolean
  readonly parallelToolCalls: boolean
  /** Refuses function tools in Chat unless the effort is `none`. */
  readonly refusesToolsWithReasoning: boolean
}

const PLAIN: OpenAiModel = {
  reasoning: false,
  efforts: [],
  samplingWithoutReasoning: true,
  stop: true,
  parallelToolCalls: true,
  refusesToolsWithReasoning: false,
}
const REASONING: OpenAiModel = {
  reasoning: true,
  efforts: ['low', 'medium', 'high'],
  samplingWithoutReasoning: false,
  stop: true,
  parallelToolCalls: true,
  refusesToolsWithReasoning: false,
}
const WITH_NONE: OpenAiModel = {
  ...REASONING,
  efforts: ['none', 'low', 'medium', 'high', 'xhigh'],
  samplingWithoutReasoning: true,
}
const NEWEST: OpenAiModel = {
  ...REASONING,
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  refusesToolsWithReasoning: true,
}

/** First match wins; the longer names stand first. */
const MODELS: ReadonlyArray<readonly [RegExp, OpenAiModel]> = [
  [/^(o3|o4-mini)\b/, { ...REASONING, stop: false, parallelToolCalls: false }],
  [/^o\d/, { ...REASONING, parallelToolCalls: false }],
  [/^gpt-6(-sol|-luna)\b|^gpt-6\.1-terra\b/, { ...NEWEST, efforts: ['none', ...NEWEST.efforts] }],
  [/^gpt-([6-9]|\d\d)/, NEWEST],
  [/^gpt-5\.[4-9]/, { ...WITH_NONE, refusesToolsWithReasoning: true }],
  [/^gpt-5\.[23]/, WITH_NONE],
  [/^gpt-5\.1-codex-max\b/, WITH_NONE],
  [/^gpt-5\.1/, { ...WITH_NONE, efforts: ['none', 'low', 'medium', 'high'] }],
  [/^gpt-5/, { ...REASONING, efforts: ['minimal', 'low', 'medium', 'high'] }],
  [/^(gpt-[34]|chatgpt-)/, PLAIN],
]

/** The rules of one of OpenAI's models; `undefined` for a name that is none of theirs. */
export function findOpenAiModel(name: string): OpenAiModel | undefined {
  const bare = name.toLowerCase().replace(/^.*\//, '')
  return MODELS.find(([pattern]) => pattern.test(bare))?.[1]
}
