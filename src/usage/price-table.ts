/**
 * Public list prices in US dollars per million tokens, standard tier (no batch, flex, priority or
 * regional factor: a log line does not say which was used). A row holds from its date (UTC) until the
 * model's next one; a model that is not here has no known price, and none is guessed.
 *
 * Two kinds of rows: a vendor's own models, whose list price is the same wherever they are resold, and what
 * one host asks for open models, which others serve at other prices. Not here: routers, whose price depends
 * on the route (`price:` in the config is for them).
 */

export interface PriceRow {
  /** Without date suffix and without a vendor's prefix (`prices.ts` takes them off). */
  readonly models: readonly string[]
  /** First day, `YYYY-MM-DD`; absent: from the model's beginning. */
  readonly from?: string
  readonly input: number
  readonly output: number
  /** Absent: not published, billed as input. */
  readonly cachedInput?: number
  /** For the shorter life where there are two. Absent: 1.25 × input (see `prices.ts`). */
  readonly cacheWrite?: number
  /** For a life of an hour. Absent: 2 × input, what the one vendor that has it asks. */
  readonly cacheWriteHour?: number
  /** Part of the output. Absent: billed as output, which is what every vendor here does. */
  readonly reasoning?: number
  /** Prompts above so many tokens, cached ones included: the whole request is billed by these factors. */
  readonly long?: { readonly above: number; readonly input: number; readonly output: number }
  /** Dearer hours of the day: everything is billed by the factor. */
  readonly peak?: PeakHours
  readonly source: PriceSource
  /** The day of the page's state that the row was compared with; absent: the source's. */
  readonly read?: string
}

export interface PeakHours {
  readonly factor: number
  /** Full hours in UTC, Monday to Friday: from the first, until the second. */
  readonly hours: ReadonlyArray<readonly [from: number, until: number]>
}

export interface PriceSourceFacts {
  readonly page: string
  /** The day of the newest state of the page that rows were compared with. */
  readonly read: string
  /** Hosts of the base URLs that these prices hold for; absent: the vendor's own models, anywhere. */
  readonly hosts?: readonly string[]
}

/** The vendors' own pages. */
export const PRICE_SOURCES = {
  openai: { page: 'https://developers.openai.com/api/docs/pricing', read: '2026-11-18' },
  anthropic: {
    page: 'https://platform.claude.com/docs/en/about-claude/pricing',
    read: '2026-10-24',
  },
  google: { page: 'https://ai.google.dev/gemini-api/docs/pricing', read: '2026-10-07' },
  xai: { page: 'https://docs.x.ai/developers/pricing', read: '2026-09-29' },
  deepseek: {
    page: 'https://api-docs.deepseek.com/quick_start/pricing',
    read: '2026-10-27',
    hosts: ['api.deepseek.com'],
  },
  mistral: {
    page: 'https://docs.mistral.ai/inference/pricing',
    read: '2026-08-27',
    hosts: ['api.mistral.ai'],
  },
  groq: { page: 'https://groq.com/pricing', read: '2026-08-29', hosts: ['api.groq.com'] },
  together: {
    page: 'https://docs.together.ai/docs/serverless/models',
    read: '2026-09-23',
    hosts: ['api.together.xyz', 'api.together.ai'],
  },
  fireworks: {
    page: 'https://docs.fireworks.ai/serverless/pricing',
    read: '2026-08-29',
    hosts: ['api.fireworks.ai'],
  },
} as const satisfies Record<string, PriceSourceFacts>

export type PriceSource = keyof typeof PRICE_SOURCES

/** The day the table was last compared with a vendor's page, `YYYY-MM-DD`: the price date of a report. */
export const PRICE_TABLE_DATE: string = Object.values(PRICE_SOURCES)
  .map(({ read }) => read)
  .reduce((latest, read) => (read > latest ? read : latest))

