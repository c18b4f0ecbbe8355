import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSlidingReport } from '../../src/usage/sliding.ts'
import type { SlidingReport } from '../../src/usage/sliding.ts'
import type { LoggedUsage } from '../../src/usage/logged.ts'
import { resolveZone } from '../../src/usage/zone.ts'
import { loggedUsage } from './logged-usage.ts'

const LONDON = resolveZone('Europe/London')
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const NO_FILTERS = { users: [], models: [], providers: [], outcomes: [] }

function slide(
  since: string | undefined,
  until: string | undefined,
  nowMs: number,
  zone = LONDON,
): SlidingReport {
  return createSlidingReport({
    since,
    until,
    nowMs,
    zone,
    by: ['user'],
    filters: NO_FILTERS,
    priceOf: undefined,
    trends: true,
  })
}

/** As the reader would: nothing outside the span. */
function add(sliding: SlidingReport, ...usages: readonly LoggedUsage[]): void {
  for (const usage of usages) {
    const { sinceMs, untilMs } = sliding.span
    if (usage.ts_ms >= sinceMs && usage.ts_ms < untilMs) sliding.add(usage)
  }
}

function requestsAt(sliding: SlidingReport, nowMs: number): number {
  return sliding.at(nowMs).report.totals.requests
}

function iso(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : String(ms)
}

test('today becomes the next day at midnight, and what came just before it does not come along', () => {
  const evening = Date.UTC(2026, 10, 22, 23, 50)
  const sliding = slide('today', undefined, evening)
  add(sliding, loggedUsage({ ts_ms: evening - HOUR }), loggedUsage({ ts_ms: evening }))
  assert.equal(requestsAt(sliding, evening), 2)
  const midnight = Date.UTC(2026, 10, 23)
  add(sliding, loggedUsage({ ts_ms: midnight - 1 }), loggedUsage({ ts_ms: midnight }))
  assert.equal(requestsAt(sliding, midnight - 1), 4)
  const { window, report } = sliding.at(midnight)
  assert.equal(report.totals.requests, 1)
  assert.equal(iso(window.sinceMs), '2026-11-23T00:00:00.000Z')
  assert.equal(window.label, 'today')
})

test('midnight is that of the zone, and a day of 25 hours ends after 25', () => {
  const newYork = resolveZone('America/New_York')
  // The clocks go back in the night to Sunday 1 November 2026.
  const noon = Date.UTC(2026, 10, 1, 17)
  const sliding = slide('today', undefined, noon, newYork)
  assert.equal(iso(sliding.span.sinceMs), '2026-11-01T04:00:00.000Z')
  add(sliding, loggedUsage({ ts_ms: noon }))
  assert.equal(requestsAt(sliding, Date.UTC(2026, 10, 2, 4, 59)), 1)
  assert.equal(requestsAt(sliding, Date.UTC(2026, 10, 2, 5)), 0)
})

test('yesterday and last week move on as wholes, with what was only watched until then', () => {
  const sunday = Date.UTC(2026, 10, 22, 12)
  const days = slide('yesterday', 'yesterday', sunday)
  add(days, loggedUsage({ ts_ms: sunday - 24 * HOUR, user: 'a' }))
  add(days, loggedUsage({ ts_ms: sunday, user: 'b' }))
  assert.deepEqual(
    days.at(sunday).report.rows.map((row) => row.group),
    [['a']],
  )
  assert.deepEqual(
    days.at(sunday + 24 * HOUR).report.rows.map((row) => row.group),
    [['b']],
  )
  const weeks = slide('this week', undefined, sunday)
  add(weeks, loggedUsage({ ts_ms: sunday - 4 * 24 * HOUR }), loggedUsage({ ts_ms: sunday }))
  assert.equal(requestsAt(weeks, sunday), 2)
  assert.equal(requestsAt(weeks, Date.UTC(2026, 10, 23)), 0)
})

