/** A record with all that a streamed answer has in the log. */
import type { UsageRecord } from '../../src/usage/record.ts'

/** The usual one, but for `rest`; its fields in the order of the log. */
export function streamedRecord(rest: Partial<UsageRecord> = {}): UsageRecord {
  return {
    ts: '2026-11-22T15:12:11.034Z',
    id: 'req_01M82XM00Q7WVBNMQFPVG50JH0',
    user: 'user-a',
    api: 'chat',
    stream: true,
    model: 'gpt-5',
    served_model: 'gpt-5',
    provider: 'openai',
    status: 200,
    outcome: 'ok',
    prompt_tokens: 13,
    completion_tokens: 39,
    total_tokens: 52,
    cached_tokens: 0,
    ms: 840,
    ttft_ms: 31,
    attempts: [{ model: 'gpt-5', provider: 'openai', status: 200, ms: 830 }],
    ...rest,
  }
}
