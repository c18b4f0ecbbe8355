/** What `aiproxy usage` says about its answer, for stderr: one line each, cleaned, without colour. */
import { PRICE_SOURCES } from '../usage/price-table.ts'
import type { LogSummary } from '../usage/read.ts'
import type { UsageReport } from '../usage/report.ts'
import { renderInstant } from '../usage/zone.ts'
import type { Zone } from '../usage/zone.ts'
import { cleanForTerminal } from './clean.ts'
import { countOf, groupDigits, renderDuration } from './words.ts'

const NAMED_MODELS = 3

/** `4 by failover (gpt-5 → claude-sonnet-4-20250514) · 3 failed · p50 1.9s`; none where nothing stands out. */
export function renderHighlights({ totals, failoverPairs }: UsageReport): string[] {
  const parts: string[] = []
  const [pair] = failoverPairs
  if (pair !== undefined) {
    const more = failoverPairs.length > 1 ? ` and ${failoverPairs.length - 1} more` : ''
    const path = cleanForTerminal(`${pair.model} → ${pair.served}`)
    parts.push(`${groupDigits(String(totals.failovers))} by failover (${path}${more})`)
  }
  const counts = [
    [totals.failed, 'failed'],
    [totals.refused, 'refused'],
    [totals.estimated, 'estimated'],
    [totals.mocked, 'mocked'],
  ] as const
  for (const [count, word] of counts) {
    if (count > 0) parts.push(`${groupDigits(String(count))} ${word}`)
  }
  const { p50 } = totals.latencyMs
  if (p50 !== undefined) parts.push(`p50 ${renderDuration(p50)}`)
  return parts.length === 0 ? [] : [parts.join(' · ')]
}

/** `list prices: OpenAI 2026-11-18, Anthropic 2026-10-24`; none where nothing has a price. */
export function renderPrices({ totals }: UsageReport): string[] {
  if ((totals.costUsd ?? 0) === 0) return []
  const { openai, anthropic } = PRICE_SOURCES
  return [`list prices: OpenAI ${openai.read}, Anthropic ${anthropic.read}`]
}

/** Which requests the cost leaves out, and what to do about it. */
export function renderPriceNotes({ rows, unpricedModels, uncounted }: UsageReport): string[] {
  const notes: string[] = []
  const apart = rows.every((row) => row.unpriced === 0 || row.costUsd === undefined)
  const fate = `${apart ? 'shown as –' : 'not in the cost'}, the total is a minimum.`
  if (unpricedModels.length > 0) {
    const names = unpricedModels.slice(0, NAMED_MODELS).map(({ model }) => cleanForTerminal(model))
    const more = unpricedModels.length - names.length
    const requests = unpricedModels.reduce((sum, model) => sum + model.requests, 0)
    notes.push(
      `! ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''} ` +
        `${unpricedModels.length > 1 ? 'have' : 'has'} no price: ` +
        `${countOf(requests, 'request')} ${fate}   → price: in aiproxy.yaml`,
    )
  }
  if (uncounted > 0) {
    notes.push(`! ${countOf(uncounted, 'request')} without token counts ${fate}`)
  }
  return notes
}

/** Where the log is and what it does cover, for a report without rows. */
export function renderCoverage(summary: LogSummary, zone: Zone): string[] {
  const files = summary.files.map((file) => cleanForTerminal(file)).join(', ')
  if (summary.earliestMs === undefined || summary.latestMs === undefined) return [`log: ${files}`]
  const from = renderInstant(summary.earliestMs, zone)
  const to = renderInstant(summary.latestMs, zone)
  return [`log: ${files} covers ${from} → ${to}, ${countOf(summary.lines, 'line')}`]
}

/** Lines that could not be read; an error under `--strict`. */
export function renderSkipped(summary: LogSummary, strict: boolean): string[] {
  if (summary.skipped === 0) return []
  const first = cleanForTerminal(summary.firstSkipped ?? '')
  const lines = countOf(summary.skipped, 'unreadable line')
  return [`${strict ? 'error' : 'note'}: skipped ${lines}, first: ${first}`]
}
