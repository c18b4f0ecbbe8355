import type { LoggedUsage } from '../../src/usage/logged.ts'
import type { UsageReport } from '../../src/usage/report.ts'
import type { UsageTotals } from '../../src/usage/tally.ts'

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

/** A report as values that can be compared: of what percentiles are read from, all that is in it. */
export function comparable({ rows, totals, ...rest }: UsageReport): unknown {
  return {
    ...rest,
    rows: rows.map((row) => ({ ...plain(row), group: row.group })),
    totals: plain(totals),
  }
}

function plain(totals: Readonly<UsageTotals>): object {
  const { latency, trend: _, ...counts } = totals
  const values: (readonly [number, number])[] = []
  latency.forEachValue((value, times) => values.push([value, times]))
  return { ...counts, latency: values.toSorted((a, b) => a[0] - b[0]) }
}
