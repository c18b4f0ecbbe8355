/** What OpenAI's model generations refuse (wire-formats 0.4). Any other name is refused nothing for its age. */

export interface GptRules {
  /** Wants `max_completion_tokens`; knows `reasoning_effort`. */
  readonly isReasoning: boolean
  /** Sampling parameters only at their default; `unless-none` lifts that where effort is `none`. */
  readonly sampling: 'free' | 'fixed' | 'unless-none'
  readonly hasStop: boolean
  readonly efforts: readonly string[]
  /** Function tools in Chat: refused beside an effort, refused unless it is `none`, or taken. */
  readonly chatTools: 'free' | 'not-with-effort' | 'only-with-none'
}

const OLDER: GptRules = {
  isReasoning: false,
  sampling: 'free',
  hasStop: true,
  efforts: [],
  chatTools: 'free',
}

const O_SERIES: GptRules = {
  isReasoning: true,
  sampling: 'fixed',
  hasStop: true,
  efforts: ['low', 'medium', 'high'],
  chatTools: 'free',
}

const FIVE: GptRules = { ...O_SERIES, efforts: ['minimal', 'low', 'medium', 'high'] }

const FIVE_ONE: GptRules = {
  ...FIVE,
  sampling: 'unless-none',
  efforts: ['none', 'low', 'medium', 'high', 'xhigh', 'max'],
}

const SIX: GptRules = { ...FIVE_ONE, sampling: 'fixed', chatTools: 'only-with-none' }

const SIX_ALWAYS: GptRules = { ...SIX, efforts: ['low', 'medium', 'high', 'xhigh', 'max'] }

const ROWS: ReadonlyArray<readonly [RegExp, GptRules]> = [
  [/^gpt-6(?:-sol|-luna|\.1-terra)/u, SIX],
  [/^gpt-6/u, SIX_ALWAYS],
  [/^gpt-5\.[6-9]/u, { ...FIVE_ONE, chatTools: 'only-with-none' }],
  [/^gpt-5\.[45]/u, { ...FIVE_ONE, chatTools: 'not-with-effort' }],
  [/^gpt-5\.\d/u, FIVE_ONE],
  [/^gpt-5/u, FIVE],
  [/^(?:o3|o4-mini)(?:-|$)/u, { ...O_SERIES, hasStop: false }],
  [/^o\d(?:-|$)/u, O_SERIES],
  [/^(?:gpt-|chatgpt-)/u, OLDER],
]

/** The rules of one of OpenAI's own models; `undefined` for any other name. */
export function gptRules(model: string): GptRules | undefined {
  return ROWS.find(([pattern]) => pattern.test(model))?.[1]
}
