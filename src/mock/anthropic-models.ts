/**
 * What each Claude generation refuses (wire-formats 0.3), so that a request that the real API turns down is
 * turned down here. Rows match on the longest contained name.
 */

export interface ClaudeRules {
  readonly maxOutputTokens: number
  /** Without `thinking` in the request the model thinks anyway, and leaves the text of it out. */
  readonly thinksByDefault: boolean
  readonly thinkingTypes: readonly string[]
  /** none: any but the default value is a 400; either: temperature or top_p; free: both. */
  readonly sampling: 'none' | 'either' | 'free'
  readonly canForceTools: boolean
  readonly efforts: readonly string[]
  /** `role: "system"` among the messages. */
  readonly knowsMidSystem: boolean
  readonly canPrefill: boolean
  readonly hasStructuredOutputs: boolean
}

const ALL_EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max']

/** A name this table does not know yet is taken for the newest kind, which refuses most. */
const NEWEST: ClaudeRules = {
  maxOutputTokens: 128_000,
  thinksByDefault: true,
  thinkingTypes: ['adaptive'],
  sampling: 'none',
  canForceTools: false,
  efforts: ALL_EFFORTS,
  knowsMidSystem: true,
  canPrefill: false,
  hasStructuredOutputs: true,
}

const FIVE: ClaudeRules = {
  ...NEWEST,
  canForceTools: true,
  thinkingTypes: ['adaptive', 'disabled'],
}

const FOUR_SIX: ClaudeRules = {
  maxOutputTokens: 128_000,
  thinksByDefault: false,
  thinkingTypes: ['enabled', 'adaptive', 'disabled'],
  sampling: 'either',
  canForceTools: true,
  efforts: ['low', 'medium', 'high', 'max'],
  knowsMidSystem: false,
  canPrefill: false,
  hasStructuredOutputs: true,
}

const FOUR_FIVE: ClaudeRules = {
  ...FOUR_SIX,
  maxOutputTokens: 64_000,
  thinkingTypes: ['enabled', 'disabled'],
  efforts: [],
  canPrefill: true,
}

const FOUR: ClaudeRules = { ...FOUR_FIVE, hasStructuredOutputs: false }

const THREE: ClaudeRules = { ...FOUR, maxOutputTokens: 8_192, sampling: 'free', thinkingTypes: [] }

const ROWS: ReadonlyArray<readonly [string, ClaudeRules]> = [
  ['fable-5', NEWEST],
  ['mythos-5', NEWEST],
  ['opus-5-5', NEWEST],
  ['sonnet-5-5', { ...NEWEST, thinkingTypes: ['adaptive', 'between_tools'] }],
  ['haiku-5-5', FIVE],
  ['opus-5', FIVE],
  ['sonnet-5', FIVE],
  ['opus-4-8', { ...FIVE, thinksByDefault: false }],
  ['opus-4-7', { ...FIVE, thinksByDefault: false, knowsMidSystem: false }],
  [
    'mythos-preview',
    { ...FOUR_SIX, sampling: 'none', canForceTools: false, thinkingTypes: ['enabled', 'adaptive'] },
  ],
  ['opus-4-6', FOUR_SIX],
  ['sonnet-4-6', FOUR_SIX],
  ['opus-4-5', { ...FOUR_FIVE, efforts: ['low', 'medium', 'high'] }],
  ['sonnet-4-5', FOUR_FIVE],
  ['haiku-4-5', FOUR_FIVE],
  ['opus-4-1', { ...FOUR, maxOutputTokens: 32_000, hasStructuredOutputs: true }],
  ['opus-4-', { ...FOUR, maxOutputTokens: 32_000 }],
  ['sonnet-4-', FOUR],
  ['claude-3-', THREE],
  ['claude-3-haiku', { ...THREE, maxOutputTokens: 4_096 }],
  ['claude-3-opus', { ...THREE, maxOutputTokens: 4_096 }],
  ['claude-3-7', { ...THREE, maxOutputTokens: 64_000, thinkingTypes: ['enabled', 'disabled'] }],
]

/** The rules of a Claude model; `undefined` for any other name, of which nothing is refused for its age. */
export function claudeRules(model: string): ClaudeRules | undefined {
  let found: readonly [string, ClaudeRules] | undefined
  for (const row of ROWS) {
    if (model.includes(row[0]) && row[0].length > (found?.[0].length ?? 0)) found = row
  }
  return found?.[1] ?? (model.includes('claude') ? NEWEST : undefined)
}
