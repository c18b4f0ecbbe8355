/**
 * A report whose window goes on with time (`today` after midnight, the last 15 minutes) without reading
 * anything twice: records are folded into parts of the window, and a part that it has left is dropped.
 */
import { ProxyError } from '../errors/proxy-error.ts'
import type { TimeSpan } from './lines.ts'
import { mergeReports } from './merge.ts'
import { createReport, GROUP_LIMIT } from './report.ts'
import type { ReportFold, ReportOptions, UsageReport } from './report.ts'
import type { LoggedUsage } from './logged.ts'
import { movementOf, resolveWindow } from './window.ts'
import type { Window } from './window.ts'
import { startOf } from './zone.ts'
import type { Zone } from './zone.ts'

export interface SlidingOptions extends ReportOptions {
  /** As they were typed. */
  readonly since: string | undefined
  readonly until: string | undefined
  /** Milliseconds since the epoch. */
  readonly nowMs: number
}

export interface SlidingReport {
  /** What may ever lie in the window; nothing outside may be added. */
  readonly span: TimeSpan
  add(usage: LoggedUsage): void
  /** The window as it is then, and what it holds. Times must not go back. */
  at(nowMs: number): { readonly window: Window; readonly report: UsageReport }
}

// A rolling window goes on by a sixtieth of its length, which nobody sees in a table.
const ROLLING_PARTS = 60
const SHORTEST_PART_MS = 1000
// Where the window has no beginning.
const OPEN_PART_MS = 60_000
const DAY_MS = 86_400_000
// Every time zone's days begin on a quarter of an hour.
const SLOT_MS = 900_000
const SLOT_LIMIT = 100_000
// A part has room for so many groups, however many parts there are.
const LEAST_GROUPS = 1000

/** A report over the window as it is at each time. Throws like `resolveWindow`. */
export function createSlidingReport(options: SlidingOptions): SlidingReport {
  const { since, until, nowMs, zone } = options
  let window = resolveWindow(since, until, { now: nowMs, zone })
  const firstMs = window.sinceMs
  const firstUntilMs = window.untilMs
  const parts = dividerOf(options, window)
  const folds = new Map<number, ReportFold>()
  // What no longer moves: where the window's beginning stays, parts that are whole and will not leave.
  let settled = createReport(options).result()

  function foldOf(part: number): ReportFold {
    let fold = folds.get(part)
    if (fold === undefined) {
      fold = createReport({ ...options, groupLimit: parts.groupLimit })
      folds.set(part, fold)
    }
    return fold
  }

  return {
    span: { sinceMs: firstMs, untilMs: moves(until) ? Infinity : window.untilMs },
    add(usage) {
      const early = !moves(since) && usage.ts_ms < firstUntilMs
      foldOf(early ? -Infinity : parts.partOf(usage.ts_ms)).add(usage)
    },
    at(laterMs) {
      window = resolveLater(window, laterMs)
      const untilMs = moves(until) ? parts.startOf(window.untilMs) : window.untilMs
      const inside: UsageReport[] = []
      for (const [part, fold] of folds) {
        if (moves(since) && parts.endOf(part) <= window.sinceMs) folds.delete(part)
        else if (!moves(since) && moves(until) && part < untilMs) {
          settled = mergeReports([settled, fold.result()])
          folds.delete(part)
        } else if (part < untilMs) inside.push(fold.result())
      }
      return {
        window: {
          ...window,
          // Whole parts, but for the one the window began in.
          sinceMs: Math.max(firstMs, parts.startOf(window.sinceMs)),
          untilMs,
        },
        report: mergeReports(inside.length === 1 && !moves(until) ? inside : [settled, ...inside]),
      }
    },
  }

  function resolveLater(last: Window, laterMs: number): Window {
    if (!moves(since) && !moves(until)) return last
    try {
      return resolveWindow(since, until, { now: laterMs, zone })
    } catch (error) {
      // `--since today --until 18:00`, tomorrow: what there was stays.
      if (error instanceof ProxyError) return last
      throw error
    }
  }
}

function moves(text: string | undefined): boolean {
  return text !== undefined && movementOf(text) !== 'still'
}

/** How a window is divided; a part goes by the instant it begins at. */
interface Divider {
  partOf(atMs: number): number
  endOf(part: number): number
  /** The beginning of the part that an instant, or ±Infinity, lies in. */
  startOf(atMs: number): number
  readonly groupLimit: number
}

function dividerOf(options: SlidingOptions, window: Window): Divider {
  const movements = [options.since, options.until]
    .filter((text) => text !== undefined)
    .map((text) => movementOf(text))
  const untilMs = Number.isFinite(window.untilMs) ? window.untilMs : options.nowMs
  const lengthMs = untilMs - window.sinceMs
  if (movements.includes('rolling')) {
    const wantedMs = Number.isFinite(lengthMs) ? lengthMs / ROLLING_PARTS : OPEN_PART_MS
    const partMs = Math.max(SHORTEST_PART_MS, Math.round(wantedMs / 1000) * 1000)
    const startOfPart = (atMs: number): number =>
      Number.isFinite(atMs) ? Math.floor(atMs / partMs) * partMs : atMs
    return {
      partOf: startOfPart,
      endOf: (part) => part + partMs,
      startOf: startOfPart,
      groupLimit: shareOfGroups(lengthMs / partMs),
    }
  }
  if (movements.includes('daily')) {
    const days = createDays(options.zone)
    return {
      partOf: days,
      endOf: (part) => startOf('day', part, options.zone, 1),
      startOf: (atMs) => (Number.isFinite(atMs) ? startOf('day', atMs, options.zone) : atMs),
      groupLimit: shareOfGroups(lengthMs / DAY_MS),
    }
  }
  const whole = { partOf: () => -Infinity, endOf: () => Infinity, startOf: (atMs: number) => atMs }
  return { ...whole, groupLimit: GROUP_LIMIT }
}

function shareOfGroups(parts: number): number {
  return Math.max(LEAST_GROUPS, Math.floor(GROUP_LIMIT / (parts + 1)) || 0)
}

/** The beginning of an instant's day; zones are slow to ask, so the answers are kept. */
function createDays(zone: Zone): (atMs: number) => number {
  const known = new Map<number, number>()
  return (atMs) => {
    const slot = Math.floor(atMs / SLOT_MS)
    let day = known.get(slot)
    if (day === undefined) {
      day = startOf('day', slot * SLOT_MS, zone)
      if (known.size >= SLOT_LIMIT) known.clear()
      known.set(slot, day)
    }
    return day
  }
}
