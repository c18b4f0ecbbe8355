/**
 * Public list prices in US dollars per million tokens, standard tier (no batch, flex, priority or
 * regional factor: a log line does not say which was used). Where a page gives two prices for cache
 * writes the shorter life is taken. A row holds from its date (UTC) until the model's next one; a model
 * that is not here has no known price, and none is guessed.
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
  /** Absent: 1.25 × input (see `prices.ts`). */
  readonly cacheWrite?: number
  /** Prompts above so many tokens, cached ones included: the whole request is billed by these factors. */
  readonly long?: { readonly above: number; readonly input: number; readonly output: number }
  readonly source: PriceSource
}

/** The vendors' own pages, and the day of the newest state of each that the rows were compared with. */
export const PRICE_SOURCES = {
  openai: { page: 'https://developers.openai.com/api/docs/pricing', read: '2026-11-18' },
  anthropic: {
    page: 'https://platform.claude.com/docs/en/about-claude/pricing',
    read: '2026-10-24',
  },
} as const

type PriceSource = keyof typeof PRICE_SOURCES

// "Over 272K input tokens" on the model pages of GPT-5.4 and later: 2 × input and cache, 1.5 × output.
const OVER_272K = { above: 272_000, input: 2, output: 1.5 }
// The one-million-token window of Sonnet 4 and 4.5, while it was a beta.
const OVER_200K = { above: 200_000, input: 2, output: 1.5 }
const OVER_100K = { above: 100_000, input: 5, output: 5 }

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
]

function openai(
  models: readonly string[],
  input: number,
  output: number,
  cachedInput?: number,
  rest: Pick<PriceRow, 'from' | 'cacheWrite' | 'long'> = {},
): PriceRow {
  const cached = cachedInput === undefined ? {} : { cachedInput }
  return { models, input, output, ...cached, ...rest, source: 'openai' }
}

function anthropic(
  models: readonly string[],
  input: number,
  output: number,
  cachedInput: number,
  cacheWrite: number,
  rest: Pick<PriceRow, 'from' | 'long'> = {},
): PriceRow {
  return { models, input, output, cachedInput, cacheWrite, ...rest, source: 'anthropic' }
}
