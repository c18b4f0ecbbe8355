/**
 * What OpenAI's own models take in Responses (wire-formats 0.4), as data. Of other servers' models
 * nothing is known.
 */
import type { ReasoningEffort } from '../neutral.ts'

export interface ResponsesModel {
  /** Reasons before it answers: takes `reasoning`, and gives its reasoning sealed. */
  readonly reasoning: boolean
  /** Efforts it takes, lowest first. */
  readonly efforts: readonly ReasoningEffort[]
  /** Sampling is allowed: always, never, or where the effort is `none`. */
  readonly sampling: 'always' | 'never' | 'without-reasoning'
  readonly parallelToolCalls: boolean
}

const PLAIN: ResponsesModel = {
  reasoning: false,
  efforts: [],
  sampling: 'always',
  parallelToolCalls: true,
}
const REASONING: ResponsesModel = {
  reasoning: true,
  efforts: ['low', 'medium', 'high'],
  sampling: 'never',
  parallelToolCalls: true,
}

function withEfforts(...efforts: ReasoningEffort[]): ResponsesModel {
  return { ...REASONING, efforts }
}

/** From gpt-5.1 to the last gpt-5: reasoning can be turned off, and sampling is back then. */
function withNone(...efforts: ReasoningEffort[]): ResponsesModel {
  return { ...REASONING, efforts: ['none', ...efforts], sampling: 'without-reasoning' }
}

/** First match wins; the longer names stand first. */
const MODELS: ReadonlyArray<readonly [RegExp, ResponsesModel]> = [
  [/^o\d/, { ...REASONING, parallelToolCalls: false }],
  [
    /^gpt-6(-sol|-luna)\b|^gpt-6\.1-terra\b/,
    withEfforts('none', 'low', 'medium', 'high', 'xhigh', 'max'),
  ],
  [/^gpt-([6-9]|\d\d)/, withEfforts('low', 'medium', 'high', 'xhigh', 'max')],
  [/^gpt-5(\.\d+)?-chat\b/, PLAIN],
  [/^gpt-5\.1-codex-max\b/, withNone('low', 'medium', 'high', 'xhigh')],
  [/^gpt-5\.1/, withNone('low', 'medium', 'high')],
  [/^gpt-5\.\d/, withNone('low', 'medium', 'high', 'xhigh')],
  [/^gpt-5-pro\b/, withEfforts('high')],
  [/^gpt-5-codex\b/, REASONING],
  [/^gpt-5/, withEfforts('minimal', 'low', 'medium', 'high')],
  [/^(gpt-[34]|chatgpt-)/, PLAIN],
]

/** The rules of one of OpenAI's models; `undefined` for a name that is none of theirs. */
export function findResponsesModel(name: string): ResponsesModel | undefined {
  const bare = name.toLowerCase().replace(/^.*\//, '').replace(/^ft:/, '')
  return MODELS.find(([pattern]) => pattern.test(bare))?.[1]
}
