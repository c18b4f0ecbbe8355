import type { Limits } from './config.ts'

/** What a user without a word about limits has. */
export const NO_LIMITS: Limits = {
  requests: [],
  tokens: [],
  costUsd: [],
  concurrency: undefined,
}
