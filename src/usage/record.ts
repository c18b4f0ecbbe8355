/**
 * One line of the usage log (design §7). Snake case because it is on disk and other programs read it.
 * Prompts, replies and keys never stand in it. Tokens nobody reported are absent, never 0.
 * `ts` comes first in every written line: readers recover a record glued behind a torn one by it.
 */

import type { Api } from '../dialects/dialect.ts'

/** ok: answered. refused: our own refusal. failed: no target answered. truncated: cut after content began. aborted: the caller left. */
export type Outcome = 'ok' | 'refused' | 'failed' | 'truncated' | 'aborted'

export interface UsageRecord {
  /** RFC 3339 in UTC with milliseconds: when the request arrived. */
  readonly ts: string
  readonly id: string
  readonly user?: string
  readonly api: Api
  readonly stream?: boolean
  /** As requested. */
  readonly model?: string
  /** Who answered, by our name for it; absent where nobody did. */
  readonly served_model?: string
  readonly provider?: string
  /** Status the caller got; 499 where it left. */
  readonly status: number
  readonly outcome: Outcome
  /** Our error code, for what did not end `ok`. */
  readonly error?: string
  readonly prompt_tokens?: number
  readonly completion_tokens?: number
  readonly total_tokens?: number
  readonly cached_tokens?: number
  readonly cache_write_tokens?: number
  /** The part of `cache_write_tokens` that is kept for an hour and costs more; absent where there is none. */
  readonly cache_write_1h_tokens?: number
  readonly reasoning_tokens?: number
  readonly estimated?: true
  readonly mock?: true
  readonly ms: number
  /** Until the first content reached the caller; streams only. */
  readonly ttft_ms?: number
  readonly attempts?: readonly AttemptRecord[]
}

export interface AttemptRecord {
  readonly model: string
  readonly provider: string
  /** Absent where no status was received. */
  readonly status?: number
  /** Fault class, or `limit` where the user's own limits left no room; absent for the attempt that answered. */
  readonly class?: string
  /** It was passed over because it rests, for a failure with that status; seconds left when this request came. */
  readonly resting_s?: number
  /** It failed, and the provider may charge for it all the same. */
  readonly maybe_billed?: true
  readonly ms: number
}
