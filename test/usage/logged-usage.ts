import type { LoggedUsage } from '../../src/usage/scan.ts'

/** A record as a reader hands it on: a request of user-a to gpt-5 that went well. */
export function loggedUsage(rest: Partial<LoggedUsage> = {}): LoggedUsage {
  return {
    ts_ms: Date.UTC(2026, 10, 22, 12),
    user: 'user-a',
    api: 'chat',
    model: 'gpt-5',
    served_model: 'gpt-5',
    provider: 'openai',
    outcome: 'ok',
    prompt_tokens: 1000,
    completion_tokens: 100,
    total_tokens: 1100,
    cached_tokens: 0,
    cache_write_tokens: 0,
    cache_write_1h_tokens: undefined,
    reasoning_tokens: 0,
    estimated: false,
    mock: false,
    ms: 800,
    ...rest,
  }
}
