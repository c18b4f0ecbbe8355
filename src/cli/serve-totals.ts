/** What a run of `serve` came to, counted line by line and told when it ends. */
import type { UsageRecord } from '../usage/record.ts'
import { countOf, renderCost, renderCount, renderDuration } from './words.ts'

export interface Totals {
  count(record: UsageRecord, costUsd: number | undefined): void
  readonly requests: number
  /** `14 requests · 2 failed · … · up 3m02s`, in pieces that each stay together. */
  render(upMs: number): string[]
  /** The fields of the `shutdown` event. */
  readonly fields: object
}

/** Totals at zero. */
export function createTotals(): Totals {
  const outcomes = { ok: 0, refused: 0, failed: 0, truncated: 0, aborted: 0 }
  let requests = 0
  let failovers = 0
  let promptTokens = 0
  let completionTokens = 0
  let costUsd = 0
  let unpriced = 0

  return {
    count(record, price) {
      requests++
      outcomes[record.outcome]++
      if (record.served_model !== undefined && record.served_model !== record.model) failovers++
      promptTokens += record.prompt_tokens ?? 0
      completionTokens += record.completion_tokens ?? 0
      costUsd += price ?? 0
      // A mocked answer has no price, and wants none.
      if (price === undefined && record.prompt_tokens !== undefined && record.mock !== true) {
        unpriced++
      }
    },
    get requests() {
      return requests
    },
    render(upMs) {
      const { refused, failed, truncated, aborted } = outcomes
      return [
        countOf(requests, 'request'),
        ...some(failovers, 'by failover'),
        ...some(failed, 'failed'),
        ...some(truncated, 'cut short'),
        ...some(refused, 'refused'),
        ...some(aborted, 'left by the caller'),
        ...(promptTokens + completionTokens > 0
          ? [`${renderCount(promptTokens)} in + ${renderCount(completionTokens)} out`]
          : []),
        // A total with unknown prices in it is a minimum.
        ...(costUsd > 0 ? [`${unpriced > 0 ? '≥' : ''}${renderCost(costUsd)}`] : []),
        ...(costUsd === 0 && unpriced > 0 ? ['price unknown'] : []),
        `up ${renderDuration(upMs)}`,
      ]
    },
    get fields() {
      return {
        requests,
        notOk: requests - outcomes.ok,
        failed: outcomes.failed,
        truncated: outcomes.truncated,
        refused: outcomes.refused,
        aborted: outcomes.aborted,
        failovers,
        promptTokens,
        completionTokens,
        costUsd: Number(costUsd.toFixed(10)),
        costIsMinimum: unpriced > 0,
      }
    },
  }
}

function some(count: number, what: string): string[] {
  return count > 0 ? [`${renderCount(count)} ${what}`] : []
}