test('a rolling window lets go of what is older, by no more than a sixtieth too late', () => {
  const now = Date.UTC(2026, 10, 22, 12)
  const sliding = slide('1h', undefined, now)
  for (let minute = 60; minute > 0; minute--) {
    add(sliding, loggedUsage({ ts_ms: now - minute * MINUTE }))
  }
  assert.equal(requestsAt(sliding, now), 60)
  for (let later = 1; later <= 60; later++) {
    const { window, report } = sliding.at(now + later * MINUTE)
    assert.equal(report.totals.requests, 60 - later)
    assert.ok(now + later * MINUTE - window.sinceMs <= HOUR + MINUTE)
  }
  add(sliding, loggedUsage({ ts_ms: now + 59 * MINUTE, user: 'new' }))
  assert.deepEqual(
    sliding.at(now + HOUR).report.rows.map((row) => row.group),
    [['new']],
  )
})

test('what the window holds is the same however it is divided: sums, costs, percentiles', () => {
  const now = Date.UTC(2026, 10, 22, 12)
  const usages = Array.from({ length: 500 }, (_, i) =>
    loggedUsage({
      ts_ms: now - i * 5000,
      user: `user-${i % 3}`,
      ms: 10 + i,
      served_model: i % 5 === 0 ? 'other' : 'gpt-5',
      outcome: i % 7 === 0 ? 'failed' : 'ok',
    }),
  )
  const divided = slide('2h', undefined, now)
  const whole = slide('2026-11-22', undefined, now)
  add(divided, ...usages)
  add(whole, ...usages)
  const [a, b] = [divided.at(now).report, whole.at(now).report]
  const sorted = (rows: typeof a.rows): typeof a.rows =>
    rows.toSorted((x, y) => ((x.group[0] ?? '') < (y.group[0] ?? '') ? -1 : 1))
  assert.equal(a.rows.length, 3)
  for (const [i, row] of sorted(a.rows).entries()) {
    const { latency: _, trend: _t, latencyMs, ...counts } = row
    const { latency: _l, trend: _s, latencyMs: expected, ...other } = sorted(b.rows)[i]!
    assert.deepEqual(counts, other)
    // Both are within 1 % of a value that was seen.
    assert.ok(Math.abs((latencyMs.p50 ?? 0) - (expected.p50 ?? 0)) <= 0.03 * (expected.p50 ?? 0))
    assert.ok(Math.abs((latencyMs.p95 ?? 0) - (expected.p95 ?? 0)) <= 0.03 * (expected.p95 ?? 0))
  }
  assert.deepEqual(a.failoverPairs, b.failoverPairs)
  const spread = a.totals.trend?.resample(now - 2 * HOUR, now + MINUTE, 4) ?? []
  assert.equal(Math.round(spread.reduce((sum, part) => sum + part, 0)), 500)
})

test('an end that moves takes in what it comes to, and keeps all of it where the beginning stays', () => {
  const now = Date.UTC(2026, 10, 22, 12)
  const sliding = slide(undefined, '1h', now)
  add(sliding, loggedUsage({ ts_ms: now - 90 * MINUTE }), loggedUsage({ ts_ms: now }))
  assert.equal(requestsAt(sliding, now), 1)
  assert.equal(requestsAt(sliding, now + 59 * MINUTE), 1)
  assert.equal(requestsAt(sliding, now + 62 * MINUTE), 2)
  // Written late, for a time long past.
  add(sliding, loggedUsage({ ts_ms: now - 80 * MINUTE }))
  assert.equal(requestsAt(sliding, now + 63 * MINUTE), 3)
})

test('a date, a time of day and now are said once and stay', () => {
  const now = Date.UTC(2026, 10, 22, 12)
  for (const since of ['2026-11-22', '09:30', 'now', '@1795305600', undefined]) {
    const sliding = slide(since, undefined, now)
    add(sliding, loggedUsage({ ts_ms: now }))
    assert.equal(requestsAt(sliding, now), 1)
    assert.equal(requestsAt(sliding, now + 72 * HOUR), 1, since)
  }
})

test('a window that time has run out of keeps what it had', () => {
  const now = Date.UTC(2026, 10, 22, 12)
  const sliding = slide('today', '2026-11-22T18:00', now)
  add(sliding, loggedUsage({ ts_ms: now }), loggedUsage({ ts_ms: now + 7 * HOUR }))
  assert.equal(requestsAt(sliding, now + 24 * HOUR), 1)
})
