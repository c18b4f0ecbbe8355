/** Reports over parts of a window, put together into one over the whole of it. */
import { createHistogram } from './histogram.ts'
import { byRequests } from './report.ts'
import type { UsageReport, UsageRow } from './report.ts'
import { readCost, readLatency, SUMS } from './tally.ts'
import type { UsageTotals } from './tally.ts'
import { createTrend } from './trend.ts'

/** One report of what all of these say, made with the same options; at least one. */
export function mergeReports(reports: readonly UsageReport[]): UsageReport {
  const [only] = reports
  if (only !== undefined && reports.length === 1) return only
  const rows = new Map<string, UsageRow[]>()
  const unpriced = new Map<string, { model: string; requests: number }>()
  const pairs = new Map<string, { model: string; served: string; requests: number }>()
  for (const report of reports) {
    for (const row of report.rows) {
      const key = JSON.stringify(row.group)
      const same = rows.get(key)
      if (same === undefined) rows.set(key, [row])
      else same.push(row)
    }
    for (const one of report.unpricedModels) addCount(unpriced, one.model, one)
    for (const one of report.failoverPairs) {
      addCount(pairs, JSON.stringify([one.model, one.served]), one)
    }
  }
  return {
    rows: Array.from(rows.values(), (same) => ({
      ...mergeTotals(same),
      group: same[0]?.group ?? [],
    })),
    totals: mergeTotals(reports.map((report) => report.totals)),
    uncounted: reports.reduce((sum, report) => sum + report.uncounted, 0),
    unpricedModels: [...unpriced.values()].toSorted(byRequests),
    failoverPairs: [...pairs.values()].toSorted(byRequests),
  }
}

function addCount<Counted extends { requests: number }>(
  counts: Map<string, Counted>,
  key: string,
  one: Readonly<Counted>,
): void {
  const known = counts.get(key)
  if (known === undefined) counts.set(key, { ...one })
  else known.requests += one.requests
}

function mergeTotals(parts: readonly Readonly<UsageTotals>[]): UsageTotals {
  const latency = createHistogram()
  const trend = parts.some((part) => part.trend !== undefined) ? createTrend() : undefined
  let costUsd: number | undefined
  for (const part of parts) {
    latency.absorb(part.latency)
    if (part.trend !== undefined) trend?.absorb(part.trend)
    if (part.costUsd !== undefined) costUsd = (costUsd ?? 0) + part.costUsd
  }
  const sums = SUMS.map((field) => [field, parts.reduce((sum, part) => sum + part[field], 0)])
  const summed: Pick<UsageTotals, (typeof SUMS)[number]> = Object.fromEntries(sums)
  return {
    ...summed,
    costUsd: readCost(costUsd, summed.unpriced),
    latency,
    latencyMs: readLatency(latency),
    trend,
  }
}