// "Over 272K input tokens" on the model pages of GPT-5.4 and later: 2 × input and cache, 1.5 × output.
const OVER_272K = { above: 272_000, input: 2, output: 1.5 }
// The one-million-token window of Sonnet 4 and 4.5, while it was a beta.
const OVER_200K = { above: 200_000, input: 2, output: 1.5 }
const OVER_100K = { above: 100_000, input: 5, output: 5 }
// Gemini Pro: "prompts > 200k tokens".
const GEMINI_OVER_200K = { above: 200_000, input: 2, output: 1.5 }
// Grok: "200k and above".
const FROM_200K = { above: 199_999, input: 2, output: 2 }
// "Off-peak rates are half of the peak rates", which begin at 01:00 and 06:00 UTC on weekdays. Chinese
// public holidays are off-peak, too, and are not known here: on those days this is too much.
const DEEPSEEK_PEAK: PeakHours = {
  factor: 2,
  hours: [
    [1, 4],
    [6, 10],
  ],
}

export const PRICE_TABLE: readonly PriceRow[] = [
  // OpenAI
  openai(['gpt-6.2-astra'], 8, 40, 0.4, { long: OVER_272K }),
  openai(['gpt-6.2-sol'], 2, 10, 0.1, { long: OVER_272K }),
  openai(['gpt-6.1-sol'], 2, 10, 0.1, { cacheWrite: 2.5, long: OVER_272K }),
  openai(['gpt-6.1-terra'], 1, 5, 0.05, { cacheWrite: 1.25, long: OVER_272K }),
  openai(['gpt-6-astra'], 10, 50, 1, { cacheWrite: 12.5, long: OVER_272K }),
  openai(['gpt-6-sol'], 2, 10, 0.2, { cacheWrite: 2.5, long: OVER_272K }),
  openai(['gpt-6-luna'], 0.1, 0.5, 0.01, { cacheWrite: 0.125, long: OVER_272K }),
  openai(['gpt-5.6-sol', 'gpt-5.6'], 5, 30, 0.5, { long: OVER_272K }),
  // Announced as a promotion "at least" until 21 November 2026.
  openai(['gpt-5.6-sol', 'gpt-5.6'], 4, 20, 0.4, { from: '2026-08-21', long: OVER_272K }),
  openai(['gpt-5.6-terra'], 2.5, 15, 0.25, { long: OVER_272K }),
  openai(['gpt-5.6-terra'], 2, 12, 0.2, { from: '2026-07-30', long: OVER_272K }),
  openai(['gpt-5.6-luna'], 1, 6, 0.1, { long: OVER_272K }),
  openai(['gpt-5.6-luna'], 0.2, 1.2, 0.02, { from: '2026-07-30', long: OVER_272K }),
  openai(['gpt-5.5'], 5, 30, 0.5, { long: OVER_272K }),
  openai(['gpt-5.5-pro', 'gpt-5.4-pro'], 30, 180, undefined, { long: OVER_272K }),
  openai(['gpt-5.4'], 2.5, 15, 0.25, { long: OVER_272K }),
  openai(['gpt-5.4-mini'], 0.75, 4.5, 0.075),
  openai(['gpt-5.4-nano'], 0.2, 1.25, 0.02),
  openai(['gpt-5.3-codex', 'gpt-5.2-codex', 'gpt-5.2'], 1.75, 14, 0.175),
  openai(['gpt-5.2-pro'], 21, 168),
  openai(['gpt-5.1', 'gpt-5.1-codex', 'gpt-5', 'gpt-5-codex', 'gpt-5-chat'], 1.25, 10, 0.125),
  openai(['gpt-5.1-codex-mini', 'gpt-5-mini'], 0.25, 2, 0.025),
  openai(['gpt-5-nano'], 0.05, 0.4, 0.005),
  openai(['gpt-5-pro'], 15, 120),
  openai(['gpt-4.1'], 2, 8, 0.5),
  openai(['gpt-4.1-mini'], 0.4, 1.6, 0.1),
  openai(['gpt-4.1-nano'], 0.1, 0.4, 0.025),
  openai(['gpt-4o-2024-05-13', 'chatgpt-4o'], 5, 15),
  openai(['gpt-4o'], 2.5, 10, 1.25),
  openai(['gpt-4o-mini'], 0.15, 0.6, 0.075),
  openai(['o4-mini'], 1.1, 4.4, 0.275),
  openai(['o3'], 10, 40, 2.5),
  openai(['o3'], 2, 8, 0.5, { from: '2025-06-10' }),
  openai(['o3-pro'], 20, 80),
  openai(['o3-mini', 'o1-mini'], 1.1, 4.4, 0.55),
  openai(['o1', 'o1-preview'], 15, 60, 7.5),
  openai(['o1-pro'], 150, 600),
  openai(['text-embedding-3-small'], 0.02, 0),
  openai(['text-embedding-3-large'], 0.13, 0),

  // Anthropic
  anthropic(['claude-fable-5-1', 'claude-mythos-5-1'], 10, 50, 0.25, 12.5),
  anthropic(['claude-fable-5', 'claude-mythos-5'], 10, 50, 1, 12.5),
  anthropic(['claude-opus-5-5'], 4, 20, 0.2, 5),
  anthropic(['claude-opus-5', 'claude-opus-4-8', 'claude-opus-4-7'], 5, 25, 0.5, 6.25),
  anthropic(['claude-opus-4-6', 'claude-opus-4-5'], 5, 25, 0.5, 6.25),
  anthropic(['claude-opus-4-1', 'claude-opus-4', 'claude-opus-4-0'], 15, 75, 1.5, 18.75),
  anthropic(['claude-sonnet-5-5'], 2, 10, 0.2, 2.5),
  anthropic(['claude-sonnet-5-5'], 2, 10, 0.1, 2.5, { from: '2026-10-07' }),
  anthropic(['claude-sonnet-5'], 2, 10, 0.2, 2.5),
  anthropic(['claude-sonnet-4-6'], 3, 15, 0.3, 3.75),
  anthropic(['claude-sonnet-4-5'], 3, 15, 0.3, 3.75, { long: OVER_200K }),
  anthropic(['claude-sonnet-4', 'claude-sonnet-4-0'], 3, 15, 0.3, 3.75, { long: OVER_200K }),
  anthropic(['claude-haiku-5-5'], 0.1, 0.5, 0.01, 0.125, { long: OVER_100K }),
  anthropic(['claude-haiku-4-5'], 1, 5, 0.1, 1.25),
  anthropic(['claude-3-7-sonnet', 'claude-3-5-sonnet'], 3, 15, 0.3, 3.75),
  anthropic(['claude-3-5-haiku'], 0.8, 4, 0.08, 1),
  anthropic(['claude-3-opus'], 15, 75, 1.5, 18.75),
  anthropic(['claude-3-haiku'], 0.25, 1.25, 0.03, 0.3),

  // Google
  row('google', ['gemini-3.8-flash'], 0.75, 3.75, { cachedInput: 0.075 }),
  // "Through December 31, 2026"; what follows is published with it.
  row('google', ['gemini-3.8-flash'], 1.5, 7.5, { cachedInput: 0.15, from: '2027-01-01' }),
  row('google', ['gemini-3.7-flash', 'gemini-3.6-flash'], 1.5, 7.5, { cachedInput: 0.15 }),
  row('google', ['gemini-3.5-flash'], 1.5, 9, { cachedInput: 0.15 }),
  row('google', ['gemini-3.5-flash-lite'], 0.3, 2.5, { cachedInput: 0.03 }),
  row('google', ['gemini-3.1-pro-preview', 'gemini-3-pro-preview'], 2, 12, {
    cachedInput: 0.2,
    long: GEMINI_OVER_200K,
  }),
  row('google', ['gemini-3.1-flash-lite', 'gemini-3.1-flash-lite-preview'], 0.25, 1.5, {
    cachedInput: 0.025,
  }),
  row('google', ['gemini-2.5-pro'], 1.25, 10, { cachedInput: 0.125, long: GEMINI_OVER_200K }),
  row('google', ['gemini-2.5-flash'], 0.3, 2.5, { cachedInput: 0.03 }),
  row('google', ['gemini-2.5-flash-lite'], 0.1, 0.4, { cachedInput: 0.01 }),
  row('google', ['gemini-embedding-2'], 0.2, 0),

  // xAI
  row('xai', ['grok-4.7', 'grok-4.6', 'grok-4.5'], 2, 6, { cachedInput: 0.5, long: FROM_200K }),
  row('xai', ['grok-4.3'], 1.25, 2.5, { cachedInput: 0.2, long: FROM_200K }),
  row('xai', ['grok-4.20-0309-reasoning', 'grok-4.20-0309-non-reasoning'], 1.25, 2.5, {
    cachedInput: 0.2,
    long: FROM_200K,
  }),
  row('xai', ['grok-build-0.1'], 1, 2, { cachedInput: 0.2, long: FROM_200K }),

  // DeepSeek, at its own host. The older names are served by the newest Flash, at its price.
  row('deepseek', ['deepseek-v4-flash'], 0.14, 0.28, { cachedInput: 0.0028 }),
  row('deepseek', ['deepseek-v4-flash', 'deepseek-v4-flash-vision-exp'], 0.22, 0.66, {
    cachedInput: 0.007,
    peak: DEEPSEEK_PEAK,
    from: '2026-08-17',
  }),
  row(
    'deepseek',
    ['deepseek-flash', 'deepseek-v4-flash', 'deepseek-v4-flash-vision-exp'],
    0.15,
    0.6,
    { cachedInput: 0.003, peak: DEEPSEEK_PEAK, from: '2026-09-10' },
  ),
  row('deepseek', ['deepseek-v4-pro'], 0.435, 0.87, { cachedInput: 0.003625 }),
  row('deepseek', ['deepseek-v4-pro'], 0.66, 1.98, {
    cachedInput: 0.022,
    peak: DEEPSEEK_PEAK,
    from: '2026-08-17',
  }),

  // Mistral, at its own host
  row('mistral', ['mistral-medium-3-5', 'mistral-medium-3.5', 'mistral-medium-2604'], 1.5, 7.5),
  row('mistral', ['codestral-2508', 'codestral'], 0.3, 0.9, { cachedInput: 0.03 }),
  // "Public preview", at half its list price.
  row('mistral', ['mistral-large-4', 'mistral-large-4-0'], 0.68, 2.09, {
    cachedInput: 0.07,
    read: '2026-10-06',
  }),

  // Open models, at one host each
  row('groq', ['gpt-oss-120b'], 0.15, 0.6, { cachedInput: 0.075, read: '2026-05-27' }),
  row('groq', ['gpt-oss-20b'], 0.075, 0.3, { cachedInput: 0.0375, read: '2026-05-27' }),
  row('groq', ['qwen3.8-27b'], 0.8, 4, { cachedInput: 0.4 }),
  row('together', ['glm-5.3'], 1.4, 4.4, { cachedInput: 0.26 }),
  row('together', ['kimi-k3'], 3, 15, { cachedInput: 0.3, read: '2026-07-27' }),
  row('fireworks', ['glm-5p3'], 1.4, 4.4, { cachedInput: 0.26 }),
]

function openai(
  models: readonly string[],
  input: number,
  output: number,
  cachedInput?: number,
  rest: Pick<PriceRow, 'from' | 'cacheWrite' | 'long'> = {},
): PriceRow {
  const cached = cachedInput === undefined ? {} : { cachedInput }
  return row('openai', models, input, output, { ...cached, ...rest })
}

function anthropic(
  models: readonly string[],
  input: number,
  output: number,
  cachedInput: number,
  cacheWrite: number,
  rest: Pick<PriceRow, 'from' | 'long'> = {},
): PriceRow {
  // "5m cache writes" are 1.25 × input and "1h cache writes" 2 ×, in every row of the page.
  const cacheWriteHour = 2 * input
  return row('anthropic', models, input, output, {
    cachedInput,
    cacheWrite,
    cacheWriteHour,
    ...rest,
  })
}

function row(
  source: PriceSource,
  models: readonly string[],
  input: number,
  output: number,
  rest: Omit<PriceRow, 'models' | 'input' | 'output' | 'source'> = {},
): PriceRow {
  return { models, input, output, ...rest, source }
}
