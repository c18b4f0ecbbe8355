/**
 * How much was used in one window of a limit. A minute and an hour slide: whatever happened in the last
 * 60 s (3600 s) counts, so no stretch of that length ever holds more than the limit. They run on the
 * monotonic clock. A day and a month are those of the calendar in UTC, as the usage log and the
 * providers' bills have them: the same on every machine, and never 23 or 25 hours long.
 *
 * Amounts are whole numbers (requests, tokens, billionths of a dollar), so sums are exact.
 */
import type { Limit } from '../config/config.ts'

export type WindowName = Limit['window']

/** The two clocks, in milliseconds. Tests hand in their own. */
export interface Clock {
  /** Never goes back; its zero means nothing. */
  monotonicMs(): number
  /** Since the epoch; may be set forwards and backwards at any time. */
  wallMs(): number
}

/** A clock that stands still until it is read again: asking the system costs more than a window's sums. */
export interface HeldClock extends Clock {
  read(): void
}

/** Holds what `clock` says now. */
export function createHeldClock(clock: Clock): HeldClock {
  let monotonicMs = clock.monotonicMs()
  let wallMs = clock.wallMs()
  return {
    read() {
      monotonicMs = clock.monotonicMs()
      wallMs = clock.wallMs()
    },
    monotonicMs: () => monotonicMs,
    wallMs: () => wallMs,
  }
}

/** What is counted in one window. */
export interface Meter {
  used(): number
  /** Counts an amount now; the result is where, for `adjust`. */
  add(amount: number): number
  /** Corrects an amount counted earlier; nothing where it has left the window since. */
  adjust(place: number, difference: number): void
  /** Counts what happened before this process began; what seems to lie in the future counts as now. */
  addPast(amount: number, atWallMs: number): void
  /** Milliseconds until no more than `ceiling` (0 or above) is left of what is counted now; 0: already so. */
  msUntilAtMost(ceiling: number): number
}

/** Begins at the clock's time, is never behind it and never goes back; runs on while it is put back. */
export type SteadyClock = () => number

/**
 * Wall time that a clock set back cannot turn back: otherwise yesterday's budget would be open again.
 * While the wall clock is behind, time goes on as the monotonic clock does, so a window still ends.
 */
export function createSteadyClock(clock: Clock): SteadyClock {
  let wallMs = clock.wallMs()
  let monotonicMs = clock.monotonicMs()
  return () => {
    const nowMs = clock.monotonicMs()
    wallMs = Math.max(wallMs + Math.max(0, nowMs - monotonicMs), clock.wallMs())
    monotonicMs = nowMs
    return wallMs
  }
}

/** An empty meter for one window. `steady` is shared by all meters of one memory. */
export function createMeter(window: WindowName, clock: Clock, steady: SteadyClock): Meter {
  switch (window) {
    case 'minute':
      return createSlidingMeter(60_000, clock)
    case 'hour':
      return createSlidingMeter(3_600_000, clock)
    case 'day':
    case 'month':
      return createCalendarMeter(window, steady)
  }
}

/** When the window that `wallMs` lies in began, as far back as a restored past can matter. */
export function windowStartMs(window: WindowName, wallMs: number): number {
  switch (window) {
    case 'minute':
      return wallMs - 60_000 - 60_000 / SLOTS
    case 'hour':
      return wallMs - 3_600_000 - 3_600_000 / SLOTS
    case 'day':
    case 'month':
      return periodOf(window, wallMs).startMs
  }
}

// A minute in half seconds, an hour in half minutes: a sum of 121 numbers per limit, however busy it is.
const SLOTS = 120

function createSlidingMeter(lengthMs: number, clock: Clock): Meter {
  const slotMs = lengthMs / SLOTS
  // One more than the window holds: an amount counts until its slot has wholly left, never shorter.
  const amounts = new Float64Array(SLOTS + 1)
  let total = 0
  let newest = slotNow()

  function slotNow(): number {
    return Math.floor(clock.monotonicMs() / slotMs)
  }

  // Slots may be negative: a past before the monotonic clock's zero.
  function indexOf(slot: number): number {
    return ((slot % amounts.length) + amounts.length) % amounts.length
  }

  function roll(): void {
    const now = slotNow()
    // After a long quiet every slot is cleared once, not once per slot that went by.
    for (let slot = Math.max(newest + 1, now - SLOTS); slot <= now; slot++) {
      total -= amounts[indexOf(slot)]!
      amounts[indexOf(slot)] = 0
    }
    newest = Math.max(newest, now)
  }

  function newestUsed(): number {
    let slot = newest
    while (slot > newest - SLOTS && amounts[indexOf(slot)] === 0) slot--
    return slot
  }

  function change(slot: number, amount: number): void {
    if (slot < newest - SLOTS) return
    amounts[indexOf(slot)]! += amount
    total += amount
  }

  return {
    used() {
      roll()
      return total
    },
    add(amount) {
      roll()
      change(newest, amount)
      return newest
    },
    adjust(place, difference) {
      roll()
      change(place, difference)
    },
    addPast(amount, atWallMs) {
      roll()
      const ageMs = Math.max(0, clock.wallMs() - atWallMs)
      change(Math.floor((clock.monotonicMs() - ageMs) / slotMs), amount)
    },
    msUntilAtMost(ceiling) {
      roll()
      let left = total
      if (left <= ceiling) return 0
      // Asked at every request, and answered by the newest amount.
      if (ceiling === 0) return (newestUsed() + SLOTS + 1) * slotMs - clock.monotonicMs()
      for (let slot = newest - SLOTS; slot <= newest; slot++) {
        left -= amounts[indexOf(slot)]!
        if (left <= ceiling) return (slot + SLOTS + 1) * slotMs - clock.monotonicMs()
      }
      return (newest + SLOTS + 1) * slotMs - clock.monotonicMs()
    },
  }
}

function createCalendarMeter(window: 'day' | 'month', steady: SteadyClock): Meter {
  let period = periodOf(window, steady())
  let total = 0

  function roll(): number {
    const nowMs = steady()
    if (nowMs >= period.endMs) {
      period = periodOf(window, nowMs)
      total = 0
    }
    return nowMs
  }

  return {
    used() {
      roll()
      return total
    },
    add(amount) {
      roll()
      total += amount
      return period.startMs
    },
    adjust(place, difference) {
      roll()
      if (place === period.startMs) total += difference
    },
    addPast(amount, atWallMs) {
      roll()
      // Later than the period is possible only where the clock was put back: that counts, too.
      if (atWallMs >= period.startMs) total += amount
    },
    msUntilAtMost(ceiling) {
      const nowMs = roll()
      return total <= ceiling ? 0 : period.endMs - nowMs
    },
  }
}

/** The calendar day or month in UTC that `wallMs` lies in; the end is the next one's start. */
function periodOf(
  window: 'day' | 'month',
  wallMs: number,
): { readonly startMs: number; readonly endMs: number } {
  const at = new Date(wallMs)
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth()]
  if (window === 'month') {
    return { startMs: Date.UTC(year, month), endMs: Date.UTC(year, month + 1) }
  }
  const day = at.getUTCDate()
  return { startMs: Date.UTC(year, month, day), endMs: Date.UTC(year, month, day + 1) }
}
